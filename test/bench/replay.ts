// `replay`: a million events of tasks with their ledger, snapshot and archived as a swarm does it; then the whole rebuilt from
// the archive alone, and random moments opened by a past that knows nothing yet.

import { DatabaseSync } from 'node:sqlite';
import { stateHash } from '../../core/history/state-tree.ts';
import { idSource } from '../../core/ids.ts';
import type { SwarmCommand } from '../../core/swarm/commands.ts';
import { replay as fold, type RowMap } from '../../core/swarm/replay.ts';
import { SELF } from '../../core/swarm/state.ts';
import { migrate } from '../../durable-objects/migrate.ts';
import { nodeSql } from '../../durable-objects/node-sql.ts';
import { pastEvents } from '../../durable-objects/past/past-events.ts';
import { createPast } from '../../durable-objects/past/past-service.ts';
import type { Sql } from '../../durable-objects/sql-port.ts';
import { openArchiveNotes } from '../../durable-objects/swarm/archive-notes.ts';
import { createEventReader, type EventReader } from '../../durable-objects/swarm/event-reader.ts';
import { outlineOf, segmentsBetween } from '../../durable-objects/swarm/outline.ts';
import { createSegments, type Segments } from '../../durable-objects/swarm/segments.ts';
import { createSnapshots, type Snapshots } from '../../durable-objects/swarm/snapshots.ts';
import { openSwarmStore, type SwarmStore } from '../../durable-objects/swarm/swarm-store.ts';
import { swarmMigrations } from '../../migrations/swarm/index.ts';
import { type MemoryObjectStore, memoryObjectStore } from '../contract/memory-object-store.ts';
import { createSwarm, OWNER, START, SYSTEM } from '../core/memory-swarm.ts';
import { bounded, type Measure, median, type Outcome, plain, quantile, round } from './report.ts';

const EVENTS = 1_000_000;
/** Tasks of one transaction while the journal is made. */
const BATCH = 100;
/** Moments opened. */
const MOMENTS = 100;
/** A step forward while scrubbing, in events. */
const STEP = 200;

/** A swarm with its recorder, over one database and objects in memory. */
interface Recorded {
  readonly sql: Sql;
  readonly store: SwarmStore;
  readonly objects: MemoryObjectStore;
  readonly snapshots: Snapshots;
  readonly segments: Segments;
  readonly reader: EventReader;
  /** Moves the clock and gives the time. */
  readonly clock: { now: number };
}

export async function replay(): Promise<Outcome> {
  const swarm = open();
  await fill(swarm);
  const measures: Measure[] = [...sizesOf(swarm), ...(await rebuild(swarm)), ...(await seek(swarm))];
  const notes = [
    `The journal: ${swarm.store.head().seq.toLocaleString('en-US')} events of tasks that the swarm does itself, each with its own Idempotency-Key and traceparent (both random), made by the real store over node:sqlite.`,
    'Objects lie in memory: what a storage adds for each object is left out. A moment reads one manifest, one segment or two, and the chunks that its answer stands in.',
    'Each moment is opened by a past that has loaded nothing; its answer is the accounts, a page of tasks and a page of transfers. Rebuilding reads every segment, checks its hash and folds its events.',
  ];
  return { measures, notes };
}

function open(): Recorded {
  const sql = nodeSql(new DatabaseSync(':memory:'));
  migrate(sql, swarmMigrations);
  const clock = { now: START };
  const random = generator(20_261_120);
  const store = openSwarmStore(sql, { now: () => clock.now, entropy: (n) => bytesOf(random, n) });
  const objects = memoryObjectStore();
  const execute = (id: string, command: SwarmCommand, within?: () => void): void => {
    const { executed } = store.executeMany([{ id, command, actor: SYSTEM, remember: false }], within);
    const result = executed[0]?.result;
    if (!result?.ok) throw new Error(`${command.type}: ${result?.error.code}`);
  };
  execute('create', { ...createSwarm({ supplyMicro: 1_000_000_000_000 }) });
  const snapshots = createSnapshots({ sql, store, objects, execute });
  const segments = createSegments({
    ...{ sql, store, objects, snapshots, execute },
    notes: openArchiveNotes(sql),
    durable: async () => {},
    originAt: () => store.origin() ?? '',
  });
  const reader = createEventReader({
    hot: (from, limit) => store.events(from, limit),
    segmentsOf: (from, to) => segmentsBetween(from, to, sql),
    expiredTo: () => 0,
    store: objects,
  });
  return { sql, store, objects, snapshots, segments, reader, clock };
}

/** Tasks are asked for and done until there are enough events; the recorder's chores come when they are due. */
async function fill({ sql, store, snapshots, segments, clock }: Recorded): Promise<void> {
  const random = generator(7);
  const hex = (bytes: number): string => Buffer.from(bytesOf(random, bytes)).toString('hex');
  for (let task = 0; store.head().seq < EVENTS; task += BATCH) {
    clock.now += 97;
    store.executeMany(
      Array.from({ length: BATCH }, (_, i) => ({
        id: `api/${hex(16)}`,
        actor: OWNER,
        remember: false,
        trace: `00-${hex(16)}-${hex(8)}-01`,
        command: { type: 'RequestTask', operation: 'swarm.echo', input: inputOf(task + i, random) },
      })),
    );
    const runs = sql.all<{ task: string; attempt: string }>(
      `SELECT effect ->> '$.task' AS task, effect ->> '$.attempt' AS attempt FROM outbox ORDER BY id`,
    );
    sql.run('DELETE FROM outbox');
    clock.now += 3;
    store.executeMany(
      runs.map(({ task: id, attempt }) => ({
        id: `run:${attempt}`,
        actor: SYSTEM,
        remember: false,
        command: {
          type: 'ReportAttempt',
          executor: 'cloud',
          task: id as `tsk_${string}`, // as the store made it
          attempt,
          fence: 1,
          report: { type: 'attempt.succeeded', result: { words: 1 + (random() % 40) }, durationMs: random() % 9 },
        } as SwarmCommand,
      })),
    );
    for (const chore of [snapshots, segments]) while (chore.dueAt() !== null) await chore.run();
  }
}

