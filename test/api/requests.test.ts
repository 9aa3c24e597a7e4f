// What every request meets before its route: who sends it, how often, what its body is, and what happens when we fail.

import { beforeEach, expect, test } from 'vitest';
import { Fault } from '../../core/assert.ts';
import { jsonDepthMax } from '../../core/json.ts';
import { mintToken } from '../../core/keys/token.ts';
import { bodyBytesMax } from '../../core/limits.ts';
import { anApi, at, baseUrl, id, type TestApi, tokenKey } from './an-api.ts';

let api: TestApi;
beforeEach(() => {
  api = anApi();
});

const echo = { operation: 'swarm.echo', input: 1 };
const json = { 'content-type': 'application/json' };

test.each([
  ['no key', null, 'unauthenticated'],
  ['a key that was changed', 'changed', 'unauthenticated'],
  ['a key of another platform', 'foreign', 'unauthenticated'],
  ['a token of another kind', 'kind', 'unauthenticated'],
  ['nonsense', 'sk_', 'unauthenticated'],
  ['a token that is no token', 'abc.def.ghi', 'unauthenticated'],
])('%s is refused with 401, and the swarm is not asked', async (_, which, code) => {
  const { tenant, swarm, key } = api.first;
  const claims = { t: tenant, s: swarm, k: key, p: ['admin' as const] };
  const keys: Record<string, string> = {
    changed: `${api.first.secret('admin')}x`,
    foreign: mintToken('sk', claims, new Uint8Array(32).fill(9)),
    kind: mintToken('trg', { t: tenant, s: swarm, g: id('trg') }, tokenKey),
  };
  const directory = { keys: { sessionTokens: new Uint8Array(32) }, baseUrl } as never;
  const withDirectory = anApi({ directoryAt: () => directory });
  const refused = await withDirectory.send('GET', '/v1/tasks', { key: which === null ? null : (keys[which] ?? which) });
  expect([refused.status, refused.json.code]).toEqual([401, code]);
  expect(refused.headers.get('www-authenticate')).toBe('Bearer realm="starling"');
  expect(refused.text).not.toContain(keys[which ?? ''] ?? 'nothing');
});

test('a scheme other than Bearer is refused', async () => {
  const refused = await api.send('GET', '/v1/tasks', { key: null, headers: { authorization: 'Basic Zm9vOmJhcg==' } });
  expect([refused.status, refused.json.code]).toEqual([401, 'unauthenticated']);
  const spelled = { authorization: `bearer   ${api.first.secret('admin')}` };
  expect((await api.send('GET', '/v1/tasks', { key: null, headers: spelled })).status).toBe(200);
});

test('a key without the scope of a route is refused with 403 and told which scope', async () => {
  const refused = await api.send('POST', '/v1/tasks', { key: api.first.secret('tasks:read'), json: echo });
  expect([refused.status, refused.json.code, refused.json.scope]).toEqual([403, 'scope_missing', 'tasks:write']);
  expect(api.first.service.calls).toBe(0);
});

test('a revoked key is refused by its swarm with 401 from the next request on', async () => {
  const made = await api.send('POST', '/v1/keys', { json: { name: 'ci', scopes: ['tasks:write'] } });
  const key = String(made.json.secret);
  expect((await api.send('POST', '/v1/tasks', { key, json: echo })).status).toBe(202);
  const revoked = await api.send('POST', `/v1/keys/${made.json.id}/revoke`);
  expect(revoked.json.state).toBe('revoked');
  const refused = await api.send('POST', '/v1/tasks', { key, json: echo });
  expect([refused.status, refused.json.code]).toEqual([401, 'key_revoked']);
});

test('a key gives no more than it has', async () => {
  const made = await api.send('POST', '/v1/keys', { json: { name: 'keys', scopes: ['keys:write'] } });
  const refused = await api.send('POST', '/v1/keys', {
    key: String(made.json.secret),
    json: { name: 'more', scopes: ['tasks:read'] },
  });
  expect([refused.status, refused.json.code, refused.json.scope]).toEqual([403, 'scope_exceeds_own', 'tasks:read']);
});

