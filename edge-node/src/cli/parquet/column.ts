// One column of one row group: its pages, in the encodings that our files have. What a page may hold is known before it is
// read: no more values than the group has rows, and no more bytes than the budget has left.

import { gunzipSync } from 'node:zlib';
import { count, NotOurs, type Struct, structOf, Thrift } from './thrift.ts';

export interface Column {
  readonly name: string;
  /** The number of its physical type. */
  readonly type: number;
  readonly isNullable: boolean;
}

export const INT32 = 1;
export const INT64 = 2;
export const BYTE_ARRAY = 6;
export const FIXED = 7;
/** Of a hash, the one column of fixed length. */
export const hashBytes = 32;

export type Cell = bigint | Uint8Array | null;

/** What may still be unpacked; a codec of ours. */
export interface Unpacking {
  readonly isPacked: boolean;
  left: number;
}

const DATA = 0;
const DICTIONARY = 2;
const DATA_V2 = 3;
/** The head of a page, with the least and the largest of its values. */
const headBytesMax = 64 * 1024;

/** @param rows as many values as it has, neither more nor fewer */
export function readColumn(chunk: Uint8Array, column: Column, rows: number, unpacking: Unpacking): Cell[] {
  const values: Cell[] = [];
  let dictionary: readonly Cell[] | null = null;
  let at = 0;
  while (values.length < rows) {
    const reader = new Thrift(chunk, at, Math.min(chunk.length, at + headBytesMax));
    const head = reader.struct();
    const packed = new Thrift(chunk, reader.at).take(count(head.get(3)));
    at = reader.at + packed.length;
    const kind = head.get(1);
    if (kind === DICTIONARY) {
      const said = structOf(head.get(7));
      if (said.get(2) !== 0 && said.get(2) !== 2) throw new NotOurs('a dictionary of another encoding');
      const most = atMost(count(said.get(1)), rows);
      dictionary = plain(unpack(packed, head, unpacking), column, most);
    } else if (kind === DATA || kind === DATA_V2) {
      const most = rows - values.length;
      const found = (kind === DATA ? page : pageV2)(packed, head, { column, most, dictionary, unpacking });
      for (const value of found) values.push(value);
    } else throw new NotOurs('a page of no kind that it should have');
  }
  return values;
}

interface Around {
  readonly column: Column;
  /** Values that are still to come. */
  readonly most: number;
  readonly dictionary: readonly Cell[] | null;
  readonly unpacking: Unpacking;
}

function atMost(found: number, most: number): number {
  if (found > most) throw new NotOurs('a page with more values than its group has rows');
  return found;
}

/** A page without values would let a file go on for ever. */
function valuesOf(said: Struct, { most }: Around): number {
  const values = atMost(count(said.get(1)), most);
  if (values === 0) throw new NotOurs('a page without values');
  return values;
}

function unpack(packed: Uint8Array, head: Struct, unpacking: Unpacking, levels = 0): Uint8Array {
  const length = count(head.get(2)) - levels;
  unpacking.left -= length;
  if (length < 0 || unpacking.left < 0) throw new NotOurs('it unpacks to more than a file of its size should');
  const bytes = unpacking.isPacked ? gunzipSync(packed, { maxOutputLength: Math.max(1, length) }) : packed;
  if (bytes.length !== length) throw new NotOurs('a page is not as long as it says');
  return bytes;
}

function page(packed: Uint8Array, head: Struct, around: Around): Cell[] {
  const said = structOf(head.get(5));
  const values = valuesOf(said, around);
  const body = unpack(packed, head, around.unpacking);
  if (!around.column.isNullable) return decode(body, said.get(2), values, around);
  const levelBytes = body.length < 4 ? 0 : new DataView(body.buffer, body.byteOffset).getUint32(0, true);
  const levels = hybrid(new Thrift(body, 4).take(levelBytes), 1, values);
  return withNulls(levels, body.subarray(4 + levelBytes), said.get(2), around);
}

function pageV2(packed: Uint8Array, head: Struct, around: Around): Cell[] {
  const said = structOf(head.get(8));
  const values = valuesOf(said, around);
  const levelBytes = count(said.get(5) ?? 0);
  if (count(said.get(6) ?? 0) !== 0 || (levelBytes > 0 && !around.column.isNullable))
    throw new NotOurs('a page has levels that it should not have');
  const levels = new Thrift(packed).take(levelBytes);
  const rest = packed.subarray(levelBytes);
  const body =
    said.get(7) === false
      ? unpack(rest, head, { isPacked: false, left: around.unpacking.left }, levelBytes)
      : unpack(rest, head, around.unpacking, levelBytes);
  if (levelBytes === 0) return decode(body, said.get(4), values, around);
  return withNulls(hybrid(levels, 1, values), body, said.get(4), around);
}

