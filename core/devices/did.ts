// did:key for Ed25519: `did:key:z` and the base58btc of the bytes 0xed 0x01 and the 32-byte public key (W3C did:key v1).

import { createPublicKey, verify } from 'node:crypto';
import { assert } from '../assert.ts';

const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
const MULTICODEC = [0xed, 0x01] as const;
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/** @param publicKey 32 bytes */
export function didFromPublicKey(publicKey: Uint8Array): string {
  assert(publicKey.length === 32, 'an Ed25519 public key has 32 bytes');
  return `did:key:z${encodeBase58(Uint8Array.from([...MULTICODEC, ...publicKey]))}`;
}

/** The 32 bytes of the public key, or null for any other text. */
export function publicKeyFromDid(did: string): Uint8Array | null {
  if (!did.startsWith('did:key:z') || did.length > 100) return null;
  const bytes = decodeBase58(did.slice('did:key:z'.length));
  if (bytes === null || bytes.length !== 34 || bytes[0] !== MULTICODEC[0] || bytes[1] !== MULTICODEC[1]) return null;
  const key = bytes.slice(2);
  // One key has one name: a second spelling is not accepted.
  return didFromPublicKey(key) === did ? key : null;
}

/** Checks an Ed25519 signature (base64url) over UTF-8 text by the key that the did names. */
export function verifyByDid(did: string, text: string, signature: string): boolean {
  const key = publicKeyFromDid(did);
  if (key === null) return false;
  const bytes = Buffer.from(signature, 'base64url');
  if (bytes.length !== 64 || bytes.toString('base64url') !== signature) return false;
  const publicKey = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, key]), format: 'der', type: 'spki' });
  return verify(null, Buffer.from(text), publicKey, bytes);
}

function encodeBase58(bytes: Uint8Array): string {
  let number = 0n;
  for (const byte of bytes) number = number * 256n + BigInt(byte);
  let text = '';
  while (number > 0n) {
    text = ALPHABET.charAt(Number(number % 58n)) + text;
    number /= 58n;
  }
  for (const byte of bytes) {
    if (byte !== 0) break;
    text = `1${text}`;
  }
  return text;
}

function decodeBase58(text: string): Uint8Array | null {
  let number = 0n;
  for (const char of text) {
    const digit = ALPHABET.indexOf(char);
    if (digit < 0) return null;
    number = number * 58n + BigInt(digit);
  }
  const bytes: number[] = [];
  while (number > 0n) {
    bytes.unshift(Number(number % 256n));
    number /= 256n;
  }
  for (const char of text) {
    if (char !== '1') break;
    bytes.unshift(0);
  }
  return Uint8Array.from(bytes);
}
