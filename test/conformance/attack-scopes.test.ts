// What somebody may do who has a little: no route does more than its scope says, a fork or an import opens nothing above it,
// and nothing that can be read holds a secret.

import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Organization, send, signUp, told, url } from './client.ts';
import { asked, nobodysId, type Operation, scopedOperations } from './operations.ts';

const NDJSON = { 'content-type': 'application/x-ndjson' };

let operations: readonly Operation[];
/** Every scope that a route names. */
let scopes: readonly string[];
let us: Organization;

beforeAll(async () => {
  [us, operations] = await Promise.all([signUp('Scopes'), scopedOperations()]);
  scopes = [...new Set(operations.flatMap(({ scope }) => scope ?? []))];
});

async function keyWith(...wanted: readonly string[]): Promise<string> {
  const made = await send('POST', '/v1/keys', { key: us.key, json: { name: 'a key', scopes: wanted } });
  expect(made.status, made.text).toBe(201);
  return made.json.secret;
}

async function fork(key: string, json: object = { name: 'a fork' }, idempotencyKey = randomUUID()) {
  return send('POST', '/v1/forks', { key, json, headers: { 'idempotency-key': idempotencyKey } });
}

async function bringIn(idempotencyKey = randomUUID()) {
  const body = (await send('GET', '/v1/export', { key: us.key })).text;
  return send('POST', '/v1/imports', { key: us.key, body, headers: { ...NDJSON, 'idempotency-key': idempotencyKey } });
}

describe('scopes', () => {
  test('[P13] with every scope but the one that it needs, no route does anything', async () => {
    const before = (await send('GET', '/v1/journal/checkpoint', { key: us.key })).json.size;
    let keys = 0;
    for (const scope of scopes) {
      const key = await keyWith(...scopes.filter((other) => other !== scope && other !== 'admin'));
      keys++;
      for (const operation of operations.filter((each) => [each.scope, ...each.also].includes(scope))) {
        const answer = await send(operation.method, asked(operation, nobodysId(operation)), { key, ...operation.sent });
        expect(told(answer), operation.operationId).toEqual([403, 'scope_missing']);
        expect(answer.json.scope, operation.operationId).toBe(scope);
      }
    }
    // The keys themselves are all that was written.
    const after = (await send('GET', '/v1/journal/checkpoint', { key: us.key })).json.size;
    expect(after - before).toBe(keys);
  });

  test('[FORK-10] [P13] whoever forks gets what they have and no more, also by sending another’s request again', async () => {
    const narrow = await keyWith('forks:write', 'forks:read', 'tasks:read', 'tasks:write');
    const made = await fork(narrow);
    const key = made.json.apiKey.secret;
    for (const [method, path, json] of [
      ['POST', '/v1/keys', { name: 'more', scopes: ['admin'] }],
      ['GET', '/v1/journal', undefined],
      ['GET', '/v1/export', undefined],
      ['GET', '/v1/history/state', undefined],
      ['POST', '/v1/archive/segments', {}],
      ['DELETE', `/v1/forks/${made.json.id}`, undefined],
    ] as const)
      expect(told(await send(method, path, { key, ...(json ? { json } : {}) })), path).toEqual([403, 'scope_missing']);
    const grandchild = await fork(key);
    expect(told(await send('GET', '/v1/journal', { key: grandchild.json.apiKey.secret }))).toEqual([
      403,
      'scope_missing',
    ]);
    const request = randomUUID();
    const wide = await fork(us.key, { name: 'wide' }, request);
    expect(wide.status).toBe(201);
    const stolen = await fork(narrow, { name: 'wide' }, request);
    expect(told(stolen)).toEqual([403, 'scope_exceeds_own']);
    expect(stolen.text).not.toContain('sk_');
  });

  test('[P13] only an admin brings in, reads or forks an import', async () => {
    const imported = (await bringIn()).json;
    const operator = await keyWith(...scopes.filter((scope) => scope !== 'admin'));
    expect(told(await fork(operator, { name: 'x', of: imported.id }))).toEqual([404, 'fork_not_found']);
    const own = await fork(operator);
    const compared = await send('GET', `/v1/forks/${own.json.id}/compare?with=${imported.id}`, { key: operator });
    expect(told(compared)).toEqual([404, 'fork_not_found']);
    expect(told(await send('DELETE', `/v1/imports/${imported.id}`, { key: operator }))).toEqual([403, 'scope_missing']);
  });
});

