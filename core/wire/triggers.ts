// Triggers: inbound webhooks. A sender's kind says how its signature is checked; a template and a mapping say what task
// or mission its payload becomes.

import { z } from 'zod';
import type { Json } from '../json.ts';
import { checkMapping } from '../triggers/mapping.ts';
import { createTask } from './tasks.ts';
import { json } from './terms.ts';
import { eventPatternsMax, wantsEvent } from './webhooks.ts';

/** Senders whose signatures Starling knows; `generic` is any HMAC over the body, described by the tenant. */
export const TRIGGER_PRESETS = ['standard-webhooks', 'github', 'stripe', 'generic'] as const;
export type TriggerPreset = (typeof TRIGGER_PRESETS)[number];

export const HMAC_ALGORITHMS = ['sha256', 'sha512', 'sha1'] as const;
export const SIGNATURE_ENCODINGS = ['hex', 'base64'] as const;

/** Entries of one mapping. */
export const mappingEntriesMax = 100;

/** A sender's own event type (`pull_request`, `invoice.paid`, `orders/create`), or all under a prefix (`invoice.*`). */
const senderEvent = z
  .string()
  .max(100)
  .regex(/^[\x21-\x7e]+$/, 'expected an event type of the sender');

/** Header names that a trigger may read: a token of RFC 9110, compared without case. */
const headerName = z
  .string()
  .max(100)
  .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, 'expected a header name');

/**
 * How a sender without a preset signs. The HMAC is over the raw body; with `timestampHeader` it is over
 * `<timestamp>.<body>`, because an age that is not signed proves nothing. Without `idHeader` a delivery is known by the
 * SHA-256 of its body, so that two equal bodies count once.
 */
export const genericSignature = z.strictObject({
  signatureHeader: headerName,
  algorithm: z.enum(HMAC_ALGORITHMS),
  encoding: z.enum(SIGNATURE_ENCODINGS),
  /** Stands before the signature in its header: `sha256=`. */
  prefix: z.string().max(40).default(''),
  idHeader: headerName.optional(),
  /** Seconds or milliseconds since the epoch, at most five minutes away. */
  timestampHeader: headerName.optional(),
  /** Where the event type stands; without it, `type` of the payload. */
  eventHeader: headerName.optional(),
});
export type GenericSignature = z.infer<typeof genericSignature>;

/** A task to be: texts of `input` may hold `{{/payload/pointer}}` or `{{/payload/pointer|default}}`. */
export const taskTemplate = createTask.omit({ deadline: true });
export type TaskTemplate = z.infer<typeof taskTemplate>;

/** A mission to be: the filled-in plan is parsed as a plan when the trigger fires. */
export const missionTemplate = z.strictObject({ plan: z.record(z.string(), json) });
export type MissionTemplate = z.infer<typeof missionTemplate>;

/** A secret that the sender has made. */
const senderSecret = z
  .string()
  .min(16)
  .max(256)
  .regex(/^[\x21-\x7e]+$/, 'expected printable characters');

/** POST /v1/triggers/{id}/rotate. Without `secret` one is made, and shown once. */
export const rotateTrigger = z.strictObject({ secret: senderSecret.optional() });

/** POST /v1/triggers. Without `secret` one is made, and shown once. */
export const createTrigger = z
  .strictObject({
    name: z.string().min(1).max(100),
    preset: z.enum(TRIGGER_PRESETS),
    secret: senderSecret.optional(),
    /** Event types that fire it; all, when left out. */
    events: z.array(senderEvent).min(1).max(eventPatternsMax).optional(),
    task: taskTemplate.optional(),
    mission: missionTemplate.optional(),
    /** Place in the input (or plan) → place in the payload, or text with placeholders. */
    mapping: z.record(z.string().max(500), z.string().max(4_000)).optional(),
    generic: genericSignature.optional(),
  })
  .superRefine((trigger, context) => {
    for (const { path, message } of problemsOf(trigger)) context.addIssue({ code: 'custom', path, message });
  });
export type CreateTrigger = z.infer<typeof createTrigger>;

interface TriggerParts {
  readonly preset: TriggerPreset;
  readonly secret?: string | undefined;
  readonly task?: TaskTemplate | undefined;
  readonly mission?: MissionTemplate | undefined;
  readonly mapping?: Readonly<Record<string, string>> | undefined;
  readonly generic?: GenericSignature | undefined;
}

function* problemsOf(trigger: TriggerParts): Generator<{ path: string[]; message: string }> {
  if ((trigger.task === undefined) === (trigger.mission === undefined)) {
    yield { path: ['task'], message: 'exactly one of task and mission is expected' };
    return;
  }
  if ((trigger.generic === undefined) === (trigger.preset === 'generic')) {
    yield { path: ['generic'], message: 'generic is expected with the preset generic, and only there' };
  }
  const secret = trigger.secret === undefined ? null : secretProblem(trigger.preset, trigger.secret);
  if (secret) yield { path: ['secret'], message: secret };
  if (Object.keys(trigger.mapping ?? {}).length > mappingEntriesMax) {
    yield { path: ['mapping'], message: `at most ${mappingEntriesMax} entries` };
    return;
  }
  const checked = checkMapping(templateOf(trigger), trigger.mapping);
  if (checked.ok) return;
  const { reason, pointer } = checked.error;
  const isEntry = trigger.mapping !== undefined && Object.hasOwn(trigger.mapping, pointer);
  yield { path: isEntry ? ['mapping', pointer] : ['mapping'], message: `${reason} at "${pointer}"` };
}

/** Why a preset cannot use this secret, or null. */
export function secretProblem(preset: TriggerPreset, secret: string): string | null {
  if (preset === 'stripe') return secret.startsWith('whsec_') ? null : 'expected the endpoint secret, whsec_…';
  if (preset !== 'standard-webhooks') return null;
  const form = /^(whsec|whpk)_((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)$/.exec(secret);
  const bytes = form ? ((form[2] ?? '').replace(/=+$/, '').length * 3) >> 2 : 0;
  const fits = form?.[1] === 'whpk' ? bytes === 32 : bytes >= 24 && bytes <= 64;
  return fits ? null : 'expected whsec_ with 24 to 64 bytes of base64, or whpk_ with an Ed25519 public key';
}

/** The part of a trigger that a payload fills in: the input of its task, or the plan of its mission. */
export function templateOf(trigger: Pick<TriggerParts, 'task' | 'mission'>): Json {
  return trigger.task ? trigger.task.input : (trigger.mission?.plan ?? null);
}

/**
 * Whether a delivery fires a trigger. A sender that puts the action into the payload (GitHub: `pull_request`, `opened`)
 * is matched by its type and by `type.action`.
 */
export function firesOn(events: readonly string[] | undefined, eventType: string | null, payload: Json): boolean {
  if (events === undefined) return true;
  if (eventType === null) return false;
  const action = payload !== null && typeof payload === 'object' && 'action' in payload ? payload.action : null;
  return wantsEvent(events, eventType) || (typeof action === 'string' && wantsEvent(events, `${eventType}.${action}`));
}
