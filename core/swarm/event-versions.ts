// Every event that this code can read, with the newest version of its shape. A journal that comes from elsewhere may have been
// written by later code: what is not in this table is refused by name, never guessed at.

import { EVENT_VERSION } from '../journal/event.ts';
import type { EventType } from './events.ts';

/** The newest version of each type's body. An older one is read by its upcaster; there is none yet. */
export const EVENT_VERSIONS = {
  'swarm.created': EVENT_VERSION,
  'cycle.closed': EVENT_VERSION,
  'cycle.swept': EVENT_VERSION,
  'executor.opened': EVENT_VERSION,
  'timer.parked': EVENT_VERSION,
  'snapshot.taken': EVENT_VERSION,
  'segment.archived': EVENT_VERSION,
  'segment.expired': EVENT_VERSION,
  'snapshot.expired': EVENT_VERSION,
  'segment.deleted': EVENT_VERSION,
  'snapshot.deleted': EVENT_VERSION,
  'retention.changed': EVENT_VERSION,
  'swarm.forked': EVENT_VERSION,
  'effects.changed': EVENT_VERSION,
  'what_if.begun': EVENT_VERSION,
  'what_if.ended': EVENT_VERSION,
  'route.overridden': EVENT_VERSION,
  'task.rerun': EVENT_VERSION,
  'enrollment.opened': EVENT_VERSION,
  'device.enrolled': EVENT_VERSION,
  'device.connected': EVENT_VERSION,
  'device.disconnected': EVENT_VERSION,
  'device.described': EVENT_VERSION,
  'device.reported': EVENT_VERSION,
  'device.changed': EVENT_VERSION,
  'device.revoked': EVENT_VERSION,
  'fact.set_aside': EVENT_VERSION,
  'facts.dropped': EVENT_VERSION,
  'key.issued': EVENT_VERSION,
  'key.rotated': EVENT_VERSION,
  'key.revoked': EVENT_VERSION,
  'transfer.posted': EVENT_VERSION,
  'transfer.held': EVENT_VERSION,
  'transfer.settled': EVENT_VERSION,
  'transfer.voided': EVENT_VERSION,
  'transfer.expired': EVENT_VERSION,
  'mission.started': EVENT_VERSION,
  'mission.succeeded': EVENT_VERSION,
  'mission.failed': EVENT_VERSION,
  'mission.cancelled': EVENT_VERSION,
  'route.offered': EVENT_VERSION,
  'route.withdrawn': EVENT_VERSION,
  'route.measured': EVENT_VERSION,
  'trigger.created': EVENT_VERSION,
  'trigger.fired': EVENT_VERSION,
  'trigger.rotated': EVENT_VERSION,
  'trigger.deleted': EVENT_VERSION,
  'webhook.created': EVENT_VERSION,
  'webhook.rotated': EVENT_VERSION,
  'webhook.enabled': EVENT_VERSION,
  'webhook.disabled': EVENT_VERSION,
  'webhook.deleted': EVENT_VERSION,
  'delivery.queued': EVENT_VERSION,
  'delivery.succeeded': EVENT_VERSION,
  'delivery.failed': EVENT_VERSION,
  'delivery.retried': EVENT_VERSION,
  'delivery.ended': EVENT_VERSION,
  'task.requested': EVENT_VERSION,
  'task.released': EVENT_VERSION,
  'task.leased': EVENT_VERSION,
  'attempt.started': EVENT_VERSION,
  'attempt.progressed': EVENT_VERSION,
  'attempt.succeeded': EVENT_VERSION,
  'attempt.failed': EVENT_VERSION,
  'attempt.declined': EVENT_VERSION,
  'attempt.lost': EVENT_VERSION,
  'attempt.cancelled': EVENT_VERSION,
  'task.requeued': EVENT_VERSION,
  'task.unfunded': EVENT_VERSION,
  'task.succeeded': EVENT_VERSION,
  'task.failed': EVENT_VERSION,
  'task.cancelled': EVENT_VERSION,
  'task.expired': EVENT_VERSION,
} as const satisfies Record<EventType, number>;

/** Why this code cannot read events of this type and version; null when it can. */
export function refuseEventType(type: string, version: number): string | null {
  if (!isEventType(type)) return `events of type ${type.slice(0, 100)} are not known here`;
  const newest = EVENT_VERSIONS[type];
  if (version < 1 || version > newest)
    return `${type} is known here up to version ${newest}, not in version ${version}`;
  return null;
}

function isEventType(type: string): type is EventType {
  return Object.hasOwn(EVENT_VERSIONS, type);
}
