// Devices: enrolment once, admission with an epoch, facts in order, revocation for good.

import type { DeviceId } from '../ids.ts';
import { isSame, type Json, wrappedDepthMax } from '../json.ts';
import { findUnfit } from '../json-text.ts';
import { devicesMax, devicesPerSquad, enrollmentMs, eventBodyBytesMax } from '../limits.ts';
import { err, ok, type Result } from '../result.ts';
import { drawJson, roomFor } from '../room.ts';
import { routeId } from '../routes/state.ts';
import type { Draft } from '../swarm/draft.ts';
import type { Rejection } from '../swarm/rejections.ts';
import type { DeviceDescription } from '../wire/device.ts';
import { decideWork } from '../work/decide.ts';
import type { DeviceCommand } from './commands.ts';
import { autonomyLevelDefault, type Device } from './state.ts';

export function decideDevices(draft: Draft, command: DeviceCommand): Result<string, Rejection> {
  switch (command.type) {
    case 'OpenEnrollment': {
      const { at, ids } = draft.moment;
      if (draft.countDevices() >= devicesMax)
        return err({ code: 'limit_reached', limit: 'devicesMax', most: devicesMax });
      const enrollment = ids.next('enr');
      draft.emit({
        type: 'enrollment.opened',
        subject: `enrollment/${enrollment}`,
        body: {
          enrollment,
          name: command.name ?? null,
          autonomyLevel: command.autonomyLevel ?? autonomyLevelDefault,
          expiresAt: at + enrollmentMs,
        },
      });
      return ok(enrollment);
    }
    case 'EnrollDevice':
      return enroll(draft, command);
    case 'AdmitDevice':
      return admit(draft, command);
    case 'DeviceLeft': {
      const presence = draft.row('presence', command.device);
      // A later connection has taken its place: that one is not gone.
      if (presence?.connected && presence.connection === command.connection)
        draft.emit({
          type: 'device.disconnected',
          subject: `device/${command.device}`,
          body: { device: command.device, connection: command.connection },
        });
      return ok(command.device);
    }
    case 'ChangeDevice':
      return change(draft, command);
    case 'RevokeDevice': {
      const device = draft.row('device', command.device);
      if (device === null) return err({ code: 'device_not_found' });
      if (device.state === 'enrolled') {
        withdraw(draft, device, [], 'device_revoked');
        draft.emit({ type: 'device.revoked', subject: `device/${device.id}`, body: { device: device.id } });
      }
      return ok(device.id);
    }
    case 'TakeFact':
      return takeFact(draft, command);
  }
}

function enroll(draft: Draft, command: Extract<DeviceCommand, { type: 'EnrollDevice' }>): Result<DeviceId, Rejection> {
  const enrollment = draft.row('enrollment', command.enrollment);
  if (enrollment === null) return err({ code: 'enrollment_not_found' });
  if (enrollment.state === 'used') return err({ code: 'enrollment_used' });
  if (enrollment.expiresAt <= draft.moment.at) return err({ code: 'enrollment_expired' });
  if (draft.deviceByDid(command.did)) return err({ code: 'device_already_enrolled' });
  // Many enrolments may have been open when the last place was taken.
  if (draft.countDevices() >= devicesMax) return err({ code: 'limit_reached', limit: 'devicesMax', most: devicesMax });
  const device = draft.moment.ids.next('dev');
  draft.emit({
    type: 'device.enrolled',
    subject: `device/${device}`,
    body: {
      device,
      enrollment: enrollment.id,
      name: enrollment.name ?? command.name,
      did: command.did,
      squad: Math.floor(draft.countDevices() / devicesPerSquad),
      autonomyLevel: enrollment.autonomyLevel,
    },
  });
  return ok(device);
}

function admit(draft: Draft, command: Extract<DeviceCommand, { type: 'AdmitDevice' }>): Result<DeviceId, Rejection> {
  const device = draft.row('device', command.device);
  if (device === null || device.did !== command.did) return err({ code: 'device_unknown' });
  if (device.state === 'revoked') return err({ code: 'device_revoked' });
  const presence = draft.row('presence', command.device);
  const held = { epoch: presence?.epoch ?? 0, seq: presence?.seq ?? 0 };
  // An outbox that has used less than what is committed was rolled back: it starts a new epoch, so that no number is used
  // twice with two meanings [P2]. One that claims an epoch nobody gave it starts a new one too.
  const same = held.epoch > 0 && command.epoch === held.epoch && command.seq >= held.seq;
  const epoch = same ? held.epoch : held.epoch + 1;
  draft.emit({
    type: 'device.connected',
    subject: `device/${device.id}`,
    body: { device: device.id, connection: command.connection, epoch },
  });
  return ok(device.id);
}

