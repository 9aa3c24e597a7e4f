// better-auth over the directory's tables: e-mail and password, session cookies, password reset. Signing up, tenants, members
// and invitations are our own functions beside it, because they must be all or nothing (better-auth on D1 has no
// transactions), must serve API keys, and must not trust an e-mail address that nobody verified.

import type { BetterAuthPlugin } from 'better-auth';
import { drizzleAdapter } from 'better-auth/adapters/drizzle';
import { APIError, createAuthEndpoint, createAuthMiddleware, getIP } from 'better-auth/api';
import { setSessionCookie } from 'better-auth/cookies';
import { betterAuth } from 'better-auth/minimal';
import { asc, DrizzleQueryError, eq } from 'drizzle-orm';
import { z } from 'zod';
import { newId } from '../../core/ids.ts';
import type { Result } from '../../core/result.ts';
import { type Attempt, countAttempt, forgetAttempts, type TooManyAttempts } from './attempts.ts';
import { type DirectoryDatabase, newRowId } from './database.ts';
import type { DirectoryKeys } from './keys.ts';
import { type AttemptKind, passwordCharsMax, passwordCharsMin, sessionMs, sessionRenewMs } from './limits.ts';
import { hashPassword, type PasswordsBusy, passwordWeakness, type Stretch, verifyPassword } from './password.ts';
import * as schema from './schema.ts';
import { members } from './schema.ts';

export interface AuthDeps {
  readonly db: DirectoryDatabase;
  readonly keys: DirectoryKeys;
  /** Where the platform is reached: `https://…` makes cookies Secure. Links in mail start with it, never with a Host header. */
  readonly baseUrl: string;
  readonly stretch: Stretch;
  now(): number;
  /** 10 random bytes */
  entropy(): Uint8Array;
  /** Hears of faults inside better-auth; the text names no person and no secret. */
  report(message: string): void;
}

/** The header in which the platform names the caller's network address. */
export const addressHeader = 'cf-connecting-ip';

const addressOptions = { advanced: { ipAddress: { ipAddressHeaders: [addressHeader] } } };

/** The caller's network address as attempts are counted by it (IPv6: its /64), or null when the platform does not say. */
export function addressOf(headers: Headers): string | null {
  return getIP(headers, addressOptions);
}

export type Auth = ReturnType<typeof createAuth>;

/** Makes better-auth's functions for one database. Holds no connection: make it once per isolate. */
export function createAuth(deps: AuthDeps) {
  const { db, keys } = deps;
  return betterAuth({
    appName: 'Starling',
    baseURL: deps.baseUrl,
    basePath: '/api/auth',
    secret: keys.cookies,
    database: drizzleAdapter(db, { provider: 'sqlite', schema, usePlural: true, transaction: false }),
    emailAndPassword: {
      enabled: true,
      disableSignUp: true,
      minPasswordLength: passwordCharsMin,
      maxPasswordLength: passwordCharsMax,
      password: {
        hash: async (password) => unlessBusy(await hashPassword(password, deps.stretch)),
        verify: async ({ hash, password }) => unlessBusy(await verifyPassword(password, hash, deps.stretch)),
      },
      revokeSessionsOnPasswordReset: true,
      // Never called: better-auth is asked for nobody (see guard), and password-reset.ts sends the mail.
      sendResetPassword: async () => {},
    },
    session: {
      expiresIn: sessionMs / 1_000,
      updateAge: sessionRenewMs / 1_000,
      additionalFields: { tenantId: { type: 'string', required: true, input: false } },
    },
    verification: { storeIdentifier: 'hashed' },
    databaseHooks: {
      session: { create: { before: async (session) => ({ data: await withTenant(session, db) }) } },
    },
    hooks: { before: guard(deps), after: forgive(deps) },
    // One counter for every way in: ours, in the hooks.
    rateLimit: { enabled: false },
    logger: { log: (level, message, ...details) => level === 'error' && deps.report(reportOf(message, details[0])) },
    // A fault is thrown to us; left to itself the router prints it, with the values of the query that failed.
    onAPIError: { throw: true },
    telemetry: { enabled: false },
    advanced: {
      ...addressOptions.advanced,
      cookiePrefix: 'starling',
      disableOriginCheck: false,
      disableCSRFCheck: false,
      database: { joins: true, generateId: ({ model }) => rowId(model, deps) },
    },
    plugins: [openSessionPlugin],
  });
}

