// Placing a task: candidates are filtered and ranked, the price is held, the attempt leased, all in one decision, so that
// spending can never pass a budget [P17]. A task that nobody can take now waits in the queue.

import { assert } from '../assert.ts';
import { hold } from '../ledger/decide.ts';
import { availableMicro, executorAccount, TENANT_ACCOUNT } from '../ledger/state.ts';
import { attemptsMax, leaseMsMax, taskInputBytesMax } from '../limits.ts';
import { drawJson, roomFor } from '../room.ts';
import { type Ranked, rank, refuseRoute } from '../routes/rank.ts';
import { routeId } from '../routes/state.ts';
import type { Draft } from '../swarm/draft.ts';
import type { Rejection } from '../swarm/rejections.ts';
import type { TaskBrief } from './brief.ts';
import type { TaskRequest } from './commands.ts';
import { isDeclinedForGood, type Task } from './state.ts';

/** What placing looks at. */
type Placed = Omit<TaskBrief, 'chars'>;

/** How many routes are named as fallback in the lease's record. */
const FALLBACK_NAMED = 3;

/** Leases a queued task to the best executor that is free now. Answers whether it was leased. */
export function place(draft: Draft, task: Placed): boolean {
  assert(task.state === 'queued', 'only a queued task is placed');
  const { at, ids } = draft.moment;
  // Its time is over and the timer that says so is late: nobody is given what cannot be done any more.
  if (task.deadline <= at) return false;
  // Of a mission that has ended nothing begins any more, though it is for the next decision to end it [MISSION-11].
  if (task.mission !== null && draft.row('mission', task.mission)?.state !== 'running') return false;
  const ranked = rank(draft.candidates(task.operation), { ...task, tried: triedBy(task) });
  let neededMicro: number | null = null;
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
    if (!held.ok) {
      // The best is not always the cheapest: a fallback may still be paid.
      neededMicro = Math.min(neededMicro ?? route.priceMicro, route.priceMicro);
      continue;
    }
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
  // Somebody is free, and cannot be paid: it waits for credits, until its deadline.
  if (neededMicro !== null && !task.unfunded)
    draft.emit({ type: 'task.unfunded', subject: `task/${task.id}`, body: { task: task.id, neededMicro } });
  return false;
}

/** Why a new task would never be done as asked; null when some route may do it, now or later. */
export function refuseRequest(draft: Draft, request: TaskRequest): Rejection | null {
  if (!drawJson(roomFor(taskInputBytesMax), request.input))
    return { code: 'content_too_large', bytesMax: taskInputBytesMax };
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

/** Queued tasks that one freed executor is shown at once, and at the most: those it may not do are passed over. */
const dispatchPage = 32;
const dispatchPagesMax = 16;

/** Gives queued tasks to an executor that has room, oldest first, until it is full. */
export function dispatch(draft: Draft, executor: string): void {
  let after = '';
  for (let page = 0; page < dispatchPagesMax && hasRoom(draft, executor); page++) {
    const queued = draft.queuedTasks(executor, after, dispatchPage);
    for (const task of queued) {
      if (!hasRoom(draft, executor)) return;
      if (task.state === 'queued' && mayDo(draft, executor, task)) place(draft, task);
    }
    const last = queued.at(-1)?.id;
    if (last === undefined || queued.length < dispatchPage) return;
    after = last;
  }
}

/** Tasks that are looked at when credits come back. */
const fundedMax = 32;

/** Credits have come back: leases what waited for them, oldest first. */
export function fund(draft: Draft): void {
  for (const id of draft.unfundedTasks(fundedMax)) {
    const task = draft.row('task', id);
    if (task?.state === 'queued' && task.unfunded) place(draft, task);
  }
}

function hasRoom(draft: Draft, executor: string): boolean {
  const presence = draft.row('presence', executor);
  return presence?.connected === true && presence.busy < presence.parallel;
}

/** Whether this executor may do the task: asked before all of its candidates are looked at. */
function mayDo(draft: Draft, executor: string, task: Placed): boolean {
  const route = draft.row('route', routeId(task.operation, executor));
  return route !== null && refuseRoute(route, { ...task, tried: triedBy(task) }) === null;
}

/** How often each route was tried for a task. */
function triedBy(task: Pick<Task, 'attempts'>): ReadonlyMap<string, number> {
  const tried = new Map<string, number>();
  for (const attempt of task.attempts) {
    const tries = isDeclinedForGood(attempt) ? attemptsMax : 1;
    tried.set(attempt.route, (tried.get(attempt.route) ?? 0) + tries);
  }
  return tried;
}

/** Whether anybody at all may still do this task, now or later. */
export function isAnyoneLeft(draft: Draft, task: Task): boolean {
  return rank(draft.candidates(task.operation), { ...task, tried: triedBy(task) }).able.length > 0;
}