describe('a key of a fork or of an import', () => {
  /** What is the organization's, and not of one swarm. */
  const OF_ALL: readonly (readonly [string, string, object?])[] = [
    ['GET', '/v1/members'],
    ['POST', '/v1/invitations', { email: 'x@example.com', role: 'admin' }],
    ['GET', '/v1/invitations'],
    ['POST', '/v1/invitations/inv_01kf2mab81b7n9q1s3t5w7y9a1/revoke'],
    ['GET', '/v1/telemetry/dead-letters'],
    ['GET', '/v1/telemetry/dead-letters/2026-11-20_abc'],
  ];

  test('[FORK-10] [EXPORT-12] [P13] opens nothing of the organization, though its maker may do everything', async () => {
    const forked = (await fork(us.key)).json;
    const imported = (await bringIn()).json;
    const bystander = (await bringIn()).json;
    for (const { apiKey, id } of [forked, imported]) {
      const key = apiKey.secret;
      for (const [method, path, json] of OF_ALL)
        expect(told(await send(method, path, { key, ...(json ? { json } : {}) })), path).toEqual([403, 'not_allowed']);
      for (const [method, json] of [['PATCH', { role: 'viewer' }], ['DELETE']] as const) {
        const answer = await send(method, `/v1/members/${us.user}`, { key, ...(json ? { json } : {}) });
        expect(told(answer), method).toEqual([403, 'not_allowed']);
      }
      expect(told(await send('POST', '/v1/imports', { key, body: '{}\n', headers: NDJSON }))).toEqual([
        403,
        'not_allowed',
      ]);
      for (const method of ['GET', 'DELETE'])
        expect(told(await send(method, `/v1/imports/${bystander.id}`, { key }))).toEqual([404, 'import_not_found']);
      const seen = (await send('GET', '/v1/imports', { key })).json.data.map((each: { id: string }) => each.id);
      expect(seen).toEqual(id === imported.id ? [id] : []);
    }
    expect((await send('GET', `/v1/imports/${bystander.id}`, { key: us.key })).status).toBe(200);
    expect((await send('GET', '/v1/invitations', { key: us.key })).json.data).toEqual([]);
  });

  test('[P13] a key opens its own swarm and neither the parent, a child, nor what is beside it', async () => {
    const [one, two] = [(await fork(us.key)).json, (await fork(us.key)).json];
    const marked = await send('POST', '/v1/tasks', {
      key: one.apiKey.secret,
      json: { operation: 'swarm.echo', input: 'only in one' },
    });
    for (const key of [us.key, two.apiKey.secret]) {
      expect(told(await send('GET', `/v1/tasks/${marked.json.id}`, { key }))).toEqual([404, 'task_not_found']);
      expect(told(await send('POST', `/v1/tasks/${marked.json.id}/cancel`, { key }))).toEqual([404, 'task_not_found']);
    }
    // A key's id is no secret, and opens nothing elsewhere.
    const revoked = await send('POST', `/v1/keys/${us.keyId}/revoke`, { key: one.apiKey.secret });
    expect(told(revoked)).toEqual([404, 'key_not_found']);
    for (const path of ['', '/compare'])
      expect(told(await send('GET', `/v1/forks/${two.id}${path}`, { key: one.apiKey.secret }))).toEqual([
        404,
        'fork_not_found',
      ]);
    const compared = await send('GET', `/v1/forks/${one.id}/compare?with=${two.id}`, { key: one.apiKey.secret });
    expect(told(compared)).toEqual([404, 'fork_not_found']);
  });

  test('[FORK-10] [EXPORT-12] under one Idempotency-Key a fork and an import are two swarms with two keys', async () => {
    const request = randomUUID();
    const forked = (await fork(us.key, { name: 'one' }, request)).json;
    const imported = (await bringIn(request)).json;
    expect(forked.id).not.toBe(imported.id);
    expect(forked.apiKey.id).not.toBe(imported.apiKey.id);
    expect((await send('GET', '/v1/tasks', { key: imported.apiKey.secret })).status).toBe(200);
    expect((await send('DELETE', `/v1/imports/${imported.id}`, { key: us.key })).status).toBe(204);
    expect((await send('GET', '/v1/tasks', { key: forked.apiKey.secret })).status).toBe(200);
  });
});

