// What stands in for executors that are not there: the record of what they did. Over a route that the record knows, the same
// outcome after the same time; over another one the same result, after the time that the route was measured to take. Pure: a
// what-if of the same record with the same wishes comes out the same in every fork.

import { deadlineMsMax, leaseMsMin } from '../limits.ts';
import type { MissionRequest } from '../missions/commands.ts';
import type { Measured } from '../routes/state.ts';
import type { Report, TaskRequest } from '../work/commands.ts';
import type { Attempt, ExecutorId, Task } from '../work/state.ts';
import type { Timeless } from './commands.ts';
import type { Basis, Overrides, StandIn } from './state.ts';

/** The latency that is assumed of a route that was never measured. */
const latencyMsAssumed = 1_000;

/** Whether the record holds an end that can stand in: nobody knows how long a task that was cut off would have taken. */
export function isRecorded(task: Task): boolean {
  return (task.state === 'succeeded' || task.state === 'failed') && task.attempts.length > 0;
}

/** Whether what is wanted otherwise may change who does this task. What is not touched goes the way that it went. */
export function isTouched(record: Task, { routes, require, maxCreditsMicro }: Overrides): boolean {
  return (
    maxCreditsMicro !== null ||
    Object.values(require).some((wanted) => wanted !== undefined) ||
    routes.some(({ route }) => route.startsWith(`${record.operation}@`))
  );
}

/**
 * Who is there for the attempt `n` of a task, from 1.
 * @param present who was there at all while the record was made
 */
export function standInsFor(
  record: Task,
  n: number,
  overrides: Overrides,
  present: readonly ExecutorId[],
): readonly StandIn[] {
  const known = new Map(record.attempts.map((attempt) => [attempt.executor, beforeOf(record, attempt, overrides)]));
  if (!isTouched(record, overrides)) {
    const attempt = record.attempts[n - 1];
    return attempt ? [{ executor: attempt.executor, before: beforeOf(record, attempt, overrides) }] : [];
  }
  const wanted = overrides.routes.flatMap(({ route, active }) =>
    active !== false && route.startsWith(`${record.operation}@`) ? [executorOf(route)] : [],
  );
  return [...new Set([...present, ...known.keys(), ...wanted])]
    .sort()
    .map((executor) => ({ executor, before: known.get(executor) ?? null }));
}

/** A route stands in as it was, unless it is wanted otherwise. */
function beforeOf({ require }: Task, { route, priceMicro }: Attempt, { routes }: Overrides): StandIn['before'] {
  return routes.some((override) => override.route === route) ? null : { priceMicro, require };
}

function executorOf(route: string): ExecutorId {
  return route.slice(route.indexOf('@') + 1) as ExecutorId; // a route's id ends with its executor
}

/** The task as it is asked for again. */
export function requestOf(record: Task, overrides: Overrides): Timeless<TaskRequest> {
  const { operation, input } = record;
  const maxCreditsMicro = overrides.maxCreditsMicro ?? record.maxCreditsMicro;
  return {
    operation,
    input,
    require: { ...record.require, ...overrides.require },
    ...(maxCreditsMicro === null ? {} : { maxCreditsMicro }),
  };
}

/** As much time as these tasks had. Simulated attempts take none: a lease's least is room enough where there was less. */
export function timeFor(records: readonly Task[]): number {
  const had = records.map(({ deadline, createdAt }) => deadline - createdAt);
  return Math.min(Math.max(leaseMsMin, ...had), deadlineMsMax);
}

/** A mission as it is asked for again. Inputs are those that its tasks were given: results come out as they did. */
export function missionRequestOf(
  name: string,
  records: readonly Task[],
  overrides: Overrides,
): Timeless<MissionRequest> {
  const tasks = records.map((record) => ({
    ...requestOf(record, overrides),
    key: record.key ?? record.id,
    after: record.after,
  }));
  return { name, plan: { tasks } };
}

export interface Outcome {
  readonly report: Extract<Report, { readonly type: 'attempt.succeeded' | 'attempt.failed' }>;
  readonly basis: Basis;
  readonly timeMs: number;
  /** When it would have ended in the record: what goes on side by side ends in this order. */
  readonly endsAt: number;
  /** It did not end by itself: it was cut off when its mission ended, and will be. */
  readonly isCut: boolean;
}

/**
 * How an attempt ends that stands in for an executor's.
 * @param again the task as it is here; its last attempt is the one
 */
export function outcomeOf(record: Task, again: Pick<Task, 'attempts'>, measured: Measured): Outcome {
  const { route, n } = again.attempts.at(-1) ?? { route: '', n: 1 };
  const over = record.attempts.filter((attempt) => attempt.route === route);
  const nth = again.attempts.filter((attempt) => attempt.route === route).length;
  const same = record.attempts[n - 1];
  const then = same?.route === route ? same : (over[nth - 1] ?? over.at(-1));
  if (then) {
    const timeMs = timeOf(then, record);
    const isCut = then.state === 'cancelled' && record.state === 'cancelled';
    return {
      report: reportOf(then, record, timeMs),
      basis: 'recorded',
      timeMs,
      endsAt: then.startedAt + timeMs,
      isCut,
    };
  }
  const timeMs = Math.round(measured.latencyMs ?? latencyMsAssumed);
  const begun = record.attempts[n - 1]?.startedAt ?? record.createdAt;
  const report =
    record.state === 'succeeded'
      ? ({ type: 'attempt.succeeded', result: record.result, durationMs: timeMs } as const)
      : ({ type: 'attempt.failed', error: { ...failureOf(record), retryable: false }, durationMs: timeMs } as const);
  // Nobody ever tried it: how it would have ended, nothing says.
  const isCut = record.attempts.length === 0;
  return { report, basis: 'estimated', timeMs, endsAt: begun + timeMs, isCut };
}

/** Where another attempt followed, or would have, the task is queued again. */
function reportOf(then: Attempt, record: Task, durationMs: number): Outcome['report'] {
  if (then.state === 'succeeded') return { type: 'attempt.succeeded', result: record.result, durationMs };
  const error = then.error ?? (then.state === 'lost' ? LOST : failureOf(record));
  const retryable = then.n < record.attempts.length || (then.state !== 'cancelled' && record.state !== 'failed');
  return { type: 'attempt.failed', error: { ...error, retryable }, durationMs };
}

const LOST = { code: 'executor_lost', message: 'The executor did not answer in time.' };

function failureOf({ error }: Task) {
  return error ?? { code: 'unknown', message: 'The record does not say why.', retryable: false };
}

/** What an attempt took, from its lease to its end. */
export function timeOf(attempt: Attempt, task: Pick<Task, 'updatedAt'>): number {
  return Math.max(0, (attempt.endedAt ?? task.updatedAt) - attempt.startedAt);
}
