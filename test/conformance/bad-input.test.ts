// Bad input and faults over HTTP: a clear problem, nothing changed, nothing leaked.

import { connect } from 'node:net';
import { beforeAll, expect, test } from 'vitest';
import { type Organization, send, signUp, told, url } from './client.ts';

let us: Organization;
beforeAll(async () => {
  us = await signUp();
});

const echo = { operation: 'swarm.echo', input: 1 };
const json = { 'content-type': 'application/json' };

async function headOf(): Promise<string> {
  return (await send('GET', '/v1/journal/checkpoint', { key: us.key })).json.head;
}

test.each([
  ['wrong JSON', { body: '{"operation":', headers: json }, 400, 'invalid_json'],
  ['no JSON at all', { body: 'hello', headers: { 'content-type': 'text/plain' } }, 415, 'unsupported_media_type'],
  ['bytes that are no text', { body: new Uint8Array([123, 255]), headers: json }, 400, 'invalid_json'],
  ['no body', {}, 400, 'invalid_request'],
  ['a wrong type', { json: { ...echo, maxCreditsMicro: '5' } }, 400, 'invalid_request'],
  ['an unknown field', { json: { ...echo, priority: 1 } }, 400, 'invalid_request'],
  ['an unknown operation', { json: { ...echo, operation: 'no.such' } }, 422, 'operation_unknown'],
  ['a budget of nought', { json: { ...echo, maxCreditsMicro: 0 } }, 400, 'invalid_request'],
  ['a budget below the price', { json: { ...echo, maxCreditsMicro: 1 } }, 422, 'budget_too_small'],
  ['a deadline in the past', { json: { ...echo, deadline: '2001-01-01T00:00:00Z' } }, 422, 'deadline_past'],
  ['a deadline too far away', { json: { ...echo, deadline: '2099-01-01T00:00:00Z' } }, 422, 'deadline_too_far'],
  [
    'a requirement that nobody meets',
    { json: { ...echo, require: { executor: 'device' } } },
    422,
    'requirements_unsatisfiable',
  ],
  ['a bad Idempotency-Key', { json: echo, headers: { 'idempotency-key': 'two words' } }, 400, 'invalid_request'],
  ['an input over the limit', { json: { ...echo, input: 'x'.repeat(200_000) } }, 413, 'content_too_large'],
  ['a body over the limit', { body: ' '.repeat(1024 * 1024 + 1), headers: json }, 413, 'body_too_large'],
  [
    'half a surrogate pair',
    { body: '{"operation":"swarm.echo","input":"\\udfff"}', headers: json },
    400,
    'invalid_request',
  ],
  [
    'nesting without end',
    { body: `${'['.repeat(300_000)}${']'.repeat(300_000)}`, headers: json },
    400,
    'invalid_request',
  ],
  [
    'a member named __proto__',
    { body: '{"operation":"swarm.echo","input":1,"__proto__":{}}', headers: json },
    400,
    'invalid_request',
  ],
])('%s is refused with a problem, and the journal stays as it was', async (_, sent, status, code) => {
  const before = await headOf();
  const refused = await send('POST', '/v1/tasks', { key: us.key, ...sent });
  expect(told(refused)).toEqual([status, code]);
  expect(refused.headers.get('content-type')).toBe('application/problem+json');
  expect(refused.json).toMatchObject({
    type: `${url}/docs/errors#${code}`,
    status,
    title: expect.any(String),
    detail: expect.any(String),
    requestId: refused.headers.get('x-request-id'),
  });
  expect(await headOf()).toBe(before);
});

test('[P15] a body of unknown length is refused when it is over the limit, and the platform goes on', async () => {
  let chunks = 0;
  const body = new ReadableStream({
    async pull(controller) {
      // Sixteen times the limit, if nobody stops it.
      if (chunks++ === 256) return controller.close();
      controller.enqueue(new Uint8Array(64 * 1024).fill(0x20));
    },
  });
  // The answer comes while the body is still being sent; a client may see the connection close instead.
  const answer = await send('POST', '/v1/tasks', { key: us.key, headers: json, body }).catch(() => null);
  if (answer !== null) expect(told(answer)).toEqual([413, 'body_too_large']);
  expect((await send('GET', '/healthz')).status).toBe(200);
});

