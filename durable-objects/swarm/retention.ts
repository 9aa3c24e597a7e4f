// What is past a tenant's retention goes: old events leave for the archive even where there are few, then the journal says that
// they have expired, then their objects are deleted, and then the journal says that too. Nothing is read any more from the first
// word on; a deletion that was cut is done again. What is kept begins with a snapshot, so every moment within the retention can
// still be rebuilt.

import type { ObjectStore } from '../../core/archive/port.ts';
import { archiveId, type Segment, type Snapshot } from '../../core/archive/state.ts';
import { Fault } from '../../core/assert.ts';
import { type ClockMarks, latestTime, sureAt } from '../../core/clock/state.ts';
import { STATE_VERSION } from '../../core/history/state-tree.ts';
import { segmentEventsMin } from '../../core/limits.ts';
import type { SwarmCommand } from '../../core/swarm/commands.ts';
import { SELF, type Swarm } from '../../core/swarm/state.ts';
import { pausedUntil } from '../pause.ts';
import { first, type Sql } from '../sql-port.ts';
import type { ArchiveNotes } from './archive-notes.ts';
import type { Chore } from './recorder.ts';
import type { Segments } from './segments.ts';
import type { Snapshots } from './snapshots.ts';
import type { SwarmStore } from './swarm-store.ts';

export interface RetentionDeps {
  readonly sql: Sql;
  readonly store: Pick<SwarmStore, 'read' | 'head'>;
  readonly objects: ObjectStore;
  readonly notes: ArchiveNotes;
  readonly snapshots: Pick<Snapshots, 'take'>;
  readonly segments: Pick<Segments, 'archive'>;
  /** Signs the journal as it is and holds the checkpoint outside. Answers with the size of the newest one, 0 without any. */
  signAll(): Promise<number>;
  /** Executes a command of the swarm's own. @throws Fault when it was refused or nothing may be written just now */
  execute(id: string, command: SwarmCommand, within: () => void): void;
  now(): number;
}

const dayMs = 24 * 3_600_000;
/** Rows that go with one command, and objects with one call. */
const goneAtOnce = 100;
/** Commands and calls of one run; what is left over is due again. */
const roundsMax = 100;
/** A run that changed nothing is not repeated before. */
const restMs = 60 * 60_000;

/** The chore of retention; never due in a swarm that keeps everything. */
export function createRetention(deps: RetentionDeps): Chore {
  const { sql, store, now } = deps;
  const isLeft = () => expiredRows('segment', 1, sql).length + expiredRows('snapshot', 1, sql).length > 0;
  /** Whether objects are still to be deleted; nobody else makes rows expire. */
  let hasLeft: boolean | null = null;
  const looked = remembered((swarm) => timesOf(swarm, sql));

  return {
    name: 'retention',
    dueAt() {
      const swarm = store.read.row('swarm', SELF);
      if (swarm === null) return null;
      hasLeft ??= isLeft();
      if (hasLeft) return 0;
      return swarm.retentionDays === null
        ? null
        : dueOf(swarm, looked.at(swarm, store.head().seq), store.head().seq, now());
    },
    async run() {
      const swarm = store.read.row('swarm', SELF);
      if (swarm === null) return;
      if (swarm.retentionDays !== null) await expireAll(swarm.retentionDays, deps);
      hasLeft = null;
      for (let round = 0; round < roundsMax && (await deleteExpired(deps)); round++);
      // What could not be done although it was due (no snapshot is old enough yet) is not tried again at once.
      const after = store.read.row('swarm', SELF);
      if (after !== null) looked.rest(after, store.head().seq, now() + restMs);
    },
  };
}

/** Times that decide when there is something to do, as they are at one point of the archive. */
interface Times {
  /** Of the event that would complete the next block to archive; null while there is none. */
  readonly blockAt: number | null;
  /** Of the newest snapshot; when the swarm was made, without one. */
  readonly snapshotAt: number;
  /** Of the snapshot behind which the oldest segment may go. */
  readonly behindAt: number | null;
  readonly notBefore: number;
}

