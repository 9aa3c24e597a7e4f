// Events for a past: archived ones from object storage, checked, the newest ones from the swarm itself.

import type { ObjectStore } from '../../core/archive/port.ts';
import type { HistoryPort } from '../../core/history/port.ts';
import { createEventReader } from '../swarm/event-reader.ts';
import { ALONE, type Work } from '../turns.ts';
import type { MomentDeps } from './moments.ts';

export function pastEvents({
  history,
  objects,
  work = ALONE,
}: {
  readonly history: HistoryPort;
  readonly objects: ObjectStore;
  readonly work?: Work;
}): MomentDeps['readEvents'] {
  let segments: Parameters<MomentDeps['readEvents']>[2]['segments'] = [];
  const reader = createEventReader({
    hot: (from, limit) => history.hotEvents(from, limit),
    segmentsOf: (from, to) => segments.filter((segment) => segment.to >= from && segment.from <= to),
    // What has expired has no outline.
    expiredTo: () => 0,
    store: objects,
    work,
  });
  return async (from, to, outline) => {
    const holds = (known: (typeof segments)[number]): boolean => known.from <= from && known.to >= from;
    segments = outline.segments;
    // An outline names the segments between its snapshot and its moment; what is read outside of them, another one names.
    if (from < outline.hotFrom && !segments.some(holds)) {
      const around = await history.outline(null, { seq: from }, null);
      if (!around.ok) return around;
      segments = around.value.segments;
    }
    return reader.page(from, to - from + 1);
  };
}
