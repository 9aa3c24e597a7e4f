// The process is killed where it hurts most: again and again by the same work, and in the middle of an import, of archiving and
// of a fork's filling. The server is started again by itself, and nothing that was acknowledged is lost.

import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Platform, startPlatform } from '../../local/platform.ts';
import { seededRandom } from '../simulation/random.ts';
import { sized } from './whole.ts';

const folder = mkdtempSync(join(tmpdir(), 'starling-kills-'));
const random = seededRandom(Number(process.env.STARLING_SEED ?? 20_261_128));
let platform: Platform;
let receiver: Server;
/** What the receiver got: its path, each time. */
const received: string[] = [];
/** Deliveries to this path kill workerd. */
const DEADLY = '/deadly';
const msMax = sized(120_000, 600_000);

/** The platform gives up when workerd is lost more than five times in a minute: before that it is started anew, on what it has. */
const killsPerStart = 4;
let kills = 0;

async function start(): Promise<void> {
  await platform?.dispose();
  platform = await startPlatform({ home: join(folder, 'home'), port: 0, allowPrivateAddresses: true });
  kills = 0;
}

beforeEach(start, 60_000);

beforeAll(async () => {
  receiver = createServer((request, response) => {
    received.push(request.url ?? '');
    if (request.url === DEADLY) kill();
    request.resume().once('end', () => response.writeHead(204).end());
  });
  await new Promise<void>((done) => receiver.listen(0, '127.0.0.1', done));
}, 60_000);

afterAll(async () => {
  receiver.closeAllConnections();
  receiver.close();
  await platform.dispose();
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
});

function kill(): boolean {
  const pid = platform.workerdPid;
  if (pid === null) return false;
  kills++;
  process.kill(pid, 'SIGKILL');
  return true;
}

interface Answer {
  readonly status: number;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: what a stranger's client knows of a JSON answer before it looks.
  readonly json: any;
}

/** Sends once; null when the connection was lost. */
async function once(
  method: string,
  path: string,
  key: string | null,
  body?: unknown,
  id?: string,
): Promise<Answer | null> {
  try {
    const isText = typeof body === 'string';
    const response = await fetch(platform.url + path, {
      method,
      headers: {
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined ? {} : { 'content-type': isText ? 'application/x-ndjson' : 'application/json' }),
        ...(id === undefined ? {} : { 'idempotency-key': id }),
      },
      ...(body === undefined ? {} : { body: isText ? body : JSON.stringify(body) }),
      signal: AbortSignal.timeout(60_000),
    });
    const text = await response.text();
    return {
      status: response.status,
      text,
      json: text.startsWith('{') && !text.includes('\n') ? JSON.parse(text) : null,
    };
  } catch {
    return null;
  }
}

/** Sends until it is answered by other than a fault of ours. */
async function send(
  method: string,
  path: string,
  key: string | null,
  body?: unknown,
  id: string = randomUUID(),
): Promise<Answer> {
  for (let tries = 0; tries < 200; tries++) {
    await platform.ready.catch(() => {});
    const answer = await once(method, path, key, body, method === 'POST' ? id : undefined);
    if (answer !== null && answer.status < 500) return answer;
    await pause(100);
  }
  throw new Error(`${method} ${path} was not answered`);
}

async function signUp(): Promise<string> {
  const account = {
    email: `${randomUUID()}@example.com`,
    password: `pass phrase ${randomUUID()}`,
    organization: 'Kills',
  };
  return (await send('POST', '/v1/signup', null, account)).json.apiKey.secret;
}

async function echo(key: string, input: unknown): Promise<string> {
  return (await send('POST', '/v1/tasks', key, { operation: 'swarm.echo', input })).json.id;
}

/** The whole journal, line by line. */
async function exported(key: string): Promise<string[]> {
  return (await send('GET', '/v1/export', key)).text.trimEnd().split('\n');
}

async function until<T>(look: () => Promise<T | null | false>): Promise<T> {
  for (let tries = 0; tries < 600; tries++) {
    const seen = await look();
    if (seen !== null && seen !== false) return seen;
    await pause(100);
  }
  throw new Error('it did not come to pass');
}

