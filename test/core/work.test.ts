import { describe, expect, test } from 'vitest';
import type { TaskId } from '../../core/ids.ts';
import { TENANT_ACCOUNT } from '../../core/ledger/state.ts';
import { deadlineMsMax, deliverWithinMs, taskInputBytesMax, tasksOpenMax } from '../../core/limits.ts';
import { aDevice, anOffer, attemptOf, connect, fail, request, succeed } from './builders.ts';
import { aSwarm, type MemorySwarm } from './memory-swarm.ts';

const ask = { type: 'RequestTask', operation: 'text.summarize', input: { text: 'long' } } as const;

describe('asking', () => {
  test('[WORK-2] a task that somebody can do now is paid for and leased in the decision that takes it', () => {
    const swarm = aSwarm({ supplyMicro: 1_000 });
    const device = aDevice(swarm);
    const { types, view, effects } = swarm.when(ask);
    expect(types).toEqual(['task.requested', 'transfer.held', 'task.leased']);
    expect(view).toMatchObject({
      state: 'leased',
      cost: { heldMicro: 100, settledMicro: 0 },
      attempts: [{ executor: device }],
    });
    expect(swarm.row('account', TENANT_ACCOUNT).heldMicro).toBe(100);
    expect(effects.map(({ kind }) => kind)).toEqual(['timer', 'timer', 'order']);
    expect(effects.at(-1)).toMatchObject({
      device,
      order: { deliverBy: swarm.at + deliverWithinMs, body: { type: 'offer', fence: 1, input: { text: 'long' } } },
    });
  });

  test('[WORK-1] a task that may not be is refused with the first reason that holds, and changes nothing', () => {
    const swarm = aSwarm({ supplyMicro: 150 });
    aDevice(swarm, { parallel: 9 });
    const large = 'x'.repeat(taskInputBytesMax);
    const cases = [
      // Each has every fault of the ones below it, so that the order of the reasons is shown as well.
      ['deadline_past', { operation: 'no.such', deadline: swarm.at, input: large }],
      ['deadline_too_far', { operation: 'no.such', deadline: swarm.at + deadlineMsMax + 1, input: large }],
      ['content_too_large', { operation: 'no.such', input: large }],
      ['operation_unknown', { operation: 'no.such', maxCreditsMicro: 1 }],
      ['budget_too_small', { maxCreditsMicro: 99 }],
      ['requirements_unsatisfiable', { maxCreditsMicro: 99, require: { privacy: 'device-only' } }],
      ['requirements_unsatisfiable', { require: { executor: 'cloud' } }],
      ['requirements_unsatisfiable', { require: { executor: 'dev_of_another' as `dev_${string}` } }],
      ['requirements_unsatisfiable', { require: { capability: 'gpu' } }],
    ] as const;
    for (const [code, wrong] of cases) expect(swarm.refusal({ ...ask, ...wrong }), code).toBe(code);
    expect(swarm.refusal(ask)).toBeNull();
    expect(swarm.when(ask).result).toEqual({
      ok: false,
      error: { code: 'credits_insufficient', availableMicro: 50, neededMicro: 100 },
    });
  });

  test('[WORK-1] the furthest deadline, the largest input and a budget of exactly the price are taken', () => {
    const swarm = aSwarm();
    aDevice(swarm, { parallel: 9 });
    const fits = 'x'.repeat(taskInputBytesMax - 2);
    expect(swarm.refusal({ ...ask, deadline: swarm.at + deadlineMsMax, input: fits, maxCreditsMicro: 100 })).toBeNull();
    // Bytes are counted, not characters.
    expect(swarm.refusal({ ...ask, input: '€'.repeat(taskInputBytesMax / 3) })).toBe('content_too_large');
  });

  test('[WORK-1] at the limit of open tasks the next one is refused clearly', () => {
    const swarm = aSwarm({ supplyMicro: 1e9 });
    aDevice(swarm);
    const { count } = swarm.read;
    Object.assign(swarm.read, {
      count: (what: Parameters<typeof count>[0]) => (what === 'openTasks' ? tasksOpenMax - 1 : count(what)),
    });
    expect(swarm.refusal(ask)).toBeNull();
    Object.assign(swarm.read, { count: () => tasksOpenMax });
    expect(swarm.when(ask).result).toEqual({
      ok: false,
      error: { code: 'limit_reached', limit: 'tasksOpenMax', most: tasksOpenMax },
    });
  });

  test('[WORK-3] a task that nobody can take now is queued, and the next executor with room takes the oldest', () => {
    const swarm = aSwarm();
    const device = aDevice(swarm);
    const running = request(swarm);
    const [older, newer] = [request(swarm), request(swarm)];
    expect([older, newer].map((id) => swarm.row('task', id).state)).toEqual(['queued', 'queued']);
    const { types } = succeed(swarm, running);
    expect(types.slice(-2)).toEqual(['transfer.held', 'task.leased']);
    expect([older, newer].map((id) => swarm.row('task', id).state)).toEqual(['leased', 'queued']);
    expect(swarm.row('presence', device).busy).toBe(1);
  });

  test('[WORK-3] a device that comes back takes what was asked for while it was away', () => {
    const swarm = aSwarm();
    const device = aDevice(swarm, { parallel: 2 });
    swarm.do({ type: 'DeviceLeft', device, connection: 'con_1' });
    const tasks = [request(swarm), request(swarm), request(swarm)];
    expect(swarm.all('task').map(({ state }) => state)).toEqual(['queued', 'queued', 'queued']);
    connect(swarm, device, 'con_2');
    expect(tasks.map((id) => swarm.row('task', id).state)).toEqual(['leased', 'leased', 'queued']);
  });

  test('[WORK-3] a device that is new takes work that was queued for another before it came', () => {
    const swarm = aSwarm();
    const away = aDevice(swarm);
    swarm.do({ type: 'DeviceLeft', device: away, connection: 'con_1' });
    const task = request(swarm);
    const fresh = aDevice(swarm);
    expect(attemptOf(swarm, task)).toMatchObject({ executor: fresh, state: 'offered' });
  });

  test('[WORK-17] what only another executor may do does not hold up what this one may', () => {
    const swarm = aSwarm({ supplyMicro: 1e6 });
    const away = aDevice(swarm);
    swarm.do({ type: 'DeviceLeft', device: away, connection: 'con_1' });
    for (let n = 0; n < 150; n++) request(swarm, { require: { executor: away } });
    const here = aDevice(swarm);
    const first = request(swarm);
    const second = request(swarm);
    expect(attemptOf(swarm, first).executor).toBe(here);
    succeed(swarm, first);
    expect(attemptOf(swarm, second).executor).toBe(here);
  });

  test('[WORK-17] what an executor may not do for its class or price is passed over as well', () => {
    const swarm = aSwarm({ supplyMicro: 1e6 });
    const strict = aDevice(swarm, { privacy: 'device-only', capabilities: ['gpu'] });
    swarm.do({ type: 'DeviceLeft', device: strict, connection: 'con_1' });
    const here = aDevice(swarm, { privacy: 'internal', operations: [anOffer({ priceMicro: 200 })] });
    const first = request(swarm);
    for (let n = 0; n < 40; n++) {
      request(swarm, { require: { privacy: 'device-only' } });
      request(swarm, { require: { capability: 'gpu' } });
      request(swarm, { maxCreditsMicro: 150 });
    }
    const last = request(swarm);
    succeed(swarm, first);
    expect(attemptOf(swarm, last).executor).toBe(here);
  });

  test('[WORK-4] an executor never has more attempts than it takes at once', () => {
    const swarm = aSwarm();
    const device = aDevice(swarm, { parallel: 2 });
    const tasks = Array.from({ length: 6 }, () => request(swarm));
    for (const task of tasks) {
      expect(swarm.row('presence', device).busy).toBe(Math.min(2, tasks.length - tasks.indexOf(task)));
      succeed(swarm, task);
    }
    expect(swarm.row('presence', device).busy).toBe(0);
  });
});

