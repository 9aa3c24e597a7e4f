// API keys and people: made, narrowed, rotated, revoked; signed up, logged in, invited, and kept apart.

import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { cookieOf, send, signUp, told, url } from './client.ts';
import { asked, nobodysId, scopedOperations } from './operations.ts';

const echo = { operation: 'swarm.echo', input: 1 };
const origin = { origin: url };

test('a key does what its scopes say, until it is revoked', async () => {
  const us = await signUp();
  const made = await send('POST', '/v1/keys', { key: us.key, json: { name: 'ci', scopes: ['tasks:write'] } });
  const key = made.json.secret;
  expect((await send('POST', '/v1/tasks', { key, json: echo })).status).toBe(202);
  expect(told(await send('GET', '/v1/tasks', { key }))).toEqual([403, 'scope_missing']);
  expect(told(await send('POST', '/v1/keys', { key, json: { name: 'x', scopes: ['admin'] } }))).toEqual([
    403,
    'scope_missing',
  ]);
  await send('POST', `/v1/keys/${made.json.id}/revoke`, { key: us.key });
  expect(told(await send('POST', '/v1/tasks', { key, json: echo }))).toEqual([401, 'key_revoked']);
  const listed = await send('GET', '/v1/keys', { key: us.key });
  expect(listed.text).not.toContain(key);
});

test('a revoked key is refused everywhere, also where no swarm does the work', async () => {
  const us = await signUp();
  const made = await send('POST', '/v1/keys', { key: us.key, json: { name: 'all', scopes: ['admin'] } });
  const key = made.json.secret;
  expect((await send('GET', '/v1/members', { key })).status).toBe(200);
  await send('POST', `/v1/keys/${made.json.id}/revoke`, { key: us.key });
  for (const operation of await scopedOperations()) {
    const { method, path, scope, sent } = operation;
    // A device proves itself otherwise, and what is open to everyone who says who they are is a person's.
    if (path === '/v1/devices/connect' || scope === null) continue;
    const answer = await send(method, asked(operation, nobodysId(operation)), { key, ...sent });
    expect(told(answer), operation.operationId).toEqual([401, 'key_revoked']);
  }
});

test('a rotated key is good for its grace: with none, at once no more', async () => {
  const us = await signUp();
  const made = await send('POST', '/v1/keys', { key: us.key, json: { name: 'ci', scopes: ['tasks:read'] } });
  const graced = await send('POST', `/v1/keys/${made.json.id}/rotate`, { key: us.key });
  expect((await send('GET', '/v1/tasks', { key: made.json.secret })).status).toBe(200);
  await send('POST', `/v1/keys/${graced.json.id}/rotate`, { key: us.key, json: { graceSeconds: 0 } });
  expect(told(await send('GET', '/v1/tasks', { key: graced.json.secret }))).toEqual([401, 'key_revoked']);
  expect(told(await send('POST', `/v1/keys/${graced.json.id}/rotate`, { key: us.key }))).toEqual([
    409,
    'key_not_active',
  ]);
});

test('[P6] a sign-up that is sent again gets the same answer, key and all', async () => {
  const json = { email: `${randomUUID()}@example.com`, password: 'a long pass phrase', organization: 'Twice' };
  const headers = { 'idempotency-key': randomUUID() };
  const first = await send('POST', '/v1/signup', { json, headers });
  const again = await send('POST', '/v1/signup', { json, headers });
  expect([again.status, again.text, again.headers.get('idempotent-replayed')]).toEqual([201, first.text, 'true']);
  const other = await send('POST', '/v1/signup', { json: { ...json, organization: 'Other' }, headers });
  expect(told(other)).toEqual([422, 'idempotency_key_reused']);
  const taken = await send('POST', '/v1/signup', { json });
  expect(told(taken)).toEqual([409, 'email_taken']);
});

test.each([
  ['a weak password', { password: 'password' }, 422, 'password_too_weak'],
  ['no address', { email: 'nobody' }, 400, 'invalid_request'],
  ['an unknown field', { plan: 'free' }, 400, 'invalid_request'],
])('a sign-up with %s is refused', async (_, change, status, code) => {
  const json = { email: `${randomUUID()}@example.com`, password: 'a long pass phrase', organization: 'Bad', ...change };
  expect(told(await send('POST', '/v1/signup', { json }))).toEqual([status, code]);
});

