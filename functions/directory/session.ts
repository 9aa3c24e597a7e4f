// Log-in, log-out and what a session cookie stands for. Sessions are rows, so ending one takes effect at once; what is shown
// to the rest of the platform is the short-lived token of session-token.ts.

import { isAPIError } from 'better-auth/api';
import { and, asc, eq, sql } from 'drizzle-orm';
import { z } from 'zod';
import type { TenantId } from '../../core/ids.ts';
import type { Role } from '../../core/keys/scopes.ts';
import type { Result } from '../../core/result.ts';
import { err, ok } from '../../core/result.ts';
import type { TooManyAttempts } from './attempts.ts';
import { addressHeader } from './auth.ts';
import { querying, storedId } from './database.ts';
import type { Directory } from './directory.ts';
import { type InvalidRequest, invalidRequest } from './invalid-request.ts';
import { emailCharsMax, passwordCharsMax } from './limits.ts';
import type { PasswordsBusy } from './password.ts';
import { members, sessions, tenants } from './schema.ts';
import { findStanding, finishStanding, type Standing } from './standing.ts';

/** Where a request comes from, as the platform tells it. */
export interface Caller {
  readonly address?: string | undefined;
  readonly userAgent?: string | undefined;
}

/** A standing and the Set-Cookie values that carry it to a browser. */
export interface SignedIn extends Standing {
  readonly cookies: readonly string[];
}

/** An open session. `cookies` is empty unless its end moved. */
export interface OpenSession extends SignedIn {
  readonly sessionId: string;
  /** milliseconds since the epoch */
  readonly expiresAt: number;
}

export type LoginRejection =
  | InvalidRequest
  | TooManyAttempts
  | PasswordsBusy
  | { readonly code: 'invalid_credentials' | 'no_tenant' };

export const loginInput = z.strictObject({
  email: z.string().trim().toLowerCase().max(emailCharsMax).pipe(z.email()),
  password: z.string().min(1).max(passwordCharsMax),
});

/**
 * Logs a person in with e-mail address and password. An unknown address costs and says the same as a wrong password.
 * A swarm that a crashed sign-up left unmade is made here.
 * @param input `{ email, password }`, not yet checked
 */
export async function login(
  input: unknown,
  caller: Caller,
  directory: Directory,
): Promise<Result<SignedIn, LoginRejection>> {
  const parsed = loginInput.safeParse(input);
  if (!parsed.success) return err(invalidRequest(parsed.error));
  return querying(async () => {
    let signedIn: { headers: Headers; response: { token: string; user: { id: string } } };
    try {
      signedIn = await directory.auth.api.signInEmail({
        body: parsed.data,
        headers: headersOf(caller),
        returnHeaders: true,
      });
    } catch (error) {
      return err(loginRejection(error));
    }
    const { headers, response } = signedIn;
    const tenantId = sql`(SELECT ${sessions.tenantId} FROM ${sessions} WHERE ${sessions.token} = ${response.token})`;
    const found = await findStanding(response.user.id, tenantId, directory);
    // Between the log-in and this read they were removed from their tenant.
    if (!found) return err({ code: 'no_tenant' });
    const standing = await finishStanding(found, directory);
    return ok({ ...standing, cookies: headers.getSetCookie() });
  });
}

/** Ends the session that the request's cookie stands for; without one, nothing happens. Returns the cookies that forget it. */
export async function logout(request: { readonly headers: Headers }, directory: Directory): Promise<readonly string[]> {
  return querying(async () => {
    const { headers } = await directory.auth.api.signOut({ headers: request.headers, returnHeaders: true });
    return headers.getSetCookie();
  });
}

/** The open session that the request's cookie stands for, or null. Reads D1: exchange it for a session token. */
export async function sessionOf(
  request: { readonly headers: Headers },
  directory: Directory,
): Promise<OpenSession | null> {
  return querying(async () => {
    const { headers, response } = await directory.auth.api.getSession({
      headers: request.headers,
      returnHeaders: true,
    });
    if (!response) return null;
    const { session } = response;
    const found = await findStanding(session.userId, session.tenantId, directory);
    if (!found) return null;
    const standing = await finishStanding(found, directory);
    const cookies = headers.getSetCookie();
    return { ...standing, cookies, sessionId: session.id, expiresAt: session.expiresAt.getTime() };
  });
}

/** The tenants that the user of a session is a member of, the oldest membership first. */
export async function tenantsOf(
  session: Pick<OpenSession, 'user'>,
  directory: Pick<Directory, 'db'>,
): Promise<{ id: TenantId; name: string; role: Role }[]> {
  return querying(async () => {
    const rows = await directory.db
      .select({ id: tenants.id, name: tenants.name, role: members.role })
      .from(members)
      .innerJoin(tenants, eq(tenants.id, members.tenantId))
      .where(eq(members.userId, session.user.id))
      .orderBy(asc(members.createdAt), asc(members.tenantId));
    return rows.map((row) => ({ ...row, id: storedId('tnt', row.id) }));
  });
}

/** Moves a session to another tenant of its user. A tenant they are not a member of is not found. */
export async function switchTenant(
  session: OpenSession,
  tenantId: string,
  directory: Directory,
): Promise<Result<OpenSession, { readonly code: 'not_found' }>> {
  return querying(async () => {
    const found = await findStanding(session.user.id, tenantId, directory);
    if (!found) return err({ code: 'not_found' });
    const own = and(eq(sessions.id, session.sessionId), eq(sessions.userId, session.user.id));
    await directory.db.update(sessions).set({ tenantId }).where(own);
    return ok({ ...session, ...(await finishStanding(found, directory)) });
  });
}

/** Opens a session for a user who has just proved who they are in another way than a log-in. */
export async function openSession(
  user: { readonly userId: string; readonly tenantId: string },
  caller: Caller,
  directory: Pick<Directory, 'auth'>,
): Promise<readonly string[]> {
  const { userId, tenantId } = user;
  const { headers } = await directory.auth.api.openSession({
    body: { userId, tenantId },
    headers: headersOf(caller),
    returnHeaders: true,
  });
  return headers.getSetCookie();
}

/** The headers by which better-auth knows a caller. */
export function headersOf(caller: Caller): Headers {
  const headers = new Headers();
  if (caller.address !== undefined) headers.set(addressHeader, caller.address);
  if (caller.userAgent !== undefined) headers.set('user-agent', caller.userAgent.slice(0, 300));
  return headers;
}

const counted = z.object({ code: z.enum(['too_many_attempts', 'rate_limited']), retryAfterSeconds: z.number() });
const coded = z.object({ code: z.string() });

function loginRejection(error: unknown): LoginRejection {
  if (!isAPIError(error)) throw error;
  const tooMany = counted.safeParse(error.body);
  if (tooMany.success) return tooMany.data;
  const code = coded.safeParse(error.body).data?.code;
  if (code === 'no_tenant') return { code };
  if (code === 'INVALID_EMAIL_OR_PASSWORD') return { code: 'invalid_credentials' };
  throw error;
}
