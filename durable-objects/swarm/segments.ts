// Old events leave the swarm's tables for its archive, a segment at a time: written down what is to be stored, stored, read
// back and checked event by event, and only then, in one transaction, the journal says so and the rows go. Cut anywhere, it is
// begun again and finds what is there: nothing is lost, and nothing is stored twice under two names [P10].

import { segmentKey } from '../../core/archive/keys.ts';
import type { ObjectStore } from '../../core/archive/port.ts';
import { firstFault, markOf, type SegmentMark, segmentEnd } from '../../core/archive/segment.ts';
import { archiveId } from '../../core/archive/state.ts';
import { Fault } from '../../core/assert.ts';
import { sha256Bytes } from '../../core/hash.ts';
import { type StoredEvent, textOf } from '../../core/journal/event.ts';
import {
  hotEventsMax,
  hotEventsMin as hotEventsMinDefault,
  segmentBytesMax,
  segmentEvents as segmentEventsDefault,
  segmentEventsMin,
  segmentsPerRequestMax,
} from '../../core/limits.ts';
import type { SwarmCommand } from '../../core/swarm/commands.ts';
import { SELF } from '../../core/swarm/state.ts';
import { first, type Sql } from '../sql-port.ts';
import { ALONE, inTurns, type Work } from '../turns.ts';
import type { ArchiveNotes } from './archive-notes.ts';
import { cacheSubtrees } from './merkle-tree.ts';
import { pagesOf } from './next-page.ts';
import type { Chore } from './recorder.ts';
import { readSegment, writeSegment } from './segment-file.ts';
import type { Snapshots } from './snapshots.ts';
import type { SwarmStore } from './swarm-store.ts';

export interface SegmentDeps {
  readonly sql: Sql;
  readonly store: SwarmStore;
  readonly objects: ObjectStore;
  readonly notes: ArchiveNotes;
  readonly snapshots: Pick<Snapshots, 'take'>;
  /**
   * Executes a command of the swarm's own; `within` runs in its transaction, if it was allowed.
   * @throws Fault when it was refused or nothing may be written just now
   */
  execute(id: string, command: SwarmCommand, within: () => void): void;
  /** Resolves when everything written so far is durable: what is stored outside must not be unknown here afterwards. */
  durable(): Promise<void>;
  /** `tenant/swarm` that the event at `seq` was hashed with. */
  originAt(seq: number): string;
  /** How others get in between; with none of them where nothing is said. */
  readonly work?: Work;
  /** Of core/limits.ts where a test says nothing else. */
  readonly segmentEvents?: number;
  readonly hotEventsMin?: number;
}

/** How far a request has come. */
export interface Archived {
  /** Ids of the segments that were made, in order. */
  readonly segments: readonly string[];
  readonly archivedTo: number;
  /** True when there is more to archive than one request does. */
  readonly isMore: boolean;
}

export interface Segments extends Chore {
  /**
   * Archives all whole blocks of `segmentEventsMin` events up to `last`, at most `segmentsPerRequestMax` segments at once;
   * takes a snapshot first where the newest does not cover them.
   * @throws Fault; what was archived until then is
   */
  archive(last: number): Promise<Archived>;
}

export function createSegments(deps: SegmentDeps): Segments {
  const { store } = deps;
  const most = deps.segmentEvents ?? segmentEventsDefault;
  const keep = deps.hotEventsMin ?? hotEventsMinDefault;
  /** The end of what was begun before: one segment after the other, whoever asks. */
  let queue: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = queue.then(work);
    queue = mine.catch(() => {});
    return mine;
  };

  function isDue(): boolean {
    const { archivedTo, snapshotSeq } = marksOf(store);
    return store.head().seq - archivedTo > keep + most && snapshotSeq >= archivedTo + most;
  }

  return {
    name: 'archive',
    dueAt: () => (isDue() ? 0 : null),
    isPressing: () => store.head().seq - marksOf(store).archivedTo > hotEventsMax,
    run: () =>
      inTurn(async () => {
        if (!isDue()) return;
        await archiveNext(Math.min(store.head().seq - keep, marksOf(store).snapshotSeq), most, deps);
      }),
    archive: (last) => inTurn(() => archiveUpTo(Math.min(last, store.head().seq), most, deps)),
  };
}

async function archiveUpTo(last: number, most: number, deps: SegmentDeps): Promise<Archived> {
  const { store, snapshots } = deps;
  const segments: string[] = [];
  const end = last - (last % segmentEventsMin);
  if (marksOf(store).archivedTo < end && marksOf(store).snapshotSeq < end) await snapshots.take();
  while (segments.length < segmentsPerRequestMax) {
    const id = await archiveNext(end, most, deps);
    if (id === null) break;
    segments.push(id);
  }
  const { archivedTo } = marksOf(store);
  return { segments, archivedTo, isMore: segmentEnd(archivedTo, end, most) !== null };
}

