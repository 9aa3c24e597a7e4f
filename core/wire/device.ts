// The device protocol `starling.v1`: JSON text frames on one WebSocket between a device and its squad.
// docs/reference/device-protocol.md is written from these schemas and checked against them.

import { z } from 'zod';
import {
  errorMessageCharsMax,
  factsPerBatchMax,
  leaseMsMax,
  leaseMsMin,
  operationsPerDeviceMax,
  ordersInFlightMax,
} from '../limits.ts';
import { checkpoint } from './checkpoint.ts';
import { amountMicro, idOf, json, operationName, PRIVACY_CLASSES, traceparentPattern } from './terms.ts';

export const SUBPROTOCOL = 'starling.v1';
/** The same with the frames `held` and `history`. A side that does not know it chooses, or offers, the other alone. */
export const HISTORY_SUBPROTOCOL = 'starling.v1.1';

/** What a device must sign with its key: canonical JSON of this, UTF-8, Ed25519. */
export interface ChallengeText {
  readonly protocol: typeof SUBPROTOCOL;
  readonly audience: string;
  readonly device: string;
  readonly nonce: string;
}

/** One operation that a device offers to do. Prices are for one call. */
export const offeredOperation = z.strictObject({
  name: operationName,
  version: z
    .string()
    .max(40)
    .regex(/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/),
  summary: z.string().max(300),
  input: z.record(z.string(), json),
  output: z.record(z.string(), json),
  priceMicro: amountMicro,
  leaseMs: z.number().int().min(leaseMsMin).max(leaseMsMax),
});
export type OfferedOperation = z.infer<typeof offeredOperation>;

/** What a device says of itself. `parallel` is how many attempts it takes at once. */
export const deviceDescription = z.strictObject({
  runtime: z.string().max(100),
  platform: z.string().max(100),
  privacy: z.enum(PRIVACY_CLASSES),
  parallel: z.number().int().min(1).max(64),
  capabilities: z.array(z.string().max(100)).max(100),
  operations: z.array(offeredOperation).max(operationsPerDeviceMax),
});
export type DeviceDescription = z.infer<typeof deviceDescription>;

const attemptRef = { attempt: idOf('att'), task: idOf('tsk'), fence: z.number().int().min(1) };
const failure = z.strictObject({
  code: z
    .string()
    .max(100)
    .regex(/^[a-z][a-z0-9_]*$/),
  message: z.string().max(errorMessageCharsMax),
  retryable: z.boolean(),
});
export type Failure = z.infer<typeof failure>;

/** Facts: what a device says happened. Each is durable on the device before it is sent, and counts once for ever. */
export const factBody = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('device.described'), description: deviceDescription }),
  z.strictObject({
    type: z.literal('device.reported'),
    version: z.number().int().min(0),
    reported: z.record(z.string(), json),
  }),
  z.strictObject({ type: z.literal('attempt.started'), ...attemptRef }),
  z.strictObject({
    type: z.literal('attempt.progressed'),
    ...attemptRef,
    fraction: z.number().min(0).max(1),
    note: z.string().max(300).optional(),
  }),
  z.strictObject({
    type: z.literal('attempt.succeeded'),
    ...attemptRef,
    result: json,
    durationMs: z.number().int().min(0),
  }),
  z.strictObject({
    type: z.literal('attempt.failed'),
    ...attemptRef,
    error: failure,
    durationMs: z.number().int().min(0),
  }),
  z.strictObject({
    type: z.literal('attempt.declined'),
    ...attemptRef,
    code: z.string().max(100),
    message: z.string().max(errorMessageCharsMax),
  }),
  z.strictObject({ type: z.literal('facts.dropped'), count: z.number().int().min(1), reason: z.string().max(300) }),
]);
export type FactBody = z.infer<typeof factBody>;

/** One fact as it travels. `(device, epoch, seq)` is its identity; seq is gapless from 1 within an epoch. */
export const fact = z.strictObject({
  seq: z.number().int().min(1),
  at: z.number().int().min(0),
  trace: z.string().max(55).regex(traceparentPattern, 'expected a traceparent of version 00').optional(),
  body: factBody,
});
export type Fact = z.infer<typeof fact>;