function dueOf(swarm: Swarm, times: Times, headSeq: number, now: number): number | null {
  const retention = (swarm.retentionDays ?? 0) * dayMs;
  const due: number[] = [];
  if (times.behindAt !== null) due.push(times.behindAt + retention + 1);
  if (times.blockAt !== null) due.push(times.blockAt + retention + 1);
  // Once a day while there is something new: what is kept begins with a snapshot, and is a day too long at the most.
  if (headSeq - swarm.snapshotSeq >= segmentEventsMin) due.push(times.snapshotAt + dayMs);
  const rested = pausedUntil(times.notBefore, now, restMs);
  return due.length === 0 ? null : Math.max(Math.min(...due), rested, sureAt(swarm));
}

/** Looks again only when the archive has moved: it is asked with every transaction. */
function remembered(look: (swarm: Swarm) => Omit<Times, 'notBefore'>) {
  let known: { readonly key: string; readonly times: Omit<Times, 'notBefore'> } | null = null;
  let resting: { readonly key: string; readonly until: number } | null = null;
  const keyOf = ({ retentionDays, archivedTo, expiredTo, snapshotSeq, clock }: Swarm, headSeq: number): string => {
    const turn = clock?.turns.at(-1)?.after ?? 0;
    return [retentionDays, archivedTo, expiredTo, snapshotSeq, turn, headSeq >= archivedTo + segmentEventsMin].join(
      ' ',
    );
  };
  return {
    at(swarm: Swarm, headSeq: number): Times {
      const key = keyOf(swarm, headSeq);
      if (known?.key !== key) known = { key, times: look(swarm) };
      return { ...known.times, notBefore: resting?.key === key ? resting.until : 0 };
    },
    rest(swarm: Swarm, headSeq: number, until: number): void {
      resting = { key: keyOf(swarm, headSeq), until };
    },
  };
}

function timesOf({ archivedTo, expiredTo, snapshotSeq, createdAt, clock }: Swarm, sql: Sql): Omit<Times, 'notBefore'> {
  const oldest = rowOf<Segment>('segment', archiveId(expiredTo + 1), sql);
  const behind = oldest === null ? null : firstSnapshot(oldest.to, sql);
  const newest = rowOf<Snapshot>('snapshot', archiveId(snapshotSeq), sql);
  return {
    blockAt: timeOfEvent(archivedTo + segmentEventsMin, clock, sql),
    snapshotAt: newest === null ? createdAt : headTime(newest, clock),
    behindAt: behind && headTime(behind, clock),
  };
}

/** One round: a snapshot where there is none of the last day, old events archived, what is too old expired. */
async function expireAll(days: number, deps: RetentionDeps): Promise<void> {
  const { sql, store, snapshots, segments, now } = deps;
  const before = now() - days * dayMs;
  const marks = () => store.read.row('swarm', SELF);
  const { snapshotSeq = 0, createdAt = 0, clock } = marks() ?? {};
  const last = rowOf<Snapshot>('snapshot', archiveId(snapshotSeq), sql);
  const newest = last === null ? createdAt : headTime(last, clock);
  if (store.head().seq - snapshotSeq >= segmentEventsMin && newest + dayMs <= now()) await snapshots.take();
  const aged = lastBefore(before, (marks()?.archivedTo ?? 0) + 1, store.head().seq, clock, sql);
  for (let isMore = aged > 0; isMore; ) isMore = (await segments.archive(aged)).isMore;
  const behind = lastSnapshotBefore(before, sql);
  if (behind === null) return;
  for (let round = 0; round < roundsMax; round++) {
    const due = segmentsBefore(behind.seq, sql);
    // What was signed last is compared with the journal for ever: it must not stand in what goes. A swarm that signs nothing
    // doubts its history, and deletes nothing of it.
    if (round === 0 && due.length > 0 && (await deps.signAll()) <= behind.seq) {
      throw new Fault('nothing is signed just now, so nothing expires', { retryable: true });
    }
    const expiredTo = due.at(-1)?.to ?? marks()?.expiredTo ?? 0;
    const gone = { segments: due.map(({ id }) => id), snapshots: snapshotsBefore(expiredTo, sql) };
    if (gone.segments.length + gone.snapshots.length === 0) return;
    deps.execute(`expire:${behind.id}`, { type: 'ExpireHistory', behind: behind.id, ...gone }, () =>
      deps.notes.manifestFalls(store.head().seq),
    );
  }
}