/** The next segment, from the oldest event that is here to `last` at the furthest. Null when there is none to make. */
async function archiveNext(last: number, most: number, deps: SegmentDeps): Promise<string | null> {
  const { sql, store, objects, notes, work = ALONE } = deps;
  const origin = store.origin();
  const to = nextEnd(last, most, deps);
  if (origin === null || to === null) return null;
  const from = marksOf(store).archivedTo + 1;
  const made = await fileOf(await eventsIn(from, to, deps), deps.originAt(from), work);
  const key = segmentKey(origin, from, to, made.sha256);
  await forgetOther(key, deps);
  notes.stage({ from, to, key });
  await deps.durable();
  await objects.put(key, made.bytes, { contentType: 'application/vnd.apache.parquet', ifAbsent: true });
  await readBack(key, made, objects, work);
  // The roots of all subtrees that the rows are under, the one they share with rows that stay too: they cannot be made later.
  await inTurns(cacheSubtrees(sql, to + ((segmentEventsMin - (to % segmentEventsMin)) % segmentEventsMin)), work);
  const { mark, sha256, bytes, fromAt, toAt } = made;
  const { previous, head, root } = mark;
  const segment = { from, to, fromAt, toAt, previous, head, root, key, sha256, bytes: bytes.byteLength };
  deps.execute(`segment:${from}-${to}`, { type: 'RecordSegment', ...segment }, () => {
    sql.run('DELETE FROM journal WHERE seq <= ?', to);
    notes.unstage();
    notes.manifestFalls(to);
  });
  return archiveId(from);
}

/** Where the next segment ends: at a whole block, unless its text or its origin asks for an end before the first of them. */
function nextEnd(last: number, most: number, { sql, store, originAt }: SegmentDeps): number | null {
  const { archivedTo } = marksOf(store);
  const end = segmentEnd(archivedTo, last, most);
  if (end === null) return null;
  const from = archivedTo + 1;
  let furthest = lastThatFits(from, end, sql);
  const origin = originAt(from);
  for (let seq = from; seq <= furthest; seq++) if (originAt(seq) !== origin) furthest = seq - 1;
  return segmentEnd(archivedTo, furthest, most) ?? furthest;
}

/** The last event up to which the text of all of them fits a segment; the first one always does. */
function lastThatFits(from: number, to: number, sql: Sql): number {
  const over = first(
    sql.all<{ seq: number }>(
      `SELECT seq FROM (
         SELECT seq, sum(octet_length(body) + length(command)) OVER (ORDER BY seq) AS bytes
         FROM journal WHERE seq BETWEEN ? AND ?
       ) WHERE bytes > ? ORDER BY seq LIMIT 1`,
      from,
      to,
      segmentBytesMax,
    ),
  );
  return over === null ? to : Math.max(from, over.seq - 1);
}

interface Made {
  readonly mark: SegmentMark;
  readonly bytes: Uint8Array;
  /** Of the file, hex. */
  readonly sha256: string;
  readonly fromAt: number;
  readonly toAt: number;
}

/** Events of the tables, a few at a time. */
async function eventsIn(
  from: number,
  to: number,
  { store, work = ALONE }: SegmentDeps,
): Promise<readonly StoredEvent[]> {
  const events: StoredEvent[] = [];
  // Whoever counts them sees that one is missing.
  for (const page of pagesOf(store, from, to, eventsAtOnce)) {
    for (const event of page) events.push(event);
    work.spent(page.length / eventsReadInOne, textOf(page));
    await work.giveWay();
  }
  return events;
}

/** Where they are small. One that is only read costs as much as a part of one that is decided. */
const eventsAtOnce = 256;
const eventsReadInOne = 16;

/** The events themselves are let go: what was stored is checked by the mark, which every one of their hashes is part of. */
async function fileOf(events: readonly StoredEvent[], origin: string, work: Work): Promise<Made> {
  const mark = await inTurns(markOf(origin, events), work);
  const bytes = await writeSegment(mark, events, work);
  return { mark, bytes, sha256: hashOf(bytes), fromAt: events[0]?.at ?? 0, toAt: events.at(-1)?.at ?? 0 };
}

/** Whether what lies there now is what was to be stored. @throws Fault when it is not: then no row goes */
async function readBack(key: string, made: Made, objects: ObjectStore, work: Work): Promise<void> {
  let stored = await objects.get(key);
  if (stored === null || hashOf(stored) !== made.sha256) {
    // An earlier try may have left half a file. The journal does not know this key yet, so nobody reads it: once more, whole.
    await objects.put(key, made.bytes, { contentType: 'application/vnd.apache.parquet' });
    stored = await objects.get(key);
  }
  if (stored === null || hashOf(stored) !== made.sha256) {
    throw new Fault('a segment that was read back is not what was stored', { retryable: true });
  }
  const read = await readSegment(stored, work);
  const bad = read === null ? made.mark.from : await inTurns(firstFault(made.mark, read.events), work);
  // The file is as it was written: it is the rows in the tables that do not hold, and they stay where somebody can look.
  if (bad !== null) throw new Fault(`event ${bad} is not what its hash says: it is not archived`, { retryable: false });
}

/** A file of an earlier try under another name (other code has written it): nobody will ask for it. */
async function forgetOther(key: string, { sql, objects, notes }: SegmentDeps): Promise<void> {
  const staged = notes.staged();
  if (staged === null || staged.key === key) return;
  const known = sql.all(`SELECT 1 FROM segment WHERE body ->> '$.key' = ?`, staged.key);
  if (known.length === 0) await objects.delete([staged.key]);
}

function marksOf(store: Pick<SwarmStore, 'read'>) {
  const { archivedTo = 0, snapshotSeq = 0 } = store.read.row('swarm', SELF) ?? {};
  return { archivedTo, snapshotSeq };
}

function hashOf(bytes: Uint8Array): string {
  return Buffer.from(sha256Bytes(bytes)).toString('hex');
}
