import { describe, expect, test } from 'vitest';
import type { AttemptId, TaskId } from '../../core/ids.ts';
import { TENANT_ACCOUNT } from '../../core/ledger/state.ts';
import {
  attemptsMax,
  deadlineMsDefault,
  deadlineMsMax,
  deliverWithinMs,
  taskInputBytesMax,
  taskResultBytesMax,
  tasksOpenMax,
} from '../../core/limits.ts';
import { can, liveAttempt } from '../../core/work/state.ts';
import {
  aDevice,
  anAttempt,
  anOffer,
  aTask,
  attemptOf,
  connect,
  fail,
  reports,
  request,
  says,
  succeed,
} from './builders.ts';
import { aSwarm, type MemorySwarm, SYSTEM } from './memory-swarm.ts';

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

describe('an attempt', () => {
  test('[WORK-6] success pays the executor what was held and ends the task with its result', () => {
    const swarm = aSwarm({ supplyMicro: 1_000 });
    const device = aDevice(swarm);
    const task = request(swarm);
    const { types } = succeed(swarm, task, { short: true });
    expect(types).toEqual(['attempt.succeeded', 'transfer.settled', 'route.measured', 'task.succeeded']);
    expect(swarm.row('task', task)).toMatchObject({ state: 'succeeded', result: { short: true }, settledMicro: 100 });
    expect([swarm.available(TENANT_ACCOUNT), swarm.available(`executor/${device}`)]).toEqual([900, 100]);
    expect([...swarm.timers.keys()]).toEqual(['cycle']);
  });

  test.each(['failed', 'declined', 'undelivered', 'late'] as const)(
    '[WORK-7] an attempt that was %s costs nothing, and the task is tried again after a pause that doubles',
    (how) => {
      const swarm = aSwarm({ supplyMicro: 1_000 });
      aDevice(swarm);
      const task = request(swarm, { deadline: swarm.at + 600_000 });
      const pauses: number[] = [];
      for (let n = 1; n <= attemptsMax; n++) {
        expect(attemptOf(swarm, task).n).toBe(n);
        lose(swarm, task, how);
        expect(swarm.row('account', TENANT_ACCOUNT)).toMatchObject({ postedMicro: 1_000, heldMicro: 0 });
        if (n === attemptsMax) break;
        const { state, notBefore } = swarm.row('task', task);
        expect(state).toBe('queued');
        pauses.push(notBefore - swarm.at);
        swarm.fire(`retry/${task}`);
      }
      expect(pauses).toEqual([1_000, 2_000]);
      expect(swarm.row('task', task).state).toBe('failed');
      expect([...swarm.timers.keys()]).toEqual(['cycle']);
    },
  );

  test('[WORK-7] a failure that will not pass ends the task at once', () => {
    const swarm = aSwarm();
    aDevice(swarm);
    const task = request(swarm);
    fail(swarm, task, false);
    expect(swarm.row('task', task)).toMatchObject({ state: 'failed', error: { code: 'it_broke', retryable: false } });
  });

  test('[WORK-7] an executor that declines for good is not asked again, and when nobody else may do it the task fails at once', () => {
    const swarm = aSwarm();
    const first = aDevice(swarm);
    const second = aDevice(swarm);
    const task = request(swarm);
    const declined = { type: 'attempt.declined', code: 'input_invalid', message: 'Not that.' } as const;
    const asked = attemptOf(swarm, task).executor;
    reports(swarm, task, declined);
    swarm.fire(`retry/${task}`);
    expect(attemptOf(swarm, task).executor).toBe(asked === first ? second : first);
    reports(swarm, task, declined);
    expect(swarm.row('task', task)).toMatchObject({
      state: 'failed',
      error: { code: 'input_invalid', retryable: false },
    });
  });

  test('[WORK-7] a task is not put off past its deadline', () => {
    const swarm = aSwarm();
    aDevice(swarm);
    const task = request(swarm, { deadline: swarm.at + 1_000 });
    fail(swarm, task, true);
    expect(swarm.row('task', task).state).toBe('failed');
  });

  test('[WORK-7] a pause is kept: nobody is given the task before it is over', () => {
    const swarm = aSwarm();
    aDevice(swarm, { parallel: 2 });
    const task = request(swarm);
    fail(swarm, task);
    const other = request(swarm);
    swarm.at += 999;
    succeed(swarm, other);
    expect(swarm.row('task', task).state).toBe('queued');
    swarm.at += 1;
    succeed(swarm, request(swarm));
    expect(swarm.row('task', task).state).toBe('leased');
  });

  test('[WORK-5] only the attempt in force may report: the same attempt, fencing token and executor', () => {
    const swarm = aSwarm();
    const device = aDevice(swarm);
    const other = aDevice(swarm, { operations: [] });
    const task = request(swarm);
    const { id: attempt, n: fence } = attemptOf(swarm, task);
    const report = {
      type: 'ReportAttempt',
      executor: device,
      task,
      attempt,
      fence,
      report: { type: 'attempt.started' },
    } as const;
    const wrong = [
      { fence: 0 },
      { fence: 2 },
      { attempt: 'att_other' as AttemptId },
      { executor: other },
      { executor: 'cloud' as const },
      { task: 'tsk_other' as TaskId },
    ];
    for (const part of wrong) expect(swarm.refusal({ ...report, ...part })).toBe('attempt_not_current');
    expect(swarm.refusal(report)).toBeNull();
    fail(swarm, task);
    expect(swarm.refusal(report)).toBe('attempt_not_current');
    swarm.fire(`retry/${task}`);
    // The second attempt has another token: the first one stays fenced off.
    expect(swarm.refusal(report)).toBe('attempt_not_current');
    expect(attemptOf(swarm, task).n).toBe(2);
  });

  test('[WORK-8] each report renews the lease, never past the deadline', () => {
    const swarm = aSwarm();
    aDevice(swarm);
    const task = request(swarm, { deadline: swarm.at + 100_000 });
    expect(attemptOf(swarm, task).leaseUntil).toBe(swarm.at + 60_000);
    swarm.at += 30_000;
    reports(swarm, task, { type: 'attempt.started' });
    expect(attemptOf(swarm, task)).toMatchObject({ state: 'running', leaseUntil: swarm.at + 60_000 });
    swarm.at += 30_000;
    reports(swarm, task, { type: 'attempt.progressed', fraction: 0.5 });
    expect(attemptOf(swarm, task)).toMatchObject({ fraction: 0.5, leaseUntil: swarm.row('task', task).deadline });
    expect(swarm.timers.get(`lease/${task}`)?.at).toBe(swarm.row('task', task).deadline);
  });

  test('[WORK-8] a lease that was renewed is not ended by its old timer', () => {
    const swarm = aSwarm();
    aDevice(swarm);
    const task = request(swarm);
    const { id: attempt } = attemptOf(swarm, task);
    swarm.at += 59_000;
    reports(swarm, task, { type: 'attempt.started' });
    swarm.at += 1_000;
    expect(swarm.when({ type: 'ExpireLease', task, attempt }, { actor: SYSTEM }).types).toEqual([]);
    expect(swarm.fire(`lease/${task}`).types).toContain('attempt.lost');
  });

  test('[WORK-9] at its deadline a task is expired, whichever of its timers comes first', () => {
    for (const order of [
      ['lease', 'task'],
      ['task', 'lease'],
    ] as const) {
      const swarm = aSwarm({ supplyMicro: 1_000 });
      const device = aDevice(swarm);
      const task = request(swarm, { deadline: swarm.at + 20_000 });
      const { id: attempt } = attemptOf(swarm, task);
      swarm.at += 20_000;
      for (const timer of order)
        swarm.when(timer === 'lease' ? { type: 'ExpireLease', task, attempt } : { type: 'ExpireTask', task }, {
          actor: SYSTEM,
        });
      expect(swarm.row('task', task)).toMatchObject({ state: 'expired', attempts: [{ state: 'cancelled' }] });
      expect(swarm.row('account', TENANT_ACCOUNT)).toMatchObject({ postedMicro: 1_000, heldMicro: 0 });
      expect(swarm.row('presence', device).busy).toBe(0);
      expect([...swarm.timers.keys()]).toEqual(['cycle']);
    }
  });

  test('[WORK-9] a report that comes before the deadline’s timer still counts, one that comes after does not', () => {
    const swarm = aSwarm();
    aDevice(swarm);
    const [early, late] = [request(swarm), request(swarm)];
    swarm.at += deadlineMsDefault;
    expect(succeed(swarm, early).types).toContain('task.succeeded');
    expect(swarm.when({ type: 'ExpireTask', task: early }).types).toEqual([]);
    expect(swarm.when({ type: 'ExpireTask', task: late }).types).toContain('task.expired');
    expect(swarm.refusal({ type: 'CancelTask', task: late })).toBe('task_already_finished');
  });

  test('[WORK-12] an offer that nobody took goes to the next, one that was taken does not', () => {
    const swarm = aSwarm();
    aDevice(swarm);
    const task = request(swarm);
    const { id: attempt } = attemptOf(swarm, task);
    reports(swarm, task, { type: 'attempt.started' });
    expect(swarm.when({ type: 'ReportUndelivered', task, attempt }).types).toEqual([]);
    fail(swarm, task);
    swarm.fire(`retry/${task}`);
    const again = attemptOf(swarm, task).id;
    expect(swarm.when({ type: 'ReportUndelivered', task, attempt }).types).toEqual([]);
    expect(swarm.when({ type: 'ReportUndelivered', task, attempt: again }).types).toContain('task.requeued');
  });

  test('[WORK-13] a result that is too large fails the task with a clear error, and is not paid', () => {
    const swarm = aSwarm({ supplyMicro: 1_000 });
    aDevice(swarm, { parallel: 3 });
    const [fits, bytes, large] = [request(swarm), request(swarm), request(swarm)];
    succeed(swarm, fits, 'x'.repeat(taskResultBytesMax - 2));
    succeed(swarm, bytes, '€'.repeat(Math.ceil(taskResultBytesMax / 3)));
    succeed(swarm, large, 'x'.repeat(taskResultBytesMax - 1));
    expect(swarm.row('task', fits).state).toBe('succeeded');
    for (const id of [bytes, large])
      expect(swarm.row('task', id)).toMatchObject({
        state: 'failed',
        error: { code: 'result_too_large', retryable: false },
      });
    expect(swarm.available(TENANT_ACCOUNT)).toBe(900);
  });
});

