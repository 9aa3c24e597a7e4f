// Signs an outgoing webhook as Standard Webhooks 1.0 says: `v1` (HMAC-SHA-256) and `v1a` (Ed25519) over
// `<id>.<timestamp>.<body>`.

import { createHmac, sign } from 'node:crypto';
import { assert } from '../../core/assert.ts';
import { readSecret, readSecretKey } from './signing-key.ts';

/** Secrets in force at once: the present one, and those that a rotation has not let go yet. */
export const secretsMax = 4;

export interface DeliveryToSign {
  /** Names the event, the same for every attempt. No full stop: it separates the signed parts. */
  readonly id: string;
  /** When this attempt is made, milliseconds since the epoch. */
  readonly at: number;
  readonly body: string;
  /** `whsec_…`, the newest first. Each gives one `v1` signature, so that a receiver may hold any of them. */
  readonly secrets: readonly string[];
  /** `whsk_…`: gives a `v1a` signature that receivers check with its public key. */
  readonly publicSigner?: string | undefined;
}

/** The three headers of a delivery. @throws Defect for a secret that is not well formed: ours are made here */
export function signDelivery(delivery: DeliveryToSign): Record<string, string> {
  const { id, body, secrets } = delivery;
  assert(/^[\x21-\x2d\x2f-\x7e]{1,256}$/.test(id), 'a delivery id has no full stop and no blank');
  assert(secrets.length <= secretsMax, 'few secrets are in force at once');
  const timestamp = String(Math.floor(delivery.at / 1_000));
  const content = Buffer.from(`${id}.${timestamp}.${body}`, 'utf8');
  const signatures = secrets.map((secret) => {
    const key = readSecret(secret);
    assert(key !== null, 'a webhook secret is whsec_ and base64');
    return `v1,${createHmac('sha256', key).update(content).digest('base64')}`;
  });
  if (delivery.publicSigner !== undefined) {
    const key = readSecretKey(delivery.publicSigner);
    assert(key !== null, 'a webhook signer is whsk_ and base64');
    signatures.push(`v1a,${sign(null, content, key).toString('base64')}`);
  }
  assert(signatures.length > 0, 'a delivery is signed');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') };
}
