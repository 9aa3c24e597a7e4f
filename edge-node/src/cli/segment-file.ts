// Events from a Parquet file, as the archive and the export write them: read by their columns, checked by whoever asked.

import { gunzipSync } from 'node:zlib';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { z } from 'zod';
import { type CloudEvent, toCloudEvent } from '../../../core/journal/cloud-event.ts';
import { canonical } from '../../../core/json.ts';

/** What one page may unpack to: far more than a segment of the largest events has. */
const pageBytesMax = 1024 * 1024 * 1024;

/** How pages are unpacked. */
export const COMPRESSORS = {
  GZIP: (page: Uint8Array) => gunzipSync(page, { maxOutputLength: pageBytesMax }),
};

/** What a file says of itself. */
const markShape = z.strictObject({
  origin: z.string(),
  from: z.int(),
  to: z.int(),
  previous: z.string(),
  head: z.string(),
  root: z.string(),
});
export type SegmentMark = z.infer<typeof markShape>;

const rowShape = z.object({
  seq: z.bigint(),
  at: z.date(),
  type: z.string(),
  version: z.int(),
  actor: z.string(),
  subject: z.string(),
  command: z.string(),
  trace: z.string().nullish(),
  body: z.string(),
  hash: z.instanceof(Uint8Array),
});

export interface SegmentFile {
  readonly mark: SegmentMark;
  /** What stands beside the mark in the file's metadata, by key. */
  readonly metadata: ReadonlyMap<string, string>;
  readonly events: readonly CloudEvent[];
}

/** Null when it is no such file, or one that cannot be read. A body that is not canonical JSON has no event. */
export async function readSegmentFile(bytes: Uint8Array): Promise<SegmentFile | null> {
  try {
    const file = new Uint8Array(bytes).buffer; // the library takes buffers of their own, not views
    const metadata = parquetMetadata(file);
    const entries = new Map(metadata.key_value_metadata?.map(({ key, value }) => [key, value ?? '']));
    const mark = markShape.parse(JSON.parse(entries.get('starling') ?? ''));
    const rows = await parquetReadObjects({
      file: { byteLength: file.byteLength, slice: (start, end) => file.slice(start, end) },
      metadata,
      compressors: COMPRESSORS,
    });
    return { mark, metadata: entries, events: eventsOf(mark, rows) };
  } catch {
    return null; // whatever the reader stumbles over: it is not what was written
  }
}

/** Rows as events; the first follows the hash `previous`. @throws when a row is none */
export function eventsOf(
  { origin, previous }: Pick<SegmentMark, 'origin' | 'previous'>,
  rows: readonly object[],
): CloudEvent[] {
  let before = previous;
  return rows.map((row) => {
    const { seq, at, hash, trace, ...rest } = rowShape.parse(row);
    if (canonical(JSON.parse(rest.body)) !== rest.body) throw new TypeError('a body is canonical');
    const event = {
      ...rest,
      seq: Number(seq),
      at: at.getTime(),
      trace: trace ?? null,
      hash: Buffer.from(hash).toString('hex'),
      previous: before,
    };
    before = event.hash;
    return toCloudEvent(origin, event);
  });
}
