// A task as the API shows it.

import type { TaskView } from '../wire/tasks.ts';
import { type Attempt, liveAttempt, type Task } from './state.ts';

export function taskView(task: Task): TaskView {
  const live = liveAttempt(task);
  return {
    id: task.id,
    state: task.state,
    operation: task.operation,
    input: task.input,
    result: task.result,
    error: task.error,
    cost: { heldMicro: live?.priceMicro ?? 0, settledMicro: task.settledMicro },
    maxCreditsMicro: task.maxCreditsMicro,
    require: task.require,
    route: task.attempts.at(-1)?.route ?? null,
    attempts: task.attempts.map(attemptView),
    mission: task.mission,
    key: task.key,
    after: [...task.after],
    origin: task.origin,
    trace: task.trace,
    deadline: timeText(task.deadline),
    createdAt: timeText(task.createdAt),
    updatedAt: timeText(task.updatedAt),
  };
}

function attemptView(attempt: Attempt): TaskView['attempts'][number] {
  const { id, n, executor, route, state, priceMicro, fraction, error } = attempt;
  return {
    id,
    n,
    executor,
    route,
    state,
    priceMicro,
    fraction,
    leaseUntil: timeText(attempt.leaseUntil),
    startedAt: timeText(attempt.startedAt),
    endedAt: attempt.endedAt === null ? null : timeText(attempt.endedAt),
    error,
  };
}

let lastAt = Number.NaN;
let lastText = '';

/** RFC 3339 UTC with milliseconds. The rows of one transaction share their time: the last text is kept. */
export function timeText(at: number): string {
  if (at !== lastAt) {
    lastText = new Date(at).toISOString();
    lastAt = at;
  }
  return lastText;
}
