// A device's request for a socket. The Worker has checked the device's credential and says in headers of its own whose
// it is; what is not proved yet is that the other end holds the device's key.

import { UPGRADE_HEADERS } from '../../core/devices/port.ts';
import type { DeviceId, SwarmId, TenantId } from '../../core/ids.ts';
import { isId } from '../../core/ids.ts';
import { HISTORY_SUBPROTOCOL, SUBPROTOCOL } from '../../core/wire/device.ts';
import { type Attachment, attachmentOf, isOpen, type Socket, sendFrame } from './socket.ts';
import { challengeMs, socketsMax, unprovedPerDeviceMax } from './squad-limits.ts';

export interface UpgradeDeps {
  now(): number;
  /** A new random text, unguessable. */
  random(): string;
  /** The open sockets: all, or one device's. */
  sockets(device?: DeviceId): readonly Socket[];
  /** Makes the pair: the squad's end, accepted for hibernation, and the answer that gives the device the other end. */
  accept(device: DeviceId, subprotocol: string): { socket: Socket; answer: Response };
  wakeBy(at: number): void;
}

/**
 * Opens a socket and challenges it. `swarm` is the one that this squad belongs to.
 * Answers 101, or a problem: 426 no upgrade, 400 wrong subprotocol or headers, 429 too many unproved sockets, 503 full.
 */
export function openSocket(request: Request, swarm: string, deps: UpgradeDeps): Response {
  if (request.headers.get('upgrade')?.toLowerCase() !== 'websocket') {
    return problem(426, 'upgrade_required', 'This address speaks WebSocket.', { upgrade: 'websocket' });
  }
  const offered = (request.headers.get('sec-websocket-protocol') ?? '').split(',').map((name) => name.trim());
  if (!offered.includes(SUBPROTOCOL)) {
    return problem(400, 'subprotocol_unsupported', `Offer the WebSocket subprotocol ${SUBPROTOCOL}.`);
  }
  const caller = callerOf(request.headers);
  if (caller === null || caller.swarm !== swarm) {
    return problem(400, 'request_malformed', 'The device, its tenant or its swarm is not named.');
  }
  const unproved = deps.sockets(caller.device).filter((socket) => isOpen(socket) && !isProved(socket));
  if (unproved.length >= unprovedPerDeviceMax) {
    return problem(429, 'too_many_connections', 'Prove the key on a socket that is open.', retryAfter());
  }
  if (deps.sockets().length >= socketsMax) {
    return problem(503, 'squad_full', 'This squad has all the sockets that it may have.', retryAfter());
  }
  const subprotocol = offered.includes(HISTORY_SUBPROTOCOL) ? HISTORY_SUBPROTOCOL : SUBPROTOCOL;
  const { socket, answer } = deps.accept(caller.device, subprotocol);
  const now = deps.now();
  const nonce = deps.random();
  const held: Attachment = { phase: 'challenged', ...caller, connection: deps.random(), nonce, since: now };
  socket.serializeAttachment(held);
  deps.wakeBy(now + challengeMs);
  sendFrame(socket, { type: 'challenge', nonce, audience: caller.audience });
  return answer;
}

function isProved(socket: Socket): boolean {
  return attachmentOf(socket)?.phase === 'proved';
}

interface Caller {
  readonly tenant: TenantId;
  readonly swarm: SwarmId;
  readonly device: DeviceId;
  readonly audience: string;
}

function callerOf(headers: Headers): Caller | null {
  const tenant = headers.get(UPGRADE_HEADERS.tenant) ?? '';
  const swarm = headers.get(UPGRADE_HEADERS.swarm) ?? '';
  const device = headers.get(UPGRADE_HEADERS.device) ?? '';
  const audience = headers.get(UPGRADE_HEADERS.audience) ?? '';
  if (!isId('tnt', tenant) || !isId('swm', swarm) || !isId('dev', device)) return null;
  // A host name and a port: 253 characters and 6.
  if (audience === '' || audience.length > 260) return null;
  return { tenant, swarm, device, audience };
}

function retryAfter(): Record<string, string> {
  return { 'retry-after': String(Math.ceil(challengeMs / 1_000)) };
}

function problem(status: number, code: string, detail: string, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify({ type: 'about:blank', title: detail, status, detail, code }), {
    status,
    headers: { 'content-type': 'application/problem+json', ...headers },
  });
}