test('a repeated request shows a key to nobody who could not have made it', async () => {
  const headers = { 'idempotency-key': 'seen-in-the-journal' };
  const json = { name: 'all', scopes: ['admin'] };
  await api.send('POST', '/v1/keys', { json, headers });
  const small = await api.send('POST', '/v1/keys', { json: { name: 'keys', scopes: ['keys:write'] } });
  const stolen = await api.send('POST', '/v1/keys', { json, headers, key: String(small.json.secret) });
  expect([stolen.status, stolen.json.code]).toEqual([403, 'scope_exceeds_own']);
  expect(stolen.text).not.toContain('sk_');
});

test('a rotated key stays good for its grace, and no longer', async () => {
  const made = await api.send('POST', '/v1/keys', { json: { name: 'ci', scopes: ['tasks:read'] } });
  const old = String(made.json.secret);
  const rotated = await api.send('POST', `/v1/keys/${made.json.id}/rotate`, { json: { graceSeconds: 60 } });
  expect(rotated.status).toBe(201);
  expect((await api.send('GET', '/v1/tasks', { key: String(rotated.json.secret) })).status).toBe(200);
  api.clock.now += 59_000;
  expect((await api.send('GET', '/v1/tasks', { key: old })).status).toBe(200);
  api.clock.now += 2_000;
  const refused = await api.send('GET', '/v1/tasks', { key: old });
  expect([refused.status, refused.json.code]).toEqual([401, 'key_revoked']);
});

test('[P6] the same Idempotency-Key and body get the same bytes, and nothing happens twice', async () => {
  const headers = { 'idempotency-key': 'order-77' };
  const first = await api.send('POST', '/v1/tasks', { json: echo, headers });
  api.clock.now += 3_600_000;
  const again = await api.send('POST', '/v1/tasks', { json: echo, headers });
  expect(again.text).toBe(first.text);
  expect([again.status, again.headers.get('location')]).toEqual([first.status, first.headers.get('location')]);
  expect([first.headers.get('idempotent-replayed'), again.headers.get('idempotent-replayed')]).toEqual([null, 'true']);
  expect(at((await api.send('GET', '/v1/tasks')).json, 'data')).toHaveLength(1);
});

test('[P6] the same Idempotency-Key with another body, or for another route, is refused with 422', async () => {
  const headers = { 'idempotency-key': 'order-77' };
  await api.send('POST', '/v1/tasks', { json: echo, headers });
  const body = await api.send('POST', '/v1/tasks', { json: { ...echo, input: 2 }, headers });
  expect([body.status, body.json.code]).toEqual([422, 'idempotency_key_reused']);
  expect(body.headers.has('idempotent-replayed')).toBe(false);
  const route = await api.send('POST', '/v1/keys', { json: { name: 'x', scopes: ['admin'] }, headers });
  expect([route.status, route.json.code]).toEqual([422, 'idempotency_key_reused']);
});

test('[P6] a refusal is an answer too: it is repeated as it was', async () => {
  const headers = { 'idempotency-key': 'order-78' };
  const nobody = { operation: 'no.such', input: 1 };
  const first = await api.send('POST', '/v1/tasks', { json: nobody, headers });
  const again = await api.send('POST', '/v1/tasks', { json: nobody, headers });
  expect([first.status, again.status, again.headers.get('idempotent-replayed')]).toEqual([422, 422, 'true']);
});

test('two tenants may use the same Idempotency-Key', async () => {
  const headers = { 'idempotency-key': 'order-77' };
  const other = api.tenant();
  const mine = await api.send('POST', '/v1/tasks', { json: echo, headers });
  const theirs = await api.send('POST', '/v1/tasks', { json: echo, headers, key: other.secret('admin') });
  expect(theirs.headers.has('idempotent-replayed')).toBe(false);
  expect(theirs.json.id).not.toBe(mine.json.id);
});

