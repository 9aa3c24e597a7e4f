// Triggers and webhooks: what comes in under whose signature, and what is told of what goes out.

import { createHash, createHmac, verify } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { beforeEach, expect, test } from 'vitest';
import { mintToken } from '../../core/keys/token.ts';
import { bodyBytesMax } from '../../core/limits.ts';
import { deriveKey, open } from '../../functions/secrets.ts';
import { createSender } from '../../functions/webhooks/sender.ts';
import { readPublicKey } from '../../functions/webhooks/signing-key.ts';
import { anApi, at, id, sealKey, type TestApi, tokenKey } from './an-api.ts';

let api: TestApi;
beforeEach(() => {
  api = anApi();
});

const task = { operation: 'swarm.echo', input: { said: '{{/text}}' } };

async function aTrigger(more: object = {}) {
  const json = { name: 'in', preset: 'github', task, ...more };
  const made = await api.send('POST', '/v1/triggers', { json });
  const url = new URL(String(made.json.url));
  return { ...made, path: url.pathname, secret: String(made.json.secret), trigger: String(made.json.id) };
}

function github(secret: string, body: string, delivery = 'd-1', event = 'push') {
  return {
    key: null,
    body,
    headers: {
      'content-type': 'application/json',
      'x-github-event': event,
      'x-github-delivery': delivery,
      'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
    },
  };
}

/** The sealed secrets of the commands that the swarm got. */
function sealedSecrets(): string[] {
  return api.first.service.commands.flatMap(({ command }) => ('sealedSecret' in command ? [command.sealedSecret] : []));
}

test('a trigger shows its secret once and its address always', async () => {
  const made = await aTrigger();
  expect(made.status).toBe(201);
  expect(made.headers.get('location')).toBe(`/v1/triggers/${made.trigger}`);
  expect(made.secret).toMatch(/^whsec_/);
  const shown = await api.send('GET', `/v1/triggers/${made.trigger}`);
  const { secret: _, ...rest } = made.json;
  expect(shown.json).toEqual(rest);
  expect(at((await api.send('GET', '/v1/triggers')).json, 'data', 0)).toEqual(rest);
});

test('the journal and the command hold the secret sealed to the trigger, and never as it is', async () => {
  const made = await aTrigger();
  const [sealedSecret = ''] = sealedSecrets();
  expect(open(sealedSecret, sealKey, made.trigger)).toEqual({ ok: true, value: made.secret });
  expect(open(sealedSecret, sealKey, id('trg')).ok).toBe(false);
  expect((await api.send('GET', '/v1/journal')).text).not.toContain(made.secret);
});

test('a signed delivery starts its task with what the payload says, once', async () => {
  const made = await aTrigger();
  const first = await api.send('POST', made.path, github(made.secret, '{"text":"hello"}'));
  expect([first.status, first.json.missionId]).toEqual([202, null]);
  const shown = await api.send('GET', `/v1/tasks/${first.json.taskId}`);
  expect(shown.json).toMatchObject({ input: { said: 'hello' }, origin: `trigger/${made.trigger}` });
  const again = await api.send('POST', made.path, github(made.secret, '{"text":"hello"}'));
  expect([again.text, again.headers.get('idempotent-replayed')]).toEqual([first.text, 'true']);
  expect(at((await api.send('GET', '/v1/tasks')).json, 'data')).toHaveLength(1);
  const other = await api.send('POST', made.path, github(made.secret, '{"text":"other"}'));
  expect([other.status, other.json.code]).toEqual([422, 'idempotency_key_reused']);
});

test('a delivery that the trigger does not ask for starts nothing', async () => {
  const made = await aTrigger({ events: ['issues.opened'] });
  const answer = await api.send('POST', made.path, github(made.secret, '{"action":"closed"}', 'd', 'issues'));
  expect([answer.status, answer.json]).toEqual([202, { taskId: null, missionId: null }]);
});

test('a trigger with a mission starts a mission', async () => {
  const mission = { plan: { tasks: [{ key: 'a', operation: 'swarm.echo', input: '{{/text}}' }] } };
  const made = await aTrigger({ task: undefined, mission });
  const answer = await api.send('POST', made.path, github(made.secret, '{"text":"hello"}'));
  expect(answer.json).toEqual({ taskId: null, missionId: expect.stringMatching(/^msn_/) });
});

