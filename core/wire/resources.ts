// Everything else that the API shows: devices, keys, the ledger, operations, triggers, webhooks. One schema per shape; the
// types are inferred from it and the views below are typed by them.

import { z } from 'zod';
import { SCOPES } from '../keys/scopes.ts';
import { TRANSFER_STATES } from '../ledger/state.ts';
import { transferTimeoutMsMax } from '../limits.ts';
import { DELIVERY_STATES } from '../webhooks/state.ts';
import { checkpoint } from './checkpoint.ts';
import { deviceDescription } from './device.ts';
import { amountMicro, idOf, json, PRIVACY_CLASSES, time } from './terms.ts';
import { missionTemplate, TRIGGER_PRESETS, taskTemplate } from './triggers.ts';

const jsonObject = z.record(z.string(), json);
const versioned = z.object({ version: z.number().int(), state: jsonObject });

export const device = z.object({
  id: idOf('dev'),
  name: z.string(),
  did: z.string(),
  squad: z.number().int(),
  state: z.enum(['enrolled', 'revoked']),
  connected: z.boolean(),
  lastSeenAt: time.nullable(),
  attempts: z.number().int(),
  autonomyLevel: z.number().int(),
  description: deviceDescription.nullable(),
  desired: versioned,
  reported: versioned,
  enrolledAt: time,
  updatedAt: time,
});
export type DeviceView = z.infer<typeof device>;

/** PATCH /v1/devices/{id}. `ifVersion` is the version of the desired state that the caller has seen. */
export const changeDevice = z.strictObject({
  name: z.string().min(1).max(100).optional(),
  autonomyLevel: z.number().int().min(0).max(3).optional(),
  desired: jsonObject.optional(),
  ifVersion: z.number().int().min(0).optional(),
});

export const key = z.object({
  id: idOf('key'),
  name: z.string(),
  scopes: z.array(z.enum(SCOPES)),
  state: z.enum(['active', 'revoked']),
  validUntil: time.nullable(),
  replacedBy: idOf('key').nullable(),
  createdAt: time,
  createdBy: z.string(),
});
export type KeyView = z.infer<typeof key>;

export const createKey = z.strictObject({
  name: z.string().min(1).max(100),
  scopes: z.array(z.enum(SCOPES)).min(1).max(SCOPES.length),
});
export const rotateKey = z.strictObject({
  graceSeconds: z
    .number()
    .int()
    .min(0)
    .max(7 * 24 * 3600)
    .optional(),
});

export const operation = z.object({
  name: z.string(),
  summary: z.string(),
  input: z.record(z.string(), z.unknown()),
  output: z.record(z.string(), z.unknown()),
  available: z.boolean(),
  /** Who would do it, best first: the FIB entry in force. */
  routes: z.array(
    z.object({
      route: z.string(),
      executor: z.string(),
      version: z.string(),
      priceMicro: z.number().int(),
      privacy: z.enum(PRIVACY_CLASSES),
      connected: z.boolean(),
      score: z.number(),
      measured: z.object({
        successes: z.number().int(),
        failures: z.number().int(),
        latencyMs: z.number().nullable(),
        success: z.number(),
      }),
    }),
  ),
});
export type OperationView = z.infer<typeof operation>;

export const account = z.object({
  id: z.string(),
  postedMicro: z.number().int(),
  heldMicro: z.number().int(),
  availableMicro: z.number().int(),
});
export type AccountView = z.infer<typeof account>;

export const transfer = z.object({
  id: idOf('trf'),
  state: z.enum(TRANSFER_STATES),
  debit: z.string(),
  credit: z.string(),
  amountMicro: z.number().int(),
  settledMicro: z.number().int().nullable(),
  reference: z.string(),
  expiresAt: time.nullable(),
  createdAt: time,
  resolvedAt: time.nullable(),
});
export type TransferView = z.infer<typeof transfer>;

/** An account's name: a word, or words behind slashes: `tenant`, `executor/dev_…`, `team/blue`. */
const accountName = z
  .string()
  .min(1)
  .max(120)
  .regex(/^[a-z][a-z0-9_-]*(\/[A-Za-z0-9_.-]+)*$/, 'expected an account name such as team/blue');

/** POST /v1/ledger/transfers. With `pending`, the credits are held until settled, voided or expired. */
export const createTransfer = z.strictObject({
  debit: accountName,
  credit: accountName,
  amountMicro,
  reference: z
    .string()
    .max(200)
    .regex(/^(?!task\/|cycle\/)/, 'task/ and cycle/ are the swarm’s own')
    .optional(),
  pending: z.boolean().optional(),
  timeoutSeconds: z
    .number()
    .int()
    .min(1)
    .max(transferTimeoutMsMax / 1000)
    .optional(),
});
export const settleTransfer = z.strictObject({ amountMicro });

export const trigger = z.object({
  id: idOf('trg'),
  name: z.string(),
  preset: z.enum(TRIGGER_PRESETS),
  events: z.array(z.string()).nullable(),
  task: taskTemplate.nullable(),
  mission: missionTemplate.nullable(),
  mapping: z.record(z.string(), z.string()).nullable(),
  fired: z.number().int(),
  lastFiredAt: time.nullable(),
  createdAt: time,
});
export type TriggerView = z.infer<typeof trigger>;

export const webhook = z.object({
  id: idOf('whk'),
  url: z.string(),
  events: z.array(z.string()),
  description: z.string().nullable(),
  state: z.enum(['active', 'disabled', 'deleted']),
  disabledBy: z.string().nullable(),
  createdAt: time,
});
export type WebhookView = z.infer<typeof webhook>;

export const delivery = z.object({
  id: idOf('dlv'),
  webhook: idOf('whk'),
  seq: z.number().int(),
  eventType: z.string(),
  state: z.enum(DELIVERY_STATES),
  attempts: z.number().int(),
  lastStatus: z.number().int().nullable(),
  lastError: z.string().nullable(),
  nextAt: time.nullable(),
  replayOf: idOf('dlv').nullable(),
  createdAt: time,
  updatedAt: time,
});
export type DeliveryView = z.infer<typeof delivery>;
export const replayDelivery = z.strictObject({ delivery: idOf('dlv') });

/** The whole of it, as an outsider can check it. */
export const cloudEvent = z.object({
  specversion: z.literal('1.0'),
  id: z.string(),
  source: z.string(),
  type: z.string(),
  subject: z.string(),
  time,
  datacontenttype: z.literal('application/json'),
  data: z.record(z.string(), z.unknown()),
  seq: z.number().int(),
  hash: z.string(),
  previous: z.string(),
  actor: z.string(),
  command: z.string(),
  schemaversion: z.number().int(),
  traceparent: z.string().optional(),
});
export { checkpoint };
export const inclusionProof = z.object({
  event: cloudEvent,
  leaf: z.string(),
  index: z.number().int(),
  path: z.array(z.string()),
  checkpoint,
});
export const consistencyProof = z.object({
  from: z.number().int(),
  to: z.number().int(),
  /** The audit nodes of RFC 6962 section 2.1.2, hex. */
  path: z.array(z.string()),
  /** Of the first `to` events. */
  checkpoint,
});
export const taskProof = z.object({
  task: idOf('tsk'),
  events: z.array(cloudEvent),
  /** For each event, in the same order, its place from 0 and its path to the checkpoint's root. */
  inclusion: z.array(z.object({ index: z.number().int(), path: z.array(z.string()) })),
  transfers: z.array(transfer),
  checkpoint,
});
