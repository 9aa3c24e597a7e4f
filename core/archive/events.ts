// What can happen to a swarm's archive.

import type { Segment, Snapshot } from './state.ts';

type SnapshotTaken = Omit<Snapshot, 'id' | 'state' | 'takenAt'> & { readonly snapshot: string };
type SegmentArchived = Omit<Segment, 'id' | 'state' | 'archivedAt'> & { readonly segment: string };

export type ArchiveEvent =
  | { readonly type: 'snapshot.taken'; readonly subject: string; readonly body: SnapshotTaken }
  /** It was uploaded, read back and checked: the events in it leave the object. */
  | { readonly type: 'segment.archived'; readonly subject: string; readonly body: SegmentArchived }
  /** Past its retention: read no more, from here on. */
  | {
      readonly type: 'segment.expired';
      readonly subject: string;
      readonly body: { readonly segment: string; readonly to: number };
    }
  | { readonly type: 'snapshot.expired'; readonly subject: string; readonly body: { readonly snapshot: string } }
  /** Its object is gone. */
  | { readonly type: 'segment.deleted'; readonly subject: string; readonly body: { readonly segment: string } }
  | { readonly type: 'snapshot.deleted'; readonly subject: string; readonly body: { readonly snapshot: string } }
  | { readonly type: 'retention.changed'; readonly subject: string; readonly body: { readonly days: number | null } };
