// The ends of a connection: the device closed it, the line broke, the squad closes it, or the object went away under it.
// Each becomes a report, in the same transaction in which the connection's row goes.

import type { DeviceId } from '../../core/ids.ts';
import { clockBehindMs } from '../../core/limits.ts';
import type { CloseReason } from '../../core/wire/device.ts';
import { NO_ANSWER, type Problem } from './problems.ts';
import { type Attachment, attachmentOf, closeFor, isOpen, type Socket } from './socket.ts';
import { challengeMs, reportGraceMs, silentMsMax } from './squad-limits.ts';
import type { SquadStore } from './squad-store.ts';

export interface LeaveDeps {
  readonly store: Pick<SquadStore, 'endConnection' | 'dropConnection' | 'dropOrdersOf' | 'connections' | 'reportLeft'>;
  /** When each socket last brought a frame, milliseconds, as far as this wake remembers. */
  readonly heard: WeakMap<Socket, number>;
  now(): number;
  sockets(device?: DeviceId): readonly Socket[];
  /** When the platform last answered this socket's ping, milliseconds. */
  lastPing(socket: Socket): number | null;
  wakeBy(at: number): void;
  /** Starts to tell the swarm; the alarm is armed for the case that it does not come to that. */
  reportSoon(): void;
}

/** The socket is gone. */
export function leave(socket: Socket, deps: LeaveDeps): void {
  const held = attachmentOf(socket);
  if (held !== null) end(held.device, held.connection, deps);
}

/** Closes a socket from this side, and ends its connection. */
export function dismiss(socket: Socket, reason: CloseReason, problem: Problem | undefined, deps: LeaveDeps): void {
  closeFor(socket, reason, problem);
  leave(socket, deps);
}

/** A connection ended of which there may be no row any more: told again, which changes nothing where it is known. */
export function hasLeft(device: DeviceId, connection: string, deps: LeaveDeps): void {
  const now = deps.now();
  deps.store.reportLeft(device, connection, now);
  deps.wakeBy(now + reportGraceMs);
  deps.reportSoon();
}

/** The swarm turns a device out: its sockets and its orders go, and there is nothing to tell. */
export function expel(device: DeviceId, deps: LeaveDeps): void {
  deps.store.dropOrdersOf(device);
  for (const socket of deps.sockets(device)) {
    const held = attachmentOf(socket);
    if (held !== null) deps.store.dropConnection(held.connection);
    closeFor(socket, 'revoked');
  }
}

/** Connections whose socket did not survive: the object crashed, or was moved. */
export function settleMissing(deps: LeaveDeps): void {
  const live = new Set<string>();
  for (const socket of deps.sockets()) {
    const held = attachmentOf(socket);
    if (held !== null && isOpen(socket)) live.add(held.connection);
  }
  for (const { connection, device } of deps.store.connections()) {
    if (!live.has(connection)) end(device, connection, deps);
  }
}

/** Closes the sockets that did not prove their key in time, and those of devices that have fallen silent. */
export function patrol(deps: LeaveDeps): void {
  const now = deps.now();
  for (const socket of deps.sockets()) {
    const held = attachmentOf(socket);
    if (!isOpen(socket)) continue;
    // It was opened by a clock that was wrong: what the device was told of the time is wrong too.
    if (held === null || held.since > now + clockBehindMs) {
      closeFor(socket, 'busy');
    } else if (held.phase === 'challenged' && now >= held.since + challengeMs) {
      const detail = 'The challenge was not answered in time.';
      dismiss(socket, 'challenge_late', { code: 'challenge_late', detail }, deps);
    } else if (held.phase === 'proving' && now >= held.since + 2 * challengeMs) {
      dismiss(socket, 'busy', NO_ANSWER, deps);
    } else if (held.phase === 'proved' && now > lastHeard(socket, held, deps) + silentMsMax) {
      dismiss(socket, 'busy', { code: 'silent', detail: 'No ping came for too long.' }, deps);
    }
  }
}

/** When the next socket is due to have proved its key, or null. */
export function nextChallengeEnd(deps: Pick<LeaveDeps, 'sockets'>): number | null {
  let next: number | null = null;
  for (const socket of deps.sockets()) {
    const held = attachmentOf(socket);
    if (held === null || held.phase === 'proved' || !isOpen(socket)) continue;
    const end = held.since + (held.phase === 'challenged' ? challengeMs : 2 * challengeMs);
    if (next === null || end < next) next = end;
  }
  return next;
}

function lastHeard(socket: Socket, held: Attachment, deps: LeaveDeps): number {
  return Math.max(held.since, deps.lastPing(socket) ?? 0, deps.heard.get(socket) ?? 0);
}

function end(device: DeviceId, connection: string, deps: LeaveDeps): void {
  const now = deps.now();
  if (!deps.store.endConnection(connection, device, now)) return;
  deps.wakeBy(now + reportGraceMs);
  deps.reportSoon();
}
