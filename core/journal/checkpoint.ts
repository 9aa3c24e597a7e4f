// A checkpoint: the swarm's signed word about how long its journal is and what its head and Merkle root are. Whoever holds
// one can tell later whether history was rewritten [P7].

import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { canonicalStored } from '../json.ts';

export interface Checkpoint {
  /** `tenant/swarm`. */
  readonly origin: string;
  /** Events in the journal. */
  readonly size: number;
  /** Hash of the last event, hex. */
  readonly head: string;
  /** RFC 6962 root over all event hashes, hex. */
  readonly root: string;
  /** When it was signed, milliseconds since the epoch. */
  readonly at: number;
}

export interface SignedCheckpoint extends Checkpoint {
  /** Ed25519 over the canonical JSON of the five members above, base64url. */
  readonly signature: string;
  /** The swarm's public key, raw, base64url: the same as in its first event. */
  readonly publicKey: string;
}

const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/** @param privateKey PKCS#8 DER in base64url; it never leaves the swarm's storage */
export function signCheckpoint(checkpoint: Checkpoint, privateKey: string, publicKey: string): SignedCheckpoint {
  const key = createPrivateKey({ key: Buffer.from(privateKey, 'base64url'), format: 'der', type: 'pkcs8' });
  return { ...checkpoint, signature: sign(null, textOf(checkpoint), key).toString('base64url'), publicKey };
}

/**
 * Whether it says what a checkpoint can say, and the signature holds. Key and signature have one spelling each: what was changed
 * in it is never passed over.
 */
export function verifyCheckpoint(signed: SignedCheckpoint): boolean {
  // A journal has a first event: a signature over any other size, or over what is no hash, proves nothing.
  if (!(signed.size >= 1 && HASH.test(signed.head) && HASH.test(signed.root))) return false;
  const raw = bytesOf(signed.publicKey, 32);
  const signature = bytesOf(signed.signature, 64);
  if (raw === null || signature === null) return false;
  const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), format: 'der', type: 'spki' });
  return verify(null, textOf(signed), key, signature);
}

const HASH = /^[0-9a-f]{64}$/;

/** The bytes of base64url text; null unless they are so many and the text is how they are written. */
function bytesOf(text: string, length: number): Buffer | null {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.length === length && bytes.toString('base64url') === text ? bytes : null;
}

function textOf({ origin, size, head, root, at }: Checkpoint): Buffer {
  return Buffer.from(canonicalStored({ origin, size, head, root, at }));
}