/** Opens a session for a user whom our own functions already know; not a route. */
const openSessionPlugin = {
  id: 'open-session',
  endpoints: {
    openSession: createAuthEndpoint(
      { method: 'POST', body: z.object({ userId: z.string(), tenantId: z.string() }) },
      async (ctx) => {
        const { userId, tenantId } = ctx.body;
        const user = await ctx.context.internalAdapter.findUserById(userId);
        if (!user) throw new APIError('NOT_FOUND');
        const session = await ctx.context.internalAdapter.createSession(userId, false, { tenantId });
        await setSessionCookie(ctx, { session, user });
        return { id: session.id };
      },
    ),
  },
} satisfies BetterAuthPlugin;

/** A new session is in the tenant it names, else in the one the user has been a member of for longest. */
async function withTenant<S extends { userId: string } & Record<string, unknown>>(session: S, db: DirectoryDatabase) {
  if (typeof session.tenantId === 'string') return session;
  const [first] = await db
    .select({ tenantId: members.tenantId })
    .from(members)
    .where(eq(members.userId, session.userId))
    .orderBy(asc(members.createdAt), asc(members.tenantId))
    .limit(1);
  if (!first) throw new APIError('FORBIDDEN', { code: 'no_tenant', message: 'You are not a member of any tenant' });
  return { ...session, ...first };
}

/** What better-auth reads of a request for a new password. */
export const resetRequest = z.object({ email: z.email(), redirectTo: z.string().optional() });
export type ResetRequest = z.infer<typeof resetRequest>;

const namedEmail = z.object({ email: z.string() });
const chosenPassword = z.object({ newPassword: z.string() });

/** Before a path that takes a password or sends mail: count the attempt; before one that sets a password: is it too weak? */
function guard(deps: AuthDeps) {
  return createAuthMiddleware(async (ctx) => {
    const kind = COUNTED[ctx.path];
    const attempt = attemptOf(ctx.body, ctx.headers);
    if (kind && attempt) {
      const counted = await countAttempt(kind, attempt, deps);
      if (!counted.ok) throw tooMany(counted.error, 'Too many attempts');
    }
    // Whether the address is one of ours must not show in the time that the answer takes.
    if (kind === 'password_reset' && resetRequest.safeParse(ctx.body).success) {
      const email = `${newRowId('ver', deps.now(), deps.entropy())}@nobody.invalid`;
      return { context: { body: { ...ctx.body, email } } };
    }
    const chosen = chosenPassword.safeParse(ctx.body);
    if (!chosen.success) return;
    const weakness = passwordWeakness(chosen.data.newPassword, '');
    if (weakness)
      throw new APIError('BAD_REQUEST', { code: 'password_too_weak', message: `The password is ${weakness}` });
  });
}

/** What a password was made into; better-auth knows errors alone, so that too many wait is thrown. */
function unlessBusy<T>(result: Result<T, PasswordsBusy>): T {
  if (!result.ok) throw tooMany(result.error, 'Too many passwords are being checked');
  return result.value;
}

function tooMany({ code, retryAfterSeconds }: TooManyAttempts | PasswordsBusy, message: string): APIError {
  const headers = { 'retry-after': String(retryAfterSeconds) };
  return new APIError('TOO_MANY_REQUESTS', { code, message, retryAfterSeconds }, headers);
}

/** After a log-in that succeeded: the person knew the password, so what they mistyped before is forgotten. */
function forgive(deps: AuthDeps) {
  return createAuthMiddleware(async (ctx) => {
    const kind = COUNTED[ctx.path];
    const attempt = attemptOf(ctx.body, ctx.headers);
    if (kind !== 'login' || !attempt || !ctx.context.newSession) return;
    await forgetAttempts(kind, attempt, deps);
  });
}

const COUNTED: Readonly<Record<string, AttemptKind>> = {
  '/sign-in/email': 'login',
  '/request-password-reset': 'password_reset',
};

function attemptOf(body: unknown, headers: Headers | undefined): Attempt | null {
  const named = namedEmail.safeParse(body);
  if (!named.success) return null;
  return { email: named.data.email.trim().toLowerCase(), address: headers ? addressOf(headers) : null };
}

/** What may be said of a fault: drizzle's own errors repeat the query's values, so the reason under them is told instead. */
function reportOf(message: string, detail: unknown): string {
  let reason = detail;
  while (reason instanceof Error && reason.cause !== undefined) reason = reason.cause;
  const told = reason instanceof Error && !(reason instanceof DrizzleQueryError) ? `: ${reason.message}` : '';
  return `better-auth: ${message}${told}`.slice(0, 300);
}

function rowId(model: string, deps: AuthDeps): string {
  const at = deps.now();
  switch (model) {
    case 'user':
      return newId('usr', at, deps.entropy());
    case 'session':
      return newRowId('ses', at, deps.entropy());
    case 'account':
      return newRowId('acc', at, deps.entropy());
    default:
      return newRowId('ver', at, deps.entropy());
  }
}
