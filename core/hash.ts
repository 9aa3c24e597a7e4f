// SHA-256, synchronous: `crypto.subtle` cannot run inside a synchronous transaction, `node:crypto` hashes can.

import { createHash } from 'node:crypto';

/** Lower-case hex SHA-256 of UTF-8 text. */
export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** SHA-256 of bytes. */
export function sha256Bytes(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}
