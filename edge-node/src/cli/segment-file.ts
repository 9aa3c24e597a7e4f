// Events from a Parquet file, as the archive and the export write them: read by their columns, checked by whoever asked.

import type { SegmentMark } from '../../../core/archive/segment.ts';
import { eventsOfRows, SEGMENT_MARK_KEY, segmentMark } from '../../../core/archive/segment-rows.ts';
import { type CloudEvent, toCloudEvent } from '../../../core/journal/cloud-event.ts';
import { canonicalStored } from '../../../core/json.ts';
import { openEventFile } from './parquet/event-file.ts';
import { parse } from './strict-json.ts';

export interface SegmentFile {
  readonly mark: SegmentMark;
  /** What stands beside the mark in the file's metadata, by key. */
  readonly metadata: ReadonlyMap<string, string>;
  /** One after the other: one body is held at a time. It throws where the file cannot be read on. */
  events(): AsyncGenerator<CloudEvent, void>;
}

/** Null when it is no such file. */
export async function openSegmentFile(bytes: Uint8Array): Promise<SegmentFile | null> {
  try {
    const { metadata, rows } = await openEventFile(bytes.length, (start, end) => bytes.subarray(start, end));
    const mark = segmentMark.parse(parse(metadata.get(SEGMENT_MARK_KEY) ?? ''));
    return { mark, metadata, events: () => eventsOf(mark, rows()) };
  } catch {
    return null; // whatever the reader stumbles over: it is not what was written
  }
}

/** Rows as events; the first follows the hash `previous`. @throws when a row is none */
export async function* eventsOf(
  { origin, previous }: Pick<SegmentMark, 'origin' | 'previous'>,
  rows: AsyncIterable<object>,
): AsyncGenerator<CloudEvent, void> {
  let before = previous;
  for await (const row of rows) {
    for (const event of eventsOfRows([row], before)) {
      if (canonicalStored(JSON.parse(event.body)) !== event.body) throw new TypeError('a body is canonical');
      before = event.hash;
      yield toCloudEvent(origin, event);
    }
  }
}
