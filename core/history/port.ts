// The words between a swarm, its past, and the API, as plain data over RPC. A past is an object of its own: it holds nothing
// that cannot be made again, and what it answers is the fold of events up to a moment [P8].

import type { Segment, Snapshot } from '../archive/state.ts';
import type { Actor } from '../envelope.ts';
import type { StoredEvent } from '../journal/event.ts';
import type { Json } from '../json.ts';
import type { Result } from '../result.ts';
import type { Rejection } from '../swarm/rejections.ts';
import type { Query } from '../swarm/service.ts';
import type { Entry } from './state-tree.ts';

/** A moment: after the event `seq`, after the last event at or before `time` (milliseconds since the epoch), or the last. */
export type At = { readonly seq: number } | { readonly time: number } | 'now';

/** What a swarm says of a moment, for whoever rebuilds it. */
export interface Outline {
  readonly origin: string;
  /** Whose object it is: an imported journal may speak of another. */
  readonly tenant: string;
  /** The last event of the moment. */
  readonly seq: number;
  /** The newest snapshot at or before it, and before `before` where that was asked; null: from the beginning. */
  readonly snapshot: Snapshot | null;
  /** Archived segments that hold events behind the snapshot up to `seq`, in order. */
  readonly segments: readonly Segment[];
  /** Events from here on are still in the swarm object. */
  readonly hotFrom: number;
}

/** What a swarm gives its past. */
export interface HistoryPort {
  /** @param actor whose key must be in force now; null when the platform itself asks */
  outline(actor: Actor | null, at: At, before: number | null): Promise<Result<Outline, Rejection>>;
  /** Events that are still in the object, from `from` on, at most `limit` (1–`journalPageMax`); fewer where they are large. */
  hotEvents(from: number, limit: number): Promise<readonly StoredEvent[]>;
}

/** A moment that was read: which one it is, and from where it was rebuilt. */
export interface PastMoment {
  readonly seq: number;
  readonly at: number;
  /** Hash of the last event. */
  readonly hash: string;
  /** Seq of the snapshot that was used; 0 without one. */
  readonly snapshotSeq: number;
  /** Snapshots that were damaged or missing, and so were passed over. */
  readonly damaged: readonly string[];
}

/** What may be asked of a swarm's past. `swarm` is the id of the swarm whose past it is. */
export interface PastPort {
  read(
    swarm: string,
    actor: Actor,
    at: At,
    query: Query,
  ): Promise<Result<{ readonly moment: PastMoment; readonly value: Json }, Rejection>>;
  diff(
    swarm: string,
    actor: Actor,
    from: At,
    to: At,
    page: { readonly limit: number; readonly cursor: string | null },
  ): Promise<Result<Json, Rejection>>;
  /** For the platform: every row of that moment in key order, behind the key `after`, at most a megabyte or two at once. */
  rows(
    swarm: string,
    at: At,
    after: string | null,
  ): Promise<
    Result<{ readonly moment: PastMoment; readonly entries: readonly Entry[]; readonly next: string | null }, Rejection>
  >;
  /** The hash of the whole state at that moment, and how many rows it has. `actor` is null for the platform itself. */
  stateHash(
    swarm: string,
    actor: Actor | null,
    at: At,
  ): Promise<Result<{ readonly moment: PastMoment; readonly stateHash: string; readonly rows: number }, Rejection>>;
}
