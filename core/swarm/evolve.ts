// Which rows an event touches, and what each looks like after it: the same lines make the present, the past and a replay.

import type { ArchiveEvent } from '../archive/events.ts';
import { evolveMarks, evolveSegment, evolveSnapshot } from '../archive/evolve.ts';
import { NO_ARCHIVE } from '../archive/state.ts';
import { assert, unreachable } from '../assert.ts';
import type { ClockEvent } from '../clock/events.ts';
import { evolveClock, isMoved, moveRow, splitKey } from '../clock/evolve.ts';
import type { DeviceEvent } from '../devices/events.ts';
import { evolveDevice, evolveEnrollment, evolvePresence, type PresenceEvent } from '../devices/evolve.ts';
import { factOf } from '../devices/fact-id.ts';
import { type Actor, actorName } from '../envelope.ts';
import type { ForkEvent } from '../forks/events.ts';
import { evolveForked, evolveOverridden, evolveRerun } from '../forks/evolve.ts';
import type { KeyEvent } from '../keys/events.ts';
import { evolveKey } from '../keys/evolve.ts';
import type { LedgerEvent } from '../ledger/events.ts';
import { evolveAccount, evolveTransfer } from '../ledger/evolve.ts';
import { cycleMs } from '../limits.ts';
import type { MissionEvent } from '../missions/events.ts';
import { evolveMission } from '../missions/evolve.ts';
import type { RouteEvent } from '../routes/events.ts';
import { evolveRoute } from '../routes/evolve.ts';
import type { TriggerEvent } from '../triggers/events.ts';
import { evolveTrigger } from '../triggers/evolve.ts';
import type { WebhookEvent } from '../webhooks/events.ts';
import { evolveDelivery, evolveWebhook } from '../webhooks/evolve.ts';
import type { WorkEvent } from '../work/events.ts';
import { evolveTask } from '../work/evolve.ts';
import type { EventType, OwnEvent, SwarmEvent } from './events.ts';
import { type Kind, type Rows, SELF, type Swarm } from './state.ts';

type Touch = readonly [Kind, string];

/** The rows that an event changes. What a device's fact says also moves the device's own count of facts. */
export function touches(event: SwarmEvent, command: string): readonly Touch[] {
  const touched = touchesOf(event);
  assert(touched !== null, 'an event is of a known type');
  const fact = factOf(command);
  if (fact === null || touched.some(([kind, id]) => kind === 'presence' && id === fact.device)) return touched;
  return [...touched, ['presence', fact.device]];
}

/** Null for an event of a type that is not known here. */
function touchesOf(event: SwarmEvent): readonly Touch[] | null {
  const { type, body } = event;
  switch (type) {
    case 'swarm.created':
    case 'swarm.forked':
    case 'effects.changed':
    case 'what_if.begun':
    case 'what_if.ended':
    case 'cycle.closed':
      return [['swarm', SELF]];
    case 'cycle.swept':
    case 'timer.parked':
      return [];
    case 'executor.opened':
      return [['presence', body.executor]];
    case 'transfer.posted':
    case 'transfer.held':
      return [
        ['account', body.debit],
        ['account', body.credit],
        ['transfer', body.transfer],
      ];
    case 'transfer.settled':
    case 'transfer.voided':
    case 'transfer.expired':
      return [
        ['account', body.debit],
        ['account', body.credit],
        ['transfer', body.hold],
      ];
    case 'task.leased':
    case 'attempt.succeeded':
    case 'attempt.failed':
    case 'attempt.declined':
    case 'attempt.lost':
    case 'attempt.cancelled':
      return [
        ['task', body.task],
        ['presence', body.executor],
      ];
    case 'task.requested':
    case 'task.released':
    case 'task.requeued':
    case 'task.unfunded':
    case 'task.succeeded':
    case 'task.failed':
    case 'task.cancelled':
    case 'task.expired':
    case 'attempt.started':
    case 'attempt.progressed':
      return [['task', body.task]];
    case 'mission.started':
    case 'mission.succeeded':
    case 'mission.failed':
    case 'mission.cancelled':
      return [['mission', body.mission]];
    case 'enrollment.opened':
      return [['enrollment', body.enrollment]];
    case 'device.enrolled':
      return [
        ['device', body.device],
        ['presence', body.device],
        ['enrollment', body.enrollment],
      ];
    case 'device.connected':
    case 'device.disconnected':
      return [['presence', body.device]];
    case 'device.described':
    case 'device.revoked':
      return [
        ['device', body.device],
        ['presence', body.device],
      ];
    case 'device.reported':
    case 'device.changed':
      return [['device', body.device]];
    case 'fact.set_aside':
    case 'facts.dropped':
      return [];
    case 'route.offered':
    case 'route.withdrawn':
    case 'route.measured':
    case 'route.overridden':
      return [['route', body.route]];
    case 'task.rerun':
      return [['rerun', body.of]];
    case 'key.issued':
    case 'key.rotated':
    case 'key.revoked':
      return [['key', body.key]];
    case 'trigger.created':
    case 'trigger.fired':
    case 'trigger.rotated':
    case 'trigger.deleted':
      return [['trigger', body.trigger]];
    case 'webhook.created':
    case 'webhook.rotated':
    case 'webhook.enabled':
    case 'webhook.disabled':
    case 'webhook.deleted':
      return [['webhook', body.webhook]];
    case 'delivery.queued':
    case 'delivery.succeeded':
    case 'delivery.failed':
    case 'delivery.retried':
    case 'delivery.ended':
      return [['delivery', body.delivery]];
    case 'snapshot.taken':
      return [
        ['snapshot', body.snapshot],
        ['swarm', SELF],
      ];
    case 'snapshot.expired':
    case 'snapshot.deleted':
      return [['snapshot', body.snapshot]];
    case 'segment.archived':
    case 'segment.expired':
      return [
        ['segment', body.segment],
        ['swarm', SELF],
      ];
    case 'segment.deleted':
      return [['segment', body.segment]];
    case 'retention.changed':
    case 'clock.stepped':
    case 'clock.corrected':
      return [['swarm', SELF]];
    case 'times.moved':
      // Asked of a type alone, there is no body.
      return [['swarm', SELF], ...(body.rows ?? []).map(splitKey)];
    default:
      return unknown(type);
  }
}

