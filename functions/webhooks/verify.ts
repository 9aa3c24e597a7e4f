// Checks an inbound webhook: who signed it, how old it is, what it says. Synchronous, over the raw bytes; what has not
// been signed is not parsed. The caller bounds the body and finds the secret.

import { createHash, createHmac, verify } from 'node:crypto';
import { type Json, jsonDepthMax } from '../../core/json.ts';
import { eachUnfit, pointerOf, type Unfit } from '../../core/json-text.ts';
import { eventTypeCharsMax, sameBodyMs } from '../../core/limits.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Once } from '../../core/swarm/service.ts';
import type { GenericSignature, TriggerPreset } from '../../core/wire/triggers.ts';
import { isSame } from '../secrets.ts';
import { readBase64, readPublicKey, readSecret } from './signing-key.ts';

/** How far a sender's clock may be from ours, either way. */
export const toleranceMs = 5 * 60_000;
/** Signatures that one header may bring: secrets being rotated, not a list to search. */
const signaturesMax = 16;

export interface DeliveryToVerify {
  readonly preset: TriggerPreset;
  /** With the preset `generic`. */
  readonly generic?: GenericSignature | undefined;
  readonly secret: string;
  readonly headers: Headers;
  /** As received, before any decoding. */
  readonly body: Uint8Array;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export interface VerifiedDelivery {
  /** The sender's own name for it: the same delivery sent again has the same. 1 to 256 visible ASCII characters. */
  readonly deliveryId: string;
  readonly eventType: string | null;
  readonly payload: Json;
  /** True when the sender has named it; else `deliveryId` is a digest of what was signed. */
  readonly isNamed: boolean;
  /**
   * What keeps it from counting again under another id, where the id is not signed: a digest of what is signed, hex, and for how
   * long that is remembered (null: for ever).
   */
  readonly once: Once | null;
  /** Numbers of the payload that no double keeps, by their JSON Pointers, as they are written; null when there is none. */
  readonly inexact: Readonly<Record<string, string>> | null;
}

/** `detail` is a sentence for the sender; it holds nothing of the secret or of what was expected. */
export interface DeliveryRejection {
  readonly code: 'signature_missing' | 'signature_invalid' | 'timestamp_too_old' | 'payload_invalid';
  readonly detail: string;
}

type Verified = Result<VerifiedDelivery, DeliveryRejection>;

/**
 * Verifies one delivery. Reasons in order: no signature, a wrong one, a time further away than `toleranceMs` (past or
 * future), a body that is not the JSON its sender's kind sends.
 */
export function verifyDelivery(delivery: DeliveryToVerify): Verified {
  if (delivery.secret === '') return refused('signature_invalid', 'This trigger has no secret.');
  switch (delivery.preset) {
    case 'standard-webhooks':
      return verifyStandard(delivery);
    case 'github':
      return verifyGithub(delivery);
    case 'stripe':
      return verifyStripe(delivery);
    case 'generic':
      return delivery.generic
        ? verifyGeneric(delivery, delivery.generic)
        : refused('signature_invalid', 'This trigger does not say how its sender signs.');
  }
}

/** Standard Webhooks 1.0: `webhook-id`, `webhook-timestamp`, `webhook-signature`. */
function verifyStandard(delivery: DeliveryToVerify): Verified {
  const { headers, body, secret } = delivery;
  const id = headers.get('webhook-id');
  const timestamp = headers.get('webhook-timestamp');
  const given = headers.get('webhook-signature');
  if (!id || !timestamp || !given) {
    return refused('signature_missing', 'Expected webhook-id, webhook-timestamp and webhook-signature.');
  }
  const content = Buffer.concat([Buffer.from(`${id}.${timestamp}.`, 'utf8'), body]);
  const version = secret.startsWith('whpk_') ? 'v1a,' : 'v1,';
  const signatures = given.split(' ', signaturesMax).filter((signature) => signature.startsWith(version));
  const holds = signatures.some((signature) => signatureHolds(secret, content, signature.slice(version.length)));
  if (!holds) return wrongSignature();
  const late = lateness(timestamp, delivery.now);
  if (late) return late;
  return readJson(body, SIGNED_ID, (payload) => ({ deliveryId: id, eventType: textMember(payload, 'type') }));
}

function signatureHolds(secret: string, content: Uint8Array, given: string): boolean {
  const bytes = readBase64(given);
  if (!bytes) return false;
  if (secret.startsWith('whpk_')) {
    const key = readPublicKey(secret);
    return key !== null && bytes.length === 64 && verify(null, content, key, bytes);
  }
  const key = readSecret(secret);
  return key !== null && isSame(createHmac('sha256', key).update(content).digest(), bytes);
}

/**
 * GitHub: `X-Hub-Signature-256` over the body, which is JSON or a form with the field `payload`. GitHub signs neither
 * time nor delivery id, so age cannot be checked, and whoever has seen a delivery could send it again under another id: what
 * was signed counts once, for ever.
 */
function verifyGithub(delivery: DeliveryToVerify): Verified {
  const { headers, body, secret } = delivery;
  const given = headers.get('x-hub-signature-256');
  if (!given) return refused('signature_missing', 'Expected X-Hub-Signature-256.');
  if (!hmacHolds('sha256', 'hex', secret, [body], given, 'sha256=')) return wrongSignature();
  const id = headers.get('x-github-delivery') ?? '';
  const isForm = headers.get('content-type')?.toLowerCase().startsWith('application/x-www-form-urlencoded') === true;
  const json = isForm ? formPayload(body) : body;
  if (!json) return refused('payload_invalid', 'Expected one form field, payload.');
  const once = { digest: digestOf([body]), keepMs: null };
  return readJson(json, { isNamed: true, once }, () => ({ deliveryId: id, eventType: headers.get('x-github-event') }));
}

/** The one field `payload` of a form, as bytes: a form is bytes, and UTF-8 is what they are read as afterwards (WHATWG URL, 5.1). */
function formPayload(body: Uint8Array): Uint8Array | null {
  // One character a byte, so that nothing is decoded yet.
  const fields = Buffer.from(body).toString('latin1').split('&');
  const values = fields.flatMap((field: string) => {
    const [name = '', ...value] = field.split('=');
    return formText(name) === 'payload' ? [formText(value.join('='))] : [];
  });
  return values.length === 1 ? Buffer.from(values[0] ?? '', 'latin1') : null;
}

function formText(text: string): string {
  const escaped = /%([0-9a-f]{2})/gi;
  return text.replaceAll('+', ' ').replace(escaped, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** Stripe: `Stripe-Signature: t=…,v1=…[,v1=…]`, hex HMAC-SHA-256 of `<t>.<body>` with the whole secret as the key. */
function verifyStripe(delivery: DeliveryToVerify): Verified {
  const { headers, body, secret } = delivery;
  const pairs = (headers.get('stripe-signature') ?? '').split(',', signaturesMax).map((pair) => pair.trim());
  const timestamp = pairs.find((pair) => pair.startsWith('t='))?.slice(2);
  const given = pairs.filter((pair) => pair.startsWith('v1='));
  if (!timestamp || given.length === 0) return refused('signature_missing', 'Expected Stripe-Signature with t and v1.');
  const content = [Buffer.from(`${timestamp}.`, 'utf8'), body];
  if (!given.some((one) => hmacHolds('sha256', 'hex', secret, content, one, 'v1='))) return wrongSignature();
  const late = lateness(timestamp, delivery.now);
  if (late) return late;
  return readJson(body, SIGNED_ID, (payload) => ({
    deliveryId: textMember(payload, 'id') ?? '',
    eventType: textMember(payload, 'type'),
  }));
}

function verifyGeneric(delivery: DeliveryToVerify, generic: GenericSignature): Verified {
  const { headers, body, secret } = delivery;
  const given = headers.get(generic.signatureHeader);
  const timestamp = generic.timestampHeader ? headers.get(generic.timestampHeader) : null;
  if (!given) return refused('signature_missing', `Expected ${generic.signatureHeader}.`);
  if (generic.timestampHeader && !timestamp)
    return refused('signature_missing', `Expected ${generic.timestampHeader}.`);
  const content = timestamp === null ? [body] : [Buffer.from(`${timestamp}.`, 'utf8'), body];
  if (!hmacHolds(generic.algorithm, generic.encoding, secret, content, given, generic.prefix)) return wrongSignature();
  const late = timestamp === null ? null : lateness(timestamp, delivery.now);
  if (late) return late;
  const { idHeader, eventHeader } = generic;
  // An id in a header is not signed. With a signed time the same again is refused as too old before it is forgotten.
  const digest = digestOf(content);
  const known = { isNamed: idHeader !== undefined, once: { digest, keepMs: sameBodyMs } };
  return readJson(body, known, (payload) => ({
    deliveryId: idHeader === undefined ? `sha256:${digest}` : (headers.get(idHeader) ?? ''),
    eventType: eventHeader ? headers.get(eventHeader) : textMember(payload, 'type'),
  }));
}

/** The id is part of what is signed: it alone says which delivery this is. */
const SIGNED_ID = { isNamed: true, once: null } as const;

function digestOf(content: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const part of content) hash.update(part);
  return hash.digest('hex');
}

function hmacHolds(
  algorithm: GenericSignature['algorithm'],
  encoding: GenericSignature['encoding'],
  secret: string,
  content: readonly Uint8Array[],
  given: string,
  prefix: string,
): boolean {
  if (!given.startsWith(prefix)) return false;
  const text = given.slice(prefix.length);
  const bytes = encoding === 'base64' ? readBase64(text) : /^[0-9a-f]*$/i.test(text) ? Buffer.from(text, 'hex') : null;
  if (!bytes) return false;
  const hmac = createHmac(algorithm, Buffer.from(secret, 'utf8'));
  for (const part of content) hmac.update(part);
  return isSame(hmac.digest(), bytes);
}

/** Seconds since the epoch, or milliseconds where the number is too large for seconds. Its signature holds already. */
function lateness(timestamp: string, now: number): ReturnType<typeof refused> | null {
  if (!/^\d{1,15}$/.test(timestamp)) return refused('timestamp_too_old', 'The timestamp is not a number of seconds.');
  const given = Number(timestamp);
  const at = given > 100_000_000_000 ? given : given * 1_000;
  if (now - at > toleranceMs) return refused('timestamp_too_old', 'Signed more than five minutes ago.');
  if (at - now > toleranceMs) return refused('timestamp_too_old', 'Signed more than five minutes in the future.');
  return null;
}

function readJson(
  body: Uint8Array,
  known: Pick<VerifiedDelivery, 'isNamed' | 'once'>,
  name: (payload: Json) => Pick<VerifiedDelivery, 'deliveryId' | 'eventType'>,
): Verified {
  let text: string;
  let payload: Json;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(body);
    // JSON.parse answers `any`; what it makes is Json by the definition of JSON.
    payload = JSON.parse(text) as Json;
  } catch {
    return refused('payload_invalid', 'The body is not JSON in UTF-8.');
  }
  const looked = lookAt(payload, text);
  if (!looked.ok) return refused('payload_invalid', `${pointerOf(looked.error.path)}: ${looked.error.message}`);
  const named = name(payload);
  // The id becomes a command's id for ever, so it has a form.
  if (!/^[\x21-\x7e]{1,256}$/.test(named.deliveryId)) {
    return refused('payload_invalid', 'The delivery has no id of 1 to 256 visible characters.');
  }
  const { eventType } = named;
  if (eventType !== null && (eventType.length > eventTypeCharsMax || !eventType.isWellFormed())) {
    return refused('payload_invalid', `An event type is well-formed text of at most ${eventTypeCharsMax} characters.`);
  }
  return ok({ ...named, ...known, payload, inexact: looked.value });
}

/**
 * What keeps a payload out as a whole, or its numbers that no double keeps. Much of a payload is never asked for, so text and
 * numbers that cannot be kept are refused where a mapping takes them, and not before.
 */
function lookAt(payload: Json, text: string): Result<VerifiedDelivery['inexact'], Unfit> {
  const inexact: Record<string, string> = {};
  let count = 0;
  let chars = 0;
  let bad: Unfit | null = null;
  eachUnfit(payload, text, { depthMax: jsonDepthMax }, (unfit) => {
    if (unfit.what === 'text' || unfit.what === 'name') return false;
    const { literal } = unfit;
    // Each keeps the whole way to it: counted before it is written down.
    for (const part of unfit.path) chars += 1 + String(part).length;
    if (literal === undefined || literal.length > literalCharsMax || ++count > inexactMax || chars > pathCharsMax) {
      bad = unfit;
      return true;
    }
    const parts = unfit.path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`);
    inexact[parts.join('')] = literal;
    return false;
  });
  return bad === null ? ok(count === 0 ? null : inexact) : err(bad);
}
/** Such numbers in one payload, and characters of one: ids of other systems have twenty digits. */
const inexactMax = 1_000;
const literalCharsMax = 100;
/** Characters of the ways to all of them: what an object is told of one delivery stays small, however long names are. */
const pathCharsMax = 128 * 1024;

function textMember(payload: Json, key: string): string | null {
  if (payload === null || typeof payload !== 'object' || !Object.hasOwn(payload, key)) return null;
  // An object or array, asked for a member of its own.
  const member = (payload as { readonly [key: string]: Json })[key];
  return typeof member === 'string' ? member : null;
}

function wrongSignature() {
  return refused('signature_invalid', 'The signature does not match the body and the secret of this trigger.');
}

function refused(code: DeliveryRejection['code'], detail: string) {
  return err({ code, detail } satisfies DeliveryRejection);
}