test('Standard Webhooks, Stripe and generic signatures are taken', async () => {
  const body = '{"id":"evt_1","type":"t","text":"hello"}';
  const at = Math.floor(api.clock.now / 1_000);
  const standard = await aTrigger({ preset: 'standard-webhooks' });
  const signature = new Webhook(standard.secret).sign('msg_1', new Date(at * 1_000), body);
  const headers = { 'webhook-id': 'msg_1', 'webhook-timestamp': String(at), 'webhook-signature': signature };
  expect((await api.send('POST', standard.path, { key: null, body, headers })).status).toBe(202);

  const stripe = await aTrigger({ preset: 'stripe', secret: 'whsec_of_the_endpoint' });
  const v1 = createHmac('sha256', stripe.secret).update(`${at}.${body}`).digest('hex');
  const signed = { 'stripe-signature': `t=${at},v1=${v1}` };
  expect((await api.send('POST', stripe.path, { key: null, body, headers: signed })).status).toBe(202);

  const description = { signatureHeader: 'x-signature', algorithm: 'sha512', encoding: 'base64' };
  const generic = await aTrigger({ preset: 'generic', generic: description });
  const hmac = createHmac('sha512', generic.secret).update(body).digest('base64');
  expect((await api.send('POST', generic.path, { key: null, body, headers: { 'x-signature': hmac } })).status).toBe(
    202,
  );
});

test('a secret that the sender made later takes the place of the first, at the same address', async () => {
  const made = await aTrigger({ preset: 'stripe' });
  const rotated = await api.send('POST', `/v1/triggers/${made.trigger}/rotate`, {
    json: { secret: 'whsec_made_by_stripe' },
  });
  expect([rotated.status, rotated.json.secret, rotated.json.url]).toEqual([200, 'whsec_made_by_stripe', made.json.url]);
  const body = JSON.stringify({ id: 'evt_9', type: 'invoice.paid', text: 'hi' });
  const at = Math.floor(api.clock.now / 1_000);
  const deliver = (secret: string) => {
    const v1 = createHmac('sha256', secret).update(`${at}.${body}`).digest('hex');
    return api.send('POST', made.path, { key: null, body, headers: { 'stripe-signature': `t=${at},v1=${v1}` } });
  };
  expect((await deliver(made.secret)).status).toBe(401);
  expect((await deliver('whsec_made_by_stripe')).status).toBe(202);
  const wrong = await api.send('POST', `/v1/triggers/${made.trigger}/rotate`, {
    json: { secret: 'not-of-stripe-at-all' },
  });
  expect([wrong.status, at400(wrong.json)]).toEqual([400, '/secret']);
  const fresh = await api.send('POST', `/v1/triggers/${made.trigger}/rotate`, {});
  expect(String(fresh.json.secret)).toMatch(/^whsec_/);
});

/** The pointer of the first thing that is wrong. */
const at400 = (problem: Parameters<typeof at>[0]) => at(problem, 'errors', 0, 'pointer');

test('a wrong signature is 401, none is 401, an old one is 400; nothing is started', async () => {
  const made = await aTrigger({ preset: 'standard-webhooks' });
  const body = '{"text":"hello"}';
  const send = (seconds: number, secret: string) => {
    const time = new Date(api.clock.now + seconds * 1_000);
    const headers = {
      'webhook-id': 'msg_1',
      'webhook-timestamp': String(Math.floor(time.getTime() / 1_000)),
      'webhook-signature': new Webhook(secret).sign('msg_1', time, body),
    };
    return api.send('POST', made.path, { key: null, body, headers });
  };
  const none = await api.send('POST', made.path, { key: null, body });
  expect([none.status, none.json.code]).toEqual([401, 'signature_missing']);
  const wrong = await send(0, 'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA');
  expect([wrong.status, wrong.json.code]).toEqual([401, 'signature_invalid']);
  for (const seconds of [-301, 301]) {
    const old = await send(seconds, made.secret);
    expect([old.status, old.json.code]).toEqual([400, 'timestamp_too_old']);
  }
  expect((await api.send('GET', '/v1/tasks')).json.data).toEqual([]);
});