test.each([
  ['triggers', { name: 't', preset: 'github', task: { operation: 'swarm.echo', input: {} } }],
  ['webhooks', { url: 'https://example.com/in', events: ['*'] }],
  ['keys', { name: 'k', scopes: ['tasks:read'] }],
])('[P6] what the edge makes for %s is the same in a repeated request, secret and all', async (path, body) => {
  const headers = { 'idempotency-key': `make-${path}` };
  const first = await api.send('POST', `/v1/${path}`, { json: body, headers });
  api.clock.now += 60_000;
  const again = await api.send('POST', `/v1/${path}`, { json: body, headers });
  expect(first.status).toBe(201);
  expect(again.text).toBe(first.text);
  expect(again.headers.get('idempotent-replayed')).toBe('true');
  const other = await api.send('POST', `/v1/${path}`, { json: body });
  expect(other.json.secret).not.toBe(first.json.secret);
});

test.each(['', 'a b', 'é', 'x'.repeat(256)])('the Idempotency-Key "%s" is refused', async (key) => {
  const refused = await api.send('POST', '/v1/tasks', { json: echo, headers: { 'idempotency-key': key } });
  expect([refused.status, refused.json.code]).toEqual([400, 'invalid_request']);
  expect(api.first.service.calls).toBe(0);
});

test('an Idempotency-Key of 255 characters is taken', async () => {
  const made = await api.send('POST', '/v1/tasks', { json: echo, headers: { 'idempotency-key': '~'.repeat(255) } });
  expect(made.status).toBe(202);
});

test.each([
  ['text that is no JSON', '{"operation":', json, 400, 'invalid_json'],
  ['bytes that are no UTF-8', new Uint8Array([0x22, 0xff, 0x22]), json, 400, 'invalid_json'],
  [
    'a form',
    'operation=swarm.echo',
    { 'content-type': 'application/x-www-form-urlencoded' },
    415,
    'unsupported_media_type',
  ],
  ['JSON that says it is text', '{}', { 'content-type': 'text/plain' }, 415, 'unsupported_media_type'],
  ['JSON by another name', '{}', { 'content-type': 'application/jsonish' }, 415, 'unsupported_media_type'],
  ['half a surrogate pair', '{"operation":"swarm.echo","input":"\\ud800"}', json, 400, 'invalid_request'],
  ['half a pair in a name', '{"operation":"swarm.echo","input":{"\\udc00":1}}', json, 400, 'invalid_request'],
  ['a number beyond the double', '{"operation":"swarm.echo","input":1e999}', json, 400, 'invalid_request'],
  [
    'a member named __proto__',
    '{"operation":"swarm.echo","input":{"__proto__":{"a":1}}}',
    json,
    400,
    'invalid_request',
  ],
])('%s is refused, and nothing is executed', async (_, body, headers, status, code) => {
  const refused = await api.send('POST', '/v1/tasks', { body, headers });
  expect([refused.status, refused.json.code]).toEqual([status, code]);
  expect(api.first.service.calls).toBe(0);
});

test('a body is JSON by any type that is built on it', async () => {
  const headers = { 'content-type': 'Application/Vnd.Example+JSON; charset=utf-8' };
  expect((await api.send('POST', '/v1/tasks', { body: JSON.stringify(echo), headers })).status).toBe(202);
});

test('[P15] JSON is taken as deep as the limit, and refused one deeper, however deep', async () => {
  const nested = (depth: number) => `{"operation":"swarm.echo","input":${'['.repeat(depth)}${']'.repeat(depth)}}`;
  const fits = await api.send('POST', '/v1/tasks', { body: nested(jsonDepthMax - 1), headers: json });
  expect(fits.status).toBe(202);
  for (const depth of [jsonDepthMax, 400_000]) {
    const refused = await api.send('POST', '/v1/tasks', { body: nested(depth), headers: json });
    expect([refused.status, refused.json.code]).toEqual([400, 'invalid_request']);
  }
});

