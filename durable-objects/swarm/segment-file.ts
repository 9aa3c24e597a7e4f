// Segments as Parquet files: one row an event, in the order of the journal, in columns that any reader of Parquet knows. The
// same events make the same bytes. Nothing here decides whether a file is to be believed: its hash and core/archive/segment.ts do.

import { gunzipSync, gzipSync } from 'node:zlib';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { ByteWriter, type ParquetWriteOptions, ParquetWriter } from 'hyparquet-writer';
import type { SegmentMark } from '../../core/archive/segment.ts';
import { eventsOfRows, SEGMENT_MARK_KEY, segmentMark } from '../../core/archive/segment-rows.ts';
import { type StoredEvent, textOf } from '../../core/journal/event.ts';
import { canonical } from '../../core/json.ts';
import { rowGroupChars, rowGroupEvents, segmentBytesMax } from '../../core/limits.ts';
import { ALONE, type Work } from '../turns.ts';

const hashBytes = 32;
/** Higher levels take six times as long and save one byte in two hundred. */
const gzipLevel = 6;
/** What one column of a file may unpack to: text of a segment, and the lengths between it. */
const unpackedBytesMax = 2 * segmentBytesMax;

type Schema = NonNullable<ParquetWriteOptions['schema']>;

const text = (name: string, repetition_type: 'REQUIRED' | 'OPTIONAL' = 'REQUIRED') =>
  ({ name, type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' }, repetition_type }) as const;

/** `body` is text and no JSON to readers: its exact bytes are what was hashed. */
const SCHEMA: Schema = [
  { name: 'event', num_children: 10 },
  { name: 'seq', type: 'INT64', repetition_type: 'REQUIRED' },
  {
    name: 'at',
    type: 'INT64',
    converted_type: 'TIMESTAMP_MILLIS',
    logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MILLIS' },
    repetition_type: 'REQUIRED',
  },
  text('type'),
  { name: 'version', type: 'INT32', repetition_type: 'REQUIRED' },
  text('actor'),
  text('subject'),
  text('command'),
  text('trace', 'OPTIONAL'),
  text('body'),
  { name: 'hash', type: 'FIXED_LEN_BYTE_ARRAY', type_length: hashBytes, repetition_type: 'REQUIRED' },
];

/** How every file of events is written: its columns' types, and how its pages are packed. */
export const EVENT_FILE = {
  createdBy: 'starling',
  schema: SCHEMA,
  codec: 'GZIP',
  compressors: { GZIP: (page: Uint8Array) => gzipSync(page, { level: gzipLevel }) },
} as const;

/** Events as the columns of such a file. */
export function columnsOf(events: readonly StoredEvent[]): ParquetWriteOptions['columnData'] {
  return [
    { name: 'seq', data: events.map(({ seq }) => BigInt(seq)) },
    { name: 'at', data: events.map(({ at }) => new Date(at)) },
    { name: 'type', data: events.map(({ type }) => type) },
    { name: 'version', data: events.map(({ version }) => version) },
    { name: 'actor', data: events.map(({ actor }) => actor) },
    { name: 'subject', data: events.map(({ subject }) => subject) },
    { name: 'command', data: events.map(({ command }) => command) },
    { name: 'trace', data: events.map(({ trace }) => trace) },
    // Hashes do not repeat, bodies hardly ever, and nobody asks for a range of either.
    { name: 'body', encoding: 'PLAIN', statistics: false, data: events.map(({ body }) => body) },
    { name: 'hash', encoding: 'PLAIN', statistics: false, data: events.map(({ hash }) => Buffer.from(hash, 'hex')) },
  ];
}

/** What a file says of itself, under the name that its readers look for. */
export function markEntry(mark: SegmentMark): { readonly key: string; readonly value: string } {
  return { key: SEGMENT_MARK_KEY, value: canonical(mark) };
}

/** Events as a file's row groups: each is packed, or unpacked, in one turn. */
function* groupsOf(events: readonly StoredEvent[]): Generator<readonly StoredEvent[]> {
  let [start, chars] = [0, 0];
  for (const [index, { body }] of events.entries()) {
    chars += body.length;
    if (index + 1 - start < rowGroupEvents && chars < rowGroupChars) continue;
    yield events.slice(start, index + 1);
    [start, chars] = [index + 1, 0];
  }
  if (start < events.length) yield events.slice(start);
}

/** A segment's file, a row group at a time and one page a column: it is read whole, or by those who filter columns. */
export async function writeSegment(
  mark: SegmentMark,
  events: readonly StoredEvent[],
  { spent, giveWay }: Work = ALONE,
): Promise<Uint8Array> {
  const writer = new ByteWriter();
  const file = new ParquetWriter({
    ...EVENT_FILE,
    schema: [...EVENT_FILE.schema],
    writer,
    kvMetadata: [markEntry(mark)],
  });
  for (const group of groupsOf(events)) {
    await giveWay();
    await file.write({ columnData: columnsOf(group), rowGroupSize: group.length, pageSize: 0 });
    spent(group.length / eventsPackedInOne, textOf(group));
  }
  await file.finish();
  return writer.getBytes().slice();
}

/** An event that is only packed, or unpacked, costs as much as a part of one that is decided. */
const eventsPackedInOne = 8;

/** What a segment's file holds; null when it is no such file, or a damaged one. */
export async function readSegment(
  bytes: Uint8Array,
  { spent, giveWay }: Work = ALONE,
): Promise<{ readonly mark: SegmentMark; readonly events: readonly StoredEvent[] } | null> {
  try {
    const metadata = parquetMetadata(bytes);
    const said = metadata.key_value_metadata?.find(({ key }) => key === SEGMENT_MARK_KEY)?.value;
    const mark = segmentMark.parse(JSON.parse(said ?? ''));
    const file = {
      byteLength: bytes.byteLength,
      slice: (start: number, end?: number) => copyOf(bytes, start, end),
    };
    const compressors = {
      GZIP: (page: Uint8Array) => gunzipSync(page, { maxOutputLength: unpackedBytesMax }),
    };
    const events: StoredEvent[] = [];
    let rowStart = 0;
    for (const { num_rows } of metadata.row_groups) {
      await giveWay();
      const rowEnd = rowStart + Number(num_rows);
      const rows = await parquetReadObjects({ file, metadata, rowStart, rowEnd, compressors });
      const group = eventsOfRows(rows, events.at(-1)?.hash ?? mark.previous);
      for (const event of group) events.push(event);
      spent(group.length / eventsPackedInOne, textOf(group));
      rowStart = rowEnd;
    }
    return { mark, events };
  } catch {
    // Whatever a reader stumbles over: it is not what was written.
    return null;
  }
}

/** The library takes buffers of their own, not views. */
function copyOf(bytes: Uint8Array, start: number, end?: number): ArrayBuffer {
  return new Uint8Array(bytes.subarray(start, end)).buffer;
}
