// Session tokens: JSON Web Tokens (RFC 7519) that a log-in session is exchanged for. Any Worker checks one alone, without a
// look-up; so it lives for fifteen minutes only, and for so long outlives a log-out or a change of role.

import { errors, jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';
import { ROLE_SCOPES, ROLES, SCOPES, type Scope } from '../../core/keys/scopes.ts';
import { clockBehindMs } from '../../core/limits.ts';
import type { Result } from '../../core/result.ts';
import { err, ok } from '../../core/result.ts';
import { idOf } from '../../core/wire/terms.ts';
import { sessionTokenCharsMax, sessionTokenMs } from './limits.ts';
import type { Standing } from './standing.ts';

const ALGORITHM = 'HS256';
const TYPE = 'session+jwt';
const AUDIENCE = 'starling';

export interface SessionTokenDeps {
  /** `directory.keys.sessionTokens` */
  readonly key: Uint8Array;
  /** The platform's base URL: a token of one deployment says nothing to another */
  readonly issuer: string;
  now(): number;
}

const sessionClaims = z.object({
  sub: idOf('usr'),
  tenant: idOf('tnt'),
  swarm: idOf('swm'),
  role: z.enum(ROLES),
  scopes: z.array(z.enum(SCOPES)).max(SCOPES.length),
  iat: z.number().int(),
  exp: z.number().int(),
});
/** What a session token says: a user, in a role of a tenant, at its swarm. Times are in seconds (RFC 7519). */
export type SessionClaims = z.infer<typeof sessionClaims>;

/** Mints the token of a session: its scopes are those of the role. */
export async function mintSessionToken(
  session: Pick<Standing, 'user' | 'tenant' | 'swarm' | 'role'>,
  deps: SessionTokenDeps,
): Promise<{ token: string; expiresAt: number }> {
  const issued = Math.floor(deps.now() / 1_000);
  const expires = issued + sessionTokenMs / 1_000;
  const scopes: readonly Scope[] = ROLE_SCOPES[session.role];
  const token = await new SignJWT({ tenant: session.tenant.id, swarm: session.swarm.id, role: session.role, scopes })
    .setProtectedHeader({ alg: ALGORITHM, typ: TYPE })
    .setSubject(session.user.id)
    .setAudience(AUDIENCE)
    .setIssuer(deps.issuer)
    .setIssuedAt(issued)
    .setExpirationTime(expires)
    .sign(deps.key);
  return { token, expiresAt: expires * 1_000 };
}

/** Checks a session token. `token_expired` tells a client to ask for a new one; nothing else is told apart. */
export async function verifySessionToken(
  token: string,
  deps: SessionTokenDeps,
): Promise<Result<SessionClaims, { readonly code: 'token_invalid' | 'token_expired' }>> {
  if (token.length > sessionTokenCharsMax || !isCanonical(token)) return err({ code: 'token_invalid' });
  try {
    const { payload } = await jwtVerify(token, deps.key, {
      algorithms: [ALGORITHM],
      typ: TYPE,
      audience: AUDIENCE,
      issuer: deps.issuer,
      requiredClaims: ['exp', 'iat', 'sub'],
      currentDate: new Date(deps.now()),
    });
    const claims = sessionClaims.safeParse(payload);
    // Minted by a clock that was ahead, it would live for as long as that was.
    const isEarly = claims.success && claims.data.iat * 1_000 > deps.now() + clockBehindMs;
    return claims.success && !isEarly ? ok(claims.data) : err({ code: 'token_invalid' });
  } catch (error) {
    if (error instanceof errors.JWTExpired) return err({ code: 'token_expired' });
    if (error instanceof errors.JOSEError) return err({ code: 'token_invalid' });
    throw error;
  }
}

/** jose reads base64url leniently; one token has one spelling (RFC 7515, section 2), so a second one is refused. */
function isCanonical(token: string): boolean {
  const parts = token.split('.');
  return parts.length === 3 && parts.every((part) => Buffer.from(part, 'base64url').toString('base64url') === part);
}
