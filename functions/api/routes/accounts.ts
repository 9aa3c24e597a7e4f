// Signing up, logging in, and the session of a browser. Who somebody is, is the directory's; what they may do in a swarm
// stands in the key or the token that they get here.

import { mintToken } from '../../../core/keys/token.ts';
import { timeText } from '../../../core/work/view.ts';
import { serveAuth } from '../../directory/serve-auth.ts';
import { login, logout, switchTenant, tenantsOf } from '../../directory/session.ts';
import { mintSessionToken } from '../../directory/session-token.ts';
import { signUp } from '../../directory/sign-up.ts';
import type { Standing } from '../../directory/standing.ts';
import { answer, done, type OpenCall, refuse } from '../call.ts';
import { openSessionOf, refuseOrigin } from '../middleware/authenticate.ts';
import { readBytes } from '../middleware/body.ts';
import { commandIdOf } from '../middleware/idempotency.ts';
import { openRoute, type Route } from '../route.ts';
import { Login, Membership, Session, SignedUp, SignUp, TenantChoice } from '../shapes/accounts.ts';
import { listOf } from '../shapes/shape.ts';
import { takeByAddress } from '../take.ts';

/** better-auth's own paths take an address, a password and a token: nothing long. */
const authBytesMax = 16 * 1024;

export const accountRoutes: readonly Route[] = [
  openRoute({
    method: 'post',
    path: '/v1/signup',
    operationId: 'signUp',
    tag: 'Accounts',
    summary: 'Sign an organization up',
    description:
      'A user, an organization, its swarm `main` and a first API key; no card, no wait. The answer also logs a browser in.',
    body: SignUp,
    answers: { 201: { description: 'Everything that is needed to begin.', body: SignedUp } },
    refuses: ['email_taken', 'password_too_weak', 'too_many_attempts', 'idempotency_key_reused'],
    async serve({ body }, call) {
      const { request, frame, deps } = call;
      const command = commandIdOf(request.headers, frame.requestId);
      if (!command.ok) return refuse(command.error, call);
      const idempotencyKey = request.headers.get('idempotency-key') ?? undefined;
      const signed = await signUp(body, { ...callerOf(request), idempotencyKey }, deps.directory);
      if (!signed.ok) return refuse({ ...signed.error }, call);
      const { tenant, swarm, user, keyId, cookies, replayed } = signed.value;
      frame.cookies = cookies;
      frame.replayed = replayed;
      const secret = mintToken('sk', { t: tenant.id, s: swarm.id, k: keyId, p: ['admin'] }, deps.tokenKey);
      return answer(201, { tenant, swarm, user, apiKey: { id: keyId, secret } });
    },
  }),

  openRoute({
    method: 'post',
    path: '/v1/login',
    operationId: 'logIn',
    tag: 'Accounts',
    summary: 'Log in',
    description: 'Sets the session cookie, and answers with a session token for clients that keep no cookies.',
    body: Login,
    answers: { 200: { description: 'The session.', body: Session } },
    refuses: ['invalid_credentials', 'too_many_attempts', 'no_tenant'],
    async serve({ body }, call) {
      const signedIn = await login(body, callerOf(call.request), call.deps.directory);
      if (!signedIn.ok) return refuse({ ...signedIn.error }, call);
      call.frame.cookies = signedIn.value.cookies;
      return answerSession(200, signedIn.value, call);
    },
  }),

  openRoute({
    method: 'post',
    path: '/v1/logout',
    operationId: 'logOut',
    tag: 'Accounts',
    summary: 'Log out',
    answers: { 204: { description: 'The session is over.', body: null } },
    refuses: ['origin_not_allowed'],
    async serve(_, call) {
      const { request, frame, deps } = call;
      if (request.headers.has('cookie')) {
        const refused = refuseOrigin(request, deps);
        if (refused) return refuse(refused, call);
        frame.cookies = await logout(request, deps.directory);
      }
      return done();
    },
  }),

  openRoute({
    method: 'get',
    path: '/v1/session',
    operationId: 'getSession',
    tag: 'Accounts',
    summary: 'Get a new session token for the session cookie',
    answers: { 200: { description: 'The session, with a new token.', body: Session } },
    refuses: ['unauthenticated'],
    async serve(_, call) {
      const session = await openSessionOf(call.request, call.deps);
      if (!session.ok) return refuse(session.error, call);
      call.frame.cookies = session.value.cookies;
      return answerSession(200, session.value, call);
    },
  }),

  openRoute({
    method: 'get',
    path: '/v1/session/tenants',
    operationId: 'listTenants',
    tag: 'Accounts',
    summary: 'List the organizations that you are a member of',
    answers: { 200: { description: 'All of them, the oldest membership first.', body: listOf(Membership) } },
    refuses: ['unauthenticated'],
    async serve(_, call) {
      const session = await openSessionOf(call.request, call.deps);
      if (!session.ok) return refuse(session.error, call);
      call.frame.cookies = session.value.cookies;
      return answer(200, { data: await tenantsOf(session.value, call.deps.directory), nextCursor: null });
    },
  }),

  openRoute({
    method: 'post',
    path: '/v1/session/tenant',
    operationId: 'switchTenant',
    tag: 'Accounts',
    summary: 'Go on in another of your organizations',
    body: TenantChoice,
    answers: { 200: { description: 'The session, there.', body: Session } },
    refuses: ['unauthenticated', 'origin_not_allowed', 'tenant_not_found'],
    async serve({ body }, call) {
      const session = await openSessionOf(call.request, call.deps);
      if (!session.ok) return refuse(session.error, call);
      call.frame.cookies = session.value.cookies;
      const switched = await switchTenant(session.value, body.tenant, call.deps.directory);
      return switched.ok ? answerSession(200, switched.value, call) : refuse({ code: 'tenant_not_found' }, call);
    },
  }),
];

/** better-auth's own paths: password reset and the sessions of a browser, in better-auth's own shapes. */
export async function serveAuthPaths(call: OpenCall): Promise<Response> {
  const { request, deps } = call;
  const overdrawn = takeByAddress(call);
  if (overdrawn) return refuse(overdrawn, call);
  let passed = request;
  if (request.body !== null) {
    const body = await readBytes(request, authBytesMax);
    if (!body.ok) return refuse(body.error, call);
    passed = new Request(request, { body: body.value });
  }
  const served = await serveAuth(passed, deps.directory);
  return served ? new Response(served.body, served) : refuse({ code: 'not_found' }, call);
}

/** Where a request comes from, for the directory's count of attempts. */
export function callerOf({ headers }: Request) {
  return {
    address: headers.get('cf-connecting-ip') ?? undefined,
    userAgent: headers.get('user-agent') ?? undefined,
  };
}

/** Answers with a session and a token for it. */
export async function answerSession(
  status: 200 | 201,
  { tenant, swarm, user, role }: Standing,
  { deps }: OpenCall,
): Promise<Response> {
  const { token, expiresAt } = await mintSessionToken(
    { tenant, swarm, user, role },
    { key: deps.directory.keys.sessionTokens, issuer: deps.directory.baseUrl, now: deps.now },
  );
  return answer(status, { tenant, swarm, user, role, token, expiresAt: timeText(expiresAt) });
}
