import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { MissionId, TaskId } from '../../core/ids.ts';
import type { Json } from '../../core/json.ts';
import { jsonDepthMax } from '../../core/json.ts';
import {
  deadlineMsMax,
  missionsOpenMax,
  planDepthMax,
  planTasksMax,
  taskInputBytesMax,
  tasksOpenMax,
  walkBytes,
  walkBytesOfTask,
} from '../../core/limits.ts';
import type { PlanTask } from '../../core/missions/commands.ts';
import { checkPlan, fillInput, resultsNamed } from '../../core/missions/plan.ts';
import { roomFor } from '../../core/room.ts';
import { aDescription, aDevice, anEnrolledDevice, anOffer, connect, fail, reports, says, succeed } from './builders.ts';
import { aSwarm, type MemorySwarm } from './memory-swarm.ts';

function step(key: string, after: readonly string[] = [], input: Json = null): PlanTask {
  return { key, operation: 'text.summarize', input, after };
}

/** Starts a mission; answers with the tasks by key. */
function start(swarm: MemorySwarm, tasks: readonly PlanTask[]): { mission: MissionId; task: (key: string) => TaskId } {
  const mission = swarm.do({ type: 'StartMission', plan: { tasks } }) as MissionId;
  const planned = new Map(swarm.row('mission', mission).tasks.map(({ key, task }) => [key, task]));
  return { mission, task: (key) => planned.get(key) ?? ('tsk_none' as TaskId) };
}

function states(swarm: MemorySwarm, mission: MissionId): string {
  return swarm
    .row('mission', mission)
    .tasks.map(({ key, task }) => `${key}:${swarm.row('task', task).state}`)
    .join(' ');
}