test('[FORK-10] [P15] forks that are asked for at the same time are as many as one after the other', {
  timeout: 60_000,
}, async () => {
  const them = await signUp('Many forks');
  const made = await Promise.all(
    Array.from({ length: 56 }, (_, n) => send('POST', '/v1/forks', { key: them.key, json: { name: `fork ${n}` } })),
  );
  const refused = made.filter(({ status }) => status !== 201);
  expect(new Set(refused.map((answer) => told(answer).join(' ')))).toEqual(new Set(['409 limit_reached']));
  expect(made.length - refused.length).toBe(50);
  expect((await send('GET', '/v1/forks', { key: them.key })).json.data).toHaveLength(50);
});

test('[P15] imports that are brought in at the same time are as many as one after the other', async () => {
  const them = await signUp('Many imports');
  const body = (await send('GET', '/v1/export', { key: them.key })).text;
  const made = await Promise.all(
    Array.from({ length: 25 }, () => send('POST', '/v1/imports', { key: them.key, body, headers: NDJSON })),
  );
  const refused = made.filter(({ status }) => status !== 201);
  expect(new Set(refused.map((answer) => told(answer).join(' ')))).toEqual(new Set(['409 limit_reached']));
  expect(made.length - refused.length).toBe(20);
});

test('[P13] nothing that can be read holds a key, a token or a secret, nor does what is taken out', async () => {
  const them = await signUp('Secrets');
  const { key } = them;
  const post = async (path: string, json: object) => (await send('POST', path, { key, json })).json;
  const device = await post('/v1/devices/enrollments', {});
  const task = { operation: 'swarm.echo', input: {} };
  const trigger = await post('/v1/triggers', { name: 't', preset: 'github', task });
  const webhook = await post('/v1/webhooks', { url: 'http://127.0.0.1:9/', events: ['task.*'] });
  const narrow = await post('/v1/keys', { name: 'narrow', scopes: ['tasks:read'] });
  // A person is told the token; a key is not.
  const invited = await send('POST', '/v1/invitations', {
    headers: { cookie: them.cookie, origin: url },
    json: { email: `${randomUUID()}@example.com`, role: 'viewer' },
  });
  const invitation = invited.json;
  const forked = await post('/v1/forks', { name: 'f' });
  const body = (await send('GET', '/v1/export', { key })).text;
  const imported = (await send('POST', '/v1/imports', { key, body, headers: NDJSON })).json;
  await Promise.all(
    Array.from({ length: 45 }, () =>
      send('POST', '/v1/tasks', { key, json: { operation: 'swarm.echo', input: 1 }, headers: { prefer: 'wait=10' } }),
    ),
  );
  expect((await send('POST', '/v1/archive/segments', { key, json: { keepEvents: 0 } })).json.segments).not.toEqual([]);
  const secrets = [
    ...[key, them.password, narrow.secret, device.token, invitation.token, forked.apiKey.secret],
    ...[imported.apiKey.secret, trigger.secret, webhook.secret],
  ];
  for (const [n, secret] of secrets.entries()) expect(String(secret), `secret ${n}`).toMatch(/^(?!undefined).{12,}$/);
  const read: string[] = [];
  for (const reader of [key, forked.apiKey.secret, imported.apiKey.secret]) {
    const things: Readonly<Record<string, string>> = {
      ...{ trg: trigger.id, whk: webhook.id, key: narrow.id, fork: forked.id, import: imported.id },
      segment: (await send('GET', '/v1/archive/segments', { key: reader })).json.data[0]?.id ?? 'none',
    };
    for (const operation of operations) {
      if (operation.method !== 'GET' || operation.isEndless || operation.path === '/v1/devices/connect') continue;
      const path = asked(operation, things[placeIn(operation)] ?? nobodysId(operation));
      const past = operation.queries.some(({ name }) => name === 'at') ? [path, `${path}?at=20`] : [path];
      const formats = operation.queries.some(({ name }) => name === 'format') ? [`${path}?format=parquet`] : [];
      for (const one of [...past, ...formats]) {
        const { status, text } = await send('GET', one, { key: reader });
        for (const secret of secrets) expect(text.includes(secret), `${operation.operationId} ${one}`).toBe(false);
        if (status === 200) read.push(operation.operationId);
      }
    }
  }
  for (const each of ['exportJournal', 'getSegmentFile', 'getManifest', 'compareMoments', 'listEvents', 'getMetrics'])
    expect(read, each).toContain(each);
});

function placeIn({ path }: Operation): string {
  return /\/archive\/segments\//.test(path) ? 'segment' : (PLACE[path.split('/')[2] ?? ''] ?? '');
}
const PLACE: Readonly<Record<string, string>> = {
  ...{ triggers: 'trg', webhooks: 'whk', keys: 'key', forks: 'fork', imports: 'import' },
};
