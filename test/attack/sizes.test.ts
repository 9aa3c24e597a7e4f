// One tenant sends what is small and becomes large, or what is looked through again and again. The platform is this file's own:
// an attack of this kind once ended it for everybody.

import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Platform, startPlatform } from '../../local/platform.ts';
import { send as sendTo } from '../conformance/client.ts';
import { sized } from './whole.ts';

const home = mkdtempSync(join(tmpdir(), 'starling-sizes-'));
let platform: Platform | undefined;
let [attacker, other] = ['', ''];

const send = (method: string, path: string, key: string, json?: unknown) =>
  sendTo(method, new URL(path, platform?.url).href, { key, ...(json === undefined ? {} : { json }) });

async function aKey(): Promise<string> {
  const body = { email: `${randomUUID()}@example.com`, password: `pass phrase ${randomUUID()}`, organization: 'Sizes' };
  const { json } = await sendTo('POST', new URL('/v1/signup', platform?.url).href, { json: body });
  return json.apiKey.secret;
}

beforeAll(async () => {
  platform = await startPlatform({ home, port: 0 });
  [attacker, other] = [await aKey(), await aKey()];
}, 60_000);
afterAll(async () => {
  await platform?.dispose();
  rmSync(home, { recursive: true, force: true });
}, 60_000);

/** Starts a mission and asks for it until it has ended. */
async function ended(tasks: readonly object[]): Promise<{ state: string; failedKey: string | null; id: string }> {
  const made = await send('POST', '/v1/missions', attacker, { plan: { tasks } });
  expect(made.status, made.text.slice(0, 200)).toBe(202);
  for (let asked = 0; asked < 2_000; asked++) {
    const { json } = await send('GET', `/v1/missions/${made.json.id}`, attacker);
    if (json.state !== 'running') return json;
  }
  throw new Error('the mission does not end');
}

const big = 'x'.repeat(185_000);
const echo = (key: string, input: unknown, after: readonly string[] = []) => ({
  ...{ key, operation: 'swarm.echo', input },
  ...(after.length === 0 ? {} : { after }),
});
const named = (times: number) => Array.from({ length: times }, () => ({ $result: 'a' }));

test.each([
  ['in a list', named(11_000)],
  ['in nested lists', Array.from({ length: 100 }, () => [named(50), [named(50)]])],
  ['under long names', Object.fromEntries(named(500).map((one, n) => [`${'k'.repeat(200)}${n}`, one]))],
])(
  '[MISSION-5] a result that is named thousands of times %s ends its mission, and nobody waits for it',
  async (_, input) => {
    const workerd = platform?.workerdPid;
    const mission = await ended([echo('a', big), echo('b', input, ['a'])]);
    expect([mission.state, mission.failedKey]).toEqual(['failed', 'b']);
    expect((await send('GET', '/v1/tasks', other)).status).toBe(200);
    expect(platform?.workerdPid).toBe(workerd);
  },
);

test('[MISSION-10] a mission of many large tasks ends as it should', async () => {
  const tasks = sized(40, 200);
  const plan = [echo('a', big)];
  for (let n = 1; n < tasks; n++) {
    const from = n <= 40 ? 'a' : `k${Math.floor((n - 1) / 40)}`;
    plan.push(echo(`k${n}`, { $result: from }, [from]));
  }
  expect(await ended(plan)).toMatchObject({ state: 'succeeded' });
  expect((await send('GET', '/v1/tasks', other)).status).toBe(200);
});

test('[HISTORY-11] a page of large tasks ends with what one answer carries, now and in the past', async () => {
  const { size } = (await send('GET', '/v1/journal/checkpoint', attacker)).json;
  for (const path of ['/v1/tasks?limit=100', '/v1/tasks?limit=100&state=succeeded', `/v1/tasks?limit=100&at=${size}`]) {
    const answer = await send('GET', path, attacker);
    expect(answer.status, path).toBe(200);
    expect(answer.text.length, path).toBeLessThan(6_000_000);
    expect(answer.json.data.length, path).toBeGreaterThan(0);
  }
});
