// Bearer tokens that any Worker checks alone: `<kind>_<payload>.<mac>`, payload and mac in base64url, the mac an
// HMAC-SHA-256 over `<kind>_<payload>` with a key derived for that kind. A token proves who issued it and for what; whether
// it was revoked is for the swarm that is being called anyway.

import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import type { Result } from '../result.ts';
import { err, ok } from '../result.ts';
import { idOf } from '../wire/terms.ts';
import { SCOPES } from './scopes.ts';

/** Longest token that is looked at. */
export const tokenCharsMax = 1_000;

/** An API key: `sk_…`. */
export const keyClaims = z.strictObject({
  t: idOf('tnt'),
  s: idOf('swm'),
  k: idOf('key'),
  p: z.array(z.enum(SCOPES)).max(SCOPES.length),
});

/** A device's lasting credential: `dvc_…`. `q` is the number of its squad. */
export const deviceClaims = z.strictObject({
  t: idOf('tnt'),
  s: idOf('swm'),
  d: idOf('dev'),
  q: z.number().int().min(0).max(100),
});

/** An enrolment token: `ent_…`, single use. */
export const enrollmentClaims = z.strictObject({ t: idOf('tnt'), s: idOf('swm'), e: idOf('enr') });

/** Where a webhook sender posts: the last part of `/hooks/…`. Not secret, only unguessable without the platform. */
export const triggerClaims = z.strictObject({ t: idOf('tnt'), s: idOf('swm'), g: idOf('trg') });
export type TriggerClaims = z.infer<typeof triggerClaims>;

const CLAIMS = { sk: keyClaims, dvc: deviceClaims, ent: enrollmentClaims, trg: triggerClaims } as const;
export type TokenKind = keyof typeof CLAIMS;
type Claims<K extends TokenKind> = z.infer<(typeof CLAIMS)[K]>;

/** @param key 32 bytes derived from the platform's secret for tokens */
export function mintToken<K extends TokenKind>(kind: K, claims: Claims<K>, key: Uint8Array): string {
  const head = `${kind}_${Buffer.from(JSON.stringify(claims)).toString('base64url')}`;
  return `${head}.${mac(head, key)}`;
}

/** Reads a token of this kind. The answer does not say what was wrong with a false one. */
export function readToken<K extends TokenKind>(
  kind: K,
  token: string,
  key: Uint8Array,
): Result<Claims<K>, { code: 'token_invalid' }> {
  const invalid = err({ code: 'token_invalid' as const });
  if (token.length > tokenCharsMax || !token.startsWith(`${kind}_`)) return invalid;
  const dot = token.indexOf('.');
  if (dot < 0) return invalid;
  const head = token.slice(0, dot);
  const given = Buffer.from(token.slice(dot + 1));
  const expected = Buffer.from(mac(head, key));
  // Compared as text: a second spelling of the same mac is refused.
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return invalid;
  // The mac holds, so the payload is one that was minted: parsing it cannot fail unless its version is unknown.
  const parsed = CLAIMS[kind].safeParse(
    JSON.parse(Buffer.from(head.slice(kind.length + 1), 'base64url').toString('utf8')),
  );
  // The schema was taken by `kind`, so its output is that kind's claims.
  return parsed.success ? ok(parsed.data as Claims<K>) : invalid;
}

function mac(head: string, key: Uint8Array): string {
  return createHmac('sha256', key).update(head).digest('base64url');
}
