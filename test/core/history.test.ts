// The past over snapshots: any moment is what was live then, whichever way it is rebuilt.

import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import type { ObjectStore } from '../../core/archive/port.ts';
import type { HistoryPort } from '../../core/history/port.ts';
import { stateHash } from '../../core/history/state-tree.ts';
import { idSource } from '../../core/ids.ts';
import { canonical } from '../../core/json.ts';
import { ok } from '../../core/result.ts';
import { answerRows, type RowQuery } from '../../core/swarm/answer.ts';
import { replay } from '../../core/swarm/replay.ts';
import { migrate } from '../../durable-objects/migrate.ts';
import { nodeSql } from '../../durable-objects/node-sql.ts';
import { createPast, type PastService } from '../../durable-objects/past/past-service.ts';
import type { Sql } from '../../durable-objects/sql-port.ts';
import { outlineOf } from '../../durable-objects/swarm/outline.ts';
import { createSnapshots } from '../../durable-objects/swarm/snapshots.ts';
import { sqlRows } from '../../durable-objects/swarm/sql-rows.ts';
import { openSwarmStore, type SwarmStore } from '../../durable-objects/swarm/swarm-store.ts';
import { swarmMigrations } from '../../migrations/swarm/index.ts';
import { runCommandList } from './command-list.ts';
import { entropyOf, START, SYSTEM } from './memory-swarm.ts';

/** Objects in memory; `spoil` changes what is read. */
function objectsOf(): ObjectStore & { readonly kept: Map<string, Uint8Array> } {
  const kept = new Map<string, Uint8Array>();
  return {
    kept,
    async put(key, bytes, { ifAbsent }) {
      if (ifAbsent && kept.has(key)) return 'present';
      kept.set(key, bytes);
      return 'stored';
    },
    get: async (key) => kept.get(key) ?? null,
    list: async () => ({ objects: [], cursor: null }),
    async delete(keys) {
      for (const key of keys) kept.delete(key);
    },
  };
}

interface Recorded {
  readonly sql: Sql;
  readonly store: SwarmStore;
  readonly objects: ReturnType<typeof objectsOf>;
  /** State hash and some answers as they were right after the event of this seq. */
  readonly live: ReadonlyMap<number, { readonly stateHash: string; readonly answers: string }>;
}

const QUERIES: readonly RowQuery[] = [
  { type: 'tasks', limit: 7, cursor: null },
  { type: 'tasks', limit: 100, cursor: null, state: 'succeeded' },
  { type: 'accounts', limit: 100, cursor: null },
  { type: 'transfers', limit: 20, cursor: null },
  { type: 'devices', limit: 20, cursor: null },
  { type: 'missions', limit: 20, cursor: null },
  { type: 'operations' },
  { type: 'keys', limit: 20, cursor: null },
  { type: 'triggers', limit: 20, cursor: null },
  { type: 'webhooks', limit: 20, cursor: null },
];

const momentAt = (at: number) => ({
  at,
  actor: SYSTEM,
  ids: idSource(START, entropyOf(0)),
  commandId: 'x',
  trace: null,
});

/** A busy life of a swarm, with a snapshot every so many events. */
async function recorded(everyEvents: number): Promise<Recorded> {
  const sql = nodeSql(new DatabaseSync(':memory:'));
  migrate(sql, swarmMigrations);
  const objects = objectsOf();
  const live = new Map<number, { stateHash: string; answers: string }>();
  await runCommandList(sql, async (reopen) => {
    const store = storeOf(sql);
    const snapshots = createSnapshots({ sql, store, objects, everyEvents, execute: executeIn(store) });
    if (snapshots.dueAt() !== null) {
      await snapshots.run();
      reopen();
    }
    const answers = QUERIES.map((query) => answerRows(query, sqlRows(sql, store.read), momentAt(START)));
    const values = answers.map((answer) => (answer.ok ? answer.value : null));
    live.set(store.head().seq, { stateHash: snapshots.stateHash().stateHash, answers: canonical(values) });
  });
  return { sql, store: storeOf(sql), objects, live };
}

function storeOf(sql: Sql): SwarmStore {
  return openSwarmStore(sql, { now: () => START, entropy: () => entropyOf(0) });
}

function executeIn(store: SwarmStore): Parameters<typeof createSnapshots>[0]['execute'] {
  return (id, command) => {
    const result = store.executeMany([{ id, command, actor: SYSTEM, remember: false }]).executed[0]?.result;
    if (!result?.ok) throw new Error(result?.error.code);
  };
}

function pastOf({ sql, store, objects }: Recorded): PastService {
  const readEvents = async (from: number, to: number) => ok(store.events(from, to - from + 1));
  const history: HistoryPort = {
    outline: (_, at, before) => outlineOf(at, before, { sql, store, now: () => Number.MAX_SAFE_INTEGER, readEvents }),
    hotEvents: async (from, limit) => store.events(from, limit),
  };
  return createPast({ history, objects, readEvents, momentOf: (_, at) => momentAt(at) });
}

async function answersAt(past: PastService, seq: number): Promise<string> {
  const answers: unknown[] = [];
  for (const query of QUERIES) {
    const read = await past.read(SYSTEM, { seq }, query);
    if (!read.ok) throw new Error(read.error.code);
    expect(read.value.moment.seq).toBe(seq);
    answers.push(read.value.value);
  }
  return canonical(answers);
}