/** Inputs as people send them: a few words and a number. */
function inputOf(task: number, random: () => number): { readonly page: number; readonly text: string } {
  const words = Array.from({ length: 8 }, () => WORDS[random() % WORDS.length] ?? '');
  return { page: task, text: words.join(' ') };
}

const WORDS = 'the robot moved a pallet from dock three to bay five while zone north waited for power and light'.split(
  ' ',
);

function sizesOf({ sql, objects, store }: Recorded): Measure[] {
  const { archivedTo = 0 } = store.read.row('swarm', SELF) ?? {};
  const sumOf = (prefix: string): number =>
    [...objects.objects].reduce((sum, [key, bytes]) => sum + (key.startsWith(prefix) ? bytes.byteLength : 0), 0);
  const raw = sql.all<{ bytes: number }>(
    `SELECT avg(length(body) + length(command) + length(subject) + length(type) + length(actor) + length(trace) + 64) AS bytes FROM journal`,
  );
  return [
    plain('replay', 'an event as text, without white space', raw[0]?.bytes ?? 0, 'bytes'),
    bounded('replay', 'an archived event, compressed', sumOf('journal/') / archivedTo, 'bytes', { most: 100 }),
    plain('replay', 'snapshots, for each event', (sumOf('state/') + sumOf('snapshots/')) / archivedTo, 'bytes'),
  ];
}

/** Everything from the first event on, out of the archive: the same state as the one that is live. */
async function rebuild({ reader, snapshots, store }: Recorded): Promise<Measure[]> {
  const live = snapshots.stateHash().stateHash;
  const rows: RowMap = new Map();
  const { seq } = store.head();
  let folding = 0;
  const begun = performance.now();
  for (let from = 1; from <= seq; ) {
    const page = await reader.page(from, seq);
    if (!page.ok) throw new Error(page.error.code);
    const read = performance.now();
    fold(page.value, rows);
    folding += performance.now() - read;
    from += page.value.length;
  }
  const ms = performance.now() - begun;
  if (stateHash(rows) !== live) throw new Error('the rebuilt state is not the live one');
  const rate = (seq / ms) * 1_000;
  return [
    {
      ...plain('replay', 'rebuilt from the archive, checked', rate, 'events/s'),
      goal: '≥ 100000',
      met: rate >= 100_000,
    },
    plain('replay', 'of that, the fold alone', (seq / folding) * 1_000, 'events/s'),
  ];
}

async function seek(swarm: Recorded): Promise<Measure[]> {
  const { store } = swarm;
  const random = generator(11);
  const times: number[] = [];
  const steps: number[] = [];
  for (let i = 0; i < MOMENTS; i++) {
    const past = pastOf(swarm);
    const seq = 1 + (random() % (store.head().seq - STEP));
    times.push(await timed(() => look(past, seq)));
    steps.push(await timed(() => look(past, seq + STEP)));
  }
  return [
    bounded('replay', `any moment, the slowest of ${MOMENTS} random ones`, quantile(times, 1), 'ms', { most: 1_000 }),
    plain('replay', 'any moment, the median', round(median(times)), 'ms'),
    plain('replay', `a step of ${STEP} events forward, the median`, median(steps), 'ms'),
  ];
}

function pastOf({ sql, store, objects, clock }: Recorded) {
  const readEvents = async (from: number, to: number) => reader.read(from, to);
  const reader = createEventReader({
    hot: (from, limit) => store.events(from, limit),
    segmentsOf: (from, to) => segmentsBetween(from, to, sql),
    expiredTo: () => 0,
    store: objects,
  });
  const history = {
    outline: (_: unknown, at: Parameters<typeof outlineOf>[0], before: number | null) =>
      outlineOf(at, before, { sql, store, now: () => clock.now, readEvents }),
    hotEvents: async (from: number, limit: number) => store.events(from, limit),
  };
  return createPast({
    history,
    objects,
    readEvents: pastEvents({ history, objects }),
    momentOf: (actor, at) => ({ at, actor, ids: idSource(at, new Uint8Array(10)), commandId: 'bench', trace: null }),
  });
}

async function look(past: ReturnType<typeof pastOf>, seq: number): Promise<void> {
  for (const type of ['accounts', 'tasks', 'transfers'] as const) {
    const read = await past.read(SYSTEM, { seq }, { type, limit: 20, cursor: null });
    if (!read.ok || read.value.moment.seq !== seq) throw new Error('a moment was not read');
  }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

/** Numbers that are the same at each run: mulberry32. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

function bytesOf(random: () => number, count: number): Uint8Array {
  return Uint8Array.from({ length: count }, () => random() & 0xff);
}
