// What a task looks like after an event.

import { assert } from '../assert.ts';
import type { WorkEvent } from './events.ts';
import type { Attempt, AttemptState, Task } from './state.ts';

/** @param at the event's time */
export function evolveTask(task: Task | null, event: WorkEvent, at: number, trace: string | null): Task {
  if (event.type === 'task.requested') {
    assert(task === null, 'a task is requested once');
    const { body } = event;
    return {
      id: body.task,
      state: body.state,
      operation: body.operation,
      input: body.input,
      require: body.require,
      maxCreditsMicro: body.maxCreditsMicro,
      deadline: body.deadline,
      notBefore: at,
      unfunded: false,
      attempts: [],
      settledMicro: 0,
      result: null,
      error: null,
      mission: body.mission,
      key: body.key,
      after: body.after,
      origin: body.origin,
      trace,
      createdAt: at,
      updatedAt: at,
    };
  }
  assert(task !== null, 'an event about a task follows its request');
  return { ...task, ...changes(task, event, at), updatedAt: at };
}

function changes(task: Task, event: Exclude<WorkEvent, { type: 'task.requested' }>, at: number): Partial<Task> {
  switch (event.type) {
    case 'task.released':
      return { state: 'queued', ...(event.body.input === undefined ? {} : { input: event.body.input }) };
    case 'task.leased': {
      const { body } = event;
      const attempt: Attempt = {
        id: body.attempt,
        n: body.n,
        executor: body.executor,
        route: body.route,
        hold: body.hold,
        priceMicro: body.priceMicro,
        leaseMs: body.leaseMs,
        leaseUntil: body.leaseUntil,
        state: 'offered',
        fraction: 0,
        startedAt: at,
        endedAt: null,
        error: null,
      };
      return { state: 'leased', unfunded: false, attempts: [...task.attempts, attempt] };
    }
    case 'attempt.started':
      return { attempts: withLast(task, { state: 'running', leaseUntil: event.body.leaseUntil }) };
    case 'attempt.progressed':
      return {
        attempts: withLast(task, {
          state: 'running',
          fraction: event.body.fraction,
          leaseUntil: event.body.leaseUntil,
        }),
      };
    case 'attempt.succeeded':
      return { attempts: ended(task, 'succeeded', at, { fraction: 1 }) };
    case 'attempt.failed':
      return { attempts: ended(task, 'failed', at, { error: event.body.error }) };
    case 'attempt.declined':
      return { attempts: ended(task, 'declined', at, { error: event.body.error }) };
    case 'attempt.lost':
      return { attempts: ended(task, 'lost', at, {}) };
    case 'attempt.cancelled':
      return { attempts: ended(task, 'cancelled', at, {}) };
    case 'task.requeued':
      return { state: 'queued', notBefore: event.body.notBefore };
    case 'task.unfunded':
      return { unfunded: true };
    case 'task.succeeded':
      return { state: 'succeeded', result: event.body.result, settledMicro: event.body.settledMicro };
    case 'task.failed':
      return { state: 'failed', error: event.body.error };
    case 'task.cancelled':
      return { state: 'cancelled' };
    case 'task.expired':
      return { state: 'expired' };
  }
}

function ended(task: Task, state: AttemptState, at: number, more: Partial<Attempt>): readonly Attempt[] {
  return withLast(task, { state, endedAt: at, ...more });
}

function withLast(task: Task, change: Partial<Attempt>): readonly Attempt[] {
  const last = task.attempts.at(-1);
  assert(last !== undefined, 'a report follows a lease');
  return [...task.attempts.slice(0, -1), { ...last, ...change }];
}