describe('credits', () => {
  test('[WORK-14] when the best cannot be paid, the next best that can be is taken', () => {
    const swarm = aSwarm({ supplyMicro: 150 });
    const dear = aDevice(swarm, { operations: [anOffer({ priceMicro: 151 })] });
    const cheap = aDevice(swarm, { operations: [anOffer({ priceMicro: 150 })] });
    // The dear one is far better by what was measured of it.
    for (let n = 0; n < 9; n++) measured(swarm, cheap, false);
    const task = request(swarm);
    expect(swarm.row('task', task).attempts).toMatchObject([{ executor: cheap }]);
    expect(swarm.row('presence', dear).busy).toBe(0);
  });

  test('[WORK-14] what cannot be paid waits, says so once, and is leased as soon as credits come back', () => {
    const swarm = aSwarm({ supplyMicro: 150 });
    aDevice(swarm, { parallel: 3 });
    aDevice(swarm, { operations: [anOffer({ name: 'text.keywords', priceMicro: 150 })] });
    const first = request(swarm);
    // Two are asked for while there is enough for either.
    const plan = { tasks: [{ key: 'a', operation: 'text.summarize', input: 1 }] };
    expect(swarm.refusal({ type: 'StartMission', plan })).toBe('credits_insufficient');
    succeed(swarm, first);
    expect(swarm.available(TENANT_ACCOUNT)).toBe(50);
    swarm.fire('cycle');
    const { result } = swarm.when({
      type: 'StartMission',
      plan: {
        tasks: [
          { key: 'a', operation: 'text.summarize', input: 1 },
          { key: 'b', operation: 'text.keywords', input: 2 },
        ],
      },
    });
    expect(result.ok).toBe(true);
    const [a, b] = swarm.all('task').slice(-2);
    expect([a?.state, b?.state, b?.unfunded]).toEqual(['leased', 'queued', true]);
    expect(swarm.events.filter(({ type }) => type === 'task.unfunded')).toHaveLength(1);
    // The hold that is given back pays for the other one, which another executor does.
    const { types } = fail(swarm, a?.id as TaskId, true);
    expect(types).toContain('task.leased');
    expect(swarm.row('task', b?.id ?? '')).toMatchObject({ state: 'leased', unfunded: false });
  });

  test('[WORK-14] a top-up wakes what waited for credits', () => {
    const swarm = aSwarm({ supplyMicro: 100 });
    aDevice(swarm, { parallel: 2 });
    swarm.do({
      type: 'StartMission',
      plan: { tasks: ['a', 'b'].map((key) => ({ key, operation: 'text.summarize', input: key })) },
    });
    expect(swarm.all('task').map(({ state }) => state)).toEqual(['leased', 'queued']);
    succeed(swarm, swarm.all('task')[0]?.id as TaskId);
    expect(swarm.all('task').map(({ state }) => state)).toEqual(['succeeded', 'queued']);
    // The earnings go back to the tenant.
    const earned = swarm.all('account').find(({ id }) => id.startsWith('executor/'))?.id ?? '';
    swarm.do({ type: 'PostTransfer', debit: earned, credit: TENANT_ACCOUNT, amountMicro: 100, reference: '' });
    expect(swarm.all('task').map(({ state }) => state)).toEqual(['succeeded', 'leased']);
  });
});

/** One attempt at the device's route, for its measurements. */
function measured(swarm: MemorySwarm, device: `dev_${string}`, well: boolean): void {
  const task = request(swarm, { require: { executor: device } });
  if (well) succeed(swarm, task);
  else fail(swarm, task, false);
}
