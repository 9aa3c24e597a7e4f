// A message on a device's socket: sized, brought into the device's lane, parsed, paced, and handed to whoever it is for.
// What is wrong with it closes the socket with a code that says so; nothing else changes.

import { frameBytesMax } from '../../core/limits.ts';
import type { DeviceFrame } from '../../core/wire/device.ts';
import { type FactsDeps, reportFacts } from './facts.ts';
import { continueHistory, type HistoryDeps } from './history.ts';
import type { Lanes } from './lane.ts';
import { type OrdersDeps, takeOrders } from './orders.ts';
import { type ProveDeps, prove } from './prove.ts';
import { readFrame } from './read-frame.ts';
import { type Cost, paced, type ShareDeps } from './share.ts';
import { attachmentOf, type Socket } from './socket.ts';
import { framesPerSecondMax, telemetryFrameCost } from './squad-limits.ts';
import { forwardTelemetry, type TelemetryDeps } from './telemetry.ts';

export type ReceiveDeps = ProveDeps & FactsDeps & OrdersDeps & TelemetryDeps & HistoryDeps & LaneDeps & ShareDeps;
export interface LaneDeps {
  readonly lanes: Lanes;
  /** When each socket last brought a frame, milliseconds; also in memory, for the patrol. */
  readonly heard: WeakMap<Socket, number>;
}

/** Frames that cost a queue message, or a search in the journal. */
const COSTLY: ReadonlySet<DeviceFrame['type']> = new Set(['telemetry', 'held']);

/** One message. Resolves when it has been dealt with; never rejects for what a device sent. */
export async function receive(socket: Socket, message: string | ArrayBuffer, deps: ReceiveDeps): Promise<void> {
  const held = attachmentOf(socket);
  if (held === null) return deps.dismiss(socket, 'busy');
  if (typeof message !== 'string') return badFrame(socket, 'Frames are text.', deps);
  const bytes = Buffer.byteLength(message);
  if (bytes > frameBytesMax) {
    const detail = `A frame has at most ${frameBytesMax} bytes.`;
    return deps.dismiss(socket, 'frame_too_large', { code: 'frame_too_large', detail });
  }
  const turn = deps.lanes.enter(held.device, bytes, () => inTurn(socket, message, bytes, deps));
  // Not of its own doing: it comes again soon.
  if (turn === 'all') return deps.dismiss(socket, 'busy');
  if (turn !== 'own') return turn;
  const detail = `At most ${framesPerSecondMax} frames a second, and not so many without waiting for an answer.`;
  deps.dismiss(socket, 'too_many_frames', { code: 'too_many_frames', detail });
}

async function inTurn(socket: Socket, message: string, bytes: number, deps: ReceiveDeps): Promise<void> {
  const { tenant } = attachmentOf(socket) ?? {};
  const turn = tenant === undefined ? null : deps.turns.next(tenant);
  if (turn) await turn;
  // Read again: frames before this one may have changed it, or closed the socket.
  const held = attachmentOf(socket);
  if (held === null || held.phase === 'closed') return;
  const frame = readFrame(message);
  deps.turns.spent(held.tenant, 0, bytes);
  if (!frame.ok) return badFrame(socket, frame.detail, deps);
  if (held.phase !== 'proved' && frame.value.type !== 'prove') {
    return badFrame(socket, 'Prove the key before anything else.', deps);
  }
  if (!(await paced(socket, held.device, costOf(frame.value, bytes), deps))) return;
  deps.heard.set(socket, deps.now());
  switch (frame.value.type) {
    case 'prove':
      return prove(frame.value, held, socket, deps);
    case 'facts':
      return reportFacts(frame.value, { bytes, unfit: frame.unfit }, held, socket, deps);
    case 'taken':
      return takeOrders(frame.value, held, socket, deps);
    case 'held':
      return continueHistory(frame.value, held, socket, deps);
    case 'telemetry':
      return forwardTelemetry(frame.value, bytes, held, socket, deps);
  }
}

/** Facts are counted when they are sent on, piece by piece. */
function costOf(frame: DeviceFrame, bytes: number): Cost {
  const frames = COSTLY.has(frame.type) ? telemetryFrameCost : 1;
  return frame.type === 'facts' || frame.type === 'telemetry' ? { frames, bytes } : { frames };
}

function badFrame(socket: Socket, detail: string, deps: ReceiveDeps): void {
  deps.dismiss(socket, 'bad_frame', { code: 'bad_frame', detail });
}