test('[P15] a body over the limit is refused by its announced length, before it is read', async () => {
  let pulled = 0;
  const body = new ReadableStream({
    pull(controller) {
      pulled += 1;
      controller.enqueue(new Uint8Array(64 * 1024).fill(0x20));
    },
  });
  const headers = { ...json, 'content-length': String(bodyBytesMax + 1) };
  const refused = await api.send('POST', '/v1/tasks', { body, headers });
  expect([refused.status, refused.json.code]).toEqual([413, 'body_too_large']);
  expect(pulled).toBeLessThan(3);
});

test('[P15] a body of unknown length is read to the limit and no further', async () => {
  let pulled = 0;
  let cancelled = false;
  const body = new ReadableStream({
    pull(controller) {
      pulled += 1;
      controller.enqueue(new Uint8Array(64 * 1024).fill(0x20));
    },
    cancel() {
      cancelled = true;
    },
  });
  const refused = await api.send('POST', '/v1/tasks', { body, headers: json });
  expect([refused.status, refused.json.code]).toEqual([413, 'body_too_large']);
  expect(pulled).toBeLessThan(bodyBytesMax / (64 * 1024) + 3);
  expect(cancelled).toBe(true);
  const fits = new Blob([JSON.stringify(echo), ' '.repeat(bodyBytesMax - JSON.stringify(echo).length)]).stream();
  expect((await api.send('POST', '/v1/tasks', { body: fits, headers: json })).status).toBe(202);
});

test('[P15] what would not fit an event is refused whole, by 413', async () => {
  const template = { operation: 'swarm.echo', input: 'x'.repeat(300_000) };
  const refused = await api.send('POST', '/v1/triggers', { json: { name: 't', preset: 'github', task: template } });
  expect([refused.status, refused.json.code]).toEqual([413, 'content_too_large']);
  expect((await api.send('GET', '/v1/triggers')).json.data).toEqual([]);
});

test('a body where none is expected is refused; an empty object is nothing', async () => {
  const made = await api.send('POST', '/v1/tasks', { json: echo });
  const refused = await api.send('POST', `/v1/tasks/${made.json.id}/cancel`, { json: { reason: 'x' } });
  expect([refused.status, refused.json.code]).toEqual([400, 'invalid_request']);
  expect((await api.send('POST', `/v1/tasks/${made.json.id}/cancel`, { json: {} })).status).toBe(200);
});

test('an address that is not there is 404; one for another method is 405 and says which', async () => {
  const missing = await api.send('GET', '/v1/nothing');
  expect([missing.status, missing.json.code]).toEqual([404, 'not_found']);
  const method = await api.send('PUT', '/v1/tasks');
  expect([method.status, method.json.code]).toEqual([405, 'method_not_allowed']);
  expect(method.headers.get('allow')).toBe('GET, HEAD, POST');
  expect((await api.send('DELETE', `/v1/devices/${id('dev')}`)).headers.get('allow')).toBe('GET, HEAD, PATCH');
  expect((await api.send('GET', '/v1/tasks/')).status).toBe(404);
});

test('HEAD answers as GET does, without the body', async () => {
  const head = await api.send('HEAD', '/v1/tasks');
  expect([head.status, head.text]).toEqual([200, '']);
});

test('every answer names its request, may not be stored, and is not sniffed', async () => {
  for (const path of ['/v1/tasks', '/v1/nothing', '/healthz']) {
    const { headers } = await api.send('GET', path);
    expect(headers.get('x-request-id')).toMatch(/^req_[0-9a-z]{26}$/);
    expect([headers.get('cache-control'), headers.get('x-content-type-options')]).toEqual(['no-store', 'nosniff']);
  }
});

test('by TLS an answer asks for TLS from then on, and not otherwise', async () => {
  const secure = await api.fetch(new Request('https://starling.example/healthz'));
  expect(secure.headers.get('strict-transport-security')).toBe('max-age=31536000');
  expect((await api.send('GET', '/healthz')).headers.has('strict-transport-security')).toBe(false);
});