describe('a plan', () => {
  /** A graph whose arrows go from an earlier task to a later one; shuffled, so that the order says nothing. */
  const dag = fc.array(fc.array(fc.nat(40), { maxLength: 4 }), { minLength: 1, maxLength: 40 }).chain((arrows) => {
    const tasks = arrows.map((from, n) => step(`k${n}`, n === 0 ? [] : [...new Set(from.map((m) => `k${m % n}`))]));
    return fc.shuffledSubarray(tasks, { minLength: tasks.length });
  });

  test('[MISSION-1] any graph without a cycle is a plan, put in an order in which each task comes after what it waits for', () => {
    fc.assert(
      fc.property(dag, (tasks) => {
        const checked = checkPlan(tasks);
        if (!checked.ok) throw new Error(checked.error.code);
        expect(checked.value).toHaveLength(tasks.length);
        const seen = new Set<string>();
        for (const { key, after } of checked.value) {
          for (const earlier of after ?? []) expect(seen).toContain(earlier);
          seen.add(key);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test('[MISSION-1] any graph with a cycle is refused', () => {
    fc.assert(
      fc.property(dag, fc.nat(1_000), fc.integer({ min: 1, max: 10 }), (tasks, at, length) => {
        // A path through `length` of the tasks, closed to a ring.
        const ring = Array.from({ length: Math.min(length, tasks.length) }, (_, n) => (at + n) % tasks.length);
        const cyclic = tasks.map((task, index) => {
          const place = ring.indexOf(index);
          const before = tasks[ring[(place + ring.length - 1) % ring.length] ?? 0]?.key ?? '';
          return place < 0 ? task : { ...task, after: [...(task.after ?? []), before] };
        });
        expect(checkPlan(cyclic)).toMatchObject({ ok: false, error: { code: 'plan_cyclic' } });
      }),
      { numRuns: 1_000 },
    );
  });

  test.each([
    ['plan_empty', []],
    ['plan_key_repeated', [step('a'), step('a')]],
    ['plan_key_unknown', [step('a', ['b'])]],
    ['plan_result_not_awaited', [step('a'), step('b', [], { $result: 'a' })]],
    ['plan_result_not_awaited', [step('a'), step('b', ['a']), step('c', ['b'], [{ deep: { $result: 'a' } }])]],
    ['plan_cyclic', [step('a', ['a'])]],
    ['limit_reached', Array.from({ length: planTasksMax + 1 }, (_, n) => step(`k${n}`))],
    ['limit_reached', Array.from({ length: planDepthMax + 1 }, (_, n) => step(`k${n}`, n > 0 ? [`k${n - 1}`] : []))],
  ] as const)('[MISSION-1] what is no plan is refused as %s, and nothing is started', (code, tasks) => {
    const swarm = aSwarm();
    aDevice(swarm);
    expect(swarm.refusal({ type: 'StartMission', plan: { tasks } })).toBe(code);
  });

  test('[MISSION-1] a plan of the most tasks, and one of the greatest depth, are plans', () => {
    expect(checkPlan(Array.from({ length: planTasksMax }, (_, n) => step(`k${n}`))).ok).toBe(true);
    expect(
      checkPlan(Array.from({ length: planDepthMax }, (_, n) => step(`k${n}`, n > 0 ? [`k${n - 1}`] : []))).ok,
    ).toBe(true);
  });

  test('[MISSION-4] a reference to a result becomes that part of it, and null where there is none', () => {
    const results: Record<string, Json> = { a: { list: [1, { x: 'y' }], 'odd/~': true }, b: 'all' };
    const input = { one: { $result: 'a', path: '/list/1/x' }, two: [{ $result: 'b' }, { $result: 'a', path: '/no' }] };
    expect(resultsNamed(input)).toEqual(['a', 'b']);
    expect(fillInput(input, (key) => results[key] ?? null, roomFor(1_000))).toEqual({
      input: { one: 'y', two: ['all', null] },
    });
    expect(fillInput({ $result: 'a', path: '/odd~1~0' }, (key) => results[key] ?? null, roomFor(4))).toEqual({
      input: true,
    });
    expect(resultsNamed({ plain: 1, $results: 'a', $result: 1 })).toEqual([]);
  });

  test('[MISSION-4] a pointer reaches what JSON holds, never a prototype', () => {
    for (const path of ['/__proto__', '/constructor/name', '/length', '/0/toString'])
      expect(fillInput({ $result: 'a', path }, () => ['x'], roomFor(4))).toEqual({ input: null });
  });
});

describe('a mission', () => {
  test('[MISSION-3] what waits for nothing starts at once, and the rest when all that it waits for has succeeded', () => {
    const swarm = aSwarm();
    aDevice(swarm, { parallel: 9 });
    const { mission, task } = start(swarm, [step('d', ['b', 'c']), step('b', ['a']), step('c', ['a']), step('a')]);
    expect(states(swarm, mission)).toBe('a:leased b:waiting c:waiting d:waiting');
    succeed(swarm, task('a'));
    expect(states(swarm, mission)).toBe('a:succeeded b:leased c:leased d:waiting');
    succeed(swarm, task('b'));
    expect(states(swarm, mission)).toBe('a:succeeded b:succeeded c:leased d:waiting');
    succeed(swarm, task('c'));
    expect(states(swarm, mission)).toBe('a:succeeded b:succeeded c:succeeded d:leased');
  });

  test('[MISSION-8] it has succeeded when its last task has, with what it cost', () => {
    const swarm = aSwarm();
    aDevice(swarm);
    const { mission, task } = start(swarm, [step('a'), step('b', ['a'])]);
    succeed(swarm, task('a'));
    const { types } = succeed(swarm, task('b'));
    expect(types).toContain('mission.succeeded');
    expect(swarm.row('mission', mission)).toMatchObject({ state: 'succeeded', failedKey: null });
    expect(swarm.refusal({ type: 'CancelMission', mission })).toBe('mission_already_finished');
  });

  test('[MISSION-4] the result of one task is in the input of the next', () => {
    const swarm = aSwarm();
    aDevice(swarm);
    const { task } = start(swarm, [step('a'), step('b', ['a'], { text: { $result: 'a', path: '/text' }, n: 1 })]);
    const { events } = succeed(swarm, task('a'), { text: 'hello' });
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'task.released', body: { task: task('b'), input: { text: 'hello', n: 1 } } }),
    );
    expect(swarm.row('task', task('b')).input).toEqual({ text: 'hello', n: 1 });
  });

  test.each([
    ['large', 'x'.repeat(taskInputBytesMax)],
    ['deep', Array.from({ length: jsonDepthMax }).reduce<Json>((inner) => [inner], 0)],
  ])(
    '[MISSION-5] results that make an input too %s fail the mission clearly, and the report that brought them counts',
    (_, result) => {
      const swarm = aSwarm();
      aDevice(swarm);
      const { mission, task } = start(swarm, [step('a'), step('b', ['a'], { part: { $result: 'a' } })]);
      succeed(swarm, task('a'), result);
      expect(swarm.row('task', task('a')).state).toBe('succeeded');
      expect(swarm.row('task', task('b'))).toMatchObject({ state: 'failed', error: { code: 'input_too_large' } });
      expect(swarm.row('mission', mission)).toMatchObject({ state: 'failed', failedKey: 'b' });
    },
  );

  test('[MISSION-11] one decision puts a bounded number of bytes into inputs; the next, which a timer makes, goes on', () => {
    const swarm = aSwarm({ supplyMicro: 1e6 });
    aDevice(swarm, { parallel: 64 });
    const part = 'x'.repeat(60_000);
    const uses = Array.from({ length: 12 }, (_, n) => step(`k${n}`, ['a'], { $result: 'a' }));
    const { mission, task } = start(swarm, [step('a'), ...uses]);
    const counts: number[] = [];
    const released = ({ types }: { types: readonly string[] }) =>
      counts.push(types.filter((type) => type === 'task.released').length);
    released(succeed(swarm, task('a'), part));
    // One that ends meanwhile ends nothing but itself.
    released(succeed(swarm, task('k0'), 'done'));
    expect(swarm.row('mission', mission).state).toBe('running');
    while (swarm.timers.has(`mission/${mission}`)) released(swarm.fire(`mission/${mission}`));
    const most = Math.ceil(walkBytes / part.length);
    const rest = Array.from({ length: Math.ceil(12 / most) - 1 }, (_, n) => Math.min(most, 12 - most * (n + 1)));
    expect(counts).toEqual([most, 0, ...rest]);
    expect(states(swarm, mission)).not.toContain('waiting');
    for (const { key } of uses.slice(1)) succeed(swarm, task(key), 'done');
    expect(swarm.row('mission', mission).state).toBe('succeeded');
  });

  test.each(['fails', 'is cancelled'])(
    '[MISSION-11] a mission that %s ends a bounded part of it in each decision',
    (how) => {
      const swarm = aSwarm({ supplyMicro: 1e6 });
      aDevice(swarm, { parallel: 64 });
      const waiting = Array.from({ length: 200 - 2 }, (_, n) => step(`k${n}`, ['a']));
      const { mission, task } = start(swarm, [step('a'), step('b'), ...waiting]);
      const counts: number[] = [];
      const ended = ({ types }: { types: readonly string[] }) =>
        counts.push(types.filter((type) => type === 'task.cancelled').length);
      if (how === 'fails') ended(fail(swarm, task('a'), false));
      else ended(swarm.when({ type: 'CancelMission', mission }));
      expect(swarm.row('mission', mission).state).toBe(how === 'fails' ? 'failed' : 'cancelled');
      // What is left and ends by itself meanwhile starts nothing.
      while (swarm.timers.has(`mission/${mission}`)) ended(swarm.fire(`mission/${mission}`));
      expect(counts.length).toBeGreaterThan(1);
      expect(Math.max(...counts)).toBeLessThanOrEqual(walkBytes / walkBytesOfTask);
      expect(counts.reduce((sum, count) => sum + count)).toBe(how === 'fails' ? 199 : 200);
      expect([...swarm.timers.keys()]).toEqual(['cycle']);
      expect(swarm.available('tenant')).toBe(1e6);
    },
  );

  test.each(['fails', 'is cancelled'])(
    '[MISSION-11] [P5] of a mission that %s nothing begins any more, while the rest of it waits to be ended',
    (how) => {
      const swarm = aSwarm({ supplyMicro: 1e6 });
      aDevice(swarm, { parallel: 1 });
      const steps = Array.from({ length: 200 }, (_, n) => step(`k${n}`));
      const { mission, task } = start(swarm, steps);
      const other = swarm.do({ type: 'RequestTask', operation: 'text.summarize', input: null });
      const ended = [how === 'fails' ? fail(swarm, task('k0'), false) : swarm.when({ type: 'CancelMission', mission })];
      expect(states(swarm, mission)).toContain('queued');
      while (swarm.timers.has(`mission/${mission}`)) ended.push(swarm.fire(`mission/${mission}`));
      const leased = ended.flatMap(({ events }) => events.filter(({ type }) => type === 'task.leased'));
      expect(leased.map(({ subject }) => subject)).toEqual([`task/${other}`]);
      expect(states(swarm, mission)).not.toContain('queued');
    },
  );

  test.each(['fails', 'is cancelled', 'expires'] as const)(
    '[MISSION-6] the first task that %s ends the mission, and what is still open of it',
    (how) => {
      const swarm = aSwarm({ supplyMicro: 1_000 });
      aDevice(swarm, { parallel: 9 });
      const { mission, task } = start(swarm, [step('a'), step('b'), step('c', ['b']), step('d')]);
      succeed(swarm, task('d'));
      if (how === 'fails') fail(swarm, task('a'), false);
      else if (how === 'is cancelled') swarm.do({ type: 'CancelTask', task: task('a') });
      else swarm.fire(`task/${task('a')}`);
      const ended = { fails: 'failed', 'is cancelled': 'cancelled', expires: 'expired' }[how];
      expect(states(swarm, mission)).toBe(`a:${ended} b:cancelled d:succeeded c:cancelled`);
      expect(swarm.row('mission', mission)).toMatchObject({ state: 'failed', failedKey: 'a' });
      expect(swarm.available('tenant')).toBe(900);
      expect([...swarm.timers.keys()]).toEqual(['cycle']);
    },
  );

  test('[MISSION-7] a mission that is cancelled cancels what is open of it and gives its holds back', () => {
    const swarm = aSwarm({ supplyMicro: 1_000 });
    aDevice(swarm, { parallel: 9 });
    const { mission } = start(swarm, [step('a'), step('b', ['a'])]);
    swarm.do({ type: 'CancelMission', mission });
    expect(states(swarm, mission)).toBe('a:cancelled b:cancelled');
    expect(swarm.row('mission', mission)).toMatchObject({ state: 'cancelled' });
    expect(swarm.available('tenant')).toBe(1_000);
    expect(swarm.refusal({ type: 'CancelMission', mission })).toBe('mission_already_finished');
    expect(swarm.refusal({ type: 'CancelMission', mission: 'msn_nothing' as MissionId })).toBe('mission_not_found');
  });

  test('[MISSION-2] it is refused whole when one of its tasks would be, and says which', () => {
    const swarm = aSwarm();
    aDevice(swarm);
    const tasks = [step('a'), { ...step('b', ['a']), operation: 'no.such' }, step('c')];
    expect(swarm.when({ type: 'StartMission', plan: { tasks } }).result).toEqual({
      ok: false,
      error: { code: 'operation_unknown', operation: 'no.such', key: 'b' },
    });
    expect(swarm.all('task')).toEqual([]);
    expect(swarm.refusal({ type: 'StartMission', plan: { tasks: [step('a')] }, deadline: swarm.at })).toBe(
      'deadline_past',
    );
    expect(
      swarm.refusal({ type: 'StartMission', plan: { tasks: [step('a')] }, deadline: swarm.at + deadlineMsMax + 1 }),
    ).toBe('deadline_too_far');
  });

  test('[MISSION-9] the limits of running missions and of open tasks hold for missions as well', () => {
    const swarm = aSwarm();
    aDevice(swarm);
    const plan = { tasks: [step('a'), step('b')] };
    const counts = { openTasks: tasksOpenMax - 2, openMissions: missionsOpenMax - 1 };
    Object.assign(swarm.read, { count: (what: keyof typeof counts) => counts[what] });
    expect(swarm.refusal({ type: 'StartMission', plan })).toBeNull();
    counts.openTasks++;
    expect(swarm.when({ type: 'StartMission', plan }).result).toMatchObject({ error: { limit: 'tasksOpenMax' } });
    counts.openMissions++;
    expect(swarm.when({ type: 'StartMission', plan }).result).toMatchObject({ error: { limit: 'missionsOpenMax' } });
  });

  test('[MISSION-3] any plan runs to its end, each task once and after what it waits for', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.nat(12), { maxLength: 3 }), { minLength: 1, maxLength: 12 }),
        fc.array(fc.nat(100), { minLength: 12, maxLength: 12 }),
        fc.integer({ min: 1, max: 4 }),
        (arrows, picks, parallel) => {
          const swarm = aSwarm({ supplyMicro: 1e6 });
          const device = anEnrolledDevice(swarm);
          connect(swarm, device);
          const operations = [anOffer({ priceMicro: 10 })];
          says(swarm, device, { type: 'device.described', description: aDescription({ parallel, operations }) });
          const { mission } = start(
            swarm,
            arrows.map((from, n) => step(`k${n}`, n === 0 ? [] : [...new Set(from.map((m) => `k${m % n}`))])),
          );
          for (const pick of picks.slice(0, arrows.length)) {
            const leased = swarm.all('task').filter(({ state }) => state === 'leased');
            // Never more at once than the device takes, and never none before the end.
            expect(leased.length).toBeLessThanOrEqual(parallel);
            const task = leased[pick % leased.length];
            for (const key of task?.after ?? []) {
              const earlier = swarm.row('mission', mission).tasks.find((planned) => planned.key === key);
              expect(swarm.row('task', earlier?.task ?? '').state).toBe('succeeded');
            }
            reports(swarm, task?.id as TaskId, { type: 'attempt.succeeded', result: pick, durationMs: 1 });
          }
          expect(swarm.row('mission', mission).state).toBe('succeeded');
          expect(swarm.available(`executor/${device}`)).toBe(arrows.length * 10);
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
