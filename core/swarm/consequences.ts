// What follows inside the swarm from what was just said: missions go on, freed executors take queued work, webhooks are
// queued. It runs in the same decision, over the events in their order, so that nothing is left to be noticed later.

import { actsOutside } from '../forks/state.ts';
import type { TaskId } from '../ids.ts';
import { TENANT_ACCOUNT } from '../ledger/state.ts';
import { taskEnded } from '../missions/decide.ts';
import { fanOut } from '../webhooks/decide.ts';
import { dispatch, fund } from '../work/place.ts';
import { isOpen } from '../work/state.ts';
import type { Draft } from './draft.ts';

/** @param firstSeq the seq that the draft's first event will have */
export function follow(draft: Draft, firstSeq: number): void {
  const freed = new Set<string>();
  let funded = false;
  // `events` grows while this runs; a mission's tasks are bounded, and so is this loop (eventsPerCommandMax).
  for (let i = 0; i < draft.events.length; i++) {
    const event = draft.events[i];
    switch (event?.type) {
      case 'task.succeeded':
      case 'task.failed':
      case 'task.cancelled':
      case 'task.expired':
        endedTask(draft, event.body.task);
        break;
      case 'attempt.succeeded':
      case 'attempt.failed':
      case 'attempt.declined':
      case 'attempt.lost':
      case 'attempt.cancelled':
        freed.add(event.body.executor);
        break;
      case 'device.connected':
      case 'device.described':
        freed.add(event.body.device);
        break;
      case 'transfer.posted':
        if (event.body.credit === TENANT_ACCOUNT) funded = true;
        break;
      case 'transfer.settled':
      case 'transfer.voided':
      case 'transfer.expired':
        if (event.body.debit === TENANT_ACCOUNT && event.body.amountMicro < event.body.heldMicro) funded = true;
        break;
      default:
        break;
    }
  }
  if (funded) fund(draft);
  for (const executor of freed) dispatch(draft, executor);
  const said = draft.events.length;
  if (draft.activeWebhooks().length === 0 || !actsOutside(draft.swarm())) return;
  for (let i = 0; i < said; i++) fanOut(draft, firstSeq + i, draft.events[i]?.type ?? '');
}

function endedTask(draft: Draft, id: TaskId): void {
  const task = draft.row('task', id);
  if (task && !isOpen(task) && task.mission !== null) taskEnded(draft, task);
}
