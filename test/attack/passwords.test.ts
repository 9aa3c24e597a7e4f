// One caller sends log-ins as fast as it can: each costs 43 ms of hashing, which must not be the time of everybody else.

import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { type Organization, send, signUp } from '../conformance/client.ts';
import { sized } from './whole.ts';

/** As many callers at once as a small machine has sockets for. */
const callers = 64;

test('[LOCAL-3] log-ins in great number are hashed beside, and those beyond the queue are told when to come again', async () => {
  const reader: Organization = await signUp('Reader');
  const count = sized(128, 2_000);
  const readsOf = (shot: () => Promise<void>) => medianWhile(reader, count, shot);
  // The same number of requests that cost nothing.
  const honest = await readsOf(async () => {
    expect((await send('POST', '/v1/login', { json: { email: 'nobody' } })).status).toBe(400);
  });
  const statuses: number[] = [];
  const attacked = await readsOf(async () => {
    const json = { email: `${randomUUID()}@example.com`, password: 'not this one' };
    const answer = await send('POST', '/v1/login', { json });
    statuses.push(answer.status);
    if (answer.status !== 429) return;
    expect(answer.json.code).toBe('rate_limited');
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  });
  expect([...new Set(statuses)].toSorted()).toEqual([401, 429]);
  expect(statuses).toHaveLength(count);
  // Hashed in workerd's own thread, each read waited for all log-ins before it: 64 times 43 ms.
  expect(attacked).toBeLessThan(Math.max(250, 5 * honest));
});

/** The median wait of a reader, in milliseconds, while the callers fire so many shots. */
async function medianWhile(reader: Organization, count: number, shot: () => Promise<void>): Promise<number> {
  let left = count;
  let isOver = false;
  const attack = Promise.all(
    Array.from({ length: callers }, async () => {
      while (left-- > 0) await shot();
    }),
  ).finally(() => {
    isOver = true;
  });
  const waits: number[] = [];
  while (!isOver || waits.length === 0) {
    const began = performance.now();
    expect((await send('GET', '/v1/tasks', { key: reader.key })).status).toBe(200);
    waits.push(performance.now() - began);
  }
  await attack;
  return waits.toSorted((a, b) => a - b)[Math.floor(waits.length / 2)] ?? 0;
}
