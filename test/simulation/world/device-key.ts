// Keys of devices: the same in every seed, for they are slow to make.

import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { didFromPublicKey } from '../../../core/devices/did.ts';

const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const spkiPrefixBytes = 12;

export interface DeviceKey {
  readonly did: string;
  sign(text: string): string;
}
const keys = new Map<number, DeviceKey>();

/** The key of the n-th device: the same in every seed. */
export function keyOf(n: number): DeviceKey {
  const known = keys.get(n);
  if (known) return known;
  const seed = Buffer.alloc(32, n + 1);
  const privateKey: KeyObject = createPrivateKey({
    key: Buffer.concat([PKCS8_PREFIX, seed]),
    format: 'der',
    type: 'pkcs8',
  });
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  const key = {
    did: didFromPublicKey(spki.subarray(spkiPrefixBytes)),
    sign: (text: string) => sign(null, Buffer.from(text), privateKey).toString('base64url'),
  };
  keys.set(n, key);
  return key;
}
