// A message on a device's socket: sized, brought into the device's lane, parsed, paced, and handed to whoever it is for.
// What is wrong with it closes the socket with a code that says so; nothing else changes.

import { cutText } from '../../core/cut-text.ts';
import { type Json, wrappedDepthMax } from '../../core/json.ts';
import { eachUnfit, pointerOf, type Unfit } from '../../core/json-text.ts';
import { frameBytesMax } from '../../core/limits.ts';
import { type DeviceFrame, deviceFrame } from '../../core/wire/device.ts';
import { type FactsDeps, reportFacts, type UnfitFacts } from './facts.ts';
import { continueHistory, type HistoryDeps } from './history.ts';
import type { Lanes } from './lane.ts';
import { type OrdersDeps, takeOrders } from './orders.ts';
import { type ProveDeps, prove } from './prove.ts';
import { type Bucket, take } from './rate.ts';
import { attachmentOf, type Socket } from './socket.ts';
import { framesBurstMax, framesPerSecondMax, telemetryFrameCost } from './squad-limits.ts';
import { forwardTelemetry, type TelemetryDeps } from './telemetry.ts';

export type ReceiveDeps = ProveDeps & FactsDeps & OrdersDeps & TelemetryDeps & HistoryDeps & LaneDeps;
export interface LaneDeps {
  readonly lanes: Lanes;
  /** In memory: a socket that floods keeps the object awake, so its bucket is not forgotten. */
  readonly buckets: WeakMap<Socket, Bucket>;
  /** When each socket last brought a frame, milliseconds; also in memory, for the patrol. */
  readonly heard: WeakMap<Socket, number>;
  sleep(ms: number): Promise<void>;
}

/** Frames that cost a queue message, or a search in the journal. */
const COSTLY: ReadonlySet<DeviceFrame['type']> = new Set(['telemetry', 'held']);
const RATE = { perSecond: framesPerSecondMax, burst: framesBurstMax } as const;

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
  if (turn !== false) return turn;
  const detail = `At most ${framesPerSecondMax} frames a second, and not so many without waiting for an answer.`;
  deps.dismiss(socket, 'too_many_frames', { code: 'too_many_frames', detail });
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
  if (!(await paced(socket, COSTLY.has(frame.value.type) ? telemetryFrameCost : 1, deps))) return;
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

type ReadFrame =
  | { readonly ok: true; readonly value: DeviceFrame; readonly unfit: UnfitFacts }
  | { readonly ok: false; readonly detail: string };

/** What a frame says. What may not enter the journal makes a frame a bad one; in a fact, it is that fact's alone. */
function parseFrame(message: string): ReadFrame {
  let json: Json;
  try {
    json = JSON.parse(message) as Json; // what JSON.parse gives is Json
  } catch {
    return { ok: false, detail: 'A frame is JSON.' };
  }
  const parsed = deviceFrame.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const detail = issue === undefined ? 'Not a frame.' : `${issue.path.map(String).join('.')}: ${issue.message}`;
    return { ok: false, detail: cutText(detail.toWellFormed(), 300) };
  }
  // What telemetry measures goes to no journal: its numbers are as near as a double is.
  const text = parsed.data.type === 'telemetry' ? null : message;
  const unfit = new Map<number, Unfit>();
  const bad: Unfit[] = [];
  eachUnfit(json, text, { depthMax: wrappedDepthMax }, (one) => {
    const [list, index] = one.path;
    if (list !== 'facts' || typeof index !== 'number') return bad.push(one) > 0;
    if (!unfit.has(index)) unfit.set(index, one);
    return false;
  });
  const [one] = bad;
  if (one === undefined) return { ok: true, value: parsed.data, unfit };
  return { ok: false, detail: cutText(`${pointerOf(one.path)}: ${one.message}`, 300) };
}

/**
 * Waits until the socket's rate allows the frame: a device that is fast is slowed, one that does not care fills its lane
 * and is closed for it. False when the socket was closed meanwhile.
 */
async function paced(socket: Socket, cost: number, deps: ReceiveDeps): Promise<boolean> {
  for (;;) {
    const taken = take(deps.buckets.get(socket), cost, deps.now(), RATE);
    if ('bucket' in taken) {
      deps.buckets.set(socket, taken.bucket);
      return true;
    }
    await deps.sleep(taken.waitMs);
    if ((attachmentOf(socket)?.phase ?? 'closed') === 'closed') return false;
  }
}

function badFrame(socket: Socket, detail: string, deps: ReceiveDeps): void {
  deps.dismiss(socket, 'bad_frame', { code: 'bad_frame', detail });
}
