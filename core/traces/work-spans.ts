// The spans of work that has ended: a task with its attempts, a mission. They are made of rows, which say all of it.

import type { Transfer } from '../ledger/state.ts';
import { traceAttemptsMax } from '../limits.ts';
import type { Mission } from '../missions/state.ts';
import type { Attempt, Task } from '../work/state.ts';
import { ATTEMPT_KINDS, kindOf } from './attempt-kinds.ts';
import type { Span, SpanEvent } from './span.ts';
import { contextOf, spanIdOf, type TraceContext } from './trace-context.ts';

/** A task without what was asked and answered: spans never see it. */
export type TracedTask = Omit<Task, 'input' | 'result'>;

/** The trace that a task belongs to. All tasks of a mission share the mission's. */
export function taskContext({ id, mission, trace }: Pick<Task, 'id' | 'mission' | 'trace'>, origin: string) {
  return contextOf(trace, origin, mission ?? id);
}

/** The spans of a task that has ended: its own, then its attempts', the last `traceAttemptsMax` of them. */
export function taskSpans(task: TracedTask, holds: ReadonlyMap<string, Transfer>, origin: string): readonly Span[] {
  const context = taskContext(task, origin);
  if (!context.isSampled) return [];
  const error = errorOf(task);
  const above = placeOf(context, task.mission === null ? null : spanIdOf(origin, task.mission));
  const own: Span = {
    ...above,
    spanId: spanIdOf(origin, task.id),
    name: `task ${task.operation}`,
    kind: above.isParentRemote ? 'server' : 'internal',
    startAt: task.createdAt,
    endAt: task.updatedAt,
    attributes: {
      'starling.task.id': task.id,
      'starling.task.state': task.state,
      'starling.task.operation': task.operation,
      'starling.task.origin': task.origin,
      'starling.task.attempts': task.attempts.length,
      'starling.mission.id': task.mission,
      'starling.mission.key': task.key,
      'starling.credits.settled_micro': task.settledMicro,
      'starling.credits.max_micro': task.maxCreditsMicro,
      'error.type': error,
    },
    events: [],
    error,
  };
  const attempts = task.attempts.map((attempt, n) => {
    const before = n === 0 ? task.createdAt : (task.attempts[n - 1]?.endedAt ?? attempt.startedAt);
    return attemptSpan(attempt, task, {
      origin,
      own,
      queueMs: attempt.startedAt - before,
      hold: holds.get(attempt.hold),
    });
  });
  return [own, ...attempts.slice(-traceAttemptsMax)];
}

/** What an attempt's span needs beside its row. */
interface AttemptSurroundings {
  readonly origin: string;
  /** The task's span. */
  readonly own: Span;
  /** How long nobody was at it, before. */
  readonly queueMs: number;
  readonly hold: Transfer | undefined;
}

function attemptSpan(attempt: Attempt, task: TracedTask, around: AttemptSurroundings): Span {
  const shown = ATTEMPT_KINDS[kindOf(attempt)](task.operation, attempt);
  const endAt = attempt.endedAt ?? task.updatedAt;
  const error = attemptError(attempt);
  return {
    traceId: around.own.traceId,
    spanId: spanIdOf(around.origin, attempt.id),
    parentSpanId: around.own.spanId,
    isParentRemote: false,
    name: shown.name,
    kind: shown.kind,
    startAt: attempt.startedAt,
    endAt,
    attributes: {
      ...shown.attributes,
      'starling.task.id': task.id,
      'starling.attempt.id': attempt.id,
      'starling.attempt.n': attempt.n,
      'starling.attempt.state': attempt.state,
      'starling.attempt.route': attempt.route,
      'starling.attempt.executor': attempt.executor,
      'starling.attempt.queue_ms': around.queueMs,
      'starling.attempt.lease_ms': attempt.leaseMs,
      'error.type': error,
    },
    events: holdEvents(attempt, around.hold),
    error,
  };
}

/** What was reserved for an attempt, and what became of it. */
function holdEvents(attempt: Attempt, hold: Transfer | undefined): readonly SpanEvent[] {
  const held: SpanEvent = {
    name: 'transfer.held',
    at: attempt.startedAt,
    attributes: { 'starling.transfer.id': attempt.hold, 'starling.credits.amount_micro': attempt.priceMicro },
  };
  if (hold === undefined || hold.resolvedAt === null) return [held];
  return [
    held,
    {
      name: `transfer.${hold.state}`,
      at: hold.resolvedAt,
      attributes: { 'starling.transfer.id': hold.id, 'starling.credits.amount_micro': hold.settledMicro ?? 0 },
    },
  ];
}

/**
 * The span of a mission that has ended.
 * @param trace the `traceparent` of its tasks, which came with the same command
 */
export function missionSpan(mission: Mission, trace: string | null, origin: string): Span | null {
  const context = contextOf(trace, origin, mission.id);
  if (!context.isSampled) return null;
  const error = mission.state === 'failed' ? 'mission_failed' : null;
  const place = placeOf(context, null);
  return {
    ...place,
    spanId: spanIdOf(origin, mission.id),
    name: 'mission',
    kind: place.isParentRemote ? 'server' : 'internal',
    startAt: mission.createdAt,
    endAt: mission.updatedAt,
    attributes: {
      'starling.mission.id': mission.id,
      'starling.mission.state': mission.state,
      'starling.mission.origin': mission.origin,
      'starling.mission.tasks': mission.tasks.length,
      'starling.mission.failed_key': mission.failedKey,
      'error.type': error,
    },
    events: [],
    error,
  };
}

/** Where a span hangs: below one of ours, else below the caller's, else nowhere. */
function placeOf(context: TraceContext, ours: string | null) {
  return {
    traceId: context.traceId,
    parentSpanId: ours ?? context.parentSpanId,
    isParentRemote: ours === null && context.parentSpanId !== null,
  };
}

/** Somebody who cancels has what they want: that is no error. */
function errorOf({ state, error }: TracedTask): string | null {
  if (state === 'failed') return error?.code ?? 'failed';
  return state === 'expired' ? 'expired' : null;
}

function attemptError({ state, error }: Attempt): string | null {
  if (state === 'succeeded' || state === 'cancelled') return null;
  return error?.code ?? state;
}
