// Snapshots of a swarm's state: what has changed since the last one is put into chunks, piece by piece, as it was at one moment
// (frozen-rows.ts), staged in the object's own tables, then uploaded, and only then the journal says that there is a snapshot. Cut
// anywhere, it is begun again; what was uploaded is found there [P8].

import { snapshotKey, tenantOf } from '../../core/archive/keys.ts';
import type { ObjectStore } from '../../core/archive/port.ts';
import { Fault } from '../../core/assert.ts';
import { keysOf } from '../../core/history/past.ts';
import {
  type Chunk,
  type ChunkRef,
  carryOn,
  createChunker,
  type Entry,
  type KeyRange,
  rangesOf,
  STATE_VERSION,
  stateHashOf,
} from '../../core/history/state-tree.ts';

import { textOf } from '../../core/journal/event.ts';
import { canonicalStored } from '../../core/json.ts';
import { choreBacklogMax, snapshotCharsMax, snapshotEvents, turnBytes, turnRows } from '../../core/limits.ts';

import type { SwarmCommand } from '../../core/swarm/commands.ts';
import { KINDS, SELF } from '../../core/swarm/state.ts';
import { putChunk, putManifest } from '../snapshot-files.ts';
import type { Sql } from '../sql-port.ts';
import { ALONE, type Work } from '../turns.ts';
import { type FrozenRows, freezeRows } from './frozen-rows.ts';
import { rowInserter } from './insert-rows.ts';
import { pagesOf } from './next-page.ts';
import type { Chore } from './recorder.ts';
import type { SwarmStore } from './swarm-store.ts';

export interface SnapshotDeps {
  readonly sql: Sql;
  readonly store: SwarmStore;
  readonly objects: ObjectStore;
  /** Executes a command of the swarm's own. @throws Fault when nothing may be written just now */
  execute(id: string, command: SwarmCommand): void;
  /** Events between two snapshots; `snapshotEvents` where a test says nothing else. */
  readonly everyEvents?: number;
  /** How others get in between; with none of them where nothing is said. */
  readonly work?: Work;
}

export interface Snapshots extends Chore {
  /** Takes a snapshot of now, unless there is one already. Answers with its seq. */
  take(): Promise<number>;
  /** The hash of the state as it is now; nothing is stored. */
  stateHash(): { readonly seq: number; readonly stateHash: string };
}

/** Chunks that are under way to the storage at once. */
const uploadsAtOnce = 6;
/** Rows and events read at once. */
const pageRows = 64;

export function createSnapshots(deps: SnapshotDeps): Snapshots {
  const { sql, store } = deps;
  const every = deps.everyEvents ?? snapshotEvents;
  let underWay: Promise<number> | null = null;

  const lastSeq = (): number => store.read.row('swarm', SELF)?.snapshotSeq ?? 0;
  const charsBehind = countChars(deps);
  return {
    name: 'snapshot',
    dueAt() {
      const isDue = store.head().seq - lastSeq() >= every || charsBehind(lastSeq()) >= snapshotCharsMax;
      return store.origin() !== null && isDue ? 0 : null;
    },
    isPressing: () =>
      store.head().seq - lastSeq() >= every * choreBacklogMax ||
      charsBehind(lastSeq()) >= snapshotCharsMax * choreBacklogMax,
    async run() {
      await this.take();
    },
    take() {
      underWay ??= takeOne(deps).finally(() => {
        underWay = null;
      });
      return underWay;
    },
    stateHash() {
      const refs = carryOn(treeOf(sql, lastSeq()), changedSince(lastSeq(), store), {
        entries: entriesIn(sql),
        add: () => {},
      });
      return { seq: store.head().seq, stateHash: stateHashOf(refs) };
    },
  };
}

/** Text of the events behind a snapshot, as bytes: how long a body is stands before it, and none is read. Each is looked at once. */
function countChars({ sql, store }: SnapshotDeps): (last: number) => number {
  let counted = { last: -1, to: 0, chars: 0 };
  return (last) => {
    if (counted.last !== last) counted = { last, to: last, chars: 0 };
    const head = store.head().seq;
    if (counted.to < head) {
      const query = 'SELECT sum(octet_length(body)) AS chars FROM journal WHERE seq > ?';
      const [more] = sql.all<{ chars: number | null }>(query, counted.to);
      counted = { last, to: head, chars: counted.chars + (more?.chars ?? 0) };
    }
    return counted.chars;
  };
}