async function momentOf(past: PastService, seq: number) {
  const found = await past.stateHash(null, { seq });
  if (!found.ok) throw new Error(`${found.error.code} at ${seq}`);
  return found.value;
}

describe('the past', () => {
  test('[HISTORY-2] any moment, from zero and from snapshots, is what was live then', async () => {
    const life = await recorded(40);
    const past = pastOf(life);
    expect(life.live.size).toBeGreaterThan(50);
    const events = life.store.events(1, 100_000);
    // Backwards, so that each moment is opened anew; then forwards, which goes on from the moment before.
    const seqs = [...life.live.keys()];
    for (const seq of [...seqs].reverse().concat(seqs)) {
      const { stateHash: found, moment } = await momentOf(past, seq);
      expect(found).toBe(life.live.get(seq)?.stateHash);
      expect(moment.hash).toBe(events[seq - 1]?.hash);
    }
    for (const seq of seqs) {
      expect(stateHash(replay(events.slice(0, seq)))).toBe(life.live.get(seq)?.stateHash);
      expect(await answersAt(past, seq)).toBe(life.live.get(seq)?.answers);
    }
  });

  test('[HISTORY-3] a moment begins at the nearest snapshot', async () => {
    const life = await recorded(40);
    const taken = life.sql.all<{ seq: number }>(`SELECT body ->> '$.seq' AS seq FROM snapshot ORDER BY id`);
    const seqs = taken.map(({ seq }) => seq);
    expect(seqs.length).toBeGreaterThan(3);
    for (const seq of [1, seqs[0] ?? 0, (seqs[2] ?? 0) + 5, (seqs[1] ?? 0) - 1]) {
      const { moment } = await momentOf(pastOf(life), seq);
      expect(moment.snapshotSeq).toBe(Math.max(0, ...seqs.filter((at) => at <= seq)));
    }
  });

  test('[HISTORY-4] a damaged or missing snapshot is passed over, and the answer says so', async () => {
    const life = await recorded(40);
    const { objects, live } = life;
    const [last = 0] = [...live.keys()].reverse();
    const whole = new Map(objects.kept);
    for (const [key, bytes] of whole) {
      for (const damage of [null, bytes.subarray(0, bytes.length / 2), flipped(bytes), new Uint8Array()]) {
        if (damage === null) objects.kept.delete(key);
        else objects.kept.set(key, damage);
        const past = pastOf(life);
        const { stateHash: found, moment } = await momentOf(past, last);
        expect(found).toBe(live.get(last)?.stateHash);
        expect(await answersAt(past, last)).toBe(live.get(last)?.answers);
        const isNewest =
          key.startsWith('snapshots/') &&
          [...whole.keys()]
            .filter((k) => k.startsWith('snapshots/'))
            .sort()
            .at(-1) === key;
        if (isNewest) expect(moment.damaged).toHaveLength(1);
        objects.kept.set(key, bytes);
      }
    }
  });

  test('[HISTORY-5] a moment that has not been, or was before the beginning, is refused', async () => {
    const life = await recorded(1_000);
    const past = pastOf(life);
    const codes = await Promise.all(
      [{ seq: 0 }, { seq: -1 }, { seq: life.store.head().seq + 1 }, { time: START - 1 }].map((at) =>
        past.stateHash(null, at),
      ),
    );
    expect(codes.map((found) => (found.ok ? null : found.error.code))).toEqual([
      'moment_before_genesis',
      'moment_before_genesis',
      'moment_ahead',
      'moment_before_genesis',
    ]);
  });

  test('[HISTORY-6] a time is the moment after the last event at or before it', async () => {
    const life = await recorded(1_000);
    const past = pastOf(life);
    const events = life.store.events(1, 100_000);
    for (const { at } of events.filter((_, i) => i % 7 === 0)) {
      for (const time of [at - 1, at, at + 1]) {
        const found = await past.stateHash(null, { time });
        const seq = events.findLast((event) => event.at <= time)?.seq;
        expect(found.ok ? found.value.moment.seq : undefined).toBe(seq);
      }
    }
  });

  test('[HISTORY-7] a difference says which rows changed, as they were and as they are', async () => {
    const life = await recorded(40);
    const past = pastOf(life);
    const seqs = [...life.live.keys()];
    const events = life.store.events(1, 100_000);
    for (const [i, from] of seqs.entries()) {
      const to = seqs[Math.min(seqs.length - 1, i + 9)] ?? from;
      const diffed = await past.diff(SYSTEM, { seq: from }, { seq: to }, { limit: 10_000, cursor: null });
      if (!diffed.ok) throw new Error(diffed.error.code);
      const { data, events: counted } = diffed.value as unknown as {
        data: { kind: string; id: string; change: string }[];
        events: { total: number };
      };
      const [before, after] = [replay(events.slice(0, from)), replay(events.slice(0, to))];
      const changed = [...after].filter(([key, row]) => JSON.stringify(before.get(key)) !== JSON.stringify(row));
      expect(data.map(({ kind, id }) => `${kind}/${id}`)).toEqual(changed.map(([key]) => key).sort());
      expect(counted.total).toBe(to - from);
    }
  });
});

function flipped(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const at = Math.floor(copy.length / 2);
  copy[at] = (copy[at] ?? 0) ^ 4;
  return copy;
}
