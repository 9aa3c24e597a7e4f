// Placing a task: candidates are filtered and ranked, the price is held, the attempt leased, all in one decision, so that
// spending can never pass a budget [P17]. A task that nobody can take now waits in the queue.

import { assert } from '../assert.ts';
import { hold } from '../ledger/decide.ts';
import { availableMicro, executorAccount, TENANT_ACCOUNT } from '../ledger/state.ts';
import { leaseMsMax } from '../limits.ts';
import { type Ranked, rank } from '../routes/rank.ts';
import type { Draft } from '../swarm/draft.ts';
import type { Rejection } from '../swarm/rejections.ts';
import type { TaskRequest } from './commands.ts';
import type { Task } from './state.ts';

/** How many routes are named as fallback in the lease's record. */
const FALLBACK_NAMED = 3;

/** Leases a queued task to the best executor that is free now. Answers whether it was leased. */
export function place(draft: Draft, task: Task): boolean {
  assert(task.state === 'queued', 'only a queued task is placed');
  const { at, ids } = draft.moment;
  const tried = new Map<string, number>();
  for (const attempt of task.attempts) tried.set(attempt.route, (tried.get(attempt.route) ?? 0) + 1);
  const ranked = rank(draft.candidates(task.operation), { ...task, tried });
  for (const [index, { candidate, score }] of ranked.able.entries()) {
    if (!candidate.free) continue;
    const { route } = candidate;
    const leaseMs = Math.min(route.leaseMs, leaseMsMax, task.deadline - at);
    const held = hold(
      draft,
      {
        transfer: ids.next('trf'),
        debit: TENANT_ACCOUNT,
        credit: executorAccount(route.executor),
        amountMicro: route.priceMicro,
        reference: `task/${task.id}`,
      },
      task.deadline,
    );
    // A dearer fallback cannot be paid either when the best cannot: it waits for credits, until its deadline.
    if (!held.ok) return false;
    const n = task.attempts.length + 1;
    draft.emit({
      type: 'task.leased',
      subject: `task/${task.id}`,
      body: {
        task: task.id,
        attempt: ids.next('att'),
        n,
        executor: route.executor,
        route: route.id,
        hold: held.value,
        priceMicro: route.priceMicro,
        leaseMs,
        leaseUntil: at + leaseMs,
        score,
        fallback: ranked.able.slice(index + 1, index + 1 + FALLBACK_NAMED).map((next) => next.candidate.route.id),
      },
    });
    return true;
  }
  return false;
}

/** Why a new task would never be done as asked; null when some route may do it, now or later. */
export function refuseRequest(draft: Draft, request: TaskRequest): Rejection | null {
  const candidates = draft.candidates(request.operation);
  if (candidates.length === 0) return { code: 'operation_unknown', operation: request.operation };
  const ranked: Ranked = rank(candidates, {
    require: request.require ?? {},
    maxCreditsMicro: request.maxCreditsMicro ?? null,
    tried: new Map(),
  });
  if (ranked.able.length > 0) {
    const cheapest = Math.min(...ranked.able.map(({ candidate }) => candidate.route.priceMicro));
    const available = availableMicro(draft.row('account', TENANT_ACCOUNT));
    return available < cheapest
      ? { code: 'credits_insufficient', availableMicro: available, neededMicro: cheapest }
      : null;
  }
  const reasons = ranked.unable.map(({ why }) => why);
  if (reasons.includes('price')) {
    const cheapest = Math.min(
      ...ranked.unable.filter(({ why }) => why === 'price').map(({ candidate }) => candidate.route.priceMicro),
    );
    return { code: 'budget_too_small', neededMicro: cheapest };
  }
  return { code: 'requirements_unsatisfiable', reasons: [...new Set(reasons)].sort() };
}

/** Gives queued tasks to executors that have become free: of these operations, oldest first, until nobody is free. */
export function dispatch(draft: Draft, operations: readonly string[], most: number): void {
  for (const queued of draft.queuedTasks(operations, most)) {
    const task = draft.row('task', queued);
    if (task?.state === 'queued') place(draft, task);
  }
}