/** Frames that a device sends. */
export const deviceFrame = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('prove'),
    did: z.string().max(100),
    signature: z.string().max(100),
    /** The epoch and the last seq that this device's outbox has used; both 0 on a new device. */
    epoch: z.number().int().min(0),
    seq: z.number().int().min(0),
  }),
  z.strictObject({
    type: z.literal('facts'),
    epoch: z.number().int().min(1),
    facts: z.array(z.unknown()).min(1).max(factsPerBatchMax),
  }),
  z.strictObject({ type: z.literal('taken'), orders: z.array(idOf('ord')).min(1).max(ordersInFlightMax) }),
  z.strictObject({ type: z.literal('telemetry'), batch: z.unknown() }),
  /** What this device holds of the swarm's history; null before the first checkpoint. Only over `starling.v1.1`. */
  z.strictObject({ type: z.literal('held'), checkpoint: checkpoint.nullable() }),
]);
export type DeviceFrame = z.infer<typeof deviceFrame>;

/** An order: what a device is asked to do. It is acknowledged (`taken`) once it is in the device's own database. */
export const orderBody = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('offer'),
    ...attemptRef,
    operation: operationName,
    input: json,
    leaseMs: z.number().int().min(1),
    /** The task's deadline, milliseconds since the epoch by the swarm's clock. */
    deadline: z.number().int(),
    priceMicro: amountMicro,
  }),
  z.strictObject({ type: z.literal('cancel'), ...attemptRef }),
  z.strictObject({ type: z.literal('desire'), version: z.number().int().min(1), desired: z.record(z.string(), json) }),
]);
export type OrderBody = z.infer<typeof orderBody>;

export const order = z.strictObject({
  id: idOf('ord'),
  /** Deliver before this time by the swarm's clock, or report it undelivered. Null: keep until the device comes. */
  deliverBy: z.number().int().nullable(),
  trace: z.string().max(55).optional(),
  body: orderBody,
});
export type Order = z.infer<typeof order>;

/** How the swarm answered one fact that it refused. The device sets it aside with this receipt and goes on. */
export const refusedFact = z.strictObject({ seq: z.number().int(), code: z.string(), detail: z.string().optional() });
export type RefusedFact = z.infer<typeof refusedFact>;

/** Frames that a squad sends. */
export const squadFrame = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('challenge'), nonce: z.string(), audience: z.string() }),
  z.strictObject({
    type: z.literal('welcome'),
    device: idOf('dev'),
    /** The epoch to use from now on, and the last seq of it that the swarm has committed. */
    epoch: z.number().int().min(1),
    seq: z.number().int().min(0),
    /** The swarm's clock, milliseconds since the epoch. */
    now: z.number().int(),
    pingMs: z.number().int(),
  }),
  /** Facts up to and including `seq` are committed, for ever; the device may delete them. */
  z.strictObject({
    type: z.literal('committed'),
    epoch: z.number().int(),
    seq: z.number().int(),
    refused: z.array(refusedFact),
  }),
  /** The next fact must be `seq`: what came after a gap was not looked at. */
  z.strictObject({ type: z.literal('expected'), epoch: z.number().int(), seq: z.number().int() }),
  z.strictObject({ type: z.literal('orders'), orders: z.array(order).min(1) }),
  /** The newest checkpoint, and the audit nodes (hex) that lead to it from the one that was held. */
  z.strictObject({ type: z.literal('history'), checkpoint, path: z.array(z.string()) }),
  z.strictObject({ type: z.literal('problem'), code: z.string(), detail: z.string() }),
]);
export type SquadFrame = z.infer<typeof squadFrame>;

/** The heartbeat: these texts are answered by the platform without waking the squad. */
export const PING = 'ping';
export const PONG = 'pong';
export const pingMsDefault = 20_000;

/** Close codes, each with the meaning a device acts on. */
export const CLOSE_CODES = {
  bad_frame: 4400,
  unauthenticated: 4401,
  revoked: 4403,
  challenge_late: 4408,
  replaced: 4409,
  frame_too_large: 4413,
  too_many_frames: 4429,
  busy: 4503,
} as const;
export type CloseReason = keyof typeof CLOSE_CODES;

/** A device that gets one of these stops: reconnecting cannot help. */
export const FINAL_CLOSE_CODES: readonly number[] = [CLOSE_CODES.revoked];