test('a defect is 500 and says nothing of what it was; we are told', async () => {
  api.first.service.fault = new Error('SELECT secret FROM somewhere');
  const failed = await api.send('GET', '/v1/tasks');
  expect([failed.status, failed.json.code]).toEqual([500, 'internal']);
  expect(failed.text).not.toContain('secret');
  expect(api.reports).toHaveLength(1);
});

const fault = (mark: 'retryable' | 'overloaded') => Object.assign(new Error('moved'), { [mark]: true });

test('a swarm that was moved is asked once more, where asking twice is safe', async () => {
  api.first.service.fault = fault('retryable');
  expect((await api.send('GET', '/v1/tasks')).status).toBe(200);
  api.first.service.fault = fault('retryable');
  const kept = await api.send('POST', '/v1/tasks', { json: echo, headers: { 'idempotency-key': 'k' } });
  expect(kept.status).toBe(202);
  api.first.service.fault = fault('retryable');
  const failed = await api.send('POST', '/v1/tasks', { json: echo });
  expect([failed.status, failed.json.code, failed.headers.get('retry-after')]).toEqual([503, 'unavailable', '1']);
});

test('a swarm that has too much to do is left alone: 503', async () => {
  api.first.service.fault = fault('overloaded');
  const { calls } = api.first.service;
  const failed = await api.send('GET', '/v1/tasks');
  expect([failed.status, failed.json.code]).toEqual([503, 'unavailable']);
  expect(api.first.service.calls).toBe(calls + 1);
  api.first.service.fault = new Fault('gone', { retryable: false });
  expect((await api.send('GET', '/v1/tasks')).status).toBe(500);
});

test('a caller’s bucket empties, says so in its fields, and fills again; another caller’s does not', async () => {
  const limits = { quota: 3, windowSeconds: 6 };
  const slow = anApi({ rateLimits: { caller: limits, open: limits, trigger: limits } });
  const states: (string | null)[] = [];
  for (let i = 0; i < 4; i++) states.push((await slow.send('GET', '/v1/tasks')).headers.get('ratelimit'));
  expect(states).toEqual(['"caller";r=2;t=2', '"caller";r=1;t=4', '"caller";r=0;t=6', '"caller";r=0;t=6']);
  const refused = await slow.send('GET', '/v1/tasks');
  expect([refused.status, refused.json.code]).toEqual([429, 'rate_limited']);
  expect(refused.headers.get('retry-after')).toBe('2');
  expect(refused.headers.get('ratelimit-policy')).toBe('"caller";q=3;w=6');
  const other = slow.tenant();
  expect((await slow.send('GET', '/v1/tasks', { key: other.secret('admin') })).status).toBe(200);
  slow.clock.now += 2_000;
  expect((await slow.send('GET', '/v1/tasks')).status).toBe(200);
  expect((await slow.send('GET', '/v1/tasks')).status).toBe(429);
});

test('guessing at keys empties the guesser’s bucket, and not the bucket of a key', async () => {
  const limits = { quota: 2, windowSeconds: 60 };
  const slow = anApi({ rateLimits: { caller: limits, open: limits, trigger: limits } });
  const guess = (address: string) =>
    slow.send('GET', '/v1/tasks', { key: 'sk_guess.guess', headers: { 'cf-connecting-ip': address } });
  expect((await guess('203.0.113.7')).status).toBe(401);
  expect((await guess('203.0.113.7')).status).toBe(401);
  expect((await guess('203.0.113.7')).status).toBe(429);
  expect((await guess('203.0.113.8')).status).toBe(401);
  expect((await slow.send('GET', '/v1/tasks', { headers: { 'cf-connecting-ip': '203.0.113.7' } })).status).toBe(200);
});

test('[P13] a key reaches its own swarm and no other, whatever ids it names', async () => {
  const other = api.tenant();
  const made = await api.send('POST', '/v1/tasks', { json: echo });
  const foreign = await api.send('GET', `/v1/tasks/${made.json.id}`, { key: other.secret('admin') });
  expect([foreign.status, foreign.json.code]).toEqual([404, 'task_not_found']);
});
