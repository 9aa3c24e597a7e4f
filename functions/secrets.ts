// Keys from the one master secret, and secrets at rest: HKDF-SHA-256 and AES-256-GCM, synchronous, from node:crypto.
// Nothing here reads the environment, and no error holds a secret.

import { createCipheriv, createDecipheriv, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import { assert } from '../core/assert.ts';
import { err, ok, type Result } from '../core/result.ts';

/** A master secret below this is refused: it could be guessed. */
export const masterBytesMin = 32;
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Names the form of a sealed text, so that another one can follow. */
const VERSION = 'v1.';

/**
 * A key for one purpose. Different purposes give keys that tell nothing of each other (RFC 5869).
 * @param master the platform's secret, text (its UTF-8 bytes) or bytes
 * @param purpose a word of our own, such as `tokens` or `webhook-secrets`; never data from outside
 * @returns 32 bytes
 * @throws Defect when the master secret is shorter than `masterBytesMin`
 */
export function deriveKey(master: string | Uint8Array, purpose: string): Uint8Array {
  const bytes = typeof master === 'string' ? Buffer.from(master, 'utf8') : master;
  assert(bytes.length >= masterBytesMin, `the master secret has at least ${masterBytesMin} bytes`);
  assert(purpose.length > 0, 'a key has a purpose');
  return new Uint8Array(hkdfSync('sha256', bytes, new Uint8Array(0), `starling/${purpose}`, KEY_BYTES));
}

/**
 * Encrypts a text for storage.
 * @param aad what the text belongs to (tenant, swarm, trigger): the same must be given to open it, so that a row copied
 * to another place stays shut
 * @returns `v1.` and base64url of nonce, ciphertext and tag
 */
export function seal(plaintext: string, key: Uint8Array, aad: string): string {
  assert(key.length === KEY_BYTES, 'a sealing key has 32 bytes');
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(aad, 'utf8'));
  const sealed = Buffer.concat([nonce, cipher.update(plaintext, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return VERSION + sealed.toString('base64url');
}

/** Decrypts what `seal` made. Another key, another `aad`, or one changed bit: `secret_unreadable`, and no more said. */
export function open(sealed: string, key: Uint8Array, aad: string): Result<string, { code: 'secret_unreadable' }> {
  assert(key.length === KEY_BYTES, 'a sealing key has 32 bytes');
  const unreadable = err({ code: 'secret_unreadable' as const });
  const text = sealed.slice(VERSION.length);
  const bytes = Buffer.from(text, 'base64url');
  // Buffer reads base64url leniently; one spelling only, so that a stored text can be compared.
  if (!sealed.startsWith(VERSION) || bytes.toString('base64url') !== text) return unreadable;
  if (bytes.length < NONCE_BYTES + TAG_BYTES) return unreadable;
  const nonce = bytes.subarray(0, NONCE_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(aad, 'utf8'));
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    const body = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES));
    return ok(Buffer.concat([body, decipher.final()]).toString('utf8'));
  } catch {
    // The tag does not hold. The cause says nothing more, and must not: it is the same answer for every reason.
    return unreadable;
  }
}

/** Compares without telling by its time where two values differ. Only their lengths show. */
export function isSame(left: string | Uint8Array, right: string | Uint8Array): boolean {
  const a = typeof left === 'string' ? Buffer.from(left, 'utf8') : left;
  const b = typeof right === 'string' ? Buffer.from(right, 'utf8') : right;
  return a.length === b.length && timingSafeEqual(a, b);
}
