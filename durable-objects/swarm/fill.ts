// Fills the empty object of a fork: the parent's rows of one moment are taken page by page from the parent's past, checked
// against the hash of that whole state, and only then moved into their tables, in the transaction of the fork's first events.
// The parent is not asked and goes on meanwhile [P9]. What has come is stored with the mark of how far it is, so a fill that
// was cut off goes on where it stood.

import { snapshotKey } from '../../core/archive/keys.ts';
import type { ObjectStore } from '../../core/archive/port.ts';
import { assert, Fault } from '../../core/assert.ts';
import type { ForkCommand } from '../../core/forks/commands.ts';
import type { ForkProgress, NewFork } from '../../core/forks/port.ts';
import { LEFT_OUT } from '../../core/forks/state.ts';
import { timersOf } from '../../core/forks/timers.ts';
import type { PastPort } from '../../core/history/port.ts';
import {
  type ChunkRef,
  chunksOf,
  type Entry,
  kindOf,
  STATE_VERSION,
  stateHashOf,
} from '../../core/history/state-tree.ts';
import type { TaskId } from '../../core/ids.ts';
import { GENESIS, originName } from '../../core/journal/event.ts';
import { storageBytesRefuse } from '../../core/limits.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Rejection } from '../../core/swarm/rejections.ts';
import type { Execute, Executed } from '../../core/swarm/service.ts';
import { KINDS, type Kind, type Rows, SELF, type Swarm } from '../../core/swarm/state.ts';
import { putChunk, putManifest } from '../snapshot-files.ts';
import { first, type Sql } from '../sql-port.ts';
import type { Tries } from '../tries.ts';
import { ALONE, type Work } from '../turns.ts';
import { rowInserter } from './insert-rows.ts';
import type { Chore } from './recorder.ts';

export interface FillDeps {
  readonly sql: Sql;
  readonly tries: Tries;
  /** The past of the swarm of this id. */
  past(swarm: string): PastPort;
  readonly objects: ObjectStore;
  /** Decides commands in one transaction; nobody is told yet. */
  execute(commands: readonly Execute[]): readonly Executed[];
  /** Something was decided: timers and effects are due. */
  told(): void;
  newKey(): { readonly privateKey: string; readonly publicKey: string };
  /** Bytes that the object's storage holds. */
  databaseSize(): number;
  now(): number;
  /** How others get in between; with none of them where nothing is said. */
  readonly work?: Work;
}

export interface Filler extends Chore {
  isFilling(): boolean;
  /** The object is emptied: nothing of it goes on. */
  forget(): void;
  /** Fills for a few seconds. A second call goes on with what the first has begun. */
  fill(fork: NewFork): Promise<Result<ForkProgress, Rejection>>;
}

/** How far it is. */
type Mark = { readonly fork: NewFork } & (
  | { readonly phase: 'rows'; readonly after: string | null }
  | { readonly phase: 'settling' }
);
type Base = Extract<ForkCommand, { readonly type: 'ForkSwarm' }>['base'];

/** One call fills so long; the object goes on by itself. */
const fillMs = 20_000;
/** Devices and tasks that one decision settles: each says a few events. */
const settledAtOnce = 32;
/** Chunks that are under way to the storage at once. */
const uploadsAtOnce = 6;
/** A task may have hundreds of kilobytes. */
const largeRowsAtOnce = 50;
/** A row that is kept as it comes costs as much as a part of one that is decided. */
const rowsKeptInOne = 8;
const MARK = 'filling';
/** As the recorder names it, and who does it when somebody asks. */
const WORK = 'chore/fill';
const ASKED = 'fill';

