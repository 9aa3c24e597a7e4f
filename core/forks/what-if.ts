// What stands in for executors that are not there: the record of what they did. Over a route that the record knows, the same
// outcome after the same time; over another one the same result, after the time that the route was measured to take. Pure: a
// what-if of the same record with the same wishes comes out the same in every fork.

import { deadlineMsMax, leaseMsMin } from '../limits.ts';
import type { MissionRequest } from '../missions/commands.ts';
import type { Measured } from '../routes/state.ts';
import type { Report, TaskRequest } from '../work/commands.ts';
import type { Attempt, ExecutorId, Task } from '../work/state.ts';
import type { Timeless } from './commands.ts';
import type { Basis, Overrides } from './state.ts';

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
export function executorsFor(
  record: Task,
  n: number,
  overrides: Overrides,
  present: readonly ExecutorId[],
): readonly ExecutorId[] {
  if (!isTouched(record, overrides)) {
    const then = record.attempts[n - 1] ?? record.attempts.at(-1);
    return then ? [then.executor] : [];
  }
  const wanted = overrides.routes.flatMap(({ route, active }) =>
    active !== false && route.startsWith(`${record.operation}@`) ? [executorOf(route)] : [],
  );
  const then = record.attempts.map(({ executor }) => executor);
  return [...new Set([...present, ...then, ...wanted])].sort();
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
  readonly report: Extract<Report, { readonly type: `attempt.${'succeeded' | 'failed' | 'declined'}` }>;
  readonly basis: Basis;
  readonly timeMs: number;
}

/**
 * How an attempt ends that stands in for an executor's.
 * @param nth how often this task has gone over this route here, this time among them
 * @param measured what is known of the route
 */
export function outcomeOf(record: Task, route: string, nth: number, measured: Measured): Outcome {
  const over = record.attempts.filter((attempt) => attempt.route === route);
  const then = over[nth - 1] ?? over.at(-1);
  if (then) {
    const timeMs = timeOf(then, record);
    return { report: reportOf(then, record, timeMs), basis: 'recorded', timeMs };
  }
  const timeMs = Math.round(measured.latencyMs ?? latencyMsAssumed);
  const report =
    record.state === 'succeeded'
      ? ({ type: 'attempt.succeeded', result: record.result, durationMs: timeMs } as const)
      : ({ type: 'attempt.failed', error: { ...failureOf(record), retryable: false }, durationMs: timeMs } as const);
  return { report, basis: 'estimated', timeMs };
}

function reportOf(then: Attempt, record: Task, durationMs: number): Outcome['report'] {
  const error = then.error ?? failureOf(record);
  switch (then.state) {
    case 'succeeded':
      return { type: 'attempt.succeeded', result: record.result, durationMs };
    case 'declined':
      return { type: 'attempt.declined', code: error.code, message: error.message };
    case 'failed':
      return { type: 'attempt.failed', error, durationMs };
    default: {
      // It was lost, or given back: another one follows, as it did.
      const lost = { code: 'executor_lost', message: 'The executor did not answer in time.', retryable: true };
      return { type: 'attempt.failed', error: lost, durationMs };
    }
  }
}

function failureOf({ error }: Task) {
  return error ?? { code: 'unknown', message: 'The record does not say why.', retryable: false };
}

/** What an attempt took, from its lease to its end. */
export function timeOf(attempt: Attempt, task: Pick<Task, 'updatedAt'>): number {
  return Math.max(0, (attempt.endedAt ?? task.updatedAt) - attempt.startedAt);
}