test('a payload that does not give what the mapping asks for is 422, and says where', async () => {
  const made = await aTrigger();
  const refused = await api.send('POST', made.path, github(made.secret, '{"other":1}'));
  expect([refused.status, refused.json.code]).toEqual([422, 'mapping_failed']);
  expect(refused.json.source).toBe('/text');
});

test('an address that is not ours, one of a deleted trigger and one of nobody’s get the same 404', async () => {
  const made = await aTrigger();
  expect((await api.send('DELETE', `/v1/triggers/${made.trigger}`)).status).toBe(204);
  const { tenant, swarm } = api.first;
  const nobody = mintToken('trg', { t: tenant, s: swarm, g: id('trg') }, tokenKey);
  const forged = mintToken('trg', { t: tenant, s: swarm, g: id('trg') }, new Uint8Array(32));
  const answers = [];
  for (const path of [made.path, `/hooks/${nobody}`, `/hooks/${forged}`, '/hooks/trg_x', '/hooks/%20']) {
    const { status, json } = await api.send('POST', path, github(made.secret, '{"text":"hello"}'));
    answers.push(JSON.stringify({ status, ...json, requestId: '' }));
  }
  expect(new Set(answers).size).toBe(1);
  expect(answers[0]).toContain('trigger_not_found');
  expect((await api.send('DELETE', `/v1/triggers/${made.trigger}`)).json.code).toBe('trigger_not_found');
});

test('[P15] a delivery over the limit is 413', async () => {
  const made = await aTrigger();
  const refused = await api.send('POST', made.path, github(made.secret, ' '.repeat(bodyBytesMax + 1)));
  expect([refused.status, refused.json.code]).toEqual([413, 'body_too_large']);
});

test('a flood at one trigger empties its bucket and no other’s', async () => {
  const limits = { quota: 1, windowSeconds: 60 };
  api = anApi({ rateLimits: { caller: { quota: 100, windowSeconds: 1 }, open: limits, trigger: limits } });
  const [one, other] = [await aTrigger(), await aTrigger()];
  expect((await api.send('POST', one.path, github(one.secret, '{"text":"a"}'))).status).toBe(202);
  expect((await api.send('POST', one.path, github(one.secret, '{"text":"b"}', 'd-2'))).status).toBe(429);
  expect((await api.send('POST', other.path, github(other.secret, '{"text":"a"}'))).status).toBe(202);
});

test('when the platform’s key is another than sealed the secret, it is our fault: 500', async () => {
  const made = await aTrigger();
  const before = api.first.service;
  const other = anApi({ sealKey: deriveKey('another secret that is long enough', 'x'), swarm: () => before });
  const failed = await other.send('POST', made.path, github(made.secret, '{"text":"hello"}'));
  expect([failed.status, failed.json.code]).toEqual([500, 'internal']);
});

const hook = { url: 'https://example.com/in', events: ['task.*'] };

test('a webhook shows its secret once, and the key of its swarm always', async () => {
  const made = await api.send('POST', '/v1/webhooks', { json: hook });
  expect(made.status).toBe(201);
  const { secret, ...rest } = made.json;
  expect(secret).toMatch(/^whsec_/);
  expect(readPublicKey(String(rest.publicKey))).not.toBeNull();
  const path = `/v1/webhooks/${made.json.id}`;
  expect((await api.send('GET', path)).json).toEqual(rest);
  expect(at((await api.send('GET', '/v1/webhooks')).json, 'data', 0)).toEqual(rest);
  const rotated = await api.send('POST', `${path}/rotate`, { json: { graceSeconds: 0 } });
  expect([rotated.status, rotated.json.secret === secret]).toEqual([200, false]);
  expect((await api.send('POST', `${path}/enable`)).json).toEqual(rest);
  expect((await api.send('DELETE', path)).status).toBe(204);
  expect((await api.send('GET', path)).json.code).toBe('webhook_not_found');
  expect((await api.send('DELETE', path)).json.code).toBe('webhook_not_found');
});

