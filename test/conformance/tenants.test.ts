// [P13] Every route of the document refuses another tenant's ids, and nothing tells a foreign id from one of nobody's. The
// routes are those of the document: one that is added later is asked here, or fails here until it says what its ids are of.

import { randomUUID } from 'node:crypto';
import { beforeAll, expect, test } from 'vitest';
import { type Organization, send, signUp, told, url } from './client.ts';
import { asked, type Operation, placeOf, scopedOperations } from './operations.ts';

let operations: readonly Operation[];
let mine: Organization;
let theirs: Organization;
/** A fork of mine, and its key. */
let fork: { readonly id: string; readonly key: string };
/** Things of the other tenant, by what they are. */
const foreign: Record<string, string> = {};

/** Ids of the same forms that nobody has: the foreign ones with another end. */
const nobodys = (id: string): string => `${id.slice(0, -6)}${id.endsWith('zzzzzz') ? 'yyyyyy' : 'zzzzzz'}`;

beforeAll(async () => {
  [mine, theirs, operations] = await Promise.all([signUp(), signUp(), scopedOperations()]);
  const { key } = theirs;
  const make = async (what: string, path: string, json: object) => {
    const answer = await send('POST', path, { key, json });
    expect(answer.status, `${path} ${answer.text}`).toBeLessThan(300);
    foreign[what] = answer.json.id;
  };
  await make('tsk', '/v1/tasks', { operation: 'swarm.echo', input: 1 });
  await make('msn', '/v1/missions', { plan: { tasks: [{ key: 'a', operation: 'swarm.echo', input: 1 }] } });
  await make('key', '/v1/keys', { name: 'k', scopes: ['tasks:read'] });
  const task = { operation: 'swarm.echo', input: {} };
  await make('trg', '/v1/triggers', { name: 't', preset: 'github', task });
  await make('whk', '/v1/webhooks', { url: 'http://127.0.0.1:9/', events: ['trigger.*'] });
  await make('trf', '/v1/ledger/transfers', { debit: 'tenant', credit: 'team/blue', amountMicro: 5, pending: true });
  await make('inv', '/v1/invitations', { email: `${randomUUID()}@example.com`, role: 'viewer' });
  await send('POST', '/v1/triggers', { key, json: { name: 'u', preset: 'github', task } });
  foreign.dlv = (await send('GET', `/v1/webhooks/${foreign.whk}/deliveries`, { key })).json.data[0].id;
  foreign.usr = theirs.user;
  // No device is enrolled in this test: an id of the form is as foreign as any.
  foreign.dev = `dev_${String(foreign.tsk).slice(4)}`;
  foreign.letter = '2026-11-20_abc';
  const echo = { key, json: { operation: 'swarm.echo', input: 1 }, headers: { prefer: 'wait=10' } };
  await Promise.all(Array.from({ length: 60 }, () => send('POST', '/v1/tasks', echo)));
  const headers = { 'content-type': 'application/x-ndjson' };
  const body = (await send('GET', '/v1/export', { key })).text;
  foreign.import = (await send('POST', '/v1/imports', { key, headers, body })).json.id;
  await make('fork', '/v1/forks', { name: 'theirs' });
  await send('POST', '/v1/archive/segments', { key, json: { keepEvents: 0 } });
  foreign.segment = (await send('GET', '/v1/archive/segments', { key })).json.data[0].id;
  const own = await send('POST', '/v1/forks', { key: mine.key, json: { name: 'mine' } });
  fork = { id: own.json.id, key: own.json.apiKey.secret };
});

/** The operation's own example, asked of this id. */
function ask(operation: Operation, id: string, key: string) {
  const { method, path, sent } = operation;
  const json = path.endsWith('/replay') ? { json: { delivery: foreign.dlv } } : {};
  return send(method, asked(operation, id), { key, ...sent, ...json });
}

/** Whether somebody but their own swarm has added a word to the other tenant's journal. */
async function theirsIsUntouched(size: number): Promise<void> {
  const since = (await send('GET', `/v1/journal?cursor=${size}&limit=100`, { key: theirs.key })).json.data;
  // It may still be busy with its deliveries and its archive.
  expect(since.filter(({ actor }: { actor: string }) => !actor.startsWith('system/'))).toEqual([]);
}

async function sizeOfTheirs(): Promise<number> {
  return (await send('GET', '/v1/journal/checkpoint', { key: theirs.key })).json.size;
}

test('[P13] every route with an id answers 404 to a foreign one, as to one of nobody’s, and changes nothing', async () => {
  const before = await sizeOfTheirs();
  const done: string[] = [];
  for (const operation of operations) {
    const place = placeOf(operation);
    if (place === null) continue;
    const id = foreign[place];
    expect(id, operation.path).toBeDefined();
    const answers = [];
    for (const one of [String(id), nobodys(String(id)), 'nonsense']) {
      const answer = await ask(operation, one, mine.key);
      answers.push(JSON.stringify({ ...answer.json, requestId: '' }));
      const about = `${operation.operationId} ${one}`;
      expect([answer.status, answer.text.includes(theirs.tenant)], about).toEqual([404, false]);
    }
    expect(new Set(answers).size, operation.operationId).toBe(1);
    done.push(operation.operationId);
  }
  expect(done.length).toBeGreaterThan(30);
  await theirsIsUntouched(before);
});