function withNulls(levels: readonly number[], body: Uint8Array, encoding: unknown, around: Around): Cell[] {
  const present = levels.reduce((sum, level) => sum + level, 0);
  const values = decode(body, encoding, present, around);
  let next = 0;
  return levels.map((level) => (level === 1 ? (values[next++] ?? null) : null));
}

function decode(body: Uint8Array, encoding: unknown, values: number, { column, dictionary }: Around): Cell[] {
  if (encoding === 0) return plain(body, column, values);
  if (encoding === 5 && (column.type === INT32 || column.type === INT64)) return deltas(body, values);
  if (encoding !== 2 && encoding !== 8) throw new NotOurs('a page of another encoding');
  const [width] = body;
  if (dictionary === null || width === undefined) throw new NotOurs('a page needs a dictionary that is not there');
  return hybrid(body.subarray(1), width, values).map((index) => {
    const value = dictionary[index];
    if (value === undefined) throw new NotOurs('a page names what its dictionary has not');
    return value;
  });
}

/** Bytes of a value by its type; texts say their own. */
const SIZES: Readonly<Record<number, number>> = { [INT32]: 4, [INT64]: 8, [FIXED]: hashBytes };

function plain(body: Uint8Array, { type }: Column, values: number): Cell[] {
  const found: Cell[] = [];
  const reader = new Thrift(body);
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const length = () => {
    reader.take(4);
    return view.getUint32(reader.at - 4, true);
  };
  for (let i = 0; i < values; i++) {
    const bytes = reader.take(SIZES[type] ?? length());
    const start = reader.at - bytes.length;
    if (type === INT32) found.push(BigInt(view.getInt32(start, true)));
    else if (type === INT64) found.push(view.getBigInt64(start, true));
    else found.push(bytes);
  }
  if (reader.at !== body.length) throw new NotOurs('a page has bytes that belong to no value');
  return found;
}

/** Runs and packed bits, mixed, as Parquet has them. A run is cut where the values end, whatever it says of itself. */
function hybrid(bytes: Uint8Array, width: number, values: number): number[] {
  if (width > 31) throw new NotOurs('an index is too wide');
  if (width === 0) return new Array<number>(values).fill(0);
  const found: number[] = [];
  const reader = new Thrift(bytes);
  while (found.length < values) {
    const head = reader.varint();
    const runs = Math.floor(head / 2);
    if (runs === 0) throw new NotOurs('an empty run');
    if (head % 2 === 1) {
      const packed = reader.take(runs * width);
      for (let i = 0; i < runs * 8 && found.length < values; i++) found.push(Number(bitsAt(packed, i * width, width)));
    } else {
      const value = reader.take(Math.ceil(width / 8)).reduceRight((sum, byte) => sum * 256 + byte, 0);
      for (let i = 0; i < runs && found.length < values; i++) found.push(value);
    }
  }
  return found;
}

function deltas(bytes: Uint8Array, values: number): Cell[] {
  const reader = new Thrift(bytes);
  const [block, minis, total] = [reader.varint(), reader.varint(), reader.varint()];
  let value = reader.bigZigzag();
  const each = block / minis;
  if (total !== values || !Number.isSafeInteger(each) || each === 0 || each % 8 !== 0)
    throw new NotOurs('a page has no deltas that can be read');
  const found: Cell[] = values === 0 ? [] : [value];
  while (found.length < values) {
    const least = reader.bigZigzag();
    for (const width of reader.take(minis)) {
      if (found.length >= values) break;
      if (width > 64) throw new NotOurs('a delta is too wide');
      const packed = reader.take((each * width) / 8);
      for (let i = 0; i < each && found.length < values; i++) {
        value = BigInt.asIntN(64, value + least + bitsAt(packed, i * width, width));
        found.push(value);
      }
    }
  }
  return found;
}

/** `width` bits from the bit `from` on, the lowest first. */
function bitsAt(bytes: Uint8Array, from: number, width: number): bigint {
  const first = Math.floor(from / 8);
  let bits = 0n;
  for (let i = Math.ceil((from + width) / 8) - 1; i >= first; i--) bits = (bits << 8n) | BigInt(bytes[i] ?? 0);
  return (bits >> BigInt(from % 8)) & ((1n << BigInt(width)) - 1n);
}
