// Receives a webhook at a trigger's address: whose address it is, what its secret is, who signed the delivery, and then the
// one command that it becomes. The sender's own delivery id is the command's id, so a delivery counts once for ever [P2]; where
// that id is not signed, what is signed counts once too.

import { z } from 'zod';
import { Fault } from '../../core/assert.ts';
import type { Actor } from '../../core/envelope.ts';
import { sha256 } from '../../core/hash.ts';
import type { Json } from '../../core/json.ts';
import { readToken, type TriggerClaims } from '../../core/keys/token.ts';
import { bodyBytesMax } from '../../core/limits.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Rejection } from '../../core/swarm/rejections.ts';
import type { Execute, Executed, Query } from '../../core/swarm/service.ts';
import { genericSignature, TRIGGER_PRESETS } from '../../core/wire/triggers.ts';
import { open } from '../secrets.ts';
import { type DeliveryRejection, verifyDelivery } from './verify.ts';

/** What a delivery started, if anything: a trigger may ask for certain events only. */
export interface Started {
  readonly taskId: string | null;
  readonly missionId: string | null;
}

export interface Received {
  readonly result: Result<Started, ReceiveRejection>;
  /** True when this delivery was taken before, and nothing happened now. */
  readonly replayed: boolean;
}

export type ReceiveRejection = Rejection | DeliveryRejection | BodyUnread;

/** Why there is no body to look at. */
export interface BodyUnread {
  readonly code: 'body_too_large' | 'body_incomplete' | 'unsupported_media_type';
}

/** The part of the swarm that a delivery needs. */
export interface TriggerPort {
  read(actor: Actor, query: Query): Promise<Result<Json, Rejection>>;
  execute(command: Execute): Promise<Executed>;
}

export interface ReceiveDeps {
  /** The trigger's swarm; each call may be repeated. */
  readonly swarm: TriggerPort;
  readonly sealKey: Uint8Array;
  /** Milliseconds since the epoch. */
  now(): number;
  /** The raw body, or why not. */
  readBody(bytesMax: number): Promise<Result<Uint8Array, BodyUnread>>;
}

export interface DeliveryAt {
  readonly claims: TriggerClaims;
  readonly headers: Headers;
  readonly trace: string;
}

const triggerSecret = z.object({
  preset: z.enum(TRIGGER_PRESETS),
  generic: genericSignature.nullable(),
  sealedSecret: z.string(),
});

/** Whose address this is. An address that is not one of ours is as little found as a trigger that was deleted. */
export function readTriggerAddress(address: string, tokenKey: Uint8Array): TriggerClaims | null {
  const read = readToken('trg', address, tokenKey);
  return read.ok ? read.value : null;
}

/**
 * Takes one delivery. Nothing of the body is parsed before its signature holds.
 * @throws Fault when the stored secret cannot be opened: the platform's key is not the one that sealed it
 */
export async function receiveDelivery({ claims, headers, trace }: DeliveryAt, deps: ReceiveDeps): Promise<Received> {
  const trigger = claims.g;
  const found = await deps.swarm.read({ kind: 'system', id: 'webhooks' }, { type: 'trigger-secret', id: trigger });
  if (!found.ok) return refused(found.error);
  const { preset, generic, sealedSecret } = triggerSecret.parse(found.value);
  const secret = open(sealedSecret, deps.sealKey, trigger);
  if (!secret.ok) throw new Fault('the secret of a trigger cannot be opened', { retryable: false });
  const body = await deps.readBody(bodyBytesMax);
  if (!body.ok) return refused(body.error);
  const verified = verifyDelivery({
    preset,
    ...(generic === null ? {} : { generic }),
    secret: secret.value,
    headers,
    body: body.value,
    now: deps.now(),
  });
  if (!verified.ok) return refused(verified.error);
  const { deliveryId, eventType, payload, inexact, isNamed, once } = verified.value;
  const { result, replayed } = await deps.swarm.execute({
    id: `hook:${trigger}:${deliveryId}`,
    // A name that was made here of what was signed is forgotten with it.
    remember: isNamed,
    ...(once === null ? {} : { once: { ...once, digest: sha256(`${trigger} ${once.digest}`).slice(0, digestChars) } }),
    actor: { kind: 'trigger', id: trigger },
    trace,
    command: {
      ...{ type: 'FireTrigger', trigger, delivery: deliveryId, eventType, payload },
      ...(inexact === null ? {} : { inexact }),
    },
  });
  return { result: result.ok ? ok(startedBy(result.value.id)) : result, replayed };
}

/** 16 bytes in hexadecimal: enough for content that only the holder of the trigger's secret can make. */
const digestChars = 32;

function refused(rejection: ReceiveRejection): Received {
  return { result: err(rejection), replayed: false };
}

/** The id of a task or a mission; the trigger's own id when the delivery was not one that fires it. */
function startedBy(id: string): Started {
  return { taskId: id.startsWith('tsk_') ? id : null, missionId: id.startsWith('msn_') ? id : null };
}