test.each([
  [
    'a plan with a cycle',
    [
      { key: 'a', after: ['b'] },
      { key: 'b', after: ['a'] },
    ],
    422,
    'plan_cyclic',
  ],
  ['a plan that waits for itself', [{ key: 'a', after: ['a'] }], 422, 'plan_cyclic'],
  ['a plan that waits for nobody', [{ key: 'a', after: ['z'] }], 422, 'plan_key_unknown'],
  ['a plan with a key twice', [{ key: 'a' }, { key: 'a' }], 422, 'plan_key_repeated'],
  ['a plan without tasks', [], 400, 'invalid_request'],
])('%s is refused, and nothing of it is started', async (_, tasks, status, code) => {
  const before = await headOf();
  const plan = { tasks: tasks.map((task) => ({ operation: 'swarm.echo', input: 1, ...task })) };
  expect(told(await send('POST', '/v1/missions', { key: us.key, json: { plan } }))).toEqual([status, code]);
  expect(await headOf()).toBe(before);
});

test('a query that asks for the past of what has none is refused rather than answered with the present', async () => {
  expect(told(await send('GET', '/v1/members?at=5', { key: us.key }))).toEqual([400, 'invalid_request']);
});

test.each(['limit=0', 'limit=101', 'limit=ten', 'limit=5&limit=6', 'cursor=', 'state=nonsense'])(
  'a list with %s is refused',
  async (query) => {
    expect(told(await send('GET', `/v1/tasks?${query}`, { key: us.key }))).toEqual([400, 'invalid_request']);
  },
);

test('a wrong address is 404, a wrong method 405 with what is allowed', async () => {
  expect(told(await send('GET', '/v2/tasks', { key: us.key }))).toEqual([404, 'not_found']);
  const method = await send('DELETE', '/v1/tasks', { key: us.key });
  expect([...told(method), method.headers.get('allow')]).toEqual([405, 'method_not_allowed', 'GET, HEAD, POST']);
});

test('paths that try to leave their place are not found', async () => {
  for (const path of [
    '/v1/tasks/..%2f..%2fkeys',
    '/v1/tasks/%00',
    '/v1//tasks',
    '/api/auth/sign-up/email',
    '/v1/tasks/%ff',
  ]) {
    expect((await send('GET', path, { key: us.key })).status, path).toBe(404);
  }
});

test('headers that lie about the address or the device are not believed', async () => {
  const headers = { 'x-starling-tenant': us.tenant, 'x-starling-device': 'dev_x', 'cf-connecting-ip': '203.0.113.1' };
  expect(told(await send('GET', '/v1/devices/connect', { headers }))).toEqual([401, 'unauthenticated']);
});

test('what is no HTTP is answered with 400 or a closed connection, and the platform goes on', async () => {
  const { hostname, port } = new URL(url);
  const said = await new Promise<string>((done) => {
    const socket = connect({ host: hostname, port: Number(port) }, () => socket.write('NONSENSE\r\n\r\n'));
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString();
      socket.end();
    });
    socket.on('close', () => done(text));
    socket.on('error', () => done(text));
  });
  expect(said === '' || /^HTTP\/1\.1 [45]/.test(said)).toBe(true);
  expect((await send('GET', '/healthz')).json).toEqual({ status: 'ok' });
});

test('how much is left is said in the fields that clients read', async () => {
  const answer = await send('GET', '/v1/tasks', { key: us.key });
  expect(answer.headers.get('ratelimit-policy')).toMatch(/^"caller";q=\d+;w=\d+$/);
  expect(answer.headers.get('ratelimit')).toMatch(/^"caller";r=\d+;t=\d+$/);
});