test('a session works by its token and by its cookie, and ends with a log-out', async () => {
  const us = await signUp();
  const { email, password } = us;
  expect(told(await send('POST', '/v1/login', { json: { email, password: 'wrong pass phrase' } }))).toEqual([
    401,
    'invalid_credentials',
  ]);
  const login = await send('POST', '/v1/login', { json: { email, password } });
  expect(login.json).toMatchObject({ tenant: { id: us.tenant }, swarm: { id: us.swarm }, role: 'owner' });
  expect((await send('POST', '/v1/tasks', { key: login.json.token, json: echo })).status).toBe(202);
  const cookie = cookieOf(login.headers);
  expect((await send('GET', '/v1/tasks', { headers: { cookie } })).status).toBe(200);
  const session = await send('GET', '/v1/session', { headers: { cookie } });
  expect((await send('GET', '/v1/tasks', { key: session.json.token })).status).toBe(200);
  expect((await send('POST', '/v1/logout', { headers: { cookie, ...origin } })).status).toBe(204);
  expect(told(await send('GET', '/v1/tasks', { headers: { cookie } }))).toEqual([401, 'unauthenticated']);
  expect(told(await send('GET', '/v1/tasks', { key: `${login.json.token.slice(0, -2)}AA` }))).toEqual([
    401,
    'unauthenticated',
  ]);
});

test('a page of another origin cannot use the cookie to change anything', async () => {
  const { cookie } = await signUp();
  for (const headers of [{ cookie }, { cookie, origin: 'https://evil.example' }, { cookie, origin: 'null' }]) {
    expect(told(await send('POST', '/v1/tasks', { headers, json: echo }))).toEqual([403, 'origin_not_allowed']);
    expect(told(await send('POST', '/v1/logout', { headers }))).toEqual([403, 'origin_not_allowed']);
  }
  expect((await send('POST', '/v1/tasks', { headers: { cookie, ...origin }, json: echo })).status).toBe(202);
});

test('someone is invited, joins, does what their role allows, and is removed', async () => {
  const us = await signUp();
  const email = `${randomUUID()}@example.com`;
  const person = { headers: { cookie: us.cookie, ...origin } };
  const invited = await send('POST', '/v1/invitations', { ...person, json: { email, role: 'viewer' } });
  expect(invited.status).toBe(201);
  const joined = await send('POST', '/v1/invitations/join', {
    json: { token: invited.json.token, password: 'a long pass phrase' },
  });
  expect([joined.status, joined.json.role, joined.json.tenant.id]).toEqual([201, 'viewer', us.tenant]);
  const { token } = joined.json;
  expect((await send('GET', '/v1/tasks', { key: token })).status).toBe(200);
  expect(told(await send('POST', '/v1/tasks', { key: token, json: echo }))).toEqual([403, 'scope_missing']);
  expect(
    told(
      await send('POST', '/v1/invitations/join', {
        json: { token: invited.json.token, password: 'another pass phrase' },
      }),
    ),
  ).toEqual([404, 'invitation_invalid']);
  const path = `/v1/members/${joined.json.user.id}`;
  expect((await send('PATCH', path, { key: us.key, json: { role: 'operator' } })).json.role).toBe('operator');
  expect(told(await send('PATCH', path, { key: us.key, json: { role: 'owner' } }))).toEqual([403, 'not_allowed']);
  const members = await send('GET', '/v1/members', { key: us.key });
  expect(members.json.data).toHaveLength(2);
  expect((await send('DELETE', path, { key: us.key })).status).toBe(204);
  expect(told(await send('DELETE', path, { key: us.key }))).toEqual([404, 'member_not_found']);
});

test('a member of two organizations goes from one to the other', async () => {
  const [us, them] = [await signUp('Us'), await signUp('Them')];
  const invited = await send('POST', '/v1/invitations', {
    headers: { cookie: us.cookie, ...origin },
    json: { email: them.email, role: 'operator' },
  });
  const headers = { cookie: them.cookie, ...origin };
  const accepted = await send('POST', '/v1/invitations/accept', { headers, json: { token: invited.json.token } });
  expect([accepted.status, accepted.json]).toEqual([200, { id: us.tenant, name: 'Us', role: 'operator' }]);
  const listed = await send('GET', '/v1/session/tenants', { headers });
  expect(listed.json.data.map(({ id }: { id: string }) => id)).toEqual([them.tenant, us.tenant]);
  const there = await send('POST', '/v1/session/tenant', { headers, json: { tenant: us.tenant } });
  expect([there.json.tenant.id, there.json.swarm.id, there.json.role]).toEqual([us.tenant, us.swarm, 'operator']);
  const stranger = await signUp();
  const nowhere = await send('POST', '/v1/session/tenant', { headers, json: { tenant: stranger.tenant } });
  expect(told(nowhere)).toEqual([404, 'tenant_not_found']);
  const byKey = await send('POST', '/v1/invitations/accept', { key: us.key, json: { token: invited.json.token } });
  expect(told(byKey)).toEqual([401, 'session_required']);
});
