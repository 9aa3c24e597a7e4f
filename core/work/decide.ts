// What happens when work is asked for, reported, cancelled or late. One attempt may report at a time: the last one, by its
// fencing token; everything that ends an attempt ends its hold in the same decision [P5].

import { assert } from '../assert.ts';
import type { TaskId } from '../ids.ts';
import { resolve } from '../ledger/decide.ts';
import {
  attemptsMax,
  deadlineMsDefault,
  deadlineMsMax,
  eventBodyBytesMax,
  retryMsMax,
  retryMsMin,
  taskResultBytesMax,
  tasksOpenMax,
} from '../limits.ts';
import { err, ok, type Result } from '../result.ts';
import { drawJson, roomFor } from '../room.ts';
import type { Draft } from '../swarm/draft.ts';
import type { Rejection } from '../swarm/rejections.ts';
import type { Failure } from '../wire/device.ts';
import type { Report, TaskRequest, WorkCommand } from './commands.ts';
import { isAnyoneLeft, place, refuseRequest } from './place.ts';
import { type Attempt, can, isOpen, liveAttempt, type Task } from './state.ts';

export function decideWork(draft: Draft, command: WorkCommand): Result<TaskId, Rejection> {
  switch (command.type) {
    case 'RequestTask':
      return requestTask(draft, command, 'api');
    case 'CancelTask': {
      const task = draft.row('task', command.task);
      if (task === null) return err({ code: 'task_not_found' });
      const allowed = can.cancel(task);
      if (!allowed.ok) return err({ code: allowed.why, state: task.state });
      cancelTask(draft, task, 'requested');
      return ok(task.id);
    }
    case 'ReportAttempt': {
      const task = draft.row('task', command.task);
      const attempt = task && liveAttempt(task);
      if (
        !task ||
        !attempt ||
        attempt.id !== command.attempt ||
        attempt.n !== command.fence ||
        attempt.executor !== command.executor
      )
        return err({ code: 'attempt_not_current' });
      report(draft, task, attempt, command.report);
      return ok(task.id);
    }
    case 'ReportUndelivered':
    case 'ExpireLease': {
      const task = draft.row('task', command.task);
      const attempt = task && liveAttempt(task);
      if (!task || !attempt || attempt.id !== command.attempt) return ok(command.task); // over already
      // A lease never outlives its task: which of the two timers comes first must not matter.
      if (task.deadline <= draft.moment.at) return expire(draft, task);
      const undelivered = command.type === 'ReportUndelivered';
      if (undelivered ? attempt.state !== 'offered' : attempt.leaseUntil > draft.moment.at) return ok(command.task);
      end(draft, task, attempt, { type: 'attempt.lost', reason: undelivered ? 'undelivered' : 'lease_expired' });
      retryOrFail(draft, task.id, {
        code: 'executor_lost',
        message: 'The executor did not answer in time.',
        retryable: true,
      });
      return ok(command.task);
    }
    case 'ExpireTask': {
      const task = draft.row('task', command.task);
      if (!task || !isOpen(task) || task.deadline > draft.moment.at) return ok(command.task);
      return expire(draft, task);
    }
    case 'RetryTask': {
      const task = draft.row('task', command.task);
      if (task?.state === 'queued') place(draft, task);
      return ok(command.task);
    }
  }
}

function expire(draft: Draft, task: Task): Result<TaskId, Rejection> {
  endLive(draft, task);
  draft.emit({ type: 'task.expired', subject: `task/${task.id}`, body: { task: task.id } });
  return ok(task.id);
}

/** A new task: refused when nobody could ever do it as asked, else leased at once or queued. */
export function requestTask(draft: Draft, request: TaskRequest, origin: string): Result<TaskId, Rejection> {
  const { at } = draft.moment;
  const deadline = request.deadline ?? at + deadlineMsDefault;
  if (deadline <= at) return err({ code: 'deadline_past' });
  if (deadline > at + deadlineMsMax) return err({ code: 'deadline_too_far' });
  const refused = refuseRequest(draft, request);
  if (refused) return err(refused);
  if (draft.openTasks() >= tasksOpenMax)
    return err({ code: 'limit_reached', limit: 'tasksOpenMax', most: tasksOpenMax });
  const task = draft.moment.ids.next('tsk');
  draft.emit({
    type: 'task.requested',
    subject: `task/${task}`,
    body: {
      task,
      operation: request.operation,
      input: request.input,
      require: request.require ?? {},
      maxCreditsMicro: request.maxCreditsMicro ?? null,
      deadline,
      origin,
      mission: null,
      key: null,
      after: [],
      state: 'queued',
    },
  });
  placeById(draft, task);
  return ok(task);
}

/** Leases the queued task if somebody is free. */
export function placeById(draft: Draft, id: TaskId): void {
  const task = draft.row('task', id);
  assert(task !== null, 'a task that was just queued is there');
  place(draft, task);
}

