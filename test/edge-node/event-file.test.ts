import { describe, expect, test } from 'vitest';
import { openEventFile } from '../../edge-node/src/cli/parquet/event-file.ts';
import { NotOurs } from '../../edge-node/src/cli/parquet/thrift.ts';
import {
  aSignedJournal,
  asParquet,
  fileAround,
  lyingFile,
  numbers,
  packedBits,
  page,
  run,
  struct,
} from '../attack/verifier-bombs.ts';

const { checkpoint } = aSignedJournal(1, () => ({}));
const join = (...parts: readonly Uint8Array[]) => Buffer.concat(parts);
const eight = new Uint8Array(8);
const dictionary = page('dictionary', 1, eight);

async function rowsOf(bytes: Uint8Array): Promise<number> {
  const { rows } = await openEventFile(bytes.length, (start, end) => bytes.subarray(start, end));
  let count = 0;
  for await (const row of rows()) count += row ? 1 : 0;
  return count;
}

describe('a Parquet file', () => {
  test('[EXPORT-20] as we write it is read, in one row group or in many, with a dictionary or without', async () => {
    const journal = aSignedJournal(60, (seq) => ({ seq }));
    for (const hasDictionary of [false, true])
      for (const groupRows of [1, 7, 60])
        expect(await rowsOf(asParquet(journal, { hasDictionary, groupRows }))).toBe(60);
  });

  test.each([
    [
      'more rows than its bytes can have',
      () => lyingFile(checkpoint, page('data', 1, eight), { rows: 500, padding: 0 }),
    ],
    ['a row group of more rows than ours have', () => lyingFile(checkpoint, page('data', 1, eight), { rows: 8_193 })],
    ['a page with more values than rows', () => lyingFile(checkpoint, page('data', 2, join(eight, eight)))],
    ['a page without values', () => lyingFile(checkpoint, page('data', 0, new Uint8Array()))],
    ['a dictionary with more values than rows', () => lyingFile(checkpoint, page('dictionary', 2, join(eight, eight)))],
    ['a run behind which nothing comes', () => lyingFile(checkpoint, join(dictionary, page('data', 1, run(0), 8)))],
    [
      'packed bits that are not there',
      () => lyingFile(checkpoint, join(dictionary, page('data', 1, packedBits(9), 8))),
    ],
    ['an encoding that ours have not', () => lyingFile(checkpoint, page('data', 1, eight, 6))],
    ['a page of bytes that belong to no value', () => lyingFile(checkpoint, page('data', 1, join(eight, eight)))],
    ['columns that share one place', () => lyingFile(checkpoint, page('data', 1, eight), { groups: 9, padding: 99 })],
    ['a footer of another form', () => fileAround(struct({ 2: 1 }))],
    ['a footer nested without end', () => fileAround(Buffer.alloc(900, 0x1c))],
    [
      'a footer of a list without end',
      () => fileAround(Buffer.from([0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f, 0])),
    ],
    [
      'a footer of nothing but empty parts',
      () => fileAround(join(Buffer.from([0x29, 0xfc, 0xff, 0x7f]), Buffer.alloc(9_000))),
    ],
  ])('[EXPORT-20] that says of itself %s is refused', async (_, make) => {
    await expect(rowsOf(make())).rejects.toThrow(NotOurs);
  });

  test('[EXPORT-20] of bombs is refused before they are unpacked', async () => {
    const bomb = page('dictionary', 1, Buffer.alloc(100 * 1024 * 1024));
    await expect(rowsOf(lyingFile(checkpoint, bomb))).rejects.toThrow(NotOurs);
  });

  test('[EXPORT-20] whose rows repeat one large body is refused before all of them are parsed', async () => {
    const { events, checkpoint: signed } = aSignedJournal(200, () => ({}));
    const body = JSON.stringify(numbers(240_000));
    const journal = { checkpoint: signed, events: events.map((event) => ({ ...event, body })) };
    const bytes = asParquet(journal, { hasDictionary: true });
    expect(bytes.length).toBeLessThan(32 * 1024);
    await expect(rowsOf(bytes)).rejects.toThrow(NotOurs);
  });
});
