// Forks from outside: made, seen, compared, run otherwise, switched on, deleted; and the parent as it was.

import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Organization, send, signUp, told } from './client.ts';

let mine: Organization;
/** The seq of the last event before the tasks that come after the fork point. */
let forkedAt: number;

async function echo(key: string, input: unknown): Promise<string> {
  const task = await send('POST', '/v1/tasks', {
    key,
    headers: { prefer: 'wait=10' },
    json: { operation: 'swarm.echo', input },
  });
  expect(task.status).toBe(200);
  return task.json.id;
}

/** The head of a swarm's journal, as its checkpoint says it. */
async function head(key: string): Promise<[number, string]> {
  const { size, head } = (await send('GET', '/v1/journal/checkpoint', { key })).json;
  return [size, head];
}

async function fork(key: string, json: object, idempotencyKey?: string) {
  const headers = idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey };
  return send('POST', '/v1/forks', { key, headers, json });
}

beforeAll(async () => {
  mine = await signUp('Forks');
  await echo(mine.key, 'before');
  [forkedAt] = await head(mine.key);
  await echo(mine.key, { after: 1 });
  await echo(mine.key, { after: 2 });
});

describe('a fork', () => {
  test('[FORK-1] is a swarm with a key of its own, and its parent is as it was', async () => {
    const before = await head(mine.key);
    const made = await fork(mine.key, { name: 'try it', at: forkedAt });
    expect(made.status, made.text).toBe(201);
    expect(made.json).toMatchObject({
      name: 'try it',
      origin: `${mine.tenant}/${made.json.id}`,
      state: 'ready',
      parent: { swarm: mine.swarm, origin: `${mine.tenant}/${mine.swarm}`, seq: forkedAt },
      effects: 'off',
    });
    expect(made.headers.get('location')).toBe(`/v1/forks/${made.json.id}`);
    const key = made.json.apiKey.secret;
    const tasks = await send('GET', '/v1/tasks', { key });
    expect(tasks.json.data.map(({ input }: { input: unknown }) => input)).toEqual(['before']);
    await echo(key, 'in the fork alone');
    expect(await head(mine.key)).toEqual(before);
    const theirs = await send('GET', '/v1/tasks', { key: mine.key });
    expect(theirs.json.data).toHaveLength(3);
    // What it shows of its parent's state is what the parent itself says of that moment.
    const [first] = (await send('GET', '/v1/journal?limit=1', { key })).json.data;
    expect(first).toMatchObject({ seq: 1, type: 'starling.swarm.forked', data: { parent: { seq: forkedAt } } });
    const seen = await send('GET', `/v1/forks/${made.json.id}`, { key: mine.key });
    const { apiKey: _, ...shown } = made.json;
    expect(seen.json).toEqual(shown);
    // Its past is as readable as its present.
    const past = await send('GET', '/v1/tasks?at=1', { key });
    expect(past.json.data.map(({ input }: { input: unknown }) => input)).toEqual(['before']);
  });

  test('[FORK-10] the same request makes one fork, and shows its key again', async () => {
    const idempotencyKey = randomUUID();
    const made = await fork(mine.key, { name: 'once' }, idempotencyKey);
    const again = await fork(mine.key, { name: 'once' }, idempotencyKey);
    expect(again.json).toEqual(made.json);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(told(await fork(mine.key, { name: 'twice' }, idempotencyKey))).toEqual([422, 'idempotency_key_reused']);
    const listed = (await send('GET', '/v1/forks', { key: mine.key })).json.data;
    expect(listed.filter(({ id }: { id: string }) => id === made.json.id)).toHaveLength(1);
  });

  test('[FORK-10] its key opens the fork and nothing above it; strangers see none of it', async () => {
    const made = await fork(mine.key, { name: 'parent of one' });
    const key = made.json.apiKey.secret;
    const child = await fork(key, { name: 'child' });
    expect(child.status).toBe(201);
    const ids = async (of: string) =>
      (await send('GET', '/v1/forks', { key: of })).json.data.map(({ id }: { id: string }) => id);
    expect(await ids(key)).toEqual([child.json.id, made.json.id]);
    expect(await ids(child.json.apiKey.secret)).toEqual([child.json.id]);
    expect(await ids(mine.key)).toContain(child.json.id);
    expect(told(await send('GET', `/v1/forks/${made.json.id}/compare`, { key }))).toEqual([403, 'not_allowed']);
    expect(told(await send('POST', `/v1/forks/${made.json.id}/what-if`, { key }))).toEqual([403, 'not_allowed']);
    expect((await send('GET', `/v1/forks/${child.json.id}/compare`, { key })).status).toBe(200);
    const other = await signUp('Somebody else');
    for (const [method, path] of [
      ['GET', ''],
      ['DELETE', ''],
      ['GET', '/compare'],
      ['POST', '/what-if'],
    ] as const)
      expect(told(await send(method, `/v1/forks/${made.json.id}${path}`, { key: other.key }))).toEqual([
        404,
        'fork_not_found',
      ]);
    const limited = await send('POST', '/v1/keys', {
      key: mine.key,
      json: { name: 'narrow', scopes: ['forks:write', 'forks:read', 'tasks:read'] },
    });
    const narrow = await fork(limited.json.secret, { name: 'narrow' });
    const asked = await send('POST', '/v1/tasks', {
      key: narrow.json.apiKey.secret,
      json: { operation: 'swarm.echo', input: 1 },
    });
    expect(told(asked)).toEqual([403, 'scope_missing']);
  });

  test('[FORK-7] its effects are switched on and off, and it says so', async () => {
    const made = await fork(mine.key, { name: 'acts' });
    const path = `/v1/forks/${made.json.id}`;
    const on = await send('PATCH', path, { key: mine.key, json: { effects: 'on' } });
    expect(on.json.effects).toBe('on');
    expect((await send('GET', path, { key: mine.key })).json.effects).toBe('on');
    const off = await send('PATCH', path, { key: made.json.apiKey.secret, json: { effects: 'off' } });
    expect(off.json.effects).toBe('off');
    const events = (await send('GET', '/v1/journal?limit=1000', { key: made.json.apiKey.secret })).json.data;
    const changes = events.filter(({ type }: { type: string }) => type === 'starling.effects.changed');
    expect(changes.map(({ actor }: { actor: string }) => actor)).toEqual([
      `system/key/${mine.keyId}`,
      `key/${made.json.apiKey.id}`,
    ]);
  });

  test('[FORK-9] a moment that is none is refused', async () => {
    const [size] = await head(mine.key);
    expect(told(await fork(mine.key, { name: 'x', at: size + 1 }))).toEqual([422, 'moment_ahead']);
    expect(told(await fork(mine.key, { name: 'x', at: 0 }))).toEqual([422, 'moment_before_genesis']);
    expect(told(await fork(mine.key, { name: 'x', at: 'yesterday' }))).toEqual([400, 'invalid_request']);
    expect(told(await fork(mine.key, { name: '' }))).toEqual([400, 'invalid_request']);
  });

  test('[FORK-10] deleted, it is gone, with its key', async () => {
    const made = await fork(mine.key, { name: 'short' });
    const path = `/v1/forks/${made.json.id}`;
    expect((await send('DELETE', path, { key: mine.key })).status).toBe(204);
    expect(told(await send('GET', path, { key: mine.key }))).toEqual([404, 'fork_not_found']);
    const asked = await send('GET', '/v1/tasks', { key: made.json.apiKey.secret });
    expect(told(asked)).toEqual([404, 'swarm_not_found']);
  });
});

