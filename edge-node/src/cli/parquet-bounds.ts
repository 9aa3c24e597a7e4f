// What a Parquet file may make its reader hold, judged before anything of it is unpacked: a small file can say that it has
// billions of rows, in pages that unpack to gigabytes. A file of ours has a hash in each row, which nothing compresses.

import { gunzipSync } from 'node:zlib';
import type { FileMetaData } from 'hyparquet';

/** Half of a hash: a file cannot hold more rows than it has bytes for their hashes. */
const rowBytesMin = 16;
/** What all pages of one file may unpack to: so much, and so many times its size. */
const unpackedBytesMin = 256 * 1024 * 1024;
const unpackedTimesMax = 100;
const columnsMax = 64;

/** A file that would take more than it may. */
export class TooMuch extends Error {}

/** Unpacks pages, all of one file together within its budget. */
export function boundedCompressors(fileBytes: number) {
  let left = unpackedBytesMin + unpackedTimesMax * fileBytes;
  return {
    GZIP: (page: Uint8Array): Uint8Array => {
      const unpacked = gunzipSync(page, { maxOutputLength: Math.max(1, left) });
      left -= unpacked.length;
      return unpacked;
    },
  };
}

/**
 * Checks what the file says of its size, in the footer and in the head of each page.
 * @param slice bytes of the file from one place to another
 * @throws TooMuch
 */
export async function checkBounds(
  metadata: FileMetaData,
  fileBytes: number,
  slice: (start: number, end: number) => Promise<Uint8Array> | Uint8Array,
): Promise<void> {
  const rowsMax = fileBytes / rowBytesMin;
  const rows = metadata.row_groups.reduce((sum, group) => sum + Number(group.num_rows), 0);
  if (rows > rowsMax || Number(metadata.num_rows) > rowsMax)
    throw new TooMuch('more rows than a file of this size has');
  if (metadata.schema.length > columnsMax || metadata.schema.slice(1).some((element) => element.num_children))
    throw new TooMuch('more columns than a file of ours has');
  for (const { columns, num_rows: rowsOfGroup } of metadata.row_groups) {
    if (columns.length > columnsMax) throw new TooMuch('more columns than a file of ours has');
    for (const { meta_data: column } of columns) {
      if (column === undefined) throw new TooMuch('a column that says nothing of itself');
      if (column.codec !== 'GZIP' && column.codec !== 'UNCOMPRESSED') throw new TooMuch('a codec that is not ours');
      const start = Number(column.dictionary_page_offset || column.data_page_offset);
      const end = start + Number(column.total_compressed_size);
      if (!(start >= 0 && end >= start && end <= fileBytes)) throw new TooMuch('a column outside the file');
      checkPages(await slice(start, end), Number(rowsOfGroup));
    }
  }
}

/** No page has more values than its group has rows: our columns are flat. */
function checkPages(chunk: Uint8Array, rows: number): void {
  let at = 0;
  // The reader stops one byte before the end, as it does here.
  while (at < chunk.length - 1) {
    const head = new ThriftHead(chunk, at);
    const fields = head.struct(0);
    const sizes = [fields.get(2), fields.get(3)].map(Number);
    const counts = [5, 7, 8].flatMap((id) => {
      const inner = fields.get(id);
      return inner instanceof Map ? [Number(inner.get(1)), ...(id === 8 ? [Number(inner.get(3))] : [])] : [];
    });
    const [, packed = 0] = sizes;
    if (counts.length === 0 || ![...counts, ...sizes].every((n) => Number.isSafeInteger(n) && n >= 0))
      throw new TooMuch('a page that says nothing of its size');
    if (counts.some((count) => count > rows)) throw new TooMuch('a page with more values than its group has rows');
    at = head.at + packed;
    if (at > chunk.length) throw new TooMuch('a page that goes on behind its column');
  }
}

type Field = number | Map<number, Field>;
const depthMax = 16;

/** Reads the head of a page: a struct of Thrift's compact protocol, of which whole numbers and structs are kept. */
class ThriftHead {
  readonly #bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  #byte(): number {
    const byte = this.#bytes[this.at++];
    if (byte === undefined) throw new TooMuch('a page head that does not end');
    return byte;
  }

  #varint(): number {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = this.#byte();
      value += (byte & 127) * shift;
      if (byte < 128) return value;
      if (shift > 2 ** 63) throw new TooMuch('a number that does not end');
    }
  }

  #zigzag(): number {
    const value = this.#varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  struct(depth: number): Map<number, Field> {
    if (depth > depthMax) throw new TooMuch('a page head that is nested too deeply');
    const fields = new Map<number, Field>();
    for (let last = 0; ; ) {
      const head = this.#byte();
      if (head === 0) return fields;
      last = head >> 4 === 0 ? this.#zigzag() : last + (head >> 4);
      const value = this.#value(head & 15, depth);
      if (value !== null) fields.set(last, value);
    }
  }

  #value(kind: number, depth: number): Field | null {
    if (kind === 1 || kind === 2) return null;
    if (kind === 3) return this.#byte();
    if (kind >= 4 && kind <= 6) return this.#zigzag();
    if (kind === 7) this.at += 8;
    else if (kind === 8) this.at += this.#varint();
    else if (kind === 9 || kind === 10) {
      const head = this.#byte();
      const count = head >> 4 === 15 ? this.#varint() : head >> 4;
      if (count > this.#bytes.length) throw new TooMuch('a list that does not end');
      for (let i = 0; i < count; i++) this.#value(head & 15, depth + 1);
    } else if (kind === 12) return this.struct(depth + 1);
    else throw new TooMuch('a page head of another form');
    return null;
  }
}