export function createFiller(deps: FillDeps): Filler {
  const { sql } = deps;
  let mark = readMark(sql);
  let underWay: Promise<Result<ForkProgress, Rejection>> | null = null;
  const set = (next: Mark | null): void => {
    mark = next;
    if (next === null) sql.run('DELETE FROM meta WHERE key = ?', MARK);
    else sql.run('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)', MARK, JSON.stringify(next));
  };

  async function fillOn(): Promise<Result<ForkProgress, Rejection>> {
    const until = deps.now() + fillMs;
    do {
      if (mark === null) break;
      const went =
        mark.phase === 'rows'
          ? await takeRows(mark, { ...deps, set, isGone: () => mark === null }, until)
          : settle(deps, () => set(null));
      await deps.work?.giveWay();
      if (!went.ok) return went;
    } while (deps.now() < until);
    return ok(mark === null ? 'ready' : 'filling');
  }
  function goOn(): Promise<Result<ForkProgress, Rejection>> {
    underWay ??= fillOn().finally(() => {
      underWay = null;
    });
    return underWay;
  }

  /** For whoever asked, written down as the chore is that goes on with it; what was cut off is left to the chore. */
  async function goOnAsked(): Promise<Result<ForkProgress, Rejection>> {
    if (deps.tries.of(WORK) !== null) return ok('filling');
    deps.tries.begin(ASKED, [WORK]);
    await deps.tries.durable();
    try {
      return await goOn();
    } finally {
      deps.tries.end(ASKED);
    }
  }

  return {
    name: 'fill',
    isFilling: () => mark !== null,
    forget() {
      mark = null;
    },
    dueAt: () => (mark === null ? null : 0),
    async run() {
      const went = await goOn();
      // Refused is not done: the recorder waits, longer each time, and tells of it [P18].
      if (!went.ok) throw new Fault(`the fork is not filled: ${went.error.code}`, { retryable: true });
    },
    async fill(fork) {
      const own = ownSwarm(sql);
      if (mark !== null) return mark.fork.swarm === fork.swarm ? goOnAsked() : err({ code: 'swarm_exists' });
      if (own !== null) return own.fork && own.id === fork.swarm ? ok('ready') : err({ code: 'swarm_exists' });
      set({ fork, phase: 'rows', after: null });
      // Whoever asked may go away: the object goes on by itself.
      deps.told();
      return goOnAsked();
    },
  };
}

function readMark(sql: Sql): Mark | null {
  const row = first(sql.all<{ value: string }>('SELECT value FROM meta WHERE key = ?', MARK));
  return row && (JSON.parse(row.value) as Mark); // our own text
}

/** Read from the table: the store may not remember yet that there is none. */
function ownSwarm(sql: Sql): Swarm | null {
  const row = first(sql.all<{ body: string }>('SELECT body FROM swarm WHERE id = ?', SELF));
  return row && (JSON.parse(row.body) as Swarm); // our own row
}

interface Taking extends FillDeps {
  set(mark: Mark): void;
  /** The object was emptied meanwhile. */
  isGone(): boolean;
}

/** Takes pages until there are no more, then begins the fork. */
async function takeRows(
  { fork, after }: Extract<Mark, { phase: 'rows' }>,
  deps: Taking,
  until: number,
): Promise<Result<null, Rejection>> {
  const { sql, set, isGone, work = ALONE } = deps;
  const { parent } = fork;
  // Nothing was taken yet, whatever an earlier try has left.
  if (after === null) sql.run('DELETE FROM base');
  for (let behind = after; ; ) {
    const page = await deps.past(parent.swarm).rows(parent.swarm, { seq: parent.seq }, behind);
    if (isGone()) return err({ code: 'swarm_not_found' });
    if (!page.ok) return page;
    const { moment, entries, next } = page.value;
    if (deps.databaseSize() > storageBytesRefuse) return err({ code: 'storage_full' });
    if (moment.hash !== parent.head) return err({ code: 'history_damaged', seq: parent.seq });
    sql.transaction(() => {
      keepRows(sql, entries);
      if (next !== null) set({ fork, phase: 'rows', after: next });
    });
    work.spent(entries.length / rowsKeptInOne, 0);
    await work.giveWay();
    if (next === null) break;
    if (deps.now() >= until) return ok(null);
    behind = next;
  }
  const base = await storeBase(fork, deps);
  if (isGone()) return err({ code: 'swarm_not_found' });
  if (!base.ok) {
    // Another try takes all of it anew.
    set({ fork, phase: 'rows', after: null });
    return base;
  }
  try {
    return begin(fork, base.value, deps, () => set({ fork, phase: 'settling' }));
  } catch (cause) {
    // What it remembers is not rolled back with its tables: it has not begun.
    set({ fork, phase: 'rows', after: null });
    throw cause;
  }
}

