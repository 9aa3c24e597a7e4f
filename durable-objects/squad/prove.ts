// A device proves that it holds its key, once per socket, and the swarm admits it or does not. The connection is on
// record before the swarm is asked, so that its end is told whatever happens in between.

import { verifyByDid } from '../../core/devices/did.ts';
import type { SwarmPort } from '../../core/devices/port.ts';
import type { DeviceId } from '../../core/ids.ts';
import { canonical } from '../../core/json.ts';
import {
  type ChallengeText,
  type CloseReason,
  type DeviceFrame,
  pingMsDefault,
  SUBPROTOCOL,
} from '../../core/wire/device.ts';
import { NO_ANSWER, type Problem, REFUSALS } from './problems.ts';
import { type Shares, takeShare } from './share.ts';
import { type Attachment, attachmentOf, isOpen, type Socket, sendFrame } from './socket.ts';
import { challengeMs, swarmCallMs } from './squad-limits.ts';
import type { SquadStore } from './squad-store.ts';
import { within } from './within.ts';

export interface ProveDeps {
  readonly shares: Shares;
  readonly store: Pick<SquadStore, 'openConnection' | 'dropConnection'>;
  readonly swarm: Pick<SwarmPort, 'admitDevice'>;
  now(): number;
  sockets(device: DeviceId): readonly Socket[];
  /** Tells the swarm of earlier connections of this device that have ended; throws when it cannot. */
  reportLefts(device: DeviceId): Promise<void>;
  /** Ends a connection: closes its socket and tells the swarm. */
  dismiss(socket: Socket, reason: CloseReason, problem?: Problem): void;
  /** The device is in: its orders may be sent, and reports that were parked may be tried. */
  admitted(device: DeviceId, socket: Socket): void;
  /** Tells the swarm, for sure, that a connection is no more. */
  hasLeft(device: DeviceId, connection: string): void;
  fault(call: string, cause: unknown): void;
}

/** The `prove` frame. The socket's one try: a signature that fails is not followed by another. */
export async function prove(
  frame: Extract<DeviceFrame, { type: 'prove' }>,
  held: Attachment,
  socket: Socket,
  deps: ProveDeps,
): Promise<void> {
  if (held.phase !== 'challenged')
    return deps.dismiss(socket, 'bad_frame', { code: 'bad_frame', detail: 'Proved already.' });
  if (deps.now() >= held.since + challengeMs) {
    return deps.dismiss(socket, 'challenge_late', {
      code: 'challenge_late',
      detail: 'The challenge was answered too late.',
    });
  }
  socket.serializeAttachment({ ...held, phase: 'proving' });
  const challenge: ChallengeText = {
    protocol: SUBPROTOCOL,
    audience: held.audience,
    device: held.device,
    nonce: held.nonce,
  };
  if (!verifyByDid(frame.did, canonical(challenge), frame.signature)) {
    return deps.dismiss(socket, 'unauthenticated', { code: 'unauthenticated', detail: 'The signature does not hold.' });
  }
  if (takeShare(deps.shares, held.device, { admissions: 1 }, deps.now()) > 0) {
    const detail = 'This device comes and goes more often than it may. Wait a little before the next time.';
    return deps.dismiss(socket, 'too_many_frames', { code: 'connects_too_often', detail });
  }
  try {
    await deps.reportLefts(held.device);
  } catch (cause) {
    deps.fault('deviceLeft', cause);
    return deps.dismiss(socket, 'busy', NO_ANSWER);
  }
  if (isOpen(socket)) await admit(frame, held, socket, deps);
}

async function admit(
  frame: Extract<DeviceFrame, { type: 'prove' }>,
  held: Attachment,
  socket: Socket,
  deps: ProveDeps,
): Promise<void> {
  const { device, connection } = held;
  const { did, epoch, seq } = frame;
  deps.store.openConnection(connection, device);
  const call = deps.swarm.admitDevice({ device, did, connection, epoch, seq });
  let answer: Awaited<typeof call>;
  try {
    answer = await within(call, swarmCallMs);
  } catch (cause) {
    deps.fault('admitDevice', cause);
    // The swarm may have admitted it all the same, now or later, and then no earlier connection counts any more.
    replaceOthers(device, connection, deps);
    deps.dismiss(socket, 'busy', NO_ANSWER);
    call.then(
      () => deps.hasLeft(device, connection),
      () => undefined,
    );
    return;
  }
  if (!answer.ok) {
    const { reason, detail } = REFUSALS[answer.error.code];
    deps.store.dropConnection(connection);
    return deps.dismiss(socket, reason, { code: answer.error.code, detail });
  }
  replaceOthers(device, connection, deps);
  if (!isOpen(socket)) {
    // It left while it was being admitted; what was told then may have reached the swarm before the admission did.
    deps.store.dropConnection(connection);
    return deps.hasLeft(device, connection);
  }
  socket.serializeAttachment({ ...held, phase: 'proved' });
  const { value } = answer;
  sendFrame(socket, {
    type: 'welcome',
    device,
    epoch: value.epoch,
    seq: value.seq,
    now: value.now,
    pingMs: pingMsDefault,
  });
  deps.admitted(device, socket);
}

/** One live connection per device. A socket that has not proved anything yet may be the next one: it stays. */
function replaceOthers(device: DeviceId, connection: string, deps: ProveDeps): void {
  for (const other of deps.sockets(device)) {
    const held = attachmentOf(other);
    if (held?.connection !== connection && held?.phase !== 'challenged') deps.dismiss(other, 'replaced');
  }
}
