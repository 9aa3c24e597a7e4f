// What of a swarm lies in object storage: snapshots of its state, and segments of its journal. Each is a row, made by an
// event, so that the journal itself says what its archive holds and under which hash [P8] [P10].

/** The state after `seq`, as a tree of chunks (core/history/state-tree.ts). */
export interface Snapshot {
  /** `archiveId(seq)`. */
  readonly id: string;
  readonly state: 'kept' | 'expired' | 'deleted';
  readonly seq: number;
  /** Hash and time of that event. */
  readonly head: string;
  readonly headAt: number;
  /** Hash of the whole state, hex. */
  readonly stateHash: string;
  /** `STATE_VERSION` of the code that made it: a snapshot of another version is not read. */
  readonly version: number;
  /** Where its manifest lies. */
  readonly key: string;
  readonly rows: number;
  readonly chunks: number;
  /** Bytes that were written for it: chunks that an earlier snapshot has written are not among them. */
  readonly bytes: number;
  readonly takenAt: number;
}

/** Events `from`–`to` of the journal as one Parquet file. */
export interface Segment {
  /** `archiveId(from)`. */
  readonly id: string;
  readonly state: 'kept' | 'expired' | 'deleted';
  readonly from: number;
  readonly to: number;
  /** Times of its first and its last event. */
  readonly fromAt: number;
  readonly toAt: number;
  /** Hash before the first event, and hash of the last. */
  readonly previous: string;
  readonly head: string;
  /** RFC 6962 root over the segment's event hashes, as a tree of its own. */
  readonly root: string;
  readonly key: string;
  /** Of the file. */
  readonly sha256: string;
  readonly bytes: number;
  readonly archivedAt: number;
}

/** How far the archive reaches; part of the swarm's own row. All are the seqs of events, 0 before the first. */
export interface ArchiveMarks {
  /** Of the newest snapshot. */
  readonly snapshotSeq: number;
  /** Events up to here have left the object for the archive. */
  readonly archivedTo: number;
  /** Events up to here are past their retention: they are read no more. */
  readonly expiredTo: number;
  /** Events older than so many days expire; null keeps them for ever. */
  readonly retentionDays: number | null;
}

export const NO_ARCHIVE: ArchiveMarks = { snapshotSeq: 0, archivedTo: 0, expiredTo: 0, retentionDays: null };

/** An id that sorts as its seq does: sixteen digits hold every safe integer. */
export function archiveId(seq: number): string {
  return String(seq).padStart(16, '0');
}
