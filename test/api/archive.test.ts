// The archive through the API: who may ask for what, what a request does, and what comes back.

import { beforeEach, expect, test } from 'vitest';
import { readSegment } from '../../durable-objects/swarm/segment-file.ts';
import { anApi, at, type TestApi } from './an-api.ts';

const move = { debit: 'tenant', credit: 'team/blue', amountMicro: 1 };

let api: TestApi;
beforeEach(async () => {
  api = anApi();
  const command = { type: 'PostTransfer', ...move, reference: 'api' } as const;
  const actor = { kind: 'user', id: 'usr_a', scopes: ['admin'] } as const;
  const commands = Array.from({ length: 600 }, (_, n) => ({ id: `c${n}`, actor, command, remember: true }));
  await api.first.service.executeMany(commands);
});

test('[ARCHIVE-12] a request archives whole blocks but for the events that are to stay, and says what it did', async () => {
  const nothing = await api.send('GET', '/v1/archive/manifest');
  expect([nothing.status, nothing.json.code]).toEqual([404, 'manifest_not_found']);
  const done = await api.send('POST', '/v1/archive/segments', { json: { keepEvents: 50 } });
  expect([done.status, done.json]).toEqual([200, { segments: ['0000000000000001'], archivedTo: 512, isMore: false }]);
  expect((await api.send('POST', '/v1/archive/segments')).json).toEqual({
    segments: [],
    archivedTo: 512,
    isMore: false,
  });
  const { data } = (await api.send('GET', '/v1/archive/segments')).json;
  expect(data).toMatchObject([{ id: '0000000000000001', state: 'kept', from: 1, to: 512 }]);
  expect((await api.send('GET', '/v1/archive/segments?state=deleted')).json).toEqual({ data: [], nextCursor: null });
  expect((await api.send('GET', '/v1/archive/snapshots')).json.data).toMatchObject([{ state: 'kept' }]);
  // The journal is the same, and goes on.
  const events = (await api.send('GET', '/v1/journal?from=510&limit=6')).json;
  expect([0, 1, 2, 3, 4, 5].map((n) => at(events, 'data', n, 'seq'))).toEqual([510, 511, 512, 513, 514, 515]);
  const manifest = (await api.send('GET', '/v1/archive/manifest')).json;
  expect(manifest).toMatchObject({ starling: 'archive', segments: [{ from: 1, to: 512 }], checkpoint: { size: 512 } });
});

test('[ARCHIVE-9] a segment’s file is downloaded as it was stored, or not at all', async () => {
  await api.send('POST', '/v1/archive/segments', { json: { keepEvents: 50 } });
  const { json } = await api.send('GET', '/v1/archive/segments');
  const [id, key] = [String(at(json, 'data', 0, 'id')), String(at(json, 'data', 0, 'key'))];
  const path = `/v1/archive/segments/${id}/file`;
  const authorization = `Bearer ${api.first.secret('journal:read')}`;
  const response = await api.fetch(new Request(`http://127.0.0.1:8787${path}`, { headers: { authorization } }));
  expect(response.headers.get('content-type')).toBe('application/vnd.apache.parquet');
  const bytes = new Uint8Array(await response.arrayBuffer());
  expect((await readSegment(bytes))?.events).toHaveLength(512);
  const missing = await api.send('GET', '/v1/archive/segments/0000000000000002/file');
  expect([missing.status, missing.json.code]).toEqual([404, 'segment_not_found']);
  bytes[99] = (bytes[99] ?? 0) ^ 1;
  api.archive.objects.set(key, bytes);
  const damaged = await api.send('GET', path);
  expect([damaged.status, damaged.json.code, damaged.json.segment]).toEqual([503, 'history_damaged', id]);
  const other = api.tenant();
  const foreign = await api.send('GET', path, { key: other.secret('admin') });
  expect([foreign.status, foreign.json.code]).toEqual([404, 'segment_not_found']);
});

test('[ARCHIVE-13] the retention is set and shown; what is no number of days is refused', async () => {
  expect((await api.send('GET', '/v1/archive/retention')).json).toEqual({ days: null, archivedTo: 0, expiredTo: 0 });
  const set = await api.send('PUT', '/v1/archive/retention', { json: { days: 90 } });
  expect([set.status, set.json]).toEqual([200, { days: 90, archivedTo: 0, expiredTo: 0 }]);
  for (const days of [0, -1, 1.5, 4_000, '90', undefined]) {
    const refused = await api.send('PUT', '/v1/archive/retention', { json: { days } });
    expect([refused.status, refused.json.code]).toEqual([400, 'invalid_request']);
  }
  expect((await api.send('GET', '/v1/archive/retention')).json.days).toBe(90);
  expect((await api.send('PUT', '/v1/archive/retention', { json: { days: null } })).json.days).toBeNull();
});

test('[ARCHIVE-17] whoever reads the journal reads the archive; only an admin moves events or sets how long they are kept', async () => {
  const key = api.first.secret('journal:read');
  for (const path of ['segments', 'snapshots', 'retention'])
    expect((await api.send('GET', `/v1/archive/${path}`, { key })).status).toBe(200);
  for (const [method, path, json] of [
    ['POST', 'segments', {}],
    ['PUT', 'retention', { days: 1 }],
  ] as const) {
    const refused = await api.send(method, `/v1/archive/${path}`, { key, json });
    expect([refused.status, refused.json.code]).toEqual([403, 'scope_missing']);
  }
  for (const keepEvents of [-1, 0.5, 'all', 2 ** 60]) {
    const refused = await api.send('POST', '/v1/archive/segments', { json: { keepEvents } });
    expect([refused.status, refused.json.code]).toEqual([400, 'invalid_request']);
  }
});