function keepRows(sql: Sql, entries: readonly Entry[]): void {
  const insert = rowInserter(sql);
  // A page that was cut off behind its last row comes again.
  insert({ head: 'INSERT OR IGNORE INTO base (key, body)', columns: 2, tail: '' }, entries.flat());
}

/** Rows in the order in which they came, which is that of their keys. */
function* entriesOfBase(sql: Sql): Generator<Entry> {
  for (let behind = 0; ; ) {
    const rows = sql.all<{ n: number; key: string; body: string }>(
      `SELECT n, key, body FROM base WHERE n > ? ORDER BY n LIMIT ${largeRowsAtOnce}`,
      behind,
    );
    for (const { key, body } of rows) yield [key, body];
    if (rows.length < largeRowsAtOnce) return;
    behind = rows.at(-1)?.n ?? behind;
  }
}

/** Checks the whole state, and stores what the fork begins with as its snapshot before the first event. */
async function storeBase(
  { tenant, swarm, parent }: NewFork,
  { sql, objects, work = ALONE }: FillDeps,
): Promise<Result<Base, Rejection>> {
  const all: ChunkRef[] = [];
  const refs: ChunkRef[] = [];
  let uploads: Promise<number>[] = [];
  let bytes = 0;
  const arrived = async (): Promise<void> => {
    for (const size of await Promise.all(uploads)) bytes += size;
    uploads = [];
  };
  for (const { text, ...ref } of chunksOf(entriesOfBase(sql))) {
    all.push(ref);
    work.spent(ref.rows / rowsKeptInOne, text.length);
    await work.giveWay();
    if (LEFT_OUT.has(kindOf(ref.first))) continue;
    refs.push(ref);
    // Most of them lie there already, as the parent's.
    uploads.push(putChunk(tenant, ref.hash, text, objects));
    if (uploads.length === uploadsAtOnce) await arrived();
  }
  await arrived();
  if (stateHashOf(all) !== parent.stateHash) return err({ code: 'history_damaged', seq: parent.seq });
  const stateHash = stateHashOf(refs);
  const origin = originName({ tenant, swarm });
  const key = snapshotKey(origin, 0, stateHash);
  const begun = { seq: 0, head: GENESIS, stateHash };
  bytes += await putManifest(key, { origin, ...begun, refs }, objects);
  const rows = refs.reduce((sum, ref) => sum + ref.rows, 0);
  return ok({ ...begun, headAt: parent.at, version: STATE_VERSION, key, rows, chunks: refs.length, bytes });
}

/** The rows come into force, with their timers and the fork's first events, all or none of it. */
function begin(fork: NewFork, base: Base, deps: FillDeps, done: () => void): Result<null, Rejection> {
  const { sql, execute, newKey } = deps;
  const pair = newKey();
  const { by, ...named } = fork;
  const from = parentRow(sql);
  const command: Execute = {
    id: `fork:${fork.swarm}`,
    actor: { kind: 'system', id: by },
    command: {
      type: 'ForkSwarm',
      ...named,
      publicKey: pair.publicKey,
      supplyMicro: from.supplyMicro,
      cycle: from.cycle,
      base,
    },
    remember: false,
  };
  sql.transaction(() => {
    for (const kind of KINDS) if (!LEFT_OUT.has(kind)) moveIn(kind, sql);
    sql.run('DELETE FROM base');
    // What is under way now is to be settled; what the fork itself begins meanwhile is not.
    sql.run(`INSERT INTO base (key, body) SELECT id, '' FROM task WHERE state = 'leased' ORDER BY id`);
    setTimers(sql);
    sql.run(`INSERT OR REPLACE INTO meta (key, value) VALUES ('signing-key', ?)`, pair.privateKey);
    done();
    // Last: what the store remembers of it is not rolled back.
    const result = execute([command])[0]?.result;
    assert(result?.ok, 'a fork begins in an empty object');
  });
  deps.told();
  return ok(null);
}

