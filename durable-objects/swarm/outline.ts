// What a swarm says of a moment in its past, for whoever rebuilds it: which event was the last, which snapshot is near, and
// where the events behind it are.

import type { Segment, Snapshot } from '../../core/archive/state.ts';
import { type ClockMarks, latestTime } from '../../core/clock/state.ts';
import type { At, Outline } from '../../core/history/port.ts';
import { STATE_VERSION } from '../../core/history/state-tree.ts';
import type { StoredEvent } from '../../core/journal/event.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Rejection } from '../../core/swarm/rejections.ts';
import { SELF, type Swarm } from '../../core/swarm/state.ts';
import { first, type Sql } from '../sql-port.ts';
import type { SwarmStore } from './swarm-store.ts';

export interface OutlineDeps {
  readonly sql: Sql;
  readonly store: Pick<SwarmStore, 'read' | 'head' | 'origin' | 'seal'>;
  now(): number;
  /** Events `from`–`to`, hot or archived. */
  readEvents(from: number, to: number): Promise<Result<readonly StoredEvent[], Rejection>>;
}

/** @param before only snapshots before this seq; null for any */
export async function outlineOf(at: At, before: number | null, deps: OutlineDeps): Promise<Result<Outline, Rejection>> {
  const { sql, store } = deps;
  const swarm = store.read.row('swarm', SELF);
  if (swarm === null) return err({ code: 'swarm_not_found' });
  // An imported journal is here, whole; the archive that its rows speak of is the original's, and not to be read from here.
  if (store.seal() !== null) return outlineOfSealed(at, deps);
  const found = at === 'now' ? ok(store.head().seq) : 'seq' in at ? ok(at.seq) : await seqAt(at.time, swarm, deps);
  if (!found.ok) return found;
  const seq = found.value;
  if (seq < 1) return err({ code: 'moment_before_genesis' });
  if (seq > store.head().seq) return err({ code: 'moment_ahead', head: store.head().seq });
  const snapshot = snapshotBefore(Math.min(seq, before === null ? seq : before - 1), sql);
  // A fork begins with rows that no event of its own made: without the snapshot of them there is nothing to fold on.
  if (snapshot === null && swarm.fork !== undefined) return err({ code: 'history_damaged' });
  // What stands behind a snapshot is needed whole: the first readable moment is that of the first snapshot after the gap.
  if ((snapshot?.seq ?? 0) < swarm.expiredTo) {
    return err({ code: 'history_expired', firstSeq: firstReadable(swarm.expiredTo, sql) });
  }
  return ok({
    origin: store.origin() ?? '',
    tenant: swarm.tenant,
    seq,
    snapshot,
    segments: segmentsBetween((snapshot?.seq ?? 0) + 1, seq, sql),
    hotFrom: swarm.archivedTo + 1,
  });
}

function outlineOfSealed(at: At, { sql, store, now }: OutlineDeps): Result<Outline, Rejection> {
  const head = store.head().seq;
  const { clock } = store.read.row('swarm', SELF) ?? {};
  if (at !== 'now' && 'time' in at && at.time > now()) return err({ code: 'moment_ahead', head });
  const seq = at === 'now' ? head : 'seq' in at ? at.seq : (lastHotAt(at.time, 1, head, clock, sql) ?? 0);
  if (seq < 1) return err({ code: 'moment_before_genesis' });
  if (seq > head) return err({ code: 'moment_ahead', head });
  const tenant = store.seal()?.start.tenant ?? '';
  return ok({ origin: store.origin() ?? '', tenant, seq, snapshot: null, segments: [], hotFrom: 1 });
}

/**
 * The last event at or before a time: of all such events the one with the greatest seq. Times run back along the journal only
 * where the clock was set back, and the swarm's row says where.
 */
async function seqAt(time: number, swarm: Swarm, deps: OutlineDeps): Promise<Result<number, Rejection>> {
  const { sql, store } = deps;
  if (time > deps.now()) return err({ code: 'moment_ahead', head: store.head().seq });
  const hot = lastHotAt(time, swarm.archivedTo + 1, store.head().seq, swarm.clock, sql);
  if (hot !== null) return ok(hot);
  const segment = lastSegmentAt(time, swarm.clock, sql);
  if (segment === null) return ok(0);
  if (latestTime(swarm.clock, segment.to, segment.toAt) <= time) return ok(segment.to);
  if (segment.state !== 'kept') return err({ code: 'history_expired', firstSeq: firstReadable(swarm.expiredTo, sql) });
  const read = await deps.readEvents(segment.from, segment.to);
  if (!read.ok) return read;
  return ok(read.value.findLast((event) => event.at <= time)?.seq ?? segment.from - 1);
}

/** The last segment that begins at or before a time; where the clock was set back, one behind it may begin sooner. */
function lastSegmentAt(time: number, clock: ClockMarks | undefined, sql: Sql): Segment | null {
  // A turn back to a time at or before the one that is asked for: all events up to it are no later.
  const turn = clock?.turns.findLast(({ to }) => to <= time)?.after ?? 0;
  const row = first(
    sql.all<{ body: string }>(
      `SELECT body FROM segment WHERE body ->> '$.fromAt' <= ? OR body ->> '$.from' <= ? ORDER BY id DESC LIMIT 1`,
      time,
      turn,
    ),
  );
  return row && (JSON.parse(row.body) as Segment); // our own row
}

/** By halves: there is no index on time, and none is needed. Null when every event that is here came later. */
function lastHotAt(time: number, from: number, to: number, clock: ClockMarks | undefined, sql: Sql): number | null {
  const timeOf = (seq: number): number => {
    const at = first(sql.all<{ at: number }>('SELECT at FROM journal WHERE seq = ?', seq))?.at;
    return latestTime(clock, seq, at ?? Number.POSITIVE_INFINITY);
  };
  let low = from;
  let high = to;
  if (low > high || timeOf(low) > time) return null;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (timeOf(middle) <= time) low = middle;
    else high = middle - 1;
  }
  return low;
}

function snapshotBefore(seq: number, sql: Sql): Snapshot | null {
  const row = first(
    sql.all<{ body: string }>(
      `SELECT body FROM snapshot WHERE state = 'kept' AND body ->> '$.seq' <= ? AND body ->> '$.version' = ?
       ORDER BY id DESC LIMIT 1`,
      seq,
      STATE_VERSION,
    ),
  );
  return row && (JSON.parse(row.body) as Snapshot); // our own row
}

function firstReadable(expiredTo: number, sql: Sql): number | null {
  const row = first(
    sql.all<{ seq: number }>(
      `SELECT body ->> '$.seq' AS seq FROM snapshot WHERE state = 'kept' AND body ->> '$.seq' >= ? ORDER BY id LIMIT 1`,
      expiredTo,
    ),
  );
  return row?.seq ?? null;
}

/** Archived segments that hold events `from`–`to`. */
export function segmentsBetween(from: number, to: number, sql: Sql): readonly Segment[] {
  return sql
    .all<{ body: string }>(
      `SELECT body FROM segment WHERE state = 'kept' AND body ->> '$.to' >= ? AND body ->> '$.from' <= ? ORDER BY id`,
      from,
      to,
    )
    .map(({ body }) => JSON.parse(body) as Segment); // our own rows
}
