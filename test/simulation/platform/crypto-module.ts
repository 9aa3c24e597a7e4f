// `node:crypto` as the objects import it: what is random there follows from the seed here.

import { createPrivateKey, createPublicKey } from 'node:crypto';
import { simulated } from './globals.ts';

export * from 'node:crypto';

/** Bytes from the seed. */
export function randomBytes(count: number): Buffer {
  const bytes = Buffer.allocUnsafe(count);
  for (let at = 0; at < count; at++) bytes[at] = simulated().random.between(0, 255);
  return bytes;
}

/** What stands before the 32 bytes of an Ed25519 key in PKCS#8. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** An Ed25519 pair from the seed. */
export function generateKeyPairSync(_type: 'ed25519') {
  const key = Buffer.concat([PKCS8_PREFIX, randomBytes(32)]);
  const privateKey = createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  return { privateKey, publicKey: createPublicKey(privateKey) };
}
