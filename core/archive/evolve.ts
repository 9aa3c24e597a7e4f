// What the archive's rows look like after an event.

import { assert } from '../assert.ts';
import type { ArchiveEvent } from './events.ts';
import type { ArchiveMarks, Segment, Snapshot } from './state.ts';

export function evolveSnapshot(
  snapshot: Snapshot | null,
  event: Extract<ArchiveEvent, { type: `snapshot.${string}` }>,
  at: number,
): Snapshot {
  if (event.type === 'snapshot.taken') {
    const { snapshot: id, ...taken } = event.body;
    return { id, state: 'kept', ...taken, takenAt: at };
  }
  assert(snapshot !== null, 'a snapshot is taken first');
  return { ...snapshot, state: event.type === 'snapshot.expired' ? 'expired' : 'deleted' };
}

export function evolveSegment(
  segment: Segment | null,
  event: Extract<ArchiveEvent, { type: `segment.${string}` }>,
  at: number,
): Segment {
  if (event.type === 'segment.archived') {
    const { segment: id, ...archived } = event.body;
    return { id, state: 'kept', ...archived, archivedAt: at };
  }
  assert(segment !== null, 'a segment is archived first');
  return { ...segment, state: event.type === 'segment.expired' ? 'expired' : 'deleted' };
}

/** How far the archive reaches after the event. */
export function evolveMarks(event: ArchiveEvent): Partial<ArchiveMarks> {
  switch (event.type) {
    case 'snapshot.taken':
      return { snapshotSeq: event.body.seq };
    case 'segment.archived':
      return { archivedTo: event.body.to };
    case 'segment.expired':
      return { expiredTo: event.body.to };
    case 'retention.changed':
      return { retentionDays: event.body.days };
    default:
      return {};
  }
}
