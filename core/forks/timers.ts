// The timers that a row asks for, made from the row alone: a swarm that begins with rows has none yet. A test holds this
// against the timers that a live swarm has set, event by event.

import type { Transfer } from '../ledger/state.ts';
import { isOfTask } from '../ledger/state.ts';
import type { SwarmCommand } from '../swarm/commands.ts';
import type { Kind, Rows, Swarm } from '../swarm/state.ts';
import type { Delivery } from '../webhooks/state.ts';
import { isOpen, liveAttempt, type Task } from '../work/state.ts';

/** As `react` says it. */
interface Timer {
  readonly kind: 'timer';
  readonly key: string;
  readonly at: number;
  readonly command: SwarmCommand;
}

/** Kinds of rows that ask for timers. */
export const TIMED = ['swarm', 'task', 'transfer', 'delivery'] as const satisfies readonly Kind[];
export type Timed = (typeof TIMED)[number];

export function isTimed(kind: Kind): kind is Timed {
  return TIMED.some((timed) => timed === kind);
}

/** What is due for this row, some of it perhaps long ago. */
export function timersOf<K extends Timed>(kind: K, row: Rows[K]): readonly Timer[] {
  // A row stands under the kind that it is of.
  switch (kind) {
    case 'swarm': {
      const { cycle, cycleEndsAt } = row as Swarm;
      return [{ kind: 'timer', key: 'cycle', at: cycleEndsAt, command: { type: 'CloseCycle', cycle } }];
    }
    case 'task':
      return ofTask(row as Task);
    case 'transfer':
      return ofTransfer(row as Transfer);
    case 'delivery': {
      const { id, state, nextAt } = row as Delivery;
      if (state !== 'waiting' || nextAt === null) return [];
      return [{ kind: 'timer', key: `delivery/${id}`, at: nextAt, command: { type: 'RetryDelivery', delivery: id } }];
    }
  }
  return [];
}

function ofTask(task: Task): readonly Timer[] {
  if (!isOpen(task)) return [];
  const { id, deadline, notBefore } = task;
  const timers: Timer[] = [
    { kind: 'timer', key: `task/${id}`, at: deadline, command: { type: 'ExpireTask', task: id } },
  ];
  const live = liveAttempt(task);
  if (live) {
    const command = { type: 'ExpireLease', task: id, attempt: live.id } as const;
    timers.push({ kind: 'timer', key: `lease/${id}`, at: live.leaseUntil, command });
  }
  // Its mission goes on, if the decision before has left something of it to the next.
  if (task.mission !== null) {
    const command = { type: 'WalkMission', mission: task.mission } as const;
    timers.push({ kind: 'timer', key: `mission/${task.mission}`, at: task.createdAt, command });
  }
  // Back in the queue after an attempt: it waits for its turn to be tried again.
  if (task.state === 'queued' && task.attempts.length > 0)
    timers.push({ kind: 'timer', key: `retry/${id}`, at: notBefore, command: { type: 'RetryTask', task: id } });
  return timers;
}

/** The hold of a task ends with the task. */
function ofTransfer(transfer: Transfer): readonly Timer[] {
  const { id, state, expiresAt } = transfer;
  if (state !== 'pending' || expiresAt === null || isOfTask(transfer)) return [];
  return [{ kind: 'timer', key: `hold/${id}`, at: expiresAt, command: { type: 'ExpireTransfer', hold: id } }];
}
