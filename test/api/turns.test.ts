// Shares of requests, over the API.

import { expect, test } from 'vitest';
import { shareInFlightMax } from '../../core/limits.ts';
import { createTurns } from '../../durable-objects/turns.ts';
import { anApi } from './an-api.ts';

const turns = () => createTurns({ moment: () => new Promise((resolve) => setImmediate(resolve)) });

test('[TURN-4] a tenant that has more in flight than its share while another has some is told to come again, and nothing has changed', async () => {
  const shared = turns();
  const api = anApi({ turns: shared });
  const other = api.tenant();
  const mine = Array.from({ length: shareInFlightMax }, () => shared.enter(api.first.tenant, 0));
  // Alone, there is no limit.
  expect((await api.send('GET', '/v1/tasks')).status).toBe(200);
  const theirs = shared.enter(other.tenant, 0);
  const { calls } = api.first.service;
  const refused = await api.send('POST', '/v1/tasks', { json: { operation: 'swarm.echo', input: 1 } });
  expect([refused.status, refused.json.code]).toEqual([429, 'share_used']);
  expect(refused.headers.get('retry-after')).toBe('1');
  expect(api.first.service.calls).toBe(calls);
  // The other one is served as ever.
  expect((await api.send('GET', '/v1/tasks', { key: other.secret('admin') })).status).toBe(200);
  mine[0]?.();
  expect((await api.send('GET', '/v1/tasks')).status).toBe(200);
  theirs?.();
  mine[0]?.();
  expect((await api.send('GET', '/v1/tasks')).status).toBe(200);
});

test('[TURN-4] a request that has ended, well or not, is in flight no longer', async () => {
  const shared = turns();
  const api = anApi({ turns: shared });
  shared.enter('another', 0);
  for (let n = 0; n < 2 * shareInFlightMax; n++) {
    const answer = await api.send('GET', n % 2 === 0 ? '/v1/tasks' : '/v1/tasks/tsk_nothing');
    expect([200, 404]).toContain(answer.status);
  }
});
