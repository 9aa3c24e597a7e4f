// From nothing to work that is done, paid for and proved: over HTTP, as a stranger does it.

import { expect, test } from 'vitest';
import { FIRST_REQUESTS } from '../../functions/api/pages/home.ts';
import { send, signUp, told, url } from './client.ts';

const echo = { operation: 'swarm.echo', input: { hello: 'swarm' } };

test('the first three commands of the first page work, in their order', async () => {
  let key: string | undefined;
  const page = await send('GET', '/');
  expect(page.headers.get('content-type')).toContain('text/html');
  for (const { method, path, headers, body } of FIRST_REQUESTS) {
    expect(page.text).toContain(`${url}${path}`);
    const email = `first-${Date.now()}@example.com`;
    const json = body === null ? undefined : 'email' in body ? { ...body, email } : body;
    const answer = await send(method, path, { ...(key ? { key } : {}), headers, json });
    expect([200, 201]).toContain(answer.status);
    key ??= answer.json.apiKey.secret;
    if (path === '/v1/operations') expect(answer.json.data[0]).toMatchObject({ name: 'swarm.echo', available: true });
    if (path === '/v1/tasks') expect(answer.json).toMatchObject({ state: 'succeeded', result: { hello: 'swarm' } });
  }
});

test('a task that waits is answered when it has ended, with its cost and its proof', async () => {
  const { key } = await signUp();
  const done = await send('POST', '/v1/tasks', { key, json: echo, headers: { prefer: 'wait=10' } });
  expect([done.status, done.headers.get('preference-applied')]).toEqual([200, 'wait=10']);
  expect(done.json).toMatchObject({ state: 'succeeded', cost: { heldMicro: 0, settledMicro: 100 } });
  const proof = await send('GET', `${done.headers.get('location')}/proof`, { key });
  expect(proof.json.transfers).toMatchObject([{ state: 'settled', settledMicro: 100 }]);
  const types = proof.json.events.map((event: { type: string }) => event.type);
  expect(types).toEqual(expect.arrayContaining(['starling.task.requested', 'starling.task.succeeded']));
  const accounts = await send('GET', '/v1/ledger/accounts', { key });
  const sum = accounts.json.data.reduce(
    (total: number, account: { postedMicro: number }) => total + account.postedMicro,
    0,
  );
  expect(sum).toBe(0);
});

test('a task that nobody waits for is answered at once, and found again when it has ended', async () => {
  const { key } = await signUp();
  const made = await send('POST', '/v1/tasks', { key, json: echo });
  expect(made.status).toBe(202);
  const ended = await send('GET', `/v1/tasks/${made.json.id}`, { key, headers: { prefer: 'wait=10' } });
  expect([ended.status, ended.json.state]).toEqual([200, 'succeeded']);
});

test('[P6] a request that is sent again gets the same bytes; with another body it is refused', async () => {
  const { key } = await signUp();
  const headers = { 'idempotency-key': 'a-key-of-mine' };
  const first = await send('POST', '/v1/tasks', { key, headers, json: echo });
  await send('GET', `/v1/tasks/${first.json.id}`, { key, headers: { prefer: 'wait=10' } });
  const again = await send('POST', '/v1/tasks', { key, headers, json: echo });
  expect([again.status, again.text]).toEqual([first.status, first.text]);
  expect([first.headers.get('idempotent-replayed'), again.headers.get('idempotent-replayed')]).toEqual([null, 'true']);
  const other = await send('POST', '/v1/tasks', { key, headers, json: { ...echo, input: 2 } });
  expect(told(other)).toEqual([422, 'idempotency_key_reused']);
  expect((await send('GET', '/v1/tasks', { key })).json.data).toHaveLength(1);
});

test('[P6] a hundred of the same request at once make one task', async () => {
  const { key } = await signUp();
  const headers = { 'idempotency-key': 'at-once' };
  const answers = await Promise.all(
    Array.from({ length: 100 }, () => send('POST', '/v1/tasks', { key, headers, json: echo })),
  );
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  expect(answers.filter((answer) => answer.headers.get('idempotent-replayed') === null)).toHaveLength(1);
});

test('a mission hands results on, and ends', async () => {
  const { key } = await signUp();
  const plan = {
    tasks: [
      { key: 'one', operation: 'swarm.echo', input: { word: 'murmuration' } },
      { key: 'two', operation: 'swarm.echo', input: { heard: { $result: 'one', path: '/word' } }, after: ['one'] },
    ],
  };
  const started = await send('POST', '/v1/missions', { key, json: { name: 'two steps', plan } });
  expect(started.status).toBe(202);
  const second = started.json.tasks[1].taskId;
  const ended = await send('GET', `/v1/tasks/${second}`, { key, headers: { prefer: 'wait=10' } });
  expect(ended.json.result).toEqual({ heard: 'murmuration' });
  expect((await send('GET', `/v1/missions/${started.json.id}`, { key })).json.state).toBe('succeeded');
});

test('a trace goes through: from the request to the events of the task', async () => {
  const { key } = await signUp();
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const done = await send('POST', '/v1/tasks', { key, json: echo, headers: { traceparent, prefer: 'wait=10' } });
  expect(done.headers.get('traceparent')).toBe(traceparent);
  const proof = await send('GET', `/v1/tasks/${done.json.id}/proof`, { key });
  for (const event of proof.json.events) expect(event.traceparent).toBe(traceparent);
});