test('[P13] 10,000 requests across tenants, every route with every foreign id in every spelling, reach nothing', {
  timeout: 120_000,
}, async () => {
  const before = await sizeOfTheirs();
  const spellings = [
    (id: string) => id,
    nobodys,
    (id: string) => id.toUpperCase(),
    (id: string) => `${id}%00`,
    (id: string) => `${id}%2f..%2f${id}`,
    (id: string) => `..%2f..%2f${theirs.tenant}%2f${id}`,
    (id: string) => `${theirs.tenant}%2f${theirs.swarm}%2f${id}`,
    (id: string) => `%2e%2e%2f${id}`,
    (id: string) => `${id}%20`,
  ];
  const ids = [...Object.values(foreign), theirs.tenant, theirs.swarm, theirs.keyId];
  const withId = operations.filter((operation) => placeOf(operation) !== null);
  const requests = withId.flatMap((operation) =>
    ids.flatMap((id) =>
      spellings.flatMap((spell) => [mine.key, fork.key].map((key) => ({ operation, id: spell(id), key }))),
    ),
  );
  expect(requests.length).toBeGreaterThan(10_000);
  const leaks: string[] = [];
  let next = 0;
  const worker = async () => {
    for (let one = requests[next++]; one; one = requests[next++]) {
      const answer = await ask(one.operation, one.id, one.key);
      // Nothing leaves a fork, whatever is asked for: that is said first.
      const isRefused = [403, 404].includes(answer.status) || answer.json?.code === 'effects_off';
      if (isRefused && !answer.text.includes(theirs.tenant) && !answer.text.includes(theirs.swarm)) continue;
      leaks.push(`${one.operation.operationId} ${one.id}: ${answer.status} ${answer.text.slice(0, 200)}`);
    }
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  expect(leaks).toEqual([]);
  await theirsIsUntouched(before);
});

test('[P13] no list of one tenant shows anything of another', async () => {
  const lists = operations.filter(({ method, path }) => method === 'GET' && !path.includes('{'));
  for (const operation of lists) {
    if (operation.isEndless) continue;
    const answer = await send('GET', asked(operation), { key: mine.key });
    const expected =
      operation.path === '/v1/devices/connect' ? 401 : operation.path === '/v1/archive/manifest' ? 404 : 200;
    expect(answer.status, operation.path).toBe(expected);
    for (const id of [...Object.values(foreign), theirs.tenant, theirs.swarm])
      if (id !== foreign.segment) expect(answer.text, operation.path).not.toContain(id);
  }
  expect(lists.length).toBeGreaterThan(20);
  // What is followed begins with what is there.
  const headers = { authorization: `Bearer ${mine.key}` };
  for (const operation of lists.filter(({ isEndless }) => isEndless)) {
    const reader = (await fetch(new URL(operation.path, url), { headers })).body?.getReader();
    let text = '';
    while (!text.includes(mine.swarm)) text += new TextDecoder().decode((await reader?.read())?.value);
    await reader?.cancel();
    expect(text).not.toContain(theirs.tenant);
  }
});

/** Queries that name nothing of anybody's; `with` names a swarm, and is asked below. */
const NAMELESS = ['limit', 'cursor', 'state', 'at', 'from', 'to', 'seq', 'size', 'format', 'name', 'key', 'with'];

test('[P13] a query names nothing of anybody’s, or is known here', () => {
  const names = new Set(operations.flatMap(({ queries }) => queries.map(({ name }) => name)));
  expect([...names].filter((name) => !NAMELESS.includes(name))).toEqual([]);
});

test('every route that needs a key answers 401 without one', async () => {
  for (const { method, path, operationId } of operations) {
    const answer = await send(method, path.replace(/\{\w+\}/, 'x'));
    expect(told(answer), operationId).toEqual([401, 'unauthenticated']);
  }
});

test('[P13] a foreign id within a body or a query is refused like one of nobody’s', async () => {
  const { key } = mine;
  const hook = await send('POST', '/v1/webhooks', { key, json: { url: 'http://127.0.0.1:9/', events: ['*'] } });
  for (const delivery of [foreign.dlv, nobodys(String(foreign.dlv))]) {
    const answer = await send('POST', `/v1/webhooks/${hook.json.id}/replay`, { key, json: { delivery } });
    expect(told(answer)).toEqual([404, 'delivery_not_found']);
  }
  const require = { executor: foreign.dev };
  const task = await send('POST', '/v1/tasks', { key, json: { operation: 'swarm.echo', input: 1, require } });
  expect(told(task)).toEqual([422, 'requirements_unsatisfiable']);
  for (const of of [theirs.swarm, String(foreign.fork), String(foreign.import), nobodys(theirs.swarm)]) {
    expect(told(await send('POST', '/v1/forks', { key, json: { name: 'x', of } })), of).toEqual([
      404,
      'fork_not_found',
    ]);
    const compared = await send('GET', `/v1/forks/${fork.id}/compare?with=${of}`, { key });
    expect(told(compared), of).toEqual([404, 'fork_not_found']);
  }
});
