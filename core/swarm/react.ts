// Who must be told of an event: an executor, a timer, a webhook's receiver. Effects are data; the outbox carries them.

import { splitKey } from '../clock/evolve.ts';
import { actsOutside, OUTWARD } from '../forks/state.ts';
import { isTimed, timersOf } from '../forks/timers.ts';
import type { DeviceId } from '../ids.ts';
import { isOfTask } from '../ledger/state.ts';
import { deliverWithinMs } from '../limits.ts';
import type { Order } from '../wire/device.ts';
import { liveAttempt } from '../work/state.ts';
import type { SwarmCommand } from './commands.ts';
import type { Draft } from './draft.ts';
import type { SwarmEvent } from './events.ts';
import { SELF } from './state.ts';

export type Effect =
  /** An order for a device, by way of its squad. */
  | { readonly kind: 'order'; readonly squad: number; readonly device: DeviceId; readonly order: Order }
  /** The device's socket is to be closed for good. */
  | { readonly kind: 'expel'; readonly squad: number; readonly device: DeviceId }
  /** An attempt that the swarm does itself. */
  | { readonly kind: 'run'; readonly task: string; readonly attempt: string }
  /** A delivery to a webhook's receiver. */
  | { readonly kind: 'send'; readonly delivery: string }
  /** `command` is due at `at`; the key is the timer's: setting it again moves it. */
  | { readonly kind: 'timer'; readonly key: string; readonly at: number; readonly command: SwarmCommand }
  | { readonly kind: 'no-timer'; readonly key: string };

/** All that follows outside from a decision, in its order: from each of its events, and from what it leaves to the next. */
export function reactAll(draft: Draft): readonly Effect[] {
  const effects = draft.events.flatMap((event) => react(draft, event));
  for (const mission of draft.leftOff)
    effects.push(timer(`mission/${mission}`, draft.moment.at + 1, { type: 'WalkMission', mission }));
  return effects;
}

/** What follows outside from one event, given the rows after the whole decision. */
function react(draft: Draft, event: SwarmEvent): readonly Effect[] {
  const effects = effectsOf(draft, event);
  // What is not sent now is never sent: an effect belongs to its event.
  if (effects.length === 0 || actsOutside(draft.row('swarm', SELF))) return effects;
  return effects.filter(({ kind }) => !OUTWARD.has(kind));
}

function effectsOf(draft: Draft, event: SwarmEvent): readonly Effect[] {
  switch (event.type) {
    case 'swarm.forked':
      return [timer('cycle', event.body.cycleEndsAt, { type: 'CloseCycle', cycle: event.body.cycle })];
    case 'clock.corrected':
      return timersOf('swarm', draft.swarm());
    case 'times.moved':
      return moved(draft, event.body);
    case 'swarm.created':
      return [timer('cycle', event.body.cycleEndsAt, { type: 'CloseCycle', cycle: 1 })];
    case 'cycle.closed':
      return [timer('cycle', draft.swarm().cycleEndsAt, { type: 'CloseCycle', cycle: event.body.next })];
    case 'cycle.swept':
      return [timer('cycle', draft.moment.at + 1, { type: 'CloseCycle', cycle: event.body.cycle })];
    case 'transfer.held':
      // The hold of a task ends with the task.
      if (isOfTask(event.body)) return [];
      return [
        timer(`hold/${event.body.transfer}`, event.body.expiresAt, {
          type: 'ExpireTransfer',
          hold: event.body.transfer,
        }),
      ];
    case 'transfer.settled':
    case 'transfer.voided': {
      const held = draft.row('transfer', event.body.hold);
      return held && isOfTask(held) ? [] : [{ kind: 'no-timer', key: `hold/${event.body.hold}` }];
    }
    case 'task.requested':
      return [timer(`task/${event.body.task}`, event.body.deadline, { type: 'ExpireTask', task: event.body.task })];
    case 'task.leased':
      return leased(draft, event.body);
    case 'attempt.started':
    case 'attempt.progressed': {
      const { task, attempt, leaseUntil } = event.body;
      return [timer(`lease/${task}`, leaseUntil, { type: 'ExpireLease', task, attempt })];
    }
    case 'attempt.succeeded':
    case 'attempt.failed':
    case 'attempt.declined':
      return [{ kind: 'no-timer', key: `lease/${event.body.task}` }];
    case 'attempt.lost':
    case 'attempt.cancelled':
      return [{ kind: 'no-timer', key: `lease/${event.body.task}` }, ...cancelOrder(draft, event.body)];
    case 'task.requeued':
      return [timer(`retry/${event.body.task}`, event.body.notBefore, { type: 'RetryTask', task: event.body.task })];
    case 'task.succeeded':
    case 'task.failed':
    case 'task.cancelled':
    case 'task.expired':
      return [
        { kind: 'no-timer', key: `task/${event.body.task}` },
        { kind: 'no-timer', key: `retry/${event.body.task}` },
      ];
    case 'device.changed': {
      const { device, desired, desiredVersion } = event.body;
      const squad = draft.row('device', device)?.squad ?? 0;
      if (desired === undefined || desiredVersion === undefined) return [];
      const body = { type: 'desire' as const, version: desiredVersion, desired };
      return [{ kind: 'order', squad, device, order: { id: draft.moment.ids.next('ord'), deliverBy: null, body } }];
    }
    case 'device.revoked': {
      const squad = draft.row('device', event.body.device)?.squad ?? 0;
      return [{ kind: 'expel', squad, device: event.body.device }];
    }
    case 'delivery.queued':
    case 'delivery.retried':
      return [{ kind: 'send', delivery: event.body.delivery }];
    case 'delivery.failed':
      return [
        timer(`delivery/${event.body.delivery}`, event.body.nextAt, {
          type: 'RetryDelivery',
          delivery: event.body.delivery,
        }),
      ];
    default:
      return [];
  }
}

