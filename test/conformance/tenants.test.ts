// [P13] Every route of the document refuses another tenant's ids, and nothing tells a foreign id from one of nobody's.

import { randomUUID } from 'node:crypto';
import { beforeAll, expect, test } from 'vitest';
import { type Organization, send, signUp } from './client.ts';

interface Operation {
  readonly operationId: string;
  readonly security: readonly object[];
  readonly requestBody?: { readonly content: Record<string, { readonly example: unknown }> };
}

let mine: Organization;
let theirs: Organization;
/** Things of the other tenant, by the prefix of their ids. */
const foreign: Record<string, string> = {};

/** Ids of the same forms that nobody has: the foreign ones with another end. */
const nobodys = (id: string): string => `${id.slice(0, -6)}${id.endsWith('zzzzzz') ? 'yyyyyy' : 'zzzzzz'}`;

beforeAll(async () => {
  [mine, theirs] = await Promise.all([signUp(), signUp()]);
  const { key } = theirs;
  const keep = (answer: { json: { id: string } }) => {
    foreign[answer.json.id.slice(0, 3)] = answer.json.id;
  };
  keep(await send('POST', '/v1/tasks', { key, json: { operation: 'swarm.echo', input: 1 } }));
  const plan = { tasks: [{ key: 'a', operation: 'swarm.echo', input: 1 }] };
  keep(await send('POST', '/v1/missions', { key, json: { plan } }));
  keep(await send('POST', '/v1/keys', { key, json: { name: 'k', scopes: ['tasks:read'] } }));
  const task = { operation: 'swarm.echo', input: {} };
  keep(await send('POST', '/v1/triggers', { key, json: { name: 't', preset: 'github', task } }));
  keep(await send('POST', '/v1/webhooks', { key, json: { url: 'http://127.0.0.1:9/', events: ['trigger.*'] } }));
  const move = { debit: 'tenant', credit: 'team/blue', amountMicro: 5, pending: true };
  keep(await send('POST', '/v1/ledger/transfers', { key, json: move }));
  keep(await send('POST', '/v1/invitations', { key, json: { email: `${randomUUID()}@example.com`, role: 'viewer' } }));
  await send('POST', '/v1/triggers', { key, json: { name: 'u', preset: 'github', task } });
  foreign.dlv = (await send('GET', `/v1/webhooks/${foreign.whk}/deliveries`, { key })).json.data[0].id;
  foreign.usr = theirs.user;
  // No device is enrolled in this test: an id of the form is as foreign as any.
  foreign.dev = `dev_${String(foreign.tsk).slice(4)}`;
});

/** What stands in each place of a path, by the folder before it. */
const PLACES: Readonly<Record<string, string>> = {
  tasks: 'tsk',
  missions: 'msn',
  keys: 'key',
  devices: 'dev',
  triggers: 'trg',
  webhooks: 'whk',
  transfers: 'trf',
  members: 'usr',
  invitations: 'inv',
  'dead-letters': 'letter',
};

test('[P13] every route with an id answers 404 to a foreign one, as to one of nobody’s, and changes nothing', async () => {
  const document = (await send('GET', '/v1/openapi.json')).json;
  const before = (await send('GET', '/v1/journal/checkpoint', { key: theirs.key })).json;
  const told: string[] = [];
  for (const [path, methods] of Object.entries<Record<string, Operation>>(document.paths)) {
    if (!path.startsWith('/v1/') || !path.includes('{')) continue;
    const place = path.split('/').findIndex((part) => part.startsWith('{'));
    const prefix = PLACES[path.split('/')[place - 1] ?? ''];
    expect(prefix, `what stands in ${path}`).toBeDefined();
    const id = prefix === 'letter' ? '2026-11-20_abc' : foreign[prefix ?? ''];
    expect(id, path).toBeDefined();
    for (const [method, operation] of Object.entries(methods)) {
      const body = operation.requestBody?.content['application/json']?.example;
      const json = body && path.endsWith('/replay') ? { delivery: foreign.dlv } : body;
      const answers = [];
      for (const one of [String(id), nobodys(String(id)), 'nonsense']) {
        const sent = json === undefined ? {} : { json };
        const answer = await send(method.toUpperCase(), path.replace(/\{\w+\}/, one), { key: mine.key, ...sent });
        answers.push(JSON.stringify({ ...answer.json, requestId: '' }));
        expect([answer.status, answer.text.includes(theirs.tenant)], `${method} ${path} ${one}`).toEqual([404, false]);
      }
      expect(new Set(answers).size, `${method} ${path}`).toBe(1);
      told.push(operation.operationId);
    }
  }
  expect(told.length).toBeGreaterThan(20);
  // Their own swarm may still be busy with its deliveries; nobody else has added a word.
  const since = (await send('GET', `/v1/journal?cursor=${before.size}&limit=100`, { key: theirs.key })).json.data;
  expect(since.filter((event: { actor: string }) => event.actor !== 'system/webhooks')).toEqual([]);
});

test('[P13] no list of one tenant shows anything of another', async () => {
  const document = (await send('GET', '/v1/openapi.json')).json;
  let lists = 0;
  for (const [path, methods] of Object.entries<Record<string, Operation>>(document.paths)) {
    if (!methods.get || path.includes('{') || methods.get.security.length < 2 || path.endsWith('/stream')) continue;
    const answer = await send('GET', path === '/v1/journal/proof' ? `${path}?seq=1` : path, { key: mine.key });
    expect(answer.status, path).toBe(path === '/v1/devices/connect' ? 401 : 200);
    for (const id of [...Object.values(foreign), theirs.tenant, theirs.swarm])
      expect(answer.text, path).not.toContain(id);
    lists += 1;
  }
  expect(lists).toBeGreaterThan(10);
});

test('every route that needs a key answers 401 without one', async () => {
  const document = (await send('GET', '/v1/openapi.json')).json;
  for (const [path, methods] of Object.entries<Record<string, Operation>>(document.paths)) {
    for (const [method, { security }] of Object.entries(methods)) {
      if (security.length < 2) continue;
      const answer = await send(method.toUpperCase(), path.replace(/\{\w+\}/, 'x'));
      expect([answer.status, answer.json.code], `${method} ${path}`).toEqual([401, 'unauthenticated']);
    }
  }
});

test('[P13] a foreign id within a body is refused like one of nobody’s', async () => {
  const hook = await send('POST', '/v1/webhooks', {
    key: mine.key,
    json: { url: 'http://127.0.0.1:9/', events: ['*'] },
  });
  for (const delivery of [foreign.dlv, nobodys(String(foreign.dlv))]) {
    const answer = await send('POST', `/v1/webhooks/${hook.json.id}/replay`, { key: mine.key, json: { delivery } });
    expect([answer.status, answer.json.code]).toEqual([404, 'delivery_not_found']);
  }
  const require = { executor: foreign.dev };
  const task = await send('POST', '/v1/tasks', { key: mine.key, json: { operation: 'swarm.echo', input: 1, require } });
  expect([task.status, task.json.code]).toEqual([422, 'requirements_unsatisfiable']);
});