function change(draft: Draft, command: Extract<DeviceCommand, { type: 'ChangeDevice' }>): Result<DeviceId, Rejection> {
  const device = draft.row('device', command.device);
  if (device === null) return err({ code: 'device_not_found' });
  if (device.state === 'revoked') return err({ code: 'device_revoked' });
  const { name, autonomyLevel, desired, ifVersion } = command;
  if (ifVersion !== undefined && ifVersion !== device.desired.version)
    return err({ code: 'version_conflict', version: device.desired.version });
  const body = {
    device: device.id,
    ...(name === undefined || name === device.name ? {} : { name }),
    ...(autonomyLevel === undefined || autonomyLevel === device.autonomyLevel ? {} : { autonomyLevel }),
    ...(desired === undefined || isSame(desired, device.desired.state)
      ? {}
      : { desired, desiredVersion: device.desired.version + 1 }),
  };
  if (Object.keys(body).length > 1) draft.emit({ type: 'device.changed', subject: `device/${device.id}`, body });
  return ok(device.id);
}

/**
 * Takes one fact in its turn; a repeat was answered before, by its id. A fact that says something impossible is set aside, and counts: it must not block the ones behind it [P11].
 */
function takeFact(draft: Draft, command: Extract<DeviceCommand, { type: 'TakeFact' }>): Result<string, Rejection> {
  const device = draft.row('device', command.device);
  if (device === null) return err({ code: 'device_unknown' });
  if (device.state === 'revoked') return err({ code: 'device_revoked' });
  const presence = draft.row('presence', command.device);
  if (presence === null || presence.epoch !== command.epoch) return err({ code: 'epoch_stale' });
  if (command.seq !== presence.seq + 1) return err({ code: 'sequence_gap', expected: presence.seq + 1 });
  const said = refuseBody(command.body) ?? say(draft, device, command.body);
  if (said.ok && draft.events.length > 0) return said;
  // Every fact leaves a mark, or the count of facts would not be in the journal.
  const code = said.ok ? 'already_so' : said.error.code;
  const { epoch, seq } = command;
  draft.emit({ type: 'fact.set_aside', subject: `device/${device.id}`, body: { device: device.id, epoch, seq, code } });
  return ok(said.ok ? said.value : `refused:${code}`);
}

/** Leaves room for what events say beside it: the device, its routes. */
const factBytesMax = eventBodyBytesMax - 1024;

/** The squad has looked already; the journal does not rely on it. */
function refuseBody(body: Extract<DeviceCommand, { type: 'TakeFact' }>['body']): Result<never, Rejection> | null {
  if (isTooLarge(body)) return err({ code: 'content_too_large' });
  // As it came: JSON.
  return findUnfit(body as Json, null, wrappedDepthMax) === null ? null : err({ code: 'fact_invalid' });
}

/** What a device says of itself becomes an event as it is; a result has a limit and an answer of its own. */
function isTooLarge(body: Extract<DeviceCommand, { type: 'TakeFact' }>['body']): boolean {
  if (body.type !== 'device.described' && body.type !== 'device.reported') return false;
  return !drawJson(roomFor(factBytesMax), body, Number.POSITIVE_INFINITY);
}

function say(
  draft: Draft,
  device: Device,
  body: Extract<DeviceCommand, { type: 'TakeFact' }>['body'],
): Result<string, Rejection> {
  const subject = `device/${device.id}`;
  switch (body.type) {
    case 'device.described':
      describe(draft, device, body.description);
      return ok(device.id);
    case 'device.reported':
      // As it was: nothing has happened, and the fact counts all the same.
      if (body.version === device.reported.version && isSame(body.reported, device.reported.state))
        return ok(device.id);
      draft.emit({
        type: 'device.reported',
        subject,
        body: { device: device.id, version: body.version, reported: body.reported },
      });
      return ok(device.id);
    case 'facts.dropped':
      draft.emit({
        type: 'facts.dropped',
        subject,
        body: { device: device.id, count: body.count, reason: body.reason },
      });
      return ok(device.id);
    case 'poison':
      return err({ code: 'fact_invalid', detail: body.reason });
    default: {
      const { task, attempt, fence, ...report } = body;
      return decideWork(draft, { type: 'ReportAttempt', executor: device.id, task, attempt, fence, report });
    }
  }
}

/** What a device offers from now on: routes are offered, changed and withdrawn so that they say the same. */
function describe(draft: Draft, device: Device, description: DeviceDescription): void {
  const offered = new Set(description.operations.map(({ name }) => routeId(name, device.id)));
  withdraw(draft, device, [...offered], 'no_longer_offered');
  if (device.description === null || !isSame(description, device.description))
    draft.emit({ type: 'device.described', subject: `device/${device.id}`, body: { device: device.id, description } });
  const { privacy, capabilities } = description;
  for (const { name, ...offer } of description.operations) {
    const route = routeId(name, device.id);
    const body = { route, operation: name, executor: device.id, ...offer, privacy, capabilities };
    const known = draft.row('route', route);
    if (
      known?.active &&
      isSame({ ...body, measured: 0 }, { ...known, id: undefined, route, active: undefined, measured: 0 })
    )
      continue;
    draft.emit({ type: 'route.offered', subject: `route/${route}`, body });
  }
}

function withdraw(draft: Draft, device: Device, keep: readonly string[], reason: string): void {
  for (const operation of draft.operationsOf(device.id)) {
    const route = routeId(operation, device.id);
    if (keep.includes(route) || !draft.row('route', route)?.active) continue;
    draft.emit({ type: 'route.withdrawn', subject: `route/${route}`, body: { route, reason } });
  }
}
