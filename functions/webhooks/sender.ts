// Sends webhooks for the swarms: opens the sealed secrets, signs with them and with the swarm's own Ed25519 key, and makes
// one attempt. When to try again, and for how long, is the swarm's to decide.

import { createHmac, createPublicKey } from 'node:crypto';
import { assert } from '../../core/assert.ts';
import type { WebhookSenderPort } from '../../core/swarm/service.ts';
import { deriveKey, open } from '../secrets.ts';
import { type SendDeps, sendDelivery } from './send.ts';
import { readSecretKey } from './signing-key.ts';

export interface SenderDeps extends SendDeps {
  /** 32 bytes that seal the secrets of triggers and webhooks. */
  readonly sealKey: Uint8Array;
}

/** Of an Ed25519 public key, at the end of its DER form. */
const RAW_KEY_BYTES = 32;

/** Makes the sender that swarms call. It keeps nothing between calls. */
export function createSender(deps: SenderDeps): WebhookSenderPort {
  return {
    async send({ swarm, webhook, delivery, url, sealedSecrets, body, attempt }) {
      const secrets: string[] = [];
      for (const sealed of sealedSecrets) {
        const opened = open(sealed, deps.sealKey, webhook);
        if (opened.ok) secrets.push(opened.value);
      }
      // The platform's key is not the one that sealed them: the schedule leaves time to put that right.
      if (secrets.length === 0) return { outcome: 'retry', error: 'secret_unreadable' };
      const sent = await sendDelivery(
        { url, id: delivery, body, secrets, publicSigner: signerOf(swarm, deps.sealKey), attempt },
        deps,
      );
      const { answer: _, ...outcome } = sent;
      return outcome;
    },
  };
}

/** The Ed25519 key that signs a swarm's webhooks (`v1a`), as `whsk_`: always the same, and no other swarm's. */
function signerOf(swarm: string, sealKey: Uint8Array): string {
  const seed = createHmac('sha256', deriveKey(sealKey, 'webhook signers')).update(swarm).digest();
  return `whsk_${seed.toString('base64')}`;
}

/** The key that receivers check `v1a` signatures with, as `whpk_`. */
export function verifyingKeyOf(swarm: string, sealKey: Uint8Array): string {
  const key = readSecretKey(signerOf(swarm, sealKey));
  assert(key !== null, 'a signer that was made here is well formed');
  const raw = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-RAW_KEY_BYTES);
  return `whpk_${raw.toString('base64')}`;
}
