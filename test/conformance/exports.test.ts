// The whole journal, taken out and brought in, as a stranger's program does it: bytes from one address, sent to another.

import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Organization, send, signUp, told, url } from './client.ts';

let us: Organization;
let bytes: string;

beforeAll(async () => {
  us = await signUp('Exports');
  for (let i = 0; i < 30; i++) {
    const task = { operation: 'swarm.echo', input: { i, text: '€ 𝄞 \u0001' } };
    await send('POST', '/v1/tasks', { key: us.key, json: task, headers: { prefer: 'wait=10' } });
  }
  bytes = await exported(us.key);
});

async function exported(key: string, format = 'ndjson'): Promise<string> {
  const response = await fetch(new URL(`/v1/export?format=${format}`, url), {
    headers: { authorization: `Bearer ${key}` },
  });
  expect(response.status).toBe(200);
  return response.text();
}

function bringIn(
  body: string | Uint8Array<ArrayBuffer> | ReadableStream,
  query = '',
  headers: Record<string, string> = {},
) {
  const type = { 'content-type': 'application/x-ndjson' };
  return send('POST', `/v1/imports${query}`, { key: us.key, headers: { ...type, ...headers }, body });
}

async function imports(): Promise<string[]> {
  const { json } = await send('GET', '/v1/imports', { key: us.key });
  return json.data.map(({ id }: { id: string }) => id);
}

describe('an export', () => {
  test('[EXPORT-4] it begins with its checkpoint and holds every event up to it, though the swarm writes on', async () => {
    const [first = '', ...lines] = bytes.trimEnd().split('\n');
    const header = JSON.parse(first);
    expect(header).toMatchObject({ starling: 'export', version: 1, origin: `${us.tenant}/${us.swarm}` });
    expect(lines.map((line) => JSON.parse(line).seq)).toEqual(lines.map((_, i) => i + 1));
    expect(header.checkpoint).toMatchObject({ size: lines.length, head: JSON.parse(lines.at(-1) ?? '').hash });
    const { data } = (await send('GET', '/v1/journal?limit=1000', { key: us.key })).json;
    expect(lines.map((line) => JSON.parse(line))).toEqual(data.slice(0, lines.length));
  });

  test('[EXPORT-4] events that have left for the archive are in it like all others', async () => {
    for (let i = 0; i < 60; i++) {
      await send('POST', '/v1/tasks', { key: us.key, json: { operation: 'swarm.echo', input: i } });
    }
    const before = (await exported(us.key)).split('\n');
    const archived = await send('POST', '/v1/archive/segments', { key: us.key, json: { keepEvents: 0 } });
    expect(archived.json.segments.length).toBeGreaterThan(0);
    const after = await exported(us.key);
    expect(after.split('\n').slice(1, before.length - 1)).toEqual(before.slice(1, -1));
    // The import has all of it itself: the archive that its events tell of is the original's.
    const { apiKey, size, stateHash } = (await bringIn(after)).json;
    const state = await send('GET', `/v1/history/state?at=${size}`, { key: apiKey.secret });
    expect(state.json).toMatchObject({ stateHash, snapshotSeq: 0 });
    expect(await exported(apiKey.secret)).toBe(after);
    expect((await send('GET', '/v1/journal/proof?seq=1', { key: apiKey.secret })).status).toBe(200);
    const again = await send('POST', '/v1/archive/segments', { key: apiKey.secret, json: { keepEvents: 0 } });
    expect(told(again)).toEqual([409, 'swarm_sealed']);
  });

  test('[EXPORT-4] a reader that goes stops it', async () => {
    const abort = new AbortController();
    const response = await fetch(new URL('/v1/export', url), {
      headers: { authorization: `Bearer ${us.key}` },
      signal: abort.signal,
    });
    await response.body?.getReader().read();
    abort.abort();
    expect((await send('HEAD', '/v1/export', { key: us.key })).status).toBe(200);
  });
});

