// Webhooks in and out, signed and checked by other people's libraries and with other people's payloads.

import { createHmac, createPublicKey, randomUUID, verify } from 'node:crypto';
import { createRequire } from 'node:module';
import { Webhook } from 'standardwebhooks';
import { beforeAll, expect, test } from 'vitest';
import { aReceiver, type Organization, send, signUp, told } from './client.ts';

interface Example {
  readonly name: string;
  readonly examples: readonly object[];
}
// The package says that it is a module, and is JSON.
const recorded = createRequire(import.meta.url)('@octokit/webhooks-examples/api.github.com/index.json') as Example[];

let us: Organization;
beforeAll(async () => {
  us = await signUp();
});

async function aTrigger(more: object) {
  const task = { operation: 'swarm.echo', input: { got: '{{/type|nothing}}' } };
  const made = await send('POST', '/v1/triggers', { key: us.key, json: { name: 'in', task, ...more } });
  expect(made.status).toBe(201);
  return made.json as { id: string; url: string; secret: string };
}

function fromGithub(secret: string, event: string, body: string, delivery: string = randomUUID()) {
  return {
    body,
    headers: {
      'content-type': 'application/json',
      'user-agent': 'GitHub-Hookshot/044aadd',
      'x-github-event': event,
      'x-github-delivery': delivery,
      'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
    },
  };
}

test('recorded payloads of GitHub fire a trigger, each kind of event', { timeout: 120_000 }, async () => {
  const task = {
    operation: 'swarm.echo',
    input: { who: '{{/sender/login|nobody}}', where: '{{/repository/full_name|nowhere}}' },
  };
  const { url, secret } = await aTrigger({ preset: 'github', task });
  expect(recorded.length).toBeGreaterThan(40);
  for (const { name, examples } of recorded) {
    const [payload] = examples;
    const answer = await send('POST', url, fromGithub(secret, name, JSON.stringify(payload)));
    expect([answer.status, answer.json?.taskId?.slice(0, 4)], `${name} ${answer.text}`).toEqual([202, 'tsk_']);
  }
});

test('what the payload says stands in the task, and one delivery counts once, however often it comes', async () => {
  const issues = recorded.find(({ name }) => name === 'issues')?.examples[0] as {
    action: string;
    issue: { title: string };
  };
  const task = { operation: 'swarm.echo', input: { title: '{{/issue/title}}' } };
  const { id, url, secret } = await aTrigger({ preset: 'github', task, events: [`issues.${issues.action}`] });
  const delivery = fromGithub(secret, 'issues', JSON.stringify(issues), 'the-same');
  const answers = await Promise.all(Array.from({ length: 10 }, () => send('POST', url, delivery)));
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  const done = await send('GET', `/v1/tasks/${answers[0]?.json.taskId}`, {
    key: us.key,
    headers: { prefer: 'wait=10' },
  });
  expect(done.json).toMatchObject({ result: { title: issues.issue.title }, origin: `trigger/${id}` });
  expect((await send('GET', `/v1/triggers/${id}`, { key: us.key })).json.fired).toBe(1);
  const other = await send(
    'POST',
    url,
    fromGithub(secret, 'issues', '{"action":"x","issue":{"title":"y"}}', 'the-same'),
  );
  expect(told(other)).toEqual([422, 'idempotency_key_reused']);
  const push = recorded.find(({ name }) => name === 'push')?.examples[0];
  const unasked = await send('POST', url, fromGithub(secret, 'push', JSON.stringify(push)));
  expect([unasked.status, unasked.json]).toEqual([202, { taskId: null, missionId: null }]);
});

test('what the standardwebhooks library signs is taken; wrong, missing and old signatures are not', async () => {
  const { url, secret } = await aTrigger({ preset: 'standard-webhooks' });
  const body = '{"type":"user.created"}';
  const signed = (secret: string, at = new Date(), id = `msg_${randomUUID()}`) => ({
    body,
    headers: {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
      'webhook-signature': new Webhook(secret).sign(id, at, body),
    },
  });
  expect((await send('POST', url, signed(secret))).status).toBe(202);
  const other = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
  expect(told(await send('POST', url, signed(other)))).toEqual([401, 'signature_invalid']);
  expect(told(await send('POST', url, { body }))).toEqual([401, 'signature_missing']);
  for (const minutes of [-6, 6]) {
    const skewed = signed(secret, new Date(Date.now() + minutes * 60_000));
    expect(told(await send('POST', url, skewed))).toEqual([400, 'timestamp_too_old']);
  }
  const changed = { ...signed(secret), body: '{"type":"user.deleted"}' };
  expect(told(await send('POST', url, changed))).toEqual([401, 'signature_invalid']);
});