test.each([
  ['http://127.0.0.1/in', 422, 'address_private'],
  ['https://[::1]/in', 422, 'address_private'],
  ['https://metadata.internal/', 422, 'address_private'],
  ['http://0x7f.1/in', 422, 'address_private'],
  ['ftp://example.com/', 400, 'invalid_request'],
  ['https://me:secret@example.com/', 400, 'invalid_request'],
])('a webhook to %s is refused', async (url, status, code) => {
  const refused = await api.send('POST', '/v1/webhooks', { json: { ...hook, url } });
  expect([refused.status, refused.json.code]).toEqual([status, code]);
  expect(refused.text).not.toContain('me:secret');
  expect(api.first.service.commands).toEqual([]);
});

test('a local platform may send to itself', async () => {
  api = anApi({ allowPrivate: true });
  expect((await api.send('POST', '/v1/webhooks', { json: { ...hook, url: 'http://127.0.0.1:9/in' } })).status).toBe(
    201,
  );
});

test('the deliveries of a webhook are listed and sent again; of no webhook, 404', async () => {
  const made = await api.send('POST', '/v1/webhooks', { json: hook });
  await api.send('POST', '/v1/tasks', { json: { operation: 'swarm.echo', input: 1 } });
  const listed = await api.send('GET', `/v1/webhooks/${made.json.id}/deliveries`);
  const delivery = at(listed.json, 'data', 0);
  expect(delivery).toMatchObject({ webhook: made.json.id, state: 'sending', attempts: 0 });
  const json = { delivery: at(delivery, 'id') };
  const replay = await api.send('POST', `/v1/webhooks/${made.json.id}/replay`, { json });
  expect([replay.status, replay.json.replayOf]).toEqual([202, at(delivery, 'id')]);
  const none = await api.send('GET', `/v1/webhooks/${id('whk')}/deliveries`);
  expect([none.status, none.json.code]).toEqual([404, 'webhook_not_found']);
  const nobody = await api.send('POST', `/v1/webhooks/${made.json.id}/replay`, { json: { delivery: id('dlv') } });
  expect([nobody.status, nobody.json.code]).toEqual([404, 'delivery_not_found']);
});

test('what is sent is signed with every secret in force and with the swarm’s own key', async () => {
  const made = await api.send('POST', '/v1/webhooks', { json: hook });
  const [sealedSecret = ''] = sealedSecrets();
  const sent: { url: string; init: RequestInit }[] = [];
  const sender = createSender({
    sealKey,
    allowPrivate: false,
    now: () => Date.now(),
    fetch: async (url, init) => {
      sent.push({ url, init });
      return new Response(null, { status: 204 });
    },
  });
  const body = '{"type":"starling.task.succeeded"}';
  const request = {
    swarm: api.first.swarm,
    webhook: String(made.json.id),
    delivery: id('dlv'),
    url: hook.url,
    body,
    at: 0,
    attempt: 3,
  };
  expect(await sender.send({ ...request, sealedSecrets: [sealedSecret] })).toEqual({
    outcome: 'delivered',
    status: 204,
  });
  const headers = Object.fromEntries(new Headers(sent[0]?.init.headers));
  expect(new Webhook(String(made.json.secret)).verify(body, headers)).toBeTruthy();
  const v1a =
    String(headers['webhook-signature'])
      .split(' ')
      .find((one) => one.startsWith('v1a,'))
      ?.slice(4) ?? '';
  const key = readPublicKey(String(made.json.publicKey));
  const content = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
  expect(key && verify(null, Buffer.from(content), key, Buffer.from(v1a, 'base64'))).toBe(true);
  expect(headers['starling-attempt']).toBe('3');
  // Sealed to another webhook, it stays shut, and nothing is sent.
  const moved = await sender.send({ ...request, webhook: id('whk'), sealedSecrets: [sealedSecret] });
  expect(moved).toEqual({ outcome: 'retry', error: 'secret_unreadable' });
  expect(sent).toHaveLength(1);
});

test('the same secret given to two triggers is sealed to two texts', async () => {
  const secret = createHash('sha256').update('s').digest('hex');
  const [a, b] = [await aTrigger({ secret }), await aTrigger({ secret })];
  expect([a.secret, b.secret]).toEqual([secret, secret]);
  expect(new Set(sealedSecrets()).size).toBe(2);
});
