// Events from a Parquet file, as the archive and the export write them: read by their columns, checked by whoever asked.

import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import type { SegmentMark } from '../../../core/archive/segment.ts';
import { eventsOfRows, SEGMENT_MARK_KEY, segmentMark } from '../../../core/archive/segment-rows.ts';
import { type CloudEvent, toCloudEvent } from '../../../core/journal/cloud-event.ts';
import { canonicalStored } from '../../../core/json.ts';
import { boundedCompressors, checkBounds } from './parquet-bounds.ts';

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
    await checkBounds(metadata, file.byteLength, (start, end) => new Uint8Array(file, start, end - start));
    const entries = new Map(metadata.key_value_metadata?.map(({ key, value }) => [key, value ?? '']));
    const mark = segmentMark.parse(JSON.parse(entries.get(SEGMENT_MARK_KEY) ?? ''));
    const rows = await parquetReadObjects({
      file: { byteLength: file.byteLength, slice: (start, end) => file.slice(start, end) },
      metadata,
      compressors: boundedCompressors(file.byteLength),
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
  return eventsOfRows(rows, previous).map((event) => {
    if (canonicalStored(JSON.parse(event.body)) !== event.body) throw new TypeError('a body is canonical');
    return toCloudEvent(origin, event);
  });
}
