// A message on a device's socket: sized, counted, brought into the device's lane, parsed, and handed to whoever it is
// for. What is wrong with it closes the socket with a code that says so; nothing else changes.

import { frameBytesMax } from '../../core/limits.ts';
import { type DeviceFrame, deviceFrame } from '../../core/wire/device.ts';
import { type FactsDeps, reportFacts } from './facts.ts';
import type { Lanes } from './lane.ts';
import { type OrdersDeps, takeOrders } from './orders.ts';
import { type ProveDeps, prove } from './prove.ts';
import { type Bucket, take } from './rate.ts';
import { type Attachment, attachmentOf, type Socket } from './socket.ts';
import { framesBurstMax, framesPerSecondMax, telemetryFrameCost } from './squad-limits.ts';
import { forwardTelemetry, type TelemetryDeps } from './telemetry.ts';

export type ReceiveDeps = ProveDeps & FactsDeps & OrdersDeps & TelemetryDeps & LaneDeps;
export interface LaneDeps {
  readonly lanes: Lanes;
  /** By connection. In memory: a socket that floods keeps the object awake, so its bucket is not forgotten. */
  readonly buckets: Map<string, Bucket>;
  readonly heard: Map<string, number>;
}

const RATE = { perSecond: framesPerSecondMax, burst: framesBurstMax } as const;

/** One message. Resolves when it has been dealt with; never rejects for what a device sent. */
export async function receive(socket: Socket, message: string | ArrayBuffer, deps: ReceiveDeps): Promise<void> {
  const held = attachmentOf(socket);
  if (held === null) return deps.dismiss(socket, 'busy');
  if (held.phase === 'closed') return;
  if (typeof message !== 'string') return badFrame(socket, 'Frames are text.', deps);
  const bytes = Buffer.byteLength(message);
  if (bytes > frameBytesMax) {
    const detail = `A frame has at most ${frameBytesMax} bytes.`;
    return deps.dismiss(socket, 'frame_too_large', { code: 'frame_too_large', detail });
  }
  if (!pay(held, 1, deps)) return tooManyFrames(socket, deps);
  const turn = deps.lanes.enter(held.device, bytes, () => inTurn(socket, message, bytes, deps));
  if (turn === false) return tooManyFrames(socket, deps);
  return turn;
}

async function inTurn(socket: Socket, message: string, bytes: number, deps: ReceiveDeps): Promise<void> {
  // Read again: frames before this one may have changed it, or closed the socket.
  const held = attachmentOf(socket);
  if (held === null || held.phase === 'closed') return;
  const frame = parseFrame(message);
  if (!frame.ok) return badFrame(socket, frame.detail, deps);
  if (held.phase !== 'proved' && frame.value.type !== 'prove') {
    return badFrame(socket, 'Prove the key before anything else.', deps);
  }
  if (held.phase === 'proved') deps.heard.set(held.connection, deps.now());
  switch (frame.value.type) {
    case 'prove':
      return prove(frame.value, held, socket, deps);
    case 'facts':
      return reportFacts(frame.value, bytes, held, socket, deps);
    case 'taken':
      return takeOrders(frame.value, held, socket, deps);
    case 'telemetry':
      if (!pay(held, telemetryFrameCost - 1, deps)) return tooManyFrames(socket, deps);
      return forwardTelemetry(frame.value, bytes, held, socket, deps);
  }
}

function parseFrame(message: string): { ok: true; value: DeviceFrame } | { ok: false; detail: string } {
  let json: unknown;
  try {
    json = JSON.parse(message);
  } catch {
    return { ok: false, detail: 'A frame is JSON.' };
  }
  const parsed = deviceFrame.safeParse(json);
  if (parsed.success) return { ok: true, value: parsed.data };
  const issue = parsed.error.issues[0];
  const detail = issue === undefined ? 'Not a frame.' : `${issue.path.map(String).join('.')}: ${issue.message}`;
  return { ok: false, detail: detail.slice(0, 300) };
}

function pay(held: Attachment, cost: number, deps: ReceiveDeps): boolean {
  const bucket = take(deps.buckets.get(held.connection), cost, deps.now(), RATE);
  if (bucket !== null) deps.buckets.set(held.connection, bucket);
  return bucket !== null;
}

function badFrame(socket: Socket, detail: string, deps: ReceiveDeps): void {
  deps.dismiss(socket, 'bad_frame', { code: 'bad_frame', detail });
}

function tooManyFrames(socket: Socket, deps: ReceiveDeps): void {
  const detail = `At most ${framesPerSecondMax} frames a second, and wait for an answer now and then.`;
  deps.dismiss(socket, 'too_many_frames', { code: 'too_many_frames', detail });
}