async function takeOne(deps: SnapshotDeps): Promise<number> {
  const { sql, store, objects, execute } = deps;
  const origin = store.origin();
  if (origin === null) throw new Fault('a swarm is created before it is snapshot', { retryable: false });
  const last = store.read.row('swarm', SELF)?.snapshotSeq ?? 0;
  if (store.head().seq === last) return last;
  const staged = await stage(last, deps);
  const { head, headAt, refs, stateHash } = staged;
  const seq = head.seq;
  let bytes = await upload(tenantOf(origin), deps);
  const key = snapshotKey(origin, seq, stateHash);
  bytes += await putManifest(key, { origin, seq, head: head.hash, stateHash, refs }, objects);
  // The tree first: it may run ahead of the journal's word for it, as what changed is counted from that word on.
  keepTree(sql, refs);
  const rows = refs.reduce((sum, ref) => sum + ref.rows, 0);
  const counts = { rows, chunks: refs.length, bytes };
  const snapshot = { seq, head: head.hash, headAt, stateHash, version: STATE_VERSION, key, ...counts };
  execute(`snapshot:${seq}`, { type: 'RecordSnapshot', ...snapshot });
  return seq;
}

/** The state of this moment: its chunks, the new ones staged. Others write meanwhile; what they write is not seen. */
async function stage(last: number, deps: SnapshotDeps) {
  const { sql, store } = deps;
  const head = store.head();
  const headAt = store.events(head.seq, 1)[0]?.at ?? 0;
  const frozen = freezeRows(sql);
  store.keepFor(frozen);
  try {
    sql.run('DELETE FROM staged');
    const refs = await carryOnInPieces(last, head.seq, frozen, deps);
    return { head, headAt, refs, stateHash: stateHashOf(refs) };
  } finally {
    store.keepFor(null);
  }
}

/** `carryOn`, a chunk at a time: the tree of the rows that are frozen. */
async function carryOnInPieces(
  last: number,
  to: number,
  frozen: FrozenRows,
  { sql, store, work = ALONE }: SnapshotDeps,
): Promise<readonly ChunkRef[]> {
  const insert = rowInserter(sql);
  const before = treeOf(sql, last);
  const known = new Set(before.map(({ hash }) => hash));
  const refs: ChunkRef[] = [];
  const add = (chunk: Chunk | null): void => {
    if (chunk === null) return;
    const { text, ...ref } = chunk;
    refs.push(ref);
    if (!known.has(ref.hash))
      insert({ head: 'INSERT OR IGNORE INTO staged (hash, text)', columns: 2, tail: '' }, [ref.hash, text]);
    known.add(ref.hash);
  };
  const giveWay = async (rows: number, chars: number): Promise<void> => {
    work.spent(rows / rowsReadInOne, chars);
    if (!frozen.isFull()) await work.giveWay();
  };
  const keys = new Set<string>();
  if (last === 0) for (const kind of KINDS) keys.add(`${kind}/`);
  for (const events of pagesOf(store, last === 0 ? to + 1 : last + 1, to, turnRows)) {
    for (const key of keysOf(events)) keys.add(key);
    await giveWay(events.length, textOf(events));
  }
  const entries = entriesIn(sql);
  let at = 0;
  for (const range of rangesOf(before, keys)) {
    while (at < range.start) refs.push(before[at++] as ChunkRef); // below its length, as range.start is
    const chunker = createChunker();
    let [rows, chars] = [0, 0];
    // A page that was read before others wrote is as good: of what they wrote since, the rows as they were are kept.
    for (const [key, now] of entries(range)) {
      const text = frozen.asItWas(key, now);
      if (text !== null) add(chunker.take([key, text === now ? now : canonicalStored(JSON.parse(text))]));
      rows++;
      chars += now.length;
      if (rows < turnRows && chars < turnBytes) continue;
      await giveWay(rows, chars);
      [rows, chars] = [0, 0];
    }
    await giveWay(rows, chars);
    add(chunker.end());
    at = range.end;
  }
  return [...refs, ...before.slice(at)];
}

