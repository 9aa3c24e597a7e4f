import { gzipSync } from 'node:zlib';
import type { FileMetaData } from 'hyparquet';
import { describe, expect, test } from 'vitest';
import { boundedCompressors, checkBounds, TooMuch } from '../../edge-node/src/cli/parquet-bounds.ts';

/** A file of one column, whose chunk is these bytes. */
function aFile(chunk: Uint8Array, over: { rows?: number; codec?: string; at?: number } = {}) {
  const rows = BigInt(over.rows ?? 1);
  const column = {
    ...{ codec: over.codec ?? 'GZIP', data_page_offset: BigInt(over.at ?? 0) },
    total_compressed_size: BigInt(chunk.length),
  };
  const metadata = {
    schema: [{}, {}],
    num_rows: rows,
    row_groups: [{ num_rows: rows, columns: [{ meta_data: column }] }],
  };
  return checkBounds(metadata as unknown as FileMetaData, 1_000, (start, end) => chunk.subarray(start, end));
}

/** The head of a data page of so many values (below 64): type, unpacked and packed size, and its own head. */
const page = (values: number) => Uint8Array.from([0x15, 0, 0x15, 2, 0x15, 2, 0x2c, 0x15, 2 * values, 0, 0, 7]);

describe('a Parquet file', () => {
  test('[EXPORT-20] of pages that say what they hold is read', async () => {
    await expect(aFile(page(1))).resolves.toBeUndefined();
  });

  test.each([
    ['more rows than its bytes can have', () => aFile(page(1), { rows: 2 ** 31 })],
    ['a page with more values than rows', () => aFile(page(9))],
    ['a codec that makes memory of a number', () => aFile(page(1), { codec: 'SNAPPY' })],
    ['a column behind its end', () => aFile(page(1), { at: 2_000 })],
    ['a page behind its column', () => aFile(Uint8Array.from([0x15, 0, 0x15, 2, 0x15, 120, 0x2c, 0x15, 2, 0, 0, 7]))],
    ['a head without end', () => aFile(Uint8Array.from([0x1c, 0x1c, 0x1c, 0x1c]))],
    ['a head nested without end', () => aFile(new Uint8Array(900).fill(0x1c))],
  ])('[EXPORT-20] that says of itself %s is refused before anything is unpacked', async (_, judged) => {
    await expect(judged()).rejects.toThrow(TooMuch);
  });

  test('[EXPORT-20] of bombs is refused when its pages together are too much', () => {
    const bomb = gzipSync(Buffer.alloc(100 * 1024 * 1024));
    const { GZIP } = boundedCompressors(bomb.length);
    const unpack = () => {
      for (let i = 0; i < 8; i++) GZIP(bomb);
    };
    expect(unpack).toThrow(RangeError);
  }, 30_000);
});
