// Segments as Parquet files: one row an event, in the order of the journal, in columns that any reader of Parquet knows. The
// same events make the same bytes. Nothing here decides whether a file is to be believed: its hash and core/archive/segment.ts do.

import { gunzipSync, gzipSync } from 'node:zlib';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { type ParquetWriteOptions, parquetWriteBuffer } from 'hyparquet-writer';
import type { SegmentMark } from '../../core/archive/segment.ts';
import { eventsOfRows, SEGMENT_MARK_KEY, segmentMark } from '../../core/archive/segment-rows.ts';
import type { StoredEvent } from '../../core/journal/event.ts';
import { canonical } from '../../core/json.ts';
import { segmentBytesMax } from '../../core/limits.ts';

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

/** A segment's file. One row group and one page a column: it is read whole, or by those who filter columns. */
export function writeSegment(mark: SegmentMark, events: readonly StoredEvent[]): Uint8Array {
  const bytes = parquetWriteBuffer({
    ...EVENT_FILE,
    rowGroupSize: events.length,
    pageSize: 0,
    kvMetadata: [markEntry(mark)],
    columnData: columnsOf(events),
  });
  return new Uint8Array(bytes);
}

/** What a segment's file holds; null when it is no such file, or a damaged one. */
export async function readSegment(
  bytes: Uint8Array,
): Promise<{ readonly mark: SegmentMark; readonly events: readonly StoredEvent[] } | null> {
  try {
    const metadata = parquetMetadata(bytes);
    const said = metadata.key_value_metadata?.find(({ key }) => key === SEGMENT_MARK_KEY)?.value;
    const mark = segmentMark.parse(JSON.parse(said ?? ''));
    const rows = await parquetReadObjects({
      file: { byteLength: bytes.byteLength, slice: (start, end) => copyOf(bytes, start, end) },
      metadata,
      compressors: { GZIP: (page) => gunzipSync(page, { maxOutputLength: unpackedBytesMax }) },
    });
    return { mark, events: eventsOfRows(rows, mark.previous) };
  } catch {
    // Whatever a reader stumbles over: it is not what was written.
    return null;
  }
}

/** The library takes buffers of their own, not views. */
function copyOf(bytes: Uint8Array, start: number, end?: number): ArrayBuffer {
  return new Uint8Array(bytes.subarray(start, end)).buffer;
}