/** A row that is only read and written down costs as much as a part of one that is decided. */
const rowsReadInOne = 2;

/** Keys of rows that events behind `last` have touched; of every row when there was no snapshot yet. */
function* changedSince(last: number, store: SwarmStore): Generator<string> {
  if (last === 0) {
    // One key of each kind is enough: without an earlier tree the whole kind is read.
    for (const kind of KINDS) yield `${kind}/`;
    return;
  }
  for (let from = last + 1; from <= store.head().seq; ) {
    const events = store.events(from, pageRows);
    if (events.length === 0) return;
    yield* keysOf(events);
    from += events.length;
  }
}

/** The rows of a range, as they are in the tables now. */
export function entriesIn(sql: Sql): (range: KeyRange) => Generator<Entry> {
  return function* ({ kind, from, until }) {
    const bound = from === null ? '' : from.slice(kind.length + 1);
    const end = until === null ? null : until.slice(kind.length + 1);
    let after: string | null = null;
    for (;;) {
      const page: { id: string; bytes: number }[] = sql.all(
        `SELECT id, octet_length(body) AS bytes FROM ${kind} WHERE id ${after === null ? '>=' : '>'} ? ${end === null ? '' : 'AND id < ?'} ORDER BY id LIMIT ${pageRows}`,
        after ?? bound,
        ...(end === null ? [] : [end]),
      );
      const last = lastThatFits(page);
      if (last === null) return;
      const rows = sql.all<{ id: string; body: string }>(
        `SELECT id, body FROM ${kind} WHERE id >= ? AND id <= ? ORDER BY id`,
        page[0]?.id ?? last,
        last,
      );
      for (const { id, body } of rows) yield [`${kind}/${id}`, canonicalStored(JSON.parse(body))];
      if (page.length < pageRows && last === page.at(-1)?.id) return;
      after = last;
    }
  };
}

/** The last of these rows up to which their text is read in one turn; the first one always is. */
function lastThatFits(rows: readonly { readonly id: string; readonly bytes: number }[]): string | null {
  let bytes = 0;
  let last: string | null = null;
  for (const row of rows) {
    bytes += row.bytes;
    if (last !== null && bytes > turnBytes) break;
    last = row.id;
  }
  return last;
}

/** Uploads what is staged, a few at once; answers with the bytes it took. */
async function upload(tenant: string, { sql, objects }: SnapshotDeps): Promise<number> {
  let bytes = 0;
  for (;;) {
    const chunks = sql.all<{ hash: string; text: string }>(
      `SELECT hash, text FROM staged ORDER BY hash LIMIT ${uploadsAtOnce}`,
    );
    if (chunks.length === 0) return bytes;
    const sizes = await Promise.all(chunks.map(({ hash, text }) => putChunk(tenant, hash, text, objects)));
    bytes += sizes.reduce((sum, size) => sum + size, 0);
    for (const { hash } of chunks) sql.run('DELETE FROM staged WHERE hash = ?', hash);
  }
}

/** The tree of the snapshot at `last`; none before the first one. */
function treeOf(sql: Sql, last: number): readonly ChunkRef[] {
  return last === 0 ? [] : storedTree(sql);
}

function storedTree(sql: Sql): readonly ChunkRef[] {
  return sql.all<ChunkRef>('SELECT first, hash, rows FROM chunk ORDER BY first');
}

/** Makes the stored tree this one; what stays the same is not written again. */
function keepTree(sql: Sql, refs: readonly ChunkRef[]): void {
  sql.transaction(() => {
    const before = new Map(storedTree(sql).map((ref) => [ref.first, ref.hash]));
    const insert = rowInserter(sql);
    const into = {
      head: 'INSERT INTO chunk (first, hash, rows)',
      columns: 3,
      tail: 'ON CONFLICT (first) DO UPDATE SET hash = excluded.hash, rows = excluded.rows',
    };
    const changed = refs.filter(({ first, hash }) => before.get(first) !== hash);
    insert(
      into,
      changed.flatMap(({ first, hash, rows }) => [first, hash, rows]),
    );
    for (const { first } of refs) before.delete(first);
    for (const first of before.keys()) sql.run('DELETE FROM chunk WHERE first = ?', first);
  });
}
