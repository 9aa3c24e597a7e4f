// Telemetry on its way to the queue: not parsed beyond its envelope, not stored, never through the swarm. At most once
// as far as the squad goes: there is no acknowledgement, only a problem when a batch was not taken.

import type { Json } from '../../core/json.ts';
import { findUnfit } from '../../core/json-text.ts';
import type { DeviceFrame } from '../../core/wire/device.ts';
import { type TelemetryMessage, telemetryBatchBytesMax } from '../../core/wire/telemetry.ts';
import { type Attachment, type Socket, sendProblem } from './socket.ts';

export interface TelemetryDeps {
  now(): number;
  /** Puts a message into the queue; null when too many are under way. */
  sendTelemetry(message: TelemetryMessage): Promise<void> | null;
  fault(call: string, cause: unknown): void;
}

/** The `telemetry` frame. Does not hold up the frames behind it: the answer, if any, comes whenever it comes. */
export function forwardTelemetry(
  frame: Extract<DeviceFrame, { type: 'telemetry' }>,
  bytes: number,
  held: Attachment,
  socket: Socket,
  deps: TelemetryDeps,
): void {
  const { batch } = frame;
  const problem = problemOf(batch, bytes);
  if (problem !== null || !isObject(batch)) {
    sendProblem(socket, { code: 'telemetry_refused', detail: problem ?? '' });
    return;
  }
  const unavailable = (cause: unknown) => {
    deps.fault('telemetry', cause);
    const detail = 'A batch was not taken. Send it again later.';
    sendProblem(socket, { code: 'telemetry_unavailable', detail });
  };
  const { tenant, swarm, device } = held;
  const sending = deps.sendTelemetry({ tenant, swarm, device, receivedAt: deps.now(), batch });
  if (sending === null) unavailable(null);
  else sending.catch(unavailable);
}

/** What keeps a batch from the queue, or null. Its records are for the consumer to judge. */
function problemOf(batch: unknown, bytes: number): string | null {
  if (!isObject(batch)) return 'A batch is an object.';
  // As it was parsed. Its numbers are as near as a double is: they go to no journal.
  const unfit = findUnfit(batch as Json);
  if (unfit !== null)
    return unfit.what === 'depth' ? 'A batch is not nested so deeply.' : `In a batch: ${unfit.message}.`;
  if (bytes <= telemetryBatchBytesMax) return null;
  const fits = Buffer.byteLength(JSON.stringify(batch)) <= telemetryBatchBytesMax;
  return fits ? null : `A batch has at most ${telemetryBatchBytesMax} bytes.`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