/** Ends a task, whatever it was doing. */
export function cancelTask(draft: Draft, task: Pick<Task, 'id' | 'attempts'>, reason: string): void {
  endLive(draft, task);
  draft.emit({ type: 'task.cancelled', subject: `task/${task.id}`, body: { task: task.id, reason } });
}

function report(draft: Draft, task: Task, attempt: Attempt, said: Report): void {
  const subject = `task/${task.id}`;
  const of = { task: task.id, attempt: attempt.id };
  const leaseUntil = Math.min(draft.moment.at + attempt.leaseMs, task.deadline);
  switch (said.type) {
    case 'attempt.started':
      draft.emit({ type: 'attempt.started', subject, body: { ...of, leaseUntil } });
      return;
    case 'attempt.progressed': {
      const { fraction, note } = said;
      draft.emit({
        type: 'attempt.progressed',
        subject,
        body: { ...of, fraction, leaseUntil, ...(note === undefined ? {} : { note }) },
      });
      return;
    }
    case 'attempt.succeeded': {
      if (!drawJson(roomFor(taskResultBytesMax), said.result)) {
        const error = {
          code: 'result_too_large',
          message: `A result has at most ${taskResultBytesMax} bytes.`,
          retryable: false,
        };
        end(draft, task, attempt, { type: 'attempt.failed', error, durationMs: said.durationMs });
        failTask(draft, task.id, error);
        return;
      }
      end(draft, task, attempt, { type: 'attempt.succeeded', durationMs: said.durationMs });
      draft.emit({
        type: 'task.succeeded',
        subject,
        body: { task: task.id, result: said.result, settledMicro: task.settledMicro + attempt.priceMicro },
      });
      return;
    }
    case 'attempt.failed':
      end(draft, task, attempt, { type: 'attempt.failed', error: said.error, durationMs: said.durationMs });
      retryOrFail(draft, task.id, said.error);
      return;
    case 'attempt.declined': {
      const error: Failure = { code: said.code, message: said.message, retryable: true };
      end(draft, task, attempt, { type: 'attempt.declined', error });
      const declined = draft.row('task', task.id);
      assert(declined !== null, 'a task outlives its attempts');
      // Nobody else may do it, and whoever could has said no: waiting would not help.
      if (isAnyoneLeft(draft, declined)) retryOrFail(draft, task.id, error);
      else failTask(draft, task.id, { ...error, retryable: false });
      return;
    }
  }
}

type Ending =
  | { readonly type: 'attempt.succeeded'; readonly durationMs: number }
  | { readonly type: 'attempt.failed'; readonly error: Failure; readonly durationMs: number }
  | { readonly type: 'attempt.declined'; readonly error: Failure }
  | { readonly type: 'attempt.lost'; readonly reason: 'lease_expired' | 'undelivered' }
  | { readonly type: 'attempt.cancelled' };

/** Ends an attempt, its hold and, where it says something of the route, the measurement. */
function end(draft: Draft, task: Pick<Task, 'id' | 'attempts'>, attempt: Attempt, { type, ...more }: Ending): void {
  const body = { task: task.id, attempt: attempt.id, executor: attempt.executor, ...more };
  // The union is taken apart and put together again: `more` is what belongs to `type`.
  draft.emit({ type, subject: `task/${task.id}`, body } as Parameters<Draft['emit']>[0]);
  const succeeded = type === 'attempt.succeeded';
  const resolved = resolve(draft, attempt.hold, succeeded ? 'settled' : 'voided', succeeded ? attempt.priceMicro : 0);
  assert(resolved.ok, 'the hold of a live attempt is pending [P5]');
  if (type === 'attempt.cancelled' || type === 'attempt.declined') return;
  const durationMs = 'durationMs' in more ? more.durationMs : draft.moment.at - attempt.startedAt;
  draft.emit({
    type: 'route.measured',
    subject: `route/${attempt.route}`,
    body: { route: attempt.route, succeeded, durationMs },
  });
}

function endLive(draft: Draft, task: Pick<Task, 'id' | 'attempts'>): void {
  const attempt = liveAttempt(task);
  if (attempt) end(draft, task, attempt, { type: 'attempt.cancelled' });
}

function retryOrFail(draft: Draft, id: TaskId, error: Failure): void {
  const task = draft.row('task', id);
  assert(task !== null, 'a task outlives its attempts');
  const tries = task.attempts.length;
  if (!error.retryable || tries >= attemptsMax) {
    failTask(draft, id, error);
    return;
  }
  const notBefore = draft.moment.at + Math.min(retryMsMin * 2 ** (tries - 1), retryMsMax);
  if (notBefore >= task.deadline) {
    failTask(draft, id, error);
    return;
  }
  draft.emit({ type: 'task.requeued', subject: `task/${id}`, body: { task: id, notBefore } });
}

function failTask(draft: Draft, id: TaskId, error: Failure): void {
  const task = draft.row('task', id);
  assert(task !== null, 'a task outlives its attempts');
  draft.emit({ type: 'task.failed', subject: `task/${id}`, body: { task: id, error } });
}

assert(taskResultBytesMax < eventBodyBytesMax, 'a result fits its event');
