// The ledger, the journal and what telemetry lost, through the API.

import { CloudEvent } from 'cloudevents';
import { beforeEach, expect, test } from 'vitest';
import { verifyCheckpoint } from '../../core/journal/checkpoint.ts';
import { checkpoint } from '../../core/wire/resources.ts';
import { anApi, at, id, type TestApi } from './an-api.ts';

let api: TestApi;
beforeEach(() => {
  api = anApi();
});

const move = { debit: 'tenant', credit: 'team/blue', amountMicro: 5_000 };

test('credits are moved, and the accounts say so', async () => {
  const made = await api.send('POST', '/v1/ledger/transfers', { json: move });
  expect(made.status).toBe(201);
  expect(made.json).toMatchObject({ state: 'posted', amountMicro: 5_000, reference: 'api' });
  expect((await api.send('GET', `/v1/ledger/transfers/${made.json.id}`)).json).toEqual(made.json);
  const accounts = await api.send('GET', '/v1/ledger/accounts');
  expect(accounts.json.data).toContainEqual({
    id: 'team/blue',
    postedMicro: 5_000,
    heldMicro: 0,
    availableMicro: 5_000,
  });
});

test('[P5] a hold is settled or voided, once', async () => {
  const hold = async () => (await api.send('POST', '/v1/ledger/transfers', { json: { ...move, pending: true } })).json;
  const first = await hold();
  expect(first).toMatchObject({ state: 'pending', expiresAt: '2026-11-21T16:00:00.000Z' });
  const settled = await api.send('POST', `/v1/ledger/transfers/${first.id}/settle`, { json: { amountMicro: 3_000 } });
  expect(settled.json).toMatchObject({ state: 'settled', settledMicro: 3_000 });
  const again = await api.send('POST', `/v1/ledger/transfers/${first.id}/void`);
  expect([again.status, again.json.code]).toEqual([409, 'hold_already_resolved']);
  const second = await hold();
  expect((await api.send('POST', `/v1/ledger/transfers/${second.id}/void`)).json.state).toBe('voided');
  const more = await hold();
  const over = await api.send('POST', `/v1/ledger/transfers/${more.id}/settle`, { json: { amountMicro: 5_001 } });
  expect([over.status, over.json.code, over.json.heldMicro]).toEqual([422, 'hold_exceeded', 5_000]);
});

test.each([
  ['from the treasury', { ...move, debit: 'treasury' }, 422, 'account_reserved'],
  ['to itself', { ...move, credit: 'tenant' }, 422, 'transfer_to_itself'],
  ['more than there is', { ...move, amountMicro: 900_000_000_000 }, 402, 'credits_insufficient'],
  ['nothing', { ...move, amountMicro: 0 }, 400, 'invalid_request'],
  ['half a micro-credit', { ...move, amountMicro: 0.5 }, 400, 'invalid_request'],
  ['beyond what is exact', { ...move, amountMicro: 2 ** 53 }, 400, 'invalid_request'],
  ['in the swarm’s own name', { ...move, reference: 'task/x' }, 400, 'invalid_request'],
  ['at once, with a timeout', { ...move, timeoutSeconds: 5 }, 400, 'invalid_request'],
])('a transfer %s is refused', async (_, json, status, code) => {
  const refused = await api.send('POST', '/v1/ledger/transfers', { json });
  expect([refused.status, refused.json.code]).toEqual([status, code]);
});

test('the hold of a task is the task’s own', async () => {
  const task = await api.send('POST', '/v1/tasks', { json: { operation: 'swarm.echo', input: 1 } });
  expect(task.status).toBe(202);
  const pending = await api.send('GET', '/v1/ledger/transfers?state=pending');
  const refused = await api.send('POST', `/v1/ledger/transfers/${at(pending.json, 'data', 0, 'id')}/void`);
  expect([refused.status, refused.json.code]).toEqual([409, 'transfer_reserved']);
});

test('operations say who would do them and at what price', async () => {
  const listed = await api.send('GET', '/v1/operations');
  expect(at(listed.json, 'data', 0)).toMatchObject({ name: 'swarm.echo', available: true });
});