function parentRow(sql: Sql): Swarm {
  const row = first(sql.all<{ body: string }>('SELECT body FROM base WHERE key = ?', `swarm/${SELF}`));
  assert(row !== null, 'a state has the row of its swarm');
  return JSON.parse(row.body) as Swarm; // under a hash that was checked
}

function moveIn(kind: Kind, sql: Sql): void {
  sql.run(
    `INSERT INTO ${kind} (id, body) SELECT substr(key, ?), body FROM base WHERE key >= ? AND key < ?`,
    kind.length + 2,
    `${kind}/`,
    `${kind}0`,
  );
}

/** Rows bring no timers along: what they ask for is set anew. What is due already is done at once. */
function setTimers(sql: Sql): void {
  const insert = rowInserter(sql);
  const set = (timers: ReturnType<typeof timersOf>): void => {
    insert(
      // Tasks of one mission ask for the same one.
      { head: 'INSERT INTO timer (key, due, command)', columns: 3, tail: 'ON CONFLICT (key) DO NOTHING' },
      timers.flatMap(({ key, at, command }) => [key, at, JSON.stringify(command)]),
    );
  };
  for (const task of rowsWhere(sql, 'task', `state IN ('waiting', 'queued', 'leased', 'awaiting_approval')`))
    set(timersOf('task', task));
  for (const transfer of rowsWhere(sql, 'transfer', `body ->> '$.state' = 'pending'`))
    set(timersOf('transfer', transfer));
}

/** Rows of a kind, a few at a time: inputs and results may be large. */
function* rowsWhere<K extends Kind>(sql: Sql, kind: K, condition: string): Generator<Rows[K]> {
  for (let behind = ''; ; ) {
    const rows = sql.all<{ id: string; body: string }>(
      `SELECT id, body FROM ${kind} WHERE ${condition} AND id > ? ORDER BY id LIMIT ${largeRowsAtOnce}`,
      behind,
    );
    for (const { body } of rows) yield JSON.parse(body) as Rows[K]; // our own rows, of the table asked
    if (rows.length < largeRowsAtOnce) return;
    behind = rows.at(-1)?.id ?? behind;
  }
}

/** What was under way in the parent is not under way here. A part of it; the last part says so. */
function settle({ sql, execute, told }: FillDeps, done: () => void): Result<null, Rejection> {
  const devices = idsOf(sql, `SELECT id FROM presence WHERE id <> 'cloud' AND body ->> '$.connected' = 1 ORDER BY id`);
  const tasks = idsOf(sql, 'SELECT key AS id FROM base ORDER BY n') as TaskId[]; // as `begin` has put them there
  if (devices.length === 0 && tasks.length === 0) {
    done();
    return ok(null);
  }
  const command = { type: 'SettleFork', devices, tasks } as const;
  const id = `settle:${devices[0] ?? ''}:${tasks[0] ?? ''}`;
  const result = execute([{ id, actor: { kind: 'system', id: 'fork' }, command, remember: false }])[0]?.result;
  if (result?.ok === false) return result;
  sql.run('DELETE FROM base WHERE key IN (SELECT value FROM json_each(?))', JSON.stringify(tasks));
  told();
  return ok(null);
}

function idsOf(sql: Sql, query: string): string[] {
  return sql.all<{ id: string }>(`${query} LIMIT ${settledAtOnce}`).map(({ id }) => id);
}
