// The directory's own keys, each derived from its secret for one purpose, and the keyed digests made with them.
// A digest here is always keyed: someone who reads the database cannot try passwords or addresses against it.

import { createHmac } from 'node:crypto';
import { deriveKey } from '../secrets.ts';

export interface DirectoryKeys {
  /** Signs session cookies. */
  readonly cookies: string;
  /** Keys the digests of idempotency keys, invitation tokens and counted addresses. */
  readonly digests: Uint8Array;
  /** Signs session tokens. */
  readonly sessionTokens: Uint8Array;
}

/**
 * @param secret at least 32 bytes, derived from the platform's secret for the directory alone
 * @throws Defect when the secret is shorter
 */
export function deriveKeys(secret: Uint8Array): DirectoryKeys {
  return {
    cookies: Buffer.from(deriveKey(secret, 'directory-cookies')).toString('base64url'),
    digests: deriveKey(secret, 'directory-digests'),
    sessionTokens: deriveKey(secret, 'directory-session-tokens'),
  };
}

/** A keyed digest of some texts, for one purpose. The parts are framed: `['ab', 'c']` and `['a', 'bc']` differ. */
export function keyedDigest(purpose: string, parts: readonly string[], key: Uint8Array): string {
  return createHmac('sha256', key)
    .update(JSON.stringify([purpose, ...parts]))
    .digest('base64url');
}
