// Events for a past: archived ones from object storage, checked, the newest ones from the swarm itself.

import type { ObjectStore } from '../../core/archive/port.ts';
import type { HistoryPort } from '../../core/history/port.ts';
import { createEventReader } from '../swarm/event-reader.ts';
import type { MomentDeps } from './moments.ts';

export function pastEvents({
  history,
  objects,
}: {
  readonly history: HistoryPort;
  readonly objects: ObjectStore;
}): MomentDeps['readEvents'] {
  let segments: Parameters<MomentDeps['readEvents']>[2]['segments'] = [];
  const reader = createEventReader({
    hot: (from, limit) => history.hotEvents(from, limit),
    segmentsOf: (from, to) => segments.filter((segment) => segment.to >= from && segment.from <= to),
    // What has expired has no outline.
    expiredTo: () => 0,
    store: objects,
  });
  return (from, to, outline) => {
    segments = outline.segments;
    return reader.read(from, to);
  };
}