/** Deletes some of what has expired. False when nothing was left. */
async function deleteExpired({ sql, objects, execute }: RetentionDeps): Promise<boolean> {
  const segments = expiredRows('segment', goneAtOnce, sql);
  const snapshots = expiredRows('snapshot', goneAtOnce, sql);
  const keys = [...segments, ...snapshots].map(({ key }) => key);
  if (keys.length === 0) return false;
  await objects.delete(keys);
  const ids = (rows: readonly { readonly id: string }[]) => rows.map(({ id }) => id);
  const gone = { segments: ids(segments), snapshots: ids(snapshots) };
  execute(`deleted:${keys.length}`, { type: 'RecordDeleted', ...gone }, () => {});
  return true;
}

function expiredRows(kind: 'segment' | 'snapshot', limit: number, sql: Sql): readonly { id: string; key: string }[] {
  return sql.all(`SELECT id, body ->> '$.key' AS key FROM ${kind} WHERE state = 'expired' ORDER BY id LIMIT ?`, limit);
}

/** The oldest segments that lie wholly before a snapshot. */
function segmentsBefore(seq: number, sql: Sql): readonly { readonly id: string; readonly to: number }[] {
  return sql.all(
    `SELECT id, body ->> '$.to' AS "to" FROM segment WHERE state = 'kept' AND body ->> '$.to' <= ? ORDER BY id LIMIT ${goneAtOnce}`,
    seq,
  );
}

/** Snapshots that events would have to be folded onto which have expired. */
function snapshotsBefore(seq: number, sql: Sql): readonly string[] {
  return sql
    .all<{ id: string }>(
      `SELECT id FROM snapshot WHERE state = 'kept' AND body ->> '$.seq' < ? ORDER BY id LIMIT ${goneAtOnce}`,
      seq,
    )
    .map(({ id }) => id);
}

function firstSnapshot(seq: number, sql: Sql): Snapshot | null {
  return parsed(
    sql.all(`SELECT body FROM snapshot WHERE state = 'kept' AND id >= ? ORDER BY id LIMIT 1`, archiveId(seq)),
  );
}

function lastSnapshotBefore(at: number, sql: Sql): Snapshot | null {
  return parsed(
    sql.all(
      `SELECT body FROM snapshot WHERE state = 'kept' AND body ->> '$.headAt' < ? AND body ->> '$.version' = ?
       ORDER BY id DESC LIMIT 1`,
      at,
      STATE_VERSION,
    ),
  );
}

function rowOf<T>(kind: 'segment' | 'snapshot', id: string, sql: Sql): T | null {
  return parsed(sql.all(`SELECT body FROM ${kind} WHERE id = ? AND state = 'kept'`, id));
}

function parsed<T>(rows: readonly { readonly body: string }[]): T | null {
  const row = first(rows);
  return row && (JSON.parse(row.body) as T); // our own row
}

/** When it happened at the latest: a time that a wrong clock has set would keep it for as long as that clock was ahead. */
function timeOfEvent(seq: number, clock: ClockMarks | undefined, sql: Sql): number | null {
  const at = first(sql.all<{ at: number }>('SELECT at FROM journal WHERE seq = ?', seq))?.at ?? null;
  return at === null ? null : latestTime(clock, seq, at);
}

function headTime({ seq, headAt }: Snapshot, clock: ClockMarks | undefined): number {
  return latestTime(clock, seq, headAt);
}

/** The last event from before a time, by halves; 0 when all that are here came later. */
function lastBefore(at: number, from: number, to: number, clock: ClockMarks | undefined, sql: Sql): number {
  let low = from - 1;
  let high = to;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((timeOfEvent(middle, clock, sql) ?? at) < at) low = middle;
    else high = middle - 1;
  }
  return low < from ? 0 : low;
}
