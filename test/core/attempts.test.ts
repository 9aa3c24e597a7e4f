import { describe, expect, test } from 'vitest';
import type { AttemptId, TaskId } from '../../core/ids.ts';
import { TENANT_ACCOUNT } from '../../core/ledger/state.ts';
import { attemptsMax, deadlineMsDefault, deadlineMsMax, taskResultBytesMax } from '../../core/limits.ts';
import { can, liveAttempt } from '../../core/work/state.ts';
import { aDevice, anAttempt, aTask, attemptOf, fail, reports, request, says, succeed } from './builders.ts';
import { aSwarm, type MemorySwarm, SYSTEM } from './memory-swarm.ts';

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

function lose(swarm: MemorySwarm, task: TaskId, how: 'failed' | 'declined' | 'undelivered' | 'late'): void {
  const attempt = attemptOf(swarm, task).id;
  if (how === 'failed') fail(swarm, task);
  else if (how === 'declined') reports(swarm, task, { type: 'attempt.declined', code: 'busy', message: 'At work.' });
  else if (how === 'undelivered') swarm.do({ type: 'ReportUndelivered', task, attempt });
  else swarm.fire(`lease/${task}`);
}