test('the journal is read in pages, by seq, and every event is a CloudEvent', async () => {
  const first = await api.send('GET', '/v1/journal?limit=2');
  expect([at(first.json, 'data', 0, 'seq'), first.json.nextCursor]).toEqual([1, '2']);
  const second = await api.send('GET', `/v1/journal?limit=1000&cursor=${first.json.nextCursor}`);
  expect([at(second.json, 'data', 0, 'seq'), second.json.nextCursor]).toEqual([3, null]);
  expect(at((await api.send('GET', '/v1/journal?from=2&limit=1')).json, 'data', 0, 'seq')).toBe(2);
  // The data of a list is a list.
  for (const event of first.json.data as object[]) expect(new CloudEvent(event).validate()).toBe(true);
  for (const query of ['from=0', 'from=-1', 'from=x', 'limit=1001', 'cursor=abc']) {
    expect((await api.send('GET', `/v1/journal?${query}`)).json.code).toBe('invalid_request');
  }
});

test('the stream begins where it is told to, and goes on after Last-Event-ID', async () => {
  const read = async (path: string, headers: Record<string, string> = {}) => {
    const answer = await api.send('GET', path, { headers });
    expect(answer.headers.get('content-type')).toBe('text/event-stream');
    return [...answer.text.matchAll(/^id: (\d+)$/gm)].map(([, seq]) => Number(seq));
  };
  const all = await read('/v1/journal/stream');
  expect(all).toEqual(all.map((_, i) => i + 1));
  expect((await read('/v1/journal/stream?from=3'))[0]).toBe(3);
  expect((await read('/v1/journal/stream?from=1', { 'last-event-id': '2' }))[0]).toBe(3);
  expect((await read('/v1/journal/stream', { 'last-event-id': '0' }))[0]).toBe(1);
  const refused = await api.send('GET', '/v1/journal/stream', { headers: { 'last-event-id': 'x' } });
  expect([refused.status, refused.json.code]).toEqual([400, 'invalid_request']);
});

test('a checkpoint is signed, and an event is proved against it', async () => {
  const signed = await api.send('GET', '/v1/journal/checkpoint');
  expect(verifyCheckpoint(checkpoint.parse(signed.json))).toBe(true);
  const proof = await api.send('GET', '/v1/journal/proof?seq=2');
  expect(at(proof.json, 'event', 'seq')).toBe(2);
  const none = await api.send('GET', '/v1/journal/proof?seq=9999');
  expect([none.status, none.json.code]).toEqual([404, 'event_not_found']);
  expect((await api.send('GET', '/v1/journal/proof')).json.code).toBe('invalid_request');
});

test('dead letters are shown to their tenant, and to no other', async () => {
  const letter = (tenant: string) => {
    const said = { id: '2026-11-20_aa', tenant, swarm: null, device: null, reason: 'not a batch', body: 'x' };
    return new TextEncoder().encode(JSON.stringify(said));
  };
  const other = id('tnt');
  for (const tenant of [api.first.tenant, other])
    api.archive.objects.set(
      `dead-letters/tenant=${tenant}/date=2026-11-20/${tenant === other ? 'bb' : 'aa'}.json`,
      letter(tenant),
    );
  const listed = await api.send('GET', '/v1/telemetry/dead-letters');
  expect(listed.json).toEqual({
    data: [{ id: '2026-11-20_aa', swarm: null, device: null, reason: 'not a batch' }],
    nextCursor: null,
  });
  expect((await api.send('GET', '/v1/telemetry/dead-letters/2026-11-20_aa')).json.body).toBe('x');
  for (const one of ['2026-11-20_bb', 'nonsense', '..%2F..%2Fx']) {
    const missing = await api.send('GET', `/v1/telemetry/dead-letters/${one}`);
    expect([missing.status, missing.json.code]).toEqual([404, 'dead_letter_not_found']);
  }
  expect((await api.send('GET', '/v1/telemetry/dead-letters?cursor=x')).json.code).toBe('invalid_request');
});

test('a revoked key sees no dead letters', async () => {
  const made = await api.send('POST', '/v1/keys', { json: { name: 'k', scopes: ['devices:read'] } });
  await api.send('POST', `/v1/keys/${made.json.id}/revoke`);
  const refused = await api.send('GET', '/v1/telemetry/dead-letters', { key: String(made.json.secret) });
  expect([refused.status, refused.json.code]).toEqual([401, 'key_revoked']);
});
