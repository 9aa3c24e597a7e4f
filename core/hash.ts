// SHA-256, synchronous: `crypto.subtle` cannot run inside a synchronous transaction, `node:crypto` hashes can.

import { createHash, hash } from 'node:crypto';

/** Lower-case hex SHA-256 of UTF-8 text; in one call, which is a quarter faster in workerd than a stream of parts. */
export function sha256(text: string): string {
  return hash('sha256', text, 'hex');
}

/** SHA-256 of bytes. */
export function sha256Bytes(...parts: readonly Uint8Array[]): Uint8Array {
  const digest = createHash('sha256');
  for (const part of parts) digest.update(part);
  return new Uint8Array(digest.digest());
}
