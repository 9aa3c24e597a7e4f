// One device's socket: the few calls of the platform's WebSocket that a squad makes, and the state that the platform
// keeps beside it while the object is away.

import { z } from 'zod';
import { CLOSE_CODES, type CloseReason, type SquadFrame } from '../../core/wire/device.ts';
import { idOf } from '../../core/wire/terms.ts';
import type { Problem } from './problems.ts';

/** A hibernating WebSocket, as far as a squad uses it. */
export interface Socket {
  readonly readyState: number;
  send(text: string): void;
  close(code: number, reason: string): void;
  serializeAttachment(value: unknown): void;
  deserializeAttachment(): unknown;
}

/** Stays with the socket through hibernation and eviction; a few hundred bytes of the platform's 16 kB. */
const attachment = z.strictObject({
  /**
   * `challenged`: may only prove. `proving`: its one try is being judged. `proved`: it is the device. `closed`: from this
   * side; the platform goes on delivering what was on its way, and nothing of it counts.
   */
  phase: z.enum(['challenged', 'proving', 'proved', 'closed']),
  tenant: idOf('tnt'),
  swarm: idOf('swm'),
  device: idOf('dev'),
  audience: z.string(),
  /** Names this connection to the swarm. */
  connection: z.string(),
  nonce: z.string(),
  /** When the socket was opened, milliseconds since the epoch. */
  since: z.number(),
});
export type Attachment = z.infer<typeof attachment>;

const OPEN = 1;
const CLOSED = 3;

export function isOpen(socket: Socket): boolean {
  return socket.readyState === OPEN;
}

/** What the socket carries, or null when code of another time wrote it: such a socket is closed, which costs a reconnect. */
export function attachmentOf(socket: Socket): Attachment | null {
  const parsed = attachment.safeParse(socket.deserializeAttachment());
  return parsed.success ? parsed.data : null;
}

/** Says what is wrong, and goes on. */
export function sendProblem(socket: Socket, problem: Problem): void {
  sendFrame(socket, { type: 'problem', ...problem });
}

/** Sends a frame, unless the socket is closing: then nobody would read it. */
export function sendFrame(socket: Socket, frame: SquadFrame): void {
  sendText(socket, JSON.stringify(frame));
}

/** Sends a frame that is already text. */
export function sendText(socket: Socket, text: string): void {
  if (isOpen(socket)) socket.send(text);
}

/** Says what was wrong, if anything is to be said, and closes. */
export function closeFor(socket: Socket, reason: CloseReason, problem?: Problem): void {
  if (problem !== undefined) sendProblem(socket, problem);
  const held = attachmentOf(socket);
  if (held !== null) socket.serializeAttachment({ ...held, phase: 'closed' });
  if (isOpen(socket)) socket.close(CLOSE_CODES[reason], reason);
}

/** Answers a close that the device began. One that this side began, or a broken line, needs no answer. */
export function answerClose(socket: Socket): void {
  if (socket.readyState !== CLOSED) socket.close(1000, '');
}
