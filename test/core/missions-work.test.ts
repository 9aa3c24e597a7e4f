// What large missions cost: counted in what is read from the tables and what is made of it, never in time.

import { expect, test } from 'vitest';
import { newId } from '../../core/ids.ts';
import type { Json } from '../../core/json.ts';
import { resultsReadCharsMax, taskInputBytesMax } from '../../core/limits.ts';
import type { PlanTask } from '../../core/missions/commands.ts';
import { fillInput } from '../../core/missions/plan.ts';
import { roomFor } from '../../core/room.ts';
import type { Sql } from '../../durable-objects/sql-port.ts';
import { aDevice, succeed } from './builders.ts';
import { aSwarm, entropyOf, START } from './memory-swarm.ts';
import { StoreSwarm } from './store-swarm.ts';

/** Counts the text that queries bring. */
function counted(): { around: (sql: Sql) => Sql; chars: () => number; reset: () => void } {
  let chars = 0;
  return {
    around: (sql) => ({
      ...sql,
      all<R>(query: string, ...bindings: Parameters<Sql['all']>[1][]) {
        const rows = sql.all<R>(query, ...bindings);
        for (const row of rows as Record<string, unknown>[])
          for (const value of Object.values(row)) if (typeof value === 'string') chars += value.length;
        return rows;
      },
    }),
    chars: () => chars,
    reset: () => {
      chars = 0;
    },
  };
}

function step(key: string, after: readonly string[], input: Json): PlanTask {
  return { key, operation: 'swarm.echo', input, after };
}

/** Does what the swarm itself was given, one attempt after the other, until nothing is left. */
function runAll(swarm: StoreSwarm, mission: string): void {
  for (let left = true; left; ) {
    left = false;
    // What one decision has left to the next.
    swarm.runUntil(swarm.now + 1);
    for (const { task: id } of swarm.row('mission', mission).tasks) {
      const [found] = swarm.sql.all<{ attempt: string }>(
        `SELECT attempt FROM task WHERE id = ? AND state = 'leased'`,
        id,
      );
      if (!found) continue;
      left = true;
      const { attempts, input } = swarm.row('task', id);
      const attempt = attempts.at(-1);
      if (!attempt) throw new Error('a leased task has an attempt');
      const report = { type: 'attempt.succeeded', result: input, durationMs: 1 } as const;
      const of = { task: id, attempt: attempt.id, fence: attempt.n, executor: 'cloud' } as const;
      swarm.do({ type: 'ReportAttempt', ...of, report }, { remember: false });
    }
  }
}

test('[MISSION-10] over its life a mission reads what its tasks hold a few times, and not once for each of them', () => {
  const [tasks, chars] = [80, 20_000];
  const count = counted();
  const swarm = new StoreSwarm({ supplyMicro: 1e9, around: count.around });
  const plan = [
    step('k0', [], 'x'.repeat(chars)),
    ...Array.from({ length: tasks - 1 }, (_, n) => step(`k${n + 1}`, ['k0'], { $result: 'k0' })),
  ];
  count.reset();
  const mission = swarm.do({ type: 'StartMission', plan: { tasks: plan } });
  runAll(swarm, mission);
  expect(swarm.row('mission', mission).state).toBe('succeeded');
  // A row has an input and a result; a walk of every row in every decision would be eighty times as much.
  expect(count.chars()).toBeLessThan(8 * tasks * 2 * chars);

  count.reset();
  expect(swarm.query({ type: 'mission', id: mission })).toMatchObject({ state: 'succeeded' });
  expect(count.chars()).toBeLessThan(tasks * 1_500);
});

test('[MISSION-10] ending a mission reads what is still open of it, and nothing else', () => {
  const count = counted();
  const swarm = new StoreSwarm({ supplyMicro: 1e9, around: count.around });
  const plan = [
    ...Array.from({ length: 40 }, (_, n) => step(`k${n}`, [], 'x'.repeat(20_000))),
    step('last', ['k0', 'k1'], null),
  ];
  const mission = swarm.do({ type: 'StartMission', plan: { tasks: plan } });
  const [kept] = swarm.row('mission', mission).tasks;
  for (const { task: id } of swarm.row('mission', mission).tasks.slice(1, 40)) {
    const attempt = swarm.row('task', id).attempts.at(-1);
    const report = { type: 'attempt.succeeded', result: 'x'.repeat(20_000), durationMs: 1 } as const;
    const of = { task: id, attempt: attempt?.id ?? 'att_', fence: 1, executor: 'cloud' } as const;
    swarm.do({ type: 'ReportAttempt', ...of, report } as never, { remember: false });
  }
  count.reset();
  swarm.do({ type: 'CancelMission', mission: mission as never });
  expect(swarm.row('task', kept?.task ?? '').state).toBe('cancelled');
  expect(count.chars()).toBeLessThan(200_000);
});

