// Passwords: what is too weak, and how they are kept. The hash is node:crypto's scrypt (RFC 7914) with better-auth's own cost
// (32 MiB); measured in workerd it takes 43 ms, better-auth's JavaScript 78 ms.

import { randomBytes, scryptSync, timingSafeEqual } from 'node:crypto';
import type { Result } from '../../core/result.ts';
import { err, ok } from '../../core/result.ts';
import { passwordCharsMax, passwordCharsMin, passwordsBusySeconds } from './limits.ts';

/** scrypt's parameters: it takes 128·N·r bytes, and time in proportion to N·r·p. */
export interface ScryptCost {
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

/**
 * Turns a password into the bytes of its hash, or into null when too many wait for theirs: the one slow part, which a platform may
 * do elsewhere.
 */
export type Stretch = (password: string, salt: Uint8Array, cost: ScryptCost) => Promise<Uint8Array | null>;

/** Too many passwords wait to be hashed. */
export type PasswordsBusy = { readonly code: 'rate_limited'; readonly retryAfterSeconds: number };

const COST = { N: 16_384, r: 16, p: 1 } as const;
export const hashBytes = 32;
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

/** Hashes a password with a new salt: `scrypt$N$r$p$salt$hash`. */
export async function hashPassword(password: string, stretch: Stretch): Promise<Result<string, PasswordsBusy>> {
  const salt = randomBytes(SALT_BYTES);
  const hash = await stretch(sameForm(password), salt, COST);
  if (hash === null) return busy();
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');
  return ok(`scrypt$${COST.N}$${COST.r}$${COST.p}$${text(salt)}$${text(hash)}`);
}

/** True when `hash` was made from this password; false for a hash of another form. */
export async function verifyPassword(
  password: string,
  hash: string,
  stretch: Stretch,
): Promise<Result<boolean, PasswordsBusy>> {
  const [, n, r, p, salt, expected] = FORM.exec(hash) ?? [];
  if (salt === undefined || expected === undefined) return ok(false);
  const cost = { N: Number(n), r: Number(r), p: Number(p) };
  const made = await stretch(sameForm(password), Buffer.from(salt, 'base64url'), cost);
  return made === null ? busy() : ok(timingSafeEqual(made, Buffer.from(expected, 'base64url')));
}

/** Stretches in this thread, which it blocks for about 43 ms: a Worker has no other. */
export const stretchHere: Stretch = async (password, salt, cost) =>
  scryptSync(password, salt, hashBytes, { ...cost, maxmem: memoryOf(cost) });

/** What scrypt may take: 128·N·r bytes and a little more. */
export function memoryOf({ N, r }: ScryptCost): number {
  return 192 * N * r;
}

/** The same password typed on another keyboard arrives composed in another way (RFC 8265): compare one form. */
function sameForm(password: string): string {
  return password.normalize('NFKC');
}

function busy(): Result<never, PasswordsBusy> {
  return err({ code: 'rate_limited', retryAfterSeconds: passwordsBusySeconds });
}