describe('a what-if', () => {
  test('[WHATIF-2] runs what came after the fork again, at another price', async () => {
    const before = await head(mine.key);
    const made = await fork(mine.key, { name: 'dearer', at: forkedAt });
    const path = `/v1/forks/${made.json.id}/what-if`;
    const json = { routes: [{ route: 'swarm.echo@cloud', priceMicro: 250 }] };
    const ran = await send('POST', path, { key: mine.key, json });
    expect(ran.status, ran.text).toBe(200);
    expect(ran.json.whatIf).toMatchObject({ tasks: 2, missions: 0, skipped: 0, truncated: false });
    expect(ran.json.comparison.totals).toMatchObject({
      matched: 2,
      onlyHere: 0,
      onlyThere: 0,
      sameResults: 2,
      settledMicro: { here: 500, there: 200, difference: 300 },
      succeeded: { here: 2, there: 2, difference: 0 },
    });
    for (const { here } of ran.json.comparison.tasks) expect(here.basis).toBe('recorded');
    expect(await head(mine.key)).toEqual(before);
    // A simulation says that it is one.
    const tasks = (await send('GET', '/v1/tasks', { key: made.json.apiKey.secret })).json.data;
    const origins = tasks.map(({ origin }: { origin: string }) => origin).filter((origin: string) => origin !== 'api');
    expect(origins).toHaveLength(2);
    for (const origin of origins) expect(origin).toMatch(/^what-if\/tsk_/);
    expect((await send('POST', path, { key: mine.key, json })).json).toEqual(ran.json);
    expect(told(await send('POST', path, { key: mine.key, json: {} }))).toEqual([409, 'what_if_done']);
    const compared = await send('GET', `/v1/forks/${made.json.id}/compare?limit=1`, { key: mine.key });
    expect(compared.json.tasks).toHaveLength(1);
    expect(compared.json.totals).toEqual(ran.json.comparison.totals);
    const next = await send('GET', `/v1/forks/${made.json.id}/compare?limit=1&cursor=${compared.json.nextCursor}`, {
      key: mine.key,
    });
    expect(next.json.tasks[0].id < compared.json.tasks[0].id).toBe(true);
  });

  test('[WHATIF-2] two forks beside each other', async () => {
    const [one, two] = [
      await fork(mine.key, { name: 'as it was', at: forkedAt }),
      await fork(mine.key, { name: 'cheaper', at: forkedAt }),
    ];
    const routes = [{ route: 'swarm.echo@cloud', priceMicro: 10 }];
    await send('POST', `/v1/forks/${one.json.id}/what-if`, { key: mine.key });
    await send('POST', `/v1/forks/${two.json.id}/what-if`, { key: mine.key, json: { routes } });
    const compared = await send('GET', `/v1/forks/${two.json.id}/compare?with=${one.json.id}`, { key: mine.key });
    expect(compared.json.totals).toMatchObject({
      matched: 2,
      settledMicro: { here: 20, there: 200, difference: -180 },
    });
    expect(
      told(
        await send('GET', `/v1/forks/${two.json.id}/compare?with=${one.json.id.slice(0, -1)}0`, { key: mine.key }),
      )[0],
    ).toBe(404);
  });

  test('[WHATIF-4] what cannot be wanted is refused, and nothing has happened', async () => {
    const made = await fork(mine.key, { name: 'refused', at: forkedAt });
    const path = `/v1/forks/${made.json.id}/what-if`;
    const ask = async (json: object) => told(await send('POST', path, { key: mine.key, json }));
    const before = await head(made.json.apiKey.secret);
    expect(await ask({ routes: [{ route: 'text.none@cloud', priceMicro: 1 }] })).toEqual([422, 'route_not_found']);
    expect(await ask({ until: 1 })).toEqual([422, 'range_reversed']);
    expect(await ask({ until: 1_000_000 })).toEqual([422, 'moment_ahead']);
    expect(await ask({ limit: 0 })).toEqual([400, 'invalid_request']);
    expect(await ask({ price: 1 })).toEqual([400, 'invalid_request']);
    await send('PATCH', `/v1/forks/${made.json.id}`, { key: mine.key, json: { effects: 'on' } });
    expect(await ask({})).toEqual([409, 'effects_on']);
    await send('PATCH', `/v1/forks/${made.json.id}`, { key: mine.key, json: { effects: 'off' } });
    expect((await head(made.json.apiKey.secret))[0]).toBe(before[0] + 2);
  });
});