test('[MISSION-5] filling an input stops where it is too large: what does not fit is not made', () => {
  const result = { part: 'x'.repeat(taskInputBytesMax / 4) };
  let asked = 0;
  const input = Array.from({ length: 100_000 }, () => ({ $result: 'a' }));
  const filled = fillInput(
    input,
    () => {
      asked++;
      return result;
    },
    roomFor(taskInputBytesMax + input.length),
  );
  expect([filled, asked]).toEqual([null, 4]);
});

test('[MISSION-5] one success reads a bounded amount of results, however small the parts are that are named', {
  timeout: 120_000,
}, () => {
  const size = 180_000;
  const needed = Math.floor(resultsReadCharsMax / size);
  for (const users of [needed - 1, needed + 2]) {
    const swarm = aSwarm({ supplyMicro: 1e6 });
    aDevice(swarm, { parallel: 200 });
    const keys = Array.from({ length: users }, (_, n) => `k${n}`);
    const one = (key: string, after: readonly string[], input: Json) =>
      ({ key, operation: 'text.summarize', input, after }) as const;
    const last = keys.map((key) => ({ $result: key, path: '/0' }));
    const mission = swarm.do({
      type: 'StartMission',
      plan: { tasks: [...keys.map((key) => one(key, [], null)), one('last', keys, last)] },
    });
    for (const { key, task } of swarm.row('mission', mission).tasks)
      if (key !== 'last') succeed(swarm, task, [1, 'x'.repeat(size)]);
    expect(swarm.row('mission', mission).state).toBe(users < needed ? 'running' : 'failed');
  }
});

test('[WORK-18] looking through what waits for what an executor may do reads none of it', () => {
  const count = counted();
  const swarm = new StoreSwarm({ supplyMicro: 1e9, around: count.around });
  const body = (n: number, more: object) =>
    JSON.stringify({
      ...{ id: newId('tsk', START, entropyOf(n)), state: 'queued', operation: 'swarm.echo', input: 'x'.repeat(20_000) },
      ...{ require: {}, maxCreditsMicro: null, deadline: START + 60_000, notBefore: START, unfunded: false },
      ...{ attempts: [], settledMicro: 0, result: null, error: null, mission: null, key: null, after: [] },
      ...{ origin: 'api', trace: null, createdAt: START, updatedAt: START },
      ...more,
    });
  for (let n = 1; n <= 200; n++)
    swarm.sql.run(
      `INSERT INTO task (id, body) VALUES (?, ?)`,
      newId('tsk', START, entropyOf(n)),
      body(n, { require: { capability: 'not.there' } }),
    );
  const task = swarm.do({ type: 'RequestTask', operation: 'swarm.echo', input: 1 }) as `tsk_${string}`;
  const attempt = swarm.row('task', task).attempts.at(-1);
  count.reset();
  const report = { type: 'attempt.succeeded', result: 1, durationMs: 1 } as const;
  const of = { task, attempt: attempt?.id ?? 'att_', fence: 1, executor: 'cloud' } as const;
  swarm.do({ type: 'ReportAttempt', ...of, report } as never, { remember: false });
  expect(count.chars()).toBeLessThan(200 * 1_000);
});

test('[WORK-18] credits that come back find what waits for them without reading what else waits', () => {
  const count = counted();
  const swarm = new StoreSwarm({ supplyMicro: 1e9, around: count.around });
  const { unfundedTasks } = swarm.store.read;
  for (let n = 1; n <= 50; n++)
    swarm.sql.run(
      `INSERT INTO task (id, body) VALUES (?, ?)`,
      newId('tsk', START, entropyOf(n)),
      JSON.stringify({ state: 'queued', operation: 'o', notBefore: n, unfunded: n > 10, input: 'x'.repeat(20_000) }),
    );
  count.reset();
  expect(unfundedTasks(40, 99)).toHaveLength(30);
  expect(count.chars()).toBeLessThan(50 * 40);
});

test('[HISTORY-11] a page of large rows is read a few at a time, and ends with what one answer carries', () => {
  const count = counted();
  const swarm = new StoreSwarm({ supplyMicro: 1e9, around: count.around });
  const ids = Array.from({ length: 100 }, () =>
    swarm.do({ type: 'RequestTask', operation: 'swarm.echo', input: 'x'.repeat(180_000) }, { remember: false }),
  );
  count.reset();
  // The tables of the answer are those that are counted.
  const page = (state: string | undefined, cursor: string | null, limit = 100) =>
    swarm.query({ type: 'tasks', ...(state === undefined ? {} : { state }), limit, cursor }) as {
      data: { id: string }[];
      nextCursor: string | null;
    };
  for (const state of [undefined, 'leased']) {
    const seen: string[] = [];
    for (let cursor: string | null = null, pages = 0; pages < 20; pages++) {
      const { data, nextCursor } = page(state, cursor);
      expect(JSON.stringify(data).length).toBeLessThan(5_000_000);
      seen.push(...data.map(({ id }) => id));
      if (nextCursor === null) break;
      cursor = nextCursor;
    }
    expect(seen).toEqual(ids.toReversed());
  }
  expect(page('failed', null)).toEqual({ data: [], nextCursor: null });
  expect(page('leased', null, 3).data.map(({ id }) => id)).toEqual(ids.toReversed().slice(0, 3));
});
