// What may be asked about the archive. All but `SetRetention` come from the swarm's own recorder, after the storage has the
// objects they speak of.

import type { Segment, Snapshot } from './state.ts';

export type ArchiveCommand =
  | ({ readonly type: 'RecordSnapshot' } & Omit<Snapshot, 'id' | 'state' | 'takenAt'>)
  | ({ readonly type: 'RecordSegment' } & Omit<Segment, 'id' | 'state' | 'archivedAt'>)
  /** These segments, the oldest that are kept, and these snapshots are past their retention; what stays begins at `behind`. */
  | {
      readonly type: 'ExpireHistory';
      /** A snapshot that is past the retention itself, so that every moment within it can still be rebuilt. */
      readonly behind: string;
      readonly segments: readonly string[];
      readonly snapshots: readonly string[];
    }
  | { readonly type: 'RecordDeleted'; readonly segments: readonly string[]; readonly snapshots: readonly string[] }
  | { readonly type: 'SetRetention'; readonly days: number | null };
