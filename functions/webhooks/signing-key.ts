// The secrets of Standard Webhooks 1.0 as texts: `whsec_` (HMAC), `whsk_` and `whpk_` (an Ed25519 pair).

import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';

/** Bytes of an HMAC secret (the specification's bounds) and of an Ed25519 key. */
const SECRET_BYTES = { new: 32, min: 1, max: 64 };
const KEY_BYTES = 32;
/** DER heads of a raw Ed25519 key (RFC 8410). */
const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI_HEAD = Buffer.from('302a300506032b6570032100', 'hex');

/** A fresh HMAC secret. */
export function newSecret(): string {
  return `whsec_${randomBytes(SECRET_BYTES.new).toString('base64')}`;
}

/** A fresh Ed25519 pair. The secret key is seed and public key together, 64 bytes, as other implementations write it. */
export function newSigner(): { readonly secretKey: string; readonly publicKey: string } {
  const pair = generateKeyPairSync('ed25519');
  const seed = pair.privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-KEY_BYTES);
  const raw = pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(-KEY_BYTES);
  return {
    secretKey: `whsk_${Buffer.concat([seed, raw]).toString('base64')}`,
    publicKey: `whpk_${raw.toString('base64')}`,
  };
}

/** The bytes of an HMAC secret, with or without its prefix, or null. An empty key would let anyone sign. */
export function readSecret(secret: string): Uint8Array | null {
  const bytes = readBase64(secret.startsWith('whsec_') ? secret.slice('whsec_'.length) : secret);
  return bytes && bytes.length >= SECRET_BYTES.min && bytes.length <= SECRET_BYTES.max ? bytes : null;
}

/** The private key of a `whsk_` text (a seed, or seed and public key), or null. */
export function readSecretKey(text: string): KeyObject | null {
  const bytes = text.startsWith('whsk_') ? readBase64(text.slice('whsk_'.length)) : null;
  if (!bytes || (bytes.length !== KEY_BYTES && bytes.length !== 2 * KEY_BYTES)) return null;
  const der = Buffer.concat([PKCS8_HEAD, bytes.subarray(0, KEY_BYTES)]);
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
}

/** The public key of a `whpk_` text, or null. */
export function readPublicKey(text: string): KeyObject | null {
  const bytes = text.startsWith('whpk_') ? readBase64(text.slice('whpk_'.length)) : null;
  if (!bytes || bytes.length !== KEY_BYTES) return null;
  return createPublicKey({ key: Buffer.concat([SPKI_HEAD, bytes]), format: 'der', type: 'spki' });
}

/** Standard base64 in its one spelling, or null: Buffer alone would skip what it does not know. */
export function readBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64').replace(/=+$/, '') === text.replace(/={1,2}$/, '') ? bytes : null;
}