describe('cancelling', () => {
  test('[WORK-10] a cancelled task costs nothing, its executor is told and is free for the next', () => {
    const swarm = aSwarm({ supplyMicro: 1_000 });
    const device = aDevice(swarm);
    const [task, next] = [request(swarm), request(swarm)];
    const { types, effects } = swarm.when({ type: 'CancelTask', task });
    expect(types).toEqual(['attempt.cancelled', 'transfer.voided', 'task.cancelled', 'transfer.held', 'task.leased']);
    expect(effects).toContainEqual(
      expect.objectContaining({
        kind: 'order',
        device,
        order: expect.objectContaining({ body: expect.objectContaining({ type: 'cancel', task }) }),
      }),
    );
    expect(swarm.row('task', next).state).toBe('leased');
    expect(
      says(swarm, device, { type: 'attempt.started', task, attempt: attemptOf(swarm, task).id, fence: 1 }).types,
    ).toEqual(['fact.set_aside']);
  });

  test('[WORK-11] a task that has ended stays as it ended', () => {
    const swarm = aSwarm();
    aDevice(swarm, { parallel: 9 });
    const [succeeded, failed, cancelled] = [request(swarm), request(swarm), request(swarm)];
    succeed(swarm, succeeded);
    fail(swarm, failed, false);
    swarm.do({ type: 'CancelTask', task: cancelled });
    for (const task of [succeeded, failed, cancelled]) {
      expect(swarm.refusal({ type: 'CancelTask', task })).toBe('task_already_finished');
      swarm.at += deadlineMsMax;
      for (const type of ['ExpireTask', 'RetryTask'] as const) expect(swarm.when({ type, task }).types).toEqual([]);
    }
    expect(swarm.refusal({ type: 'CancelTask', task: 'tsk_nothing' as TaskId })).toBe('task_not_found');
  });

  test('[WORK-11] what may be done with a task follows from its state alone', () => {
    for (const state of ['waiting', 'queued', 'leased', 'awaiting_approval'] as const)
      expect(can.cancel(aTask({ state }))).toEqual({ ok: true });
    for (const state of ['succeeded', 'failed', 'cancelled', 'expired'] as const)
      expect(can.cancel(aTask({ state }))).toEqual({ ok: false, why: 'task_already_finished' });
    expect(liveAttempt(aTask({ state: 'leased' }))).not.toBeNull();
    expect(liveAttempt(aTask({ attempts: [anAttempt({ state: 'running' })] }))).not.toBeNull();
    for (const state of ['succeeded', 'failed', 'declined', 'lost', 'cancelled'] as const)
      expect(liveAttempt(aTask({ attempts: [anAttempt({ state })] }))).toBeNull();
  });
});

/** One attempt at the device's route, for its measurements. */
function measured(swarm: MemorySwarm, device: `dev_${string}`, well: boolean): void {
  const task = request(swarm, { require: { executor: device } });
  if (well) succeed(swarm, task);
  else fail(swarm, task, false);
}

function lose(swarm: MemorySwarm, task: TaskId, how: 'failed' | 'declined' | 'undelivered' | 'late'): void {
  const attempt = attemptOf(swarm, task).id;
  if (how === 'failed') fail(swarm, task);
  else if (how === 'declined') reports(swarm, task, { type: 'attempt.declined', code: 'busy', message: 'At work.' });
  else if (how === 'undelivered') swarm.do({ type: 'ReportUndelivered', task, attempt });
  else swarm.fire(`lease/${task}`);
}