/** Whether this code knows events of this type: a journal from elsewhere may have been written by later code. */
export function isEventType(type: string): type is EventType {
  // No row is asked for yet, so no body is looked into.
  return touchesOf({ type, body: {} } as SwarmEvent) !== null;
}

/** The compiler sees to it that every event that is said here has its case. */
function unknown(_: never): null {
  return null;
}

/** What surrounds an event, as evolving needs it. */
export interface Circumstance {
  readonly at: number;
  readonly trace: string | null;
  readonly actor: Actor | string;
  readonly commandId: string;
}

/** The row after the event, which touches it (`touches`): the casts below say again what that table says. */
export function evolve<K extends Kind>(
  kind: K,
  id: string,
  row: Rows[K] | null,
  event: SwarmEvent,
  circumstance: Circumstance,
): Rows[K] {
  const { at, trace, actor } = circumstance;
  if (event.type === 'times.moved' && isMoved(kind)) {
    // Of the kind that came in, as below.
    return moveRow(kind, row as Rows[typeof kind] | null, event.body) as Rows[K];
  }
  const next = (): Rows[Kind] => {
    switch (kind) {
      case 'swarm':
        return evolveSwarm(row as Swarm | null, event as OwnEvent | ArchiveEvent | ClockEvent | ForkEvent, at);
      case 'account':
        return evolveAccount(row as Rows['account'] | null, id, event as LedgerEvent);
      case 'transfer':
        return evolveTransfer(row as Rows['transfer'] | null, event as LedgerEvent, at);
      case 'task':
        return evolveTask(row as Rows['task'] | null, event as WorkEvent, at, trace);
      case 'mission':
        return evolveMission(row as Rows['mission'] | null, event as MissionEvent, at);
      case 'device':
        return evolveDevice(row as Rows['device'] | null, event as DeviceEvent, at);
      case 'presence':
        return evolvePresence(
          row as Rows['presence'] | null,
          id,
          event as PresenceEvent,
          at,
          factOf(circumstance.commandId),
        );
      case 'enrollment':
        return evolveEnrollment(row as Rows['enrollment'] | null, event as DeviceEvent);
      case 'route':
        if (event.type === 'route.overridden') return evolveOverridden(row as Rows['route'] | null, event);
        return evolveRoute(row as Rows['route'] | null, event as RouteEvent);
      case 'key':
        return evolveKey(
          row as Rows['key'] | null,
          event as KeyEvent,
          at,
          typeof actor === 'string' ? actor : actorName(actor),
        );
      case 'trigger':
        return evolveTrigger(row as Rows['trigger'] | null, event as TriggerEvent, at);
      case 'webhook':
        return evolveWebhook(
          row as Rows['webhook'] | null,
          event as Extract<WebhookEvent, { type: `webhook.${string}` }>,
          at,
        );
      case 'delivery':
        return evolveDelivery(
          row as Rows['delivery'] | null,
          event as Extract<WebhookEvent, { type: `delivery.${string}` }>,
          at,
        );
      case 'snapshot':
        return evolveSnapshot(
          row as Rows['snapshot'] | null,
          event as Extract<ArchiveEvent, { type: `snapshot.${string}` }>,
          at,
        );
      case 'segment':
        return evolveSegment(
          row as Rows['segment'] | null,
          event as Extract<ArchiveEvent, { type: `segment.${string}` }>,
          at,
        );
      case 'rerun':
        return evolveRerun(event as Extract<ForkEvent, { type: 'task.rerun' }>);
      default:
        return unreachable(kind);
    }
  };
  return next() as Rows[K];
}

function evolveSwarm(swarm: Swarm | null, event: OwnEvent | ArchiveEvent | ClockEvent | ForkEvent, at: number): Swarm {
  if (event.type === 'swarm.created') {
    const { swarm: id, tenant, name, publicKey, supplyMicro, cycleEndsAt } = event.body;
    return { id, tenant, name, publicKey, supplyMicro, cycle: 1, cycleEndsAt, createdAt: at, ...NO_ARCHIVE };
  }
  if (event.type === 'swarm.forked') return evolveForked(swarm, event, at);
  assert(swarm !== null, 'a swarm is created first');
  switch (event.type) {
    case 'effects.changed':
    case 'what_if.begun':
    case 'what_if.ended':
      return evolveForked(swarm, event, at);
    case 'cycle.closed':
      return { ...swarm, cycle: event.body.next, cycleEndsAt: swarm.cycleEndsAt + cycleMs };
    case 'snapshot.taken':
    case 'segment.archived':
    case 'segment.expired':
    case 'retention.changed':
      return { ...swarm, ...evolveMarks(event) };
    case 'clock.stepped':
    case 'clock.corrected':
    case 'times.moved':
      return evolveClock(swarm, event);
    default:
      return swarm;
  }
}
