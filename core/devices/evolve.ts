// What devices, their presence and enrolments look like after an event.

import { assert } from '../assert.ts';
import type { WorkEvent } from '../work/events.ts';
import type { DeviceEvent } from './events.ts';
import type { FactId } from './fact-id.ts';
import type { Device, Enrollment, Presence } from './state.ts';

export function evolveDevice(device: Device | null, event: DeviceEvent, at: number): Device {
  if (event.type === 'device.enrolled') {
    assert(device === null, 'a device is enrolled once');
    const { body } = event;
    return {
      id: body.device,
      name: body.name,
      did: body.did,
      squad: body.squad,
      state: 'enrolled',
      autonomyLevel: body.autonomyLevel,
      description: null,
      desired: { version: 0, state: {} },
      reported: { version: 0, state: {} },
      enrolledAt: at,
      updatedAt: at,
    };
  }
  assert(device !== null, 'an event about a device follows its enrolment');
  switch (event.type) {
    case 'device.described':
      return { ...device, description: event.body.description, updatedAt: at };
    case 'device.reported':
      return { ...device, reported: { version: event.body.version, state: event.body.reported }, updatedAt: at };
    case 'device.changed': {
      const { name, autonomyLevel, desired, desiredVersion } = event.body;
      return {
        ...device,
        name: name ?? device.name,
        autonomyLevel: autonomyLevel ?? device.autonomyLevel,
        desired:
          desired === undefined
            ? device.desired
            : { version: desiredVersion ?? device.desired.version + 1, state: desired },
        updatedAt: at,
      };
    }
    case 'device.revoked':
      return { ...device, state: 'revoked', updatedAt: at };
    default:
      return device;
  }
}

const ABSENT: Omit<Presence, 'id'> = {
  connected: false,
  connection: null,
  epoch: 0,
  seq: 0,
  busy: 0,
  parallel: 1,
  operations: [],
  lastSeenAt: null,
};

/** The swarm itself comes in as an executor, once. */
export interface ExecutorOpened {
  readonly type: 'executor.opened';
  readonly body: { readonly executor: string; readonly parallel: number; readonly operations: readonly string[] };
}
export type PresenceEvent = DeviceEvent | WorkEvent | ExecutorOpened;

/** Presence changes by what the device does, by the attempts it is given, and by each fact of its own that counts. */
export function evolvePresence(
  presence: Presence | null,
  id: string,
  event: PresenceEvent,
  at: number,
  fact: FactId | null,
): Presence {
  const now = presence ?? { id, ...ABSENT };
  // A fact also touches the presence of the device that said it, whoever its events are about.
  const next = isAbout(event, id) ? happen(now, event, at) : now;
  if (fact === null || fact.device !== id || fact.epoch !== next.epoch || fact.seq === next.seq) return next;
  assert(fact.seq === next.seq + 1, 'the facts of a device count in their order [P3]');
  return { ...next, seq: fact.seq, lastSeenAt: at };
}

function isAbout({ body }: PresenceEvent, id: string): boolean {
  return 'executor' in body ? body.executor === id : 'device' in body && body.device === id;
}

function happen(now: Presence, event: PresenceEvent, at: number): Presence {
  switch (event.type) {
    case 'executor.opened':
      return { ...now, connected: true, parallel: event.body.parallel, operations: event.body.operations };
    case 'device.connected':
      return {
        ...now,
        connected: true,
        connection: event.body.connection,
        epoch: event.body.epoch,
        seq: event.body.epoch === now.epoch ? now.seq : 0,
        lastSeenAt: at,
      };
    case 'device.disconnected':
      return { ...now, connected: false, connection: null, lastSeenAt: at };
    case 'device.described': {
      const { parallel, operations } = event.body.description;
      return { ...now, parallel, operations: operations.map(({ name }) => name) };
    }
    case 'device.revoked':
      return { ...now, connected: false, connection: null, operations: [] };
    case 'task.leased':
      return { ...now, busy: now.busy + 1 };
    case 'attempt.succeeded':
    case 'attempt.failed':
    case 'attempt.declined':
    case 'attempt.lost':
    case 'attempt.cancelled':
      assert(now.busy > 0, 'an attempt that ends was counted');
      return { ...now, busy: now.busy - 1 };
    default:
      return now;
  }
}

export function evolveEnrollment(enrollment: Enrollment | null, event: DeviceEvent): Enrollment {
  if (event.type === 'enrollment.opened') {
    const { enrollment: id, name, autonomyLevel, expiresAt } = event.body;
    return { id, state: 'open', name, autonomyLevel, expiresAt, device: null };
  }
  assert(enrollment !== null && event.type === 'device.enrolled', 'an enrolment is used by the device it enrols');
  return { ...enrollment, state: 'used', device: event.body.device };
}
