// `at` on reads, and what changed between two moments, over the API.

import { describe, expect, test } from 'vitest';
import type { Json } from '../../core/json.ts';
import { answerCharsMax } from '../../core/limits.ts';
import { ROUTES } from '../../functions/api/app.ts';
import { anApi, at, type TestApi } from './an-api.ts';

const HOUR = 3_600_000;

/** Three transfers, an hour apart; the seq of the head after each. */
async function threeHours(api: TestApi): Promise<number[]> {
  const heads: number[] = [];
  for (const amountMicro of [1_000, 200, 30]) {
    api.clock.now += HOUR;
    await api.send('POST', '/v1/ledger/transfers', { json: { debit: 'tenant', credit: 'team/blue', amountMicro } });
    heads.push(Number(at((await api.send('GET', '/v1/history/state')).json, 'seq')));
  }
  return heads;
}

const blue = (json: Json): Json => {
  const data = at(json, 'data') as readonly { readonly id: string; readonly postedMicro: number }[];
  return data.find(({ id }) => id === 'team/blue')?.postedMicro ?? null;
};

describe('the past over the API', () => {
  test('[HISTORY-8] a read with `at` answers as it would have then, and says which moment it is', async () => {
    const api = anApi();
    const start = api.clock.now;
    const heads = await threeHours(api);
    const accounts = (moment: string | number) => api.send('GET', `/v1/ledger/accounts?at=${moment}`);
    expect(await Promise.all(heads.map(async (seq) => blue((await accounts(seq)).json)))).toEqual([
      1_000, 1_200, 1_230,
    ]);
    for (const [i, amount] of [null, 1_000, 1_200, 1_230].entries()) {
      const time = new Date(start + i * HOUR + (i === 3 ? 0 : HOUR / 2)).toISOString();
      const read = await accounts(time);
      expect(blue(read.json)).toBe(amount);
      expect(read.headers.get('starling-seq')).toBe(String(i === 0 ? (heads[0] ?? 0) - 1 : heads[i - 1]));
      expect(Date.parse(read.headers.get('starling-time') ?? '')).toBeLessThanOrEqual(Date.parse(time));
    }
    const offset = encodeURIComponent('2026-11-20T18:30:00.5+01:00');
    expect(blue((await accounts(offset)).json)).toBe(1_000);
    expect((await api.send('GET', '/v1/ledger/accounts')).headers.get('starling-seq')).toBeNull();
  });

  test('[HISTORY-8] every read of rows takes `at`, and asks the past alone', async () => {
    const api = anApi();
    const [seq = 0] = await threeHours(api);
    const past = ROUTES.filter((route) => route.access === 'scoped' && route.past);
    expect(past.map(({ path }) => path)).toEqual(
      expect.arrayContaining([
        '/v1/tasks',
        '/v1/tasks/{id}',
        '/v1/missions',
        '/v1/devices',
        '/v1/operations',
        '/v1/journal',
      ]),
    );
    for (const route of past.filter(({ path }) => !path.includes('{'))) {
      const { status, headers } = await api.send('GET', `${route.path}?at=${seq}`);
      expect([route.path, status, headers.get('starling-seq')]).toEqual([route.path, 200, String(seq)]);
    }
  });

  test('[HISTORY-8] a thing that was made later is not found in the past, and one that was changed is as it was', async () => {
    const api = anApi();
    const { json } = await api.send('POST', '/v1/tasks', { json: { operation: 'swarm.echo', input: 'x' } });
    const asked = Number(at((await api.send('GET', '/v1/history/state')).json, 'seq'));
    const id = String(at(json, 'id'));
    await api.send('GET', `/v1/tasks/${id}`, { headers: { prefer: 'wait=1' } });
    expect(at((await api.send('GET', `/v1/tasks/${id}`)).json, 'state')).toBe('succeeded');
    expect(at((await api.send('GET', `/v1/tasks/${id}?at=${asked}`)).json, 'state')).toBe('leased');
    expect((await api.send('GET', `/v1/tasks/${id}?at=1`)).status).toBe(404);
    // Nobody waits in the past.
    const waited = await api.send('GET', `/v1/tasks/${id}?at=${asked}`, { headers: { prefer: 'wait=30' } });
    expect(at(waited.json, 'state')).toBe('leased');
  });

  test('[HISTORY-8] the journal with `at` ends there', async () => {
    const api = anApi();
    const [seq = 0] = await threeHours(api);
    const page = await api.send('GET', `/v1/journal?at=${seq}&limit=1000`);
    const data = at(page.json, 'data') as readonly { readonly seq: number }[];
    expect([data.at(0)?.seq, data.at(-1)?.seq]).toEqual([1, seq]);
    expect(at(page.json, 'nextCursor')).toBeNull();
    const first = await api.send('GET', `/v1/journal?at=${seq}&limit=2`);
    expect(at(first.json, 'nextCursor')).toBe('2');
    expect(at((await api.send('GET', `/v1/journal?at=${seq}&from=${seq + 1}`)).json, 'data')).toEqual([]);
  });

  test.each([
    ['0', 422, 'moment_before_genesis'],
    ['999999', 422, 'moment_ahead'],
    ['2001-01-01T00:00:00Z', 422, 'moment_before_genesis'],
    ['2101-01-01T00:00:00Z', 422, 'moment_ahead'],
    ['yesterday', 400, 'invalid_request'],
    ['-1', 400, 'invalid_request'],
    ['1.5', 400, 'invalid_request'],
    ['2026-11-20', 400, 'invalid_request'],
    ['2026-13-20T00:00:00Z', 400, 'invalid_request'],
    ['', 400, 'invalid_request'],
    ['1&at=2', 400, 'invalid_request'],
  ])('[HISTORY-5] at=%s is refused with %i %s', async (moment, status, code) => {
    const api = anApi();
    for (const path of ['/v1/tasks', '/v1/journal', '/v1/history/state']) {
      const refused = await api.send('GET', `${path}?at=${moment}`);
      expect([refused.status, at(refused.json, 'code')]).toEqual([status, code]);
    }
  });

  test('[HISTORY-9] a key that is revoked now reads nothing of the past', async () => {
    const api = anApi();
    const [seq = 0] = await threeHours(api);
    const made = await api.send('POST', '/v1/keys', { json: { name: 'x', scopes: ['ledger:read', 'journal:read'] } });
    const secret = String(at(made.json, 'secret'));
    const paths = [`/v1/ledger/accounts?at=${seq}`, `/v1/history/state?at=${seq}`, '/v1/history/diff?from=1'];
    for (const path of paths) expect((await api.send('GET', path, { key: secret })).status).toBe(200);
    await api.send('POST', `/v1/keys/${String(at(made.json, 'id'))}/revoke`);
    for (const path of paths) expect((await api.send('GET', path, { key: secret })).status).toBe(401);
  });

  test('[HISTORY-7] a difference shows rows, balances, cost and events, page by page', async () => {
    const api = anApi();
    const [first = 0, second = 0, third = 0] = await threeHours(api);
    const whole = await api.send('GET', `/v1/history/diff?from=${first}&to=${third}&limit=100`);
    expect(at(whole.json, 'events', 'byType')).toEqual({ 'transfer.posted': 2 });
    expect(at(whole.json, 'balances')).toEqual([
      { account: 'team/blue', postedMicro: 230, heldMicro: 0, availableMicro: 230 },
      { account: 'tenant', postedMicro: -230, heldMicro: 0, availableMicro: -230 },
    ]);
    const all = at(whole.json, 'data') as readonly { readonly kind: string; readonly change: string }[];
    expect(all.map(({ kind, change }) => `${kind} ${change}`)).toEqual([
      'account changed',
      'account changed',
      'transfer made',
      'transfer made',
    ]);
    const paged: unknown[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const query = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const { json } = await api.send('GET', `/v1/history/diff?from=${first}&to=${third}&limit=1${query}`);
      paged.push(...(at(json, 'data') as readonly Json[]));
      cursor = at(json, 'nextCursor') as string | null;
    }
    expect(paged).toEqual(all);
    expect(at((await api.send('GET', `/v1/history/diff?from=${second}&to=${second}`)).json, 'rows')).toBe(0);
    const reversed = await api.send('GET', `/v1/history/diff?from=${third}&to=${first}`);
    expect([reversed.status, at(reversed.json, 'code')]).toEqual([422, 'range_reversed']);
  });

  test('[HISTORY-11] pages of large things end early and go on, in the past as in the present', async () => {
    const api = anApi();
    const big = 'x'.repeat(180 * 1024);
    for (let n = 0; n < 30; n++) {
      const json = { operation: 'swarm.echo', input: { n, big } };
      await api.send('POST', '/v1/tasks', { json, headers: { prefer: 'wait=1' } });
    }
    const seq = Number(at((await api.send('GET', '/v1/history/state')).json, 'seq'));
    const paged = async (path: string) => {
      const ids: unknown[] = [];
      let pages = 0;
      for (let cursor: string | null = ''; cursor !== null; pages++) {
        const page = await api.send('GET', `${path}${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`);
        expect(page.text.length).toBeLessThan(answerCharsMax + 1024 * 1024);
        const data = at(page.json, 'data') as readonly { readonly id: string }[];
        expect(data.length).toBeGreaterThan(0);
        ids.push(...data.map(({ id }) => id));
        cursor = at(page.json, 'nextCursor') as string | null;
      }
      expect(pages).toBeGreaterThan(2);
      expect(new Set(ids).size).toBe(ids.length);
      return { ids, pages };
    };
    const tasks = await paged('/v1/tasks?limit=100');
    expect(tasks.ids).toHaveLength(30);
    expect(await paged(`/v1/tasks?limit=100&at=${seq}`)).toEqual(tasks);
    const journal = await paged('/v1/journal?limit=1000');
    expect(journal.ids).toHaveLength(seq);
    expect(await paged(`/v1/journal?limit=1000&at=${seq}`)).toEqual(journal);
    const difference = await paged(`/v1/history/diff?from=1&to=${seq}&limit=100`);
    expect(difference.ids).toEqual(expect.arrayContaining(tasks.ids));
    // More than can be compared at once: the refusal says how much can.
    for (let n = 0; n < 80; n++)
      await api.send('POST', '/v1/tasks', {
        json: { operation: 'swarm.echo', input: { n, big } },
        headers: { prefer: 'wait=1' },
      });
    const refused = await api.send('GET', '/v1/history/diff?from=1');
    expect([refused.status, at(refused.json, 'code')]).toEqual([422, 'range_too_large']);
    const most = Number(at(refused.json, 'most'));
    expect((await api.send('GET', `/v1/history/diff?from=1&to=${1 + most}&limit=1`)).status).toBe(200);
    expect((await api.send('GET', `/v1/history/diff?from=1&to=${2 + most}&limit=1`)).status).toBe(422);
  });

  test('[HISTORY-8] a page of a filtered list has a next one in the past when it would have had one then', async () => {
    const api = anApi();
    await threeHours(api);
    const hold = { debit: 'tenant', credit: 'team/blue', amountMicro: 5, pending: true };
    await api.send('POST', '/v1/ledger/transfers', { json: hold });
    const seq = Number(at((await api.send('GET', '/v1/history/state')).json, 'seq'));
    for (const state of ['posted', 'pending', 'voided'])
      for (const limit of [1, 2, 3, 4, 5]) {
        const path = `/v1/ledger/transfers?state=${state}&limit=${limit}`;
        expect((await api.send('GET', `${path}&at=${seq}`)).json).toEqual((await api.send('GET', path)).json);
      }
  });
});
