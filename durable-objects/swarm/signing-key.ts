// The key that signs a swarm's checkpoints: made by the swarm itself, kept in its storage, never shown.

import { generateKeyPairSync } from 'node:crypto';

/** Bytes before the raw key in an Ed25519 SPKI. */
const spkiPrefixBytes = 12;

/** A new signing key for a swarm. `privateKey` is PKCS#8 DER in base64url and never leaves the swarm's storage. */
export function newSigningKey(): { privateKey: string; publicKey: string } {
  const pair = generateKeyPairSync('ed25519');
  return {
    privateKey: pair.privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64url'),
    publicKey: pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(spkiPrefixBytes).toString('base64url'),
  };
}