/** Kills at a random moment of the next so many milliseconds, while `work` runs. */
async function killDuring<T>(ms: number, work: Promise<T>): Promise<T> {
  await pause(random.between(0, ms));
  const killed = platform.workerdPid;
  kill();
  const done = await work;
  // Only one that answers is killed again: lost while it starts, the platform gives up, and says so.
  while (platform.workerdPid === killed || platform.workerdPid === null) await pause(20);
  if (kills >= killsPerStart) await start();
  else await platform.ready;
  return done;
}

test('[SWARM-29] work that kills the process each time is parked and named, and everybody else’s goes on', {
  timeout: msMax,
}, async () => {
  const [victim, neighbour] = [await signUp(), await signUp()];
  const { port } = receiver.address() as { port: number }; // it listens
  const hook = (path: string) => ({ url: `http://127.0.0.1:${port}${path}`, events: ['task.succeeded'] });
  await send('POST', '/v1/webhooks', victim, hook('/well'));
  await send('POST', '/v1/webhooks', victim, hook(DEADLY));
  await echo(victim, 1);
  const parked = await until(async () => {
    const answer = await once('GET', '/v1/journal?limit=1000', victim);
    return answer?.json?.data?.find(({ type }: { type: string }) => type === 'starling.timer.parked') ?? null;
  });
  expect(parked.data).toMatchObject({ command: 'send', tries: 2 });
  // With others the first time, then twice alone.
  const deaths = received.filter((path) => path === DEADLY).length;
  expect(deaths).toBeGreaterThanOrEqual(2);
  expect(deaths).toBeLessThanOrEqual(3);
  expect(received).toContain('/well');
  for (const key of [victim, neighbour]) {
    const task = await echo(key, 'after it');
    await until(async () => (await send('GET', `/v1/tasks/${task}`, key)).json.state === 'succeeded');
  }
});

test('[EXPORT-6] an import that was cut off by a kill is gone or goes on, and is the same journal in the end', {
  timeout: msMax,
}, async () => {
  const key = await signUp();
  for (let n = 0; n < sized(150, 1_500); n += 10)
    await Promise.all(Array.from({ length: 10 }, (_, i) => echo(key, `${n + i} ${'x'.repeat(2_000)}`)));
  const lines = await exported(key);
  const text = `${lines.join('\n')}\n`;
  const id = randomUUID();
  for (let n = 0; n < sized(2, 4); n++) {
    await killDuring(sized(150, 1_000), once('POST', '/v1/imports', key, text, id));
  }
  const made = await send('POST', '/v1/imports', key, text, id);
  expect([200, 201]).toContain(made.status);
  const { data } = (await send('GET', '/v1/imports', key)).json;
  expect(data.filter(({ state }: { state?: string }) => state !== 'failed')).toHaveLength(1);
  if (made.json.apiKey?.secret) expect(await exported(made.json.apiKey.secret)).toEqual(lines);
});

test('[ARCHIVE-7] killed while segments, snapshots and forks are made, a swarm keeps every event and goes on', {
  timeout: msMax,
}, async () => {
  const key = await signUp();
  for (let n = 0; n < sized(120, 1_200); n += 10)
    await Promise.all(Array.from({ length: 10 }, (_, i) => echo(key, n + i)));
  await until(async () => (await send('GET', '/v1/tasks?state=queued', key)).json.data.length === 0);
  const before = await exported(key);
  for (let n = 0; n < sized(2, 4); n++) {
    await killDuring(sized(100, 400), once('POST', '/v1/archive/segments', key, { keepEvents: 0 }, randomUUID()));
    await killDuring(sized(100, 400), once('POST', '/v1/forks', key, { name: `fork ${n}`, at: 20 + n }, randomUUID()));
    await echo(key, `between ${n}`);
  }
  const archived = await send('POST', '/v1/archive/segments', key, { keepEvents: 0 });
  expect(archived.status).toBe(200);
  const after = await exported(key);
  expect(after.slice(1, before.length)).toEqual(before.slice(1));
  const seqs = after.slice(1).map((line) => JSON.parse(line).seq);
  expect(seqs).toEqual(seqs.map((_, n) => n + 1));
  const fork = await send('POST', '/v1/forks', key, { name: 'at last', at: 20 });
  expect(fork.status).toBe(201);
});