test('Stripe’s signature and one that is described are taken', async () => {
  const body = '{"id":"evt_1PqA","type":"invoice.paid"}';
  const stripe = await aTrigger({ preset: 'stripe', secret: 'whsec_of_an_endpoint_1' });
  const at = Math.floor(Date.now() / 1_000);
  const v1 = createHmac('sha256', stripe.secret).update(`${at}.${body}`).digest('hex');
  const fromStripe = await send('POST', stripe.url, {
    body,
    headers: { 'stripe-signature': `t=${at},v1=${v1},v0=aa` },
  });
  expect(fromStripe.status).toBe(202);
  const generic = await aTrigger({
    preset: 'generic',
    generic: { signatureHeader: 'X-Signature', algorithm: 'sha256', encoding: 'base64', idHeader: 'X-Id' },
  });
  const hmac = createHmac('sha256', generic.secret).update(body).digest('base64');
  const fromOther = await send('POST', generic.url, { body, headers: { 'x-signature': hmac, 'x-id': 'one' } });
  expect(fromOther.status).toBe(202);
});

test('a trigger that is gone is not found, as one that never was', async () => {
  const { id, url, secret } = await aTrigger({ preset: 'github' });
  expect((await send('DELETE', `/v1/triggers/${id}`, { key: us.key })).status).toBe(204);
  const gone = await send('POST', url, fromGithub(secret, 'ping', '{}'));
  const never = await send('POST', `${url.slice(0, -3)}abc`, fromGithub(secret, 'ping', '{}'));
  for (const answer of [gone, never]) expect(told(answer)).toEqual([404, 'trigger_not_found']);
  expect({ ...gone.json, requestId: '' }).toEqual({ ...never.json, requestId: '' });
});

test('what is sent is verified by the standardwebhooks library and by the swarm’s public key, and logged', async () => {
  await using receiver = await aReceiver(() => ({ status: 204 }));
  const json = { url: receiver.url, events: ['task.succeeded'] };
  const hook = (await send('POST', '/v1/webhooks', { key: us.key, json })).json;
  const task = { operation: 'swarm.echo', input: 'hook' };
  const done = await send('POST', '/v1/tasks', { key: us.key, json: task, headers: { prefer: 'wait=10' } });
  await receiver.until(1);
  const [{ headers, body } = { headers: {}, body: '' }] = receiver.received;
  const event = new Webhook(hook.secret).verify(body, headers as Record<string, string>);
  expect(event).toMatchObject({ type: 'starling.task.succeeded', subject: `task/${done.json.id}` });
  const x = Buffer.from(hook.publicKey.slice('whpk_'.length), 'base64').toString('base64url');
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  const signature = /v1a,(\S+)/.exec(String(headers['webhook-signature']))?.[1] ?? '';
  const content = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
  expect(verify(null, Buffer.from(content), key, Buffer.from(signature, 'base64'))).toBe(true);
  const log = () => send('GET', `/v1/webhooks/${hook.id}/deliveries`, { key: us.key });
  await expect.poll(async () => (await log()).json.data[0]?.state).toBe('delivered');
  const [delivery] = (await log()).json.data;
  expect(delivery).toMatchObject({ id: headers['webhook-id'], attempts: 1, lastStatus: 204 });

  const replayed = await send('POST', `/v1/webhooks/${hook.id}/replay`, {
    key: us.key,
    json: { delivery: delivery.id },
  });
  expect([replayed.status, replayed.json.replayOf]).toEqual([202, delivery.id]);
  await receiver.until(2);
  expect(receiver.received[1]).toMatchObject({ body, headers: { 'webhook-id': replayed.json.id } });
});

test('after a rotation both secrets hold until the grace is over', async () => {
  await using receiver = await aReceiver(() => ({ status: 200 }));
  const json = { url: receiver.url, events: ['task.succeeded'] };
  const hook = (await send('POST', '/v1/webhooks', { key: us.key, json })).json;
  const rotated = (await send('POST', `/v1/webhooks/${hook.id}/rotate`, { key: us.key })).json;
  expect(rotated.secret).not.toBe(hook.secret);
  await send('POST', '/v1/tasks', { key: us.key, json: { operation: 'swarm.echo', input: 'rotated' } });
  await receiver.until(1);
  const [{ headers, body } = { headers: {}, body: '' }] = receiver.received;
  for (const secret of [hook.secret, rotated.secret])
    new Webhook(secret).verify(body, headers as Record<string, string>);
  await send('POST', `/v1/webhooks/${hook.id}/rotate`, { key: us.key, json: { graceSeconds: 0 } });
  await send('POST', '/v1/tasks', { key: us.key, json: { operation: 'swarm.echo', input: 'again' } });
  await receiver.until(2);
  const second = receiver.received[1];
  expect(() => new Webhook(hook.secret).verify(second?.body ?? '', second?.headers ?? {})).toThrow();
});

test('a receiver that answers 410 is disabled, and enabled again by its owner', async () => {
  await using receiver = await aReceiver(() => ({ status: 410 }));
  const json = { url: receiver.url, events: ['task.succeeded'] };
  const hook = (await send('POST', '/v1/webhooks', { key: us.key, json })).json;
  await send('POST', '/v1/tasks', { key: us.key, json: { operation: 'swarm.echo', input: 'gone' } });
  await receiver.until(1);
  const shown = () => send('GET', `/v1/webhooks/${hook.id}`, { key: us.key });
  await expect.poll(async () => (await shown()).json.state).toBe('disabled');
  expect((await shown()).json.disabledBy).toBe('gone');
  expect((await send('POST', `/v1/webhooks/${hook.id}/enable`, { key: us.key })).json.state).toBe('active');
});