describe('an import', () => {
  test('[EXPORT-6] it is the same journal to the last byte, under a key of its own, and is read like any swarm', async () => {
    const answer = await bringIn(bytes, '?name=before%20it');
    expect(answer.status).toBe(201);
    const { id, apiKey, size, head, root, stateHash } = answer.json;
    const { checkpoint } = JSON.parse(bytes.split('\n', 1)[0] ?? '');
    expect(answer.json).toMatchObject({ name: 'before it', origin: checkpoint.origin });
    expect({ size, head, root }).toEqual({ size: checkpoint.size, head: checkpoint.head, root: checkpoint.root });
    const key = apiKey.secret;
    expect(await exported(key)).toBe(bytes);
    expect((await send('GET', '/v1/journal/checkpoint', { key })).json).toEqual(checkpoint);
    expect((await send('GET', '/v1/journal/proof?seq=5', { key })).json.checkpoint).toEqual(checkpoint);
    for (const path of ['/v1/tasks', '/v1/ledger/accounts', '/v1/journal?from=9&limit=50']) {
      const at = path.includes('?') ? '' : `?at=${checkpoint.size}`;
      const [there, here] = await Promise.all([
        send('GET', `${path}${at}`, { key: us.key }),
        send('GET', path, { key }),
      ]);
      expect(here.json).toEqual(there.json);
    }
    const at = Math.ceil(checkpoint.size / 2);
    const [there, here] = await Promise.all(
      [us.key, key].map((each) => send('GET', `/v1/tasks?at=${at}`, { key: each })),
    );
    expect(here?.json).toEqual(there?.json);
    const state = await send('GET', `/v1/history/state?at=${checkpoint.size}`, { key });
    expect(state.json.stateHash).toBe(stateHash);
    expect(await imports()).toContain(id);
  });

  test('[EXPORT-7] it takes no commands; a fork of it goes on from where it ends', async () => {
    const key = (await bringIn(bytes)).json.apiKey.secret;
    const { size } = JSON.parse(bytes.split('\n', 1)[0] ?? '').checkpoint;
    const task = { json: { operation: 'swarm.echo', input: 'on' }, headers: { prefer: 'wait=10' } };
    for (const [path, json] of [
      ['/v1/tasks', task.json],
      ['/v1/keys', { name: 'x', scopes: ['tasks:read'] }],
      ['/v1/ledger/transfers', { debit: 'tenant', credit: 'team/a', amountMicro: 1 }],
    ] as const) {
      expect(told(await send('POST', path, { key, json }))).toEqual([409, 'swarm_sealed']);
    }
    expect(told(await send('GET', '/v1/journal/checkpoint?size=2', { key }))).toEqual([409, 'swarm_sealed']);
    expect((await send('GET', '/v1/journal/checkpoint', { key })).json.size).toBe(size);
    const fork = await send('POST', '/v1/forks', { key, json: { name: 'goes on' } });
    expect([fork.status, fork.json.parent?.seq]).toEqual([201, size]);
    const done = await send('POST', '/v1/tasks', { key: fork.json.apiKey.secret, ...task });
    expect([done.status, done.json.state]).toEqual([200, 'succeeded']);
    expect((await send('GET', '/v1/journal/checkpoint', { key })).json.size).toBe(size);
  });

  test('[EXPORT-8] [P6] the same request again is answered as before, and another one under its key is refused', async () => {
    const headers = { 'idempotency-key': 'once' };
    const first = await bringIn(bytes, '', headers);
    const again = await bringIn(gzipSync(bytes), '', headers);
    expect(again.json).toEqual(first.json);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    await send('POST', '/v1/tasks', { key: us.key, json: { operation: 'swarm.echo', input: 'more' } });
    const more = await exported(us.key);
    for (const other of [more, `${bytes}\n`]) {
      expect(told(await bringIn(other, '', headers))).toEqual([422, 'idempotency_key_reused']);
    }
    expect(told(await bringIn(bytes, '?name=other', headers))).toEqual([422, 'idempotency_key_reused']);
  });

  test('[EXPORT-5] [P7] a tampered one is refused with the first bad seq, and leaves nothing behind', async () => {
    const before = await imports();
    const lines = bytes.split('\n');
    const [, , , line = ''] = lines;
    const flipped = [...lines.slice(0, 3), line.replace('"time":"2', '"time":"3'), ...lines.slice(4)].join('\n');
    for (const [body, seq] of [
      [flipped, 3],
      [lines.toSpliced(7, 1).join('\n'), 7],
      [lines.toSpliced(7, 0, lines[7] ?? '').join('\n'), 8],
      [bytes.slice(0, -1), lines.length - 2],
      [bytes.slice(0, -400), lines.length - 2],
      [`${bytes}{}`, lines.length - 1],
      [bytes.replace('"size":', '"size":1'), null],
      ['', null],
      ['{"starling":"export"}\n', null],
    ] as const) {
      const answer = await bringIn(body);
      expect([...told(answer), answer.json.seq]).toEqual([422, 'import_invalid', seq]);
    }
    expect(await imports()).toEqual(before);
    const held = await bringIn(bytes, `?key=${'A'.repeat(43)}`);
    expect([...told(held), held.json.seq]).toEqual([422, 'import_invalid', null]);
  });

  test('[EXPORT-5] [P15] hostile bodies are refused early: an endless line, a bomb, another type', async () => {
    const header = `${bytes.split('\n', 1)[0]}\n`;
    const endless = new Blob([header, 'x'.repeat(20_000_000)]).stream();
    expect(told(await bringIn(endless))).toEqual([422, 'import_invalid']);
    const bomb = gzipSync(Buffer.concat([Buffer.from(header), Buffer.alloc(300_000_000, 10)]));
    expect(told(await bringIn(bomb))).toEqual([422, 'import_invalid']);
    const cut = gzipSync(bytes);
    expect(told(await bringIn(cut.subarray(0, cut.length - 20)))).toEqual([400, 'body_incomplete']);
    const other = await bringIn(bytes, '', { 'content-type': 'application/json' });
    expect(told(other)).toEqual([415, 'unsupported_media_type']);
  });

  test('[EXPORT-12] it is deleted with its key, and nobody else may', async () => {
    const { id, apiKey } = (await bringIn(bytes, '', { 'idempotency-key': 'deleted' })).json;
    const others = await signUp('Others');
    for (const method of ['GET', 'DELETE']) {
      expect(told(await send(method, `/v1/imports/${id}`, { key: others.key }))).toEqual([404, 'import_not_found']);
    }
    expect((await send('DELETE', `/v1/imports/${id}`, { key: us.key })).status).toBe(204);
    expect(told(await send('GET', '/v1/tasks', { key: apiKey.secret }))).toEqual([404, 'swarm_not_found']);
    expect(told(await send('GET', `/v1/imports/${id}`, { key: us.key }))).toEqual([404, 'import_not_found']);
    expect(await imports()).not.toContain(id);
    expect(told(await bringIn(bytes, '', { 'idempotency-key': 'deleted' }))).toEqual([404, 'import_not_found']);
  });
});
