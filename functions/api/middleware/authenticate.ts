// Who sends a request: an API key or a session token, each checked here by its signature alone, or the session cookie of a
// browser. Whether a key was revoked is for the swarm that is called anyway; it refuses, and nothing is looked up twice.

import type { Actor } from '../../../core/envelope.ts';
import type { SwarmId, TenantId } from '../../../core/ids.ts';
import { allows, ROLE_SCOPES, type Role, type Scope } from '../../../core/keys/scopes.ts';
import { readToken } from '../../../core/keys/token.ts';
import { err, ok, type Result } from '../../../core/result.ts';
import { sessionTokenMs } from '../../directory/limits.ts';
import { roleOf } from '../../directory/members.ts';
import { type OpenSession, sessionOf } from '../../directory/session.ts';
import { verifySessionToken } from '../../directory/session-token.ts';
import type { ApiDeps } from '../deps.ts';
import type { Refusal } from '../problems.ts';

/** Who asks, and of which swarm. The name of the object that is called comes from here and nowhere else [P13]. */
export interface Caller {
  readonly tenant: TenantId;
  readonly swarm: SwarmId;
  readonly actor: Extract<Actor, { kind: 'key' | 'user' }>;
  /** Of a session cookie whose end moved. */
  readonly cookies: readonly string[];
  /** Until when a person counts as a member without being looked up again, ms since the epoch; null of a key, whose swarm knows. */
  readonly until: number | null;
}

export type AuthDeps = Pick<ApiDeps, 'tokenKey' | 'directory' | 'baseUrl' | 'now'>;

/** Methods that change nothing (RFC 9110 9.2.1). */
const SAFE = new Set(['GET', 'HEAD']);
/** better-auth's cookie, with or without the prefix that https gives it. */
const SESSION_COOKIE = /(?:^|;\s*)(?:__Secure-)?starling\.session_token=/;

/** Finds out who sends a request. */
export async function authenticate(request: Request, deps: AuthDeps): Promise<Result<Caller, Refusal>> {
  const { headers } = request;
  const authorization = headers.get('authorization');
  if (authorization !== null) return readBearer(authorization, request.method, deps);
  if (!hasSessionCookie(headers)) {
    return err({ code: 'unauthenticated', detail: 'Send Authorization: Bearer with an API key or a session token.' });
  }
  const session = await openSessionOf(request, deps);
  if (!session.ok) return session;
  const { user, tenant, swarm, role, cookies } = session.value;
  const actor = { kind: 'user', id: user.id, scopes: ROLE_SCOPES[role] } as const;
  return ok({ tenant: tenant.id, swarm: swarm.id, actor, cookies, until: deps.now() + sessionTokenMs });
}

/** Whether a caller may do what needs `scope`. */
export function refuseScope(caller: Caller, scope: Scope): Refusal | null {
  if (allows(caller.actor.scopes, scope)) return null;
  return { code: 'scope_missing', detail: `This needs the scope ${scope}.`, scope };
}

/** The log-in session of a request's cookie. A browser sends the cookie for any page, so an unsafe method needs our origin. */
export async function openSessionOf(
  request: Request,
  deps: Pick<ApiDeps, 'directory' | 'baseUrl'>,
): Promise<Result<OpenSession, Refusal>> {
  const refused = refuseOrigin(request, deps);
  if (refused) return err(refused);
  const session = hasSessionCookie(request.headers) ? await sessionOf(request, deps.directory) : null;
  return session ? ok(session) : err({ code: 'unauthenticated', detail: 'There is no open session. Log in first.' });
}

/** Refuses a page of another origin that wants to change something with the cookie of ours. */
export function refuseOrigin(request: Request, { baseUrl }: Pick<ApiDeps, 'baseUrl'>): Refusal | null {
  if (SAFE.has(request.method)) return null;
  const origin = request.headers.get('origin');
  // The name that was called is one of ours: a page from there is our own too.
  if (origin !== null && (origin === baseUrl || origin === new URL(request.url).origin)) return null;
  return {
    code: 'origin_not_allowed',
    detail: 'A request with the session cookie that changes something names our own origin in Origin.',
  };
}

function hasSessionCookie(headers: Headers): boolean {
  const cookie = headers.get('cookie');
  return cookie !== null && SESSION_COOKIE.test(cookie);
}

async function readBearer(authorization: string, method: string, deps: AuthDeps): Promise<Result<Caller, Refusal>> {
  const token = bearerOf(authorization);
  if (token?.startsWith('sk_')) {
    const read = readToken('sk', token, deps.tokenKey);
    if (!read.ok) return err({ code: 'unauthenticated', detail: 'The API key is not one of ours.' });
    const { t, s, k, p } = read.value;
    return ok({ tenant: t, swarm: s, actor: { kind: 'key', id: k, scopes: p }, cookies: [], until: null });
  }
  if (token === null) return err({ code: 'unauthenticated', detail: 'Authorization is expected to be Bearer.' });
  const { directory, now } = deps;
  const verified = await verifySessionToken(token, {
    key: directory.keys.sessionTokens,
    issuer: directory.baseUrl,
    now,
  });
  if (!verified.ok) {
    const isExpired = verified.error.code === 'token_expired';
    return err(
      isExpired
        ? { code: 'token_expired', detail: 'Ask GET /v1/session for a new one.' }
        : { code: 'unauthenticated', detail: 'The token is neither an API key nor a session token of ours.' },
    );
  }
  const { sub, tenant, swarm, scopes, exp } = verified.value;
  // A token outlives a change of role by a quarter of an hour. What it makes would outlive that: who changes something is asked
  // for anew, and may do what the token and the present role both allow [DIRECTORY-46].
  const role = SAFE.has(method) ? null : await roleOf(tenant, sub, directory);
  if (!SAFE.has(method) && role === null)
    return err({ code: 'not_allowed', detail: 'The person is no longer a member.' });
  const actor = { kind: 'user', id: sub, scopes: withinRole(scopes, role) } as const;
  return ok({ tenant, swarm, actor, cookies: [], until: exp * 1_000 });
}

/** What both a token and a role allow; the token's own where no role was asked for. */
function withinRole(scopes: readonly Scope[], role: Role | null): readonly Scope[] {
  if (role === null) return scopes;
  const ofRole = ROLE_SCOPES[role];
  const both = [...scopes.filter((scope) => allows(ofRole, scope)), ...ofRole.filter((scope) => allows(scopes, scope))];
  return [...new Set(both)];
}

/** The token of an Authorization header (RFC 6750 2.1), or null. */
export function bearerOf(authorization: string): string | null {
  return /^bearer +([\x21-\x7e]+) *$/i.exec(authorization)?.[1] ?? null;
}
