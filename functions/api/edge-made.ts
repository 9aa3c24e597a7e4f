// What the edge must make for a command before the swarm sees it: the id that a secret is sealed to, the secret, the sealed
// text. All of it follows from the command's id, so that a request sent again under the same Idempotency-Key is the same
// command to the last byte, and gets the same answer, secret and all [P6].

import { createCipheriv, createHmac } from 'node:crypto';
import { type Id, type IdPrefix, newId, type SwarmId } from '../../core/ids.ts';
import { deriveKey } from '../secrets.ts';
import type { CommandId } from './middleware/idempotency.ts';

/** Makes things for one command. */
export interface EdgeMade {
  id<P extends IdPrefix>(prefix: P): Id<P>;
  /** A new signing secret, `whsec_…`. */
  secret(): string;
  /** Seals a text; `open` of functions/secrets.ts reads it with the same `aad`. */
  seal(text: string, aad: string): string;
}

/** @param at milliseconds since the epoch: when an id is made that nobody can ask for again */
export function edgeMade(
  { id, remember }: CommandId,
  swarm: SwarmId,
  { sealKey, now }: { readonly sealKey: Uint8Array; now(): number },
): EdgeMade {
  const key = deriveKey(sealKey, 'made at the edge');
  const draw = (...purpose: readonly string[]) =>
    createHmac('sha256', key)
      .update(JSON.stringify([swarm, id, ...purpose]))
      .digest();
  return {
    // The time of a repeated request is not that of the first one: an id that can be asked for again has none.
    id: (prefix) => newId(prefix, remember ? 0 : now(), draw('id', prefix)),
    secret: () => `whsec_${draw('secret').toString('base64')}`,
    seal(text, aad) {
      const nonce = draw('nonce', aad, text).subarray(0, NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', sealKey, nonce);
      cipher.setAAD(Buffer.from(aad, 'utf8'));
      const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
      return `v1.${sealed.toString('base64url')}`;
    },
  };
}

/**
 * Of AES-GCM. It is drawn from the text and what it belongs to with a secret key, as SIV does: another text has another
 * nonce, and the same text sealed again is the same.
 */
const NONCE_BYTES = 12;
