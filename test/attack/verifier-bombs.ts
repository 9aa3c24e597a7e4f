// Small files that say or unpack to much, for those who verify what somebody else gave them; and honest ones beside them.

import { gzipSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { type SignedCheckpoint, signCheckpoint } from '../../core/journal/checkpoint.ts';
import { chain, GENESIS, type StoredEvent } from '../../core/journal/event.ts';
import { eventLine, exportHeader } from '../../core/journal/export-lines.ts';
import { leafOf, rootOf } from '../../core/journal/merkle.ts';
import { canonical, canonicalStored } from '../../core/json.ts';
import { columnsOf, EVENT_FILE, markEntry } from '../../durable-objects/swarm/segment-file.ts';
import { hex, origin, privateKey, publicKey } from '../verify/a-journal.ts';

export interface Journal {
  readonly events: readonly StoredEvent[];
  readonly checkpoint: SignedCheckpoint;
}

/** A journal that is right in all it says: whoever attacks signs for himself. */
export function aSignedJournal(size: number, bodyOf: (seq: number) => object): Journal {
  const events: StoredEvent[] = [];
  const texts = new Map<object, string>(); // one body for all events is written once
  for (let seq = 1; seq <= size; seq++) {
    const body = bodyOf(seq);
    const text = texts.get(body) ?? canonicalStored({ ...body, publicKey });
    texts.set(body, text);
    const said = { type: 'a.thing', subject: 'a/1', body: text };
    const context = { at: 1_764_000_000_000 + seq, actor: 'user/usr_1', command: 'api/1', trace: null };
    events.push(chain(origin, events.at(-1)?.hash ?? GENESIS, seq, said, context));
  }
  const head = events.at(-1)?.hash ?? GENESIS;
  const root = hex(rootOf({ leaf: (index) => leafOf(events[index]?.hash ?? '') }, size));
  return {
    events,
    checkpoint: signCheckpoint({ origin, size, head, root, at: 1_764_100_000_000 }, privateKey, publicKey),
  };
}

export function asLines({ events, checkpoint }: Journal): string {
  return `${[exportHeader(checkpoint), ...events.map((event) => eventLine(origin, event))].join('\n')}\n`;
}

/** @param hasDictionary each body stands in the file once, however many rows have it */
export function asParquet(
  { events, checkpoint }: Journal,
  { hasDictionary = false, groupRows = 1_024 } = {},
): Uint8Array {
  const { size, head, root } = checkpoint;
  const columnData = columnsOf(events).map((column) =>
    hasDictionary && column.name === 'body' ? { ...column, encoding: 'RLE_DICTIONARY' as const } : column,
  );
  const bytes = parquetWriteBuffer({
    ...EVENT_FILE,
    schema: [...EVENT_FILE.schema],
    rowGroupSize: groupRows,
    pageSize: 0,
    dictionarySize: 1 << 30,
    kvMetadata: [
      markEntry({ origin, from: 1, to: size, previous: GENESIS, head, root }),
      { key: 'starling.checkpoint', value: canonical({ ...checkpoint }) },
    ],
    columnData,
  });
  return new Uint8Array(bytes);
}

/** Numbers, so that JSON makes much of few bytes. */
export const numbers = (bytes: number) => ({ n: new Array<number>(Math.floor(bytes / 2)).fill(0) });

// Parquet by hand, to say what no writer would.

type Field = number | string | Uint8Array | readonly Fields[] | Fields;
export type Fields = { readonly [id: number]: Field };

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
}
const zigzag = (value: number) => varint(value * 2);

/** A struct in Thrift's compact protocol. */
export function struct(fields: Fields): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const [id, value] of Object.entries(fields)) {
    const head = (kind: number) => parts.push(Uint8Array.from([kind, ...zigzag(Number(id))]));
    if (typeof value === 'number') head(6) && parts.push(Uint8Array.from(zigzag(value)));
    else if (typeof value === 'string' || value instanceof Uint8Array) {
      const bytes = Buffer.from(value);
      head(8);
      parts.push(Uint8Array.from(varint(bytes.length)), bytes);
    } else if (Array.isArray(value)) {
      head(9);
      parts.push(Uint8Array.from([0xfc, ...varint(value.length)]), ...value.map((each: Fields) => struct(each)));
    } else head(12) && parts.push(struct(value as Fields));
  }
  return Buffer.concat([...parts, Uint8Array.of(0)]);
}

/** A file around this footer, and around what stands before it. */
export function fileAround(footer: Uint8Array, before: Uint8Array = new Uint8Array()): Uint8Array {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(footer.length);
  return Buffer.concat([Buffer.from('PAR1'), before, footer, length, Buffer.from('PAR1')]);
}

const SCHEMA: readonly Fields[] = [
  { 4: 'event', 5: 10 },
  ...['seq', 'at', 'type', 'version', 'actor', 'subject', 'command', 'trace', 'body', 'hash'].map((name): Fields => {
    const type = { seq: 2, at: 2, version: 1, hash: 7 }[name] ?? 6;
    return { 1: type, ...(type === 7 ? { 2: 32 } : {}), 3: name === 'trace' ? 1 : 0, 4: name };
  }),
];

/** Row groups of so many rows, the chunk of whose first column is this; all groups share it. */
export function lyingFile(
  checkpoint: SignedCheckpoint,
  chunk: Uint8Array,
  { rows = 1, groups = 1, padding = rows * groups * 16 }: { rows?: number; groups?: number; padding?: number } = {},
): Uint8Array {
  const { size, head, root } = checkpoint;
  const column = (type: number): Fields => ({
    3: { 1: type, 3: [], 4: 2, 5: rows, 6: chunk.length, 7: chunk.length, 9: 4 },
  });
  const types = SCHEMA.slice(1).map((leaf) => Number(leaf[1]));
  const footer = struct({
    1: 2,
    2: SCHEMA,
    3: rows * groups,
    4: Array.from({ length: groups }, () => ({ 1: types.map(column), 2: 0, 3: rows })),
    5: [
      { 1: 'starling', 2: markEntry({ origin, from: 1, to: size, previous: GENESIS, head, root }).value },
      { 1: 'starling.checkpoint', 2: canonical({ ...checkpoint }) },
    ],
  });
  return fileAround(footer, Buffer.concat([chunk, Buffer.alloc(padding)]));
}

/** A page as it stands in a chunk. */
export function page(kind: 'dictionary' | 'data', values: number, body: Uint8Array, encoding = 0): Uint8Array {
  const packed = gzipSync(body, { level: 9 });
  const own = kind === 'data' ? { 5: { 1: values, 2: encoding, 3: 3, 4: 3 } } : { 7: { 1: values, 2: 0 } };
  return Buffer.concat([struct({ 1: kind === 'data' ? 0 : 2, 2: body.length, 3: packed.length, ...own }), packed]);
}

/** Indices of one bit: one run that says it is so long. */
export const run = (length: number) => Uint8Array.from([1, ...varint(length * 2), 0]);
/** Indices of one bit, so many groups of eight of which are said to follow. */
export const packedBits = (groups: number, bytes = 1) =>
  Buffer.concat([Uint8Array.from([1, ...varint(groups * 2 + 1)]), new Uint8Array(bytes)]);