function timer(key: string, at: number, command: SwarmCommand): Effect {
  return { kind: 'timer', key, at, command };
}

/** Everything that is due in the rows, at the times that they name now; and the rest of the rows at once. */
function moved(draft: Draft, body: Extract<SwarmEvent, { type: 'times.moved' }>['body']): readonly Effect[] {
  const timers = body.rows.map(splitKey).flatMap(([kind, id]) => {
    const row = isTimed(kind) ? draft.row(kind, id) : null;
    return row !== null && isTimed(kind) ? timersOf(kind, row) : [];
  });
  return body.cursor === null ? timers : [...timers, timer('times', draft.moment.at + 1, { type: 'MoveTimes' })];
}

function leased(draft: Draft, body: Extract<SwarmEvent, { type: 'task.leased' }>['body']): readonly Effect[] {
  const task = draft.row('task', body.task);
  const attempt = task && liveAttempt(task);
  // The same decision may have ended what it leased (a mission that failed): then there is nothing to offer.
  if (!task || attempt?.id !== body.attempt) return [];
  const expiry = timer(`lease/${task.id}`, attempt.leaseUntil, {
    type: 'ExpireLease',
    task: task.id,
    attempt: attempt.id,
  });
  if (attempt.executor === 'cloud') return [expiry, { kind: 'run', task: task.id, attempt: attempt.id }];
  const order: Order = {
    id: `ord_${attempt.id.slice('att_'.length)}`,
    deliverBy: Math.min(draft.moment.at + deliverWithinMs, attempt.leaseUntil),
    ...(task.trace === null ? {} : { trace: task.trace }),
    body: {
      type: 'offer',
      attempt: attempt.id,
      task: task.id,
      fence: attempt.n,
      operation: task.operation,
      input: task.input,
      leaseMs: attempt.leaseMs,
      deadline: task.deadline,
      priceMicro: attempt.priceMicro,
    },
  };
  const squad = draft.row('device', attempt.executor)?.squad ?? 0;
  return [expiry, { kind: 'order', squad, device: attempt.executor, order }];
}

/** The device is told to stop what no longer counts. */
function cancelOrder(
  draft: Draft,
  body: { readonly task: string; readonly attempt: string; readonly executor: string },
): readonly Effect[] {
  const task = draft.row('task', body.task);
  const attempt = task?.attempts.find(({ id }) => id === body.attempt);
  const device = draft.row('device', body.executor);
  if (!task || !attempt || !device) return [];
  return [
    {
      kind: 'order',
      squad: device.squad,
      device: device.id,
      order: {
        id: draft.moment.ids.next('ord'),
        deliverBy: task.deadline,
        body: { type: 'cancel', attempt: attempt.id, task: task.id, fence: attempt.n },
      },
    },
  ];
}
