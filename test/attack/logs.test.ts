// Whoever reads the log believes it: what comes from outside is said in one line, in characters that can be seen, and never passes
// for a line that the platform would write. Tried on what `npm start` itself writes.

import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { seededRandom } from '../simulation/random.ts';
import { root } from '../tidy/repository.ts';
import { makeWorld } from './fuzz/a-world.ts';
import { fuzzFrames } from './fuzz/fuzz-frames.ts';
import { openRawClient } from './fuzz/raw-http.ts';
import { sized } from './whole.ts';

const home = mkdtempSync(join(tmpdir(), 'starling-logs-'));
let server: ChildProcess;
let base = '';
let written = '';

beforeAll(async () => {
  server = spawn(process.execPath, ['local/serve.ts'], {
    cwd: root,
    env: { ...process.env, STARLING_HOME: home, PORT: '0', STARLING_LOG: 'debug' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  server.stderr?.on('data', (chunk: Buffer) => {
    written += chunk.toString('utf8');
  });
  let said = '';
  await new Promise<void>((done, failed) => {
    server.stdout?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes('ready ')) done();
    });
    server.once('exit', () => failed(new Error(said + written)));
  });
  base = /^ready (http:\/\/localhost:\d+)$/m.exec(said)?.[1] ?? '';
}, 120_000);

afterAll(async () => {
  const ended = new Promise((done) => server.once('exit', done));
  server.kill('SIGTERM');
  await ended;
  rmSync(home, { recursive: true, force: true, maxRetries: 3 });
});

/** Each begins what looks like a line of the platform, or gives a terminal a command. */
const BREAKS = [
  '\n',
  '\r',
  '\r\n',
  '\u0000',
  '\u001b[2J',
  '\u001b]0;x\u0007',
  '\u0085',
  '\u009b2J',
  '\u2028',
  '\u2029',
  '\u202e',
  '\v',
  '\f',
  '\b',
];
const FORGED = 'error: {"level":"error","event":"forged"}';

const percent = (text: string): string =>
  [...Buffer.from(text, 'utf8')].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
const latin1 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

test('[LOG-2] nothing that is sent begins a line of the log, or is a command to a terminal', {
  timeout: sized(90_000, 300_000),
}, async () => {
  const world = await makeWorld(base);
  const client = openRawClient(base);
  const authorization = ['Authorization', `Bearer ${world.key}`] as const;
  const json = ['Content-Type', 'application/json'] as const;
  for (const text of BREAKS) {
    const planted = `x${text}${FORGED}${text}`;
    const targets = [
      `/v1/${percent(planted)}`,
      `/v1/tasks/${percent(planted)}`,
      `/v1/tasks?limit=${percent(planted)}`,
      `/v1/${latin1(planted)}`,
    ];
    for (const target of targets) await client.send({ method: 'GET', target, headers: [authorization], body: null });
    for (const name of [
      'User-Agent',
      'traceparent',
      'Idempotency-Key',
      'Cookie',
      'Origin',
      'Host',
      'Content-Type',
      'X-Request-Id',
      'Authorization',
    ])
      await client.send({
        method: 'POST',
        target: '/v1/tasks',
        headers: [[name, latin1(planted)]],
        body: Buffer.from('{}'),
      });
    await client.send({ method: `X${text}${FORGED}`, target: '/healthz', headers: [], body: null });
    const bodies: readonly (readonly [string, unknown])[] = [
      ['/v1/tasks', { operation: planted, input: planted }],
      ['/v1/tasks', { operation: 'swarm.echo', input: { [planted]: planted } }],
      ['/v1/missions', { tasks: [{ key: planted, operation: 'swarm.echo', input: 1 }] }],
      ['/v1/webhooks', { url: `http://127.0.0.1:9/${planted}`, events: ['task.*'], description: planted }],
      ['/v1/keys', { name: planted, scopes: ['tasks:read', planted] }],
      ['/v1/triggers', { name: planted, preset: 'github', task: { operation: planted, input: {} } }],
      ['/v1/devices/enroll', { token: planted, did: planted, proof: planted, name: planted }],
      ['/v1/login', { email: `${planted}@example.com`, password: planted }],
      [
        '/v1/signup',
        { email: `${randomUUID()}@example.com`, password: `pass phrase ${planted}`, organization: planted },
      ],
      ['/api/auth/request-password-reset', { email: planted, redirectTo: planted }],
    ];
    for (const [target, body] of bodies)
      await client.send({
        method: 'POST',
        target,
        headers: [authorization, json],
        body: Buffer.from(JSON.stringify(body)),
      });
  }
  client.close();
  const random = seededRandom(1);
  for (let n = 0; n < sized(10, 200); n++) await fuzzFrames(base, world, random);
  // What was written after the last of it has come when this request has: the log is a pipe.
  const last = `/v1/last-${randomUUID()}`;
  await fetch(base + last).then((answer) => answer.text());
  await expect
    .poll(() => written.split('"event":"request"').length, { timeout: 20_000 })
    .toBeGreaterThan(BREAKS.length * 20);

  const lines = written.split('\n');
  for (const line of lines.slice(0, -1)) {
    // Further lines of one message are set in.
    expect(line).toMatch(/^(?:(?:error|warn|info|debug): | {2}|starling: )/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
    expect(line).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/);
    expect(line).not.toMatch(/^[a-z]+: error: |^[a-z]+: \{"level":"error","event":"forged"/);
    const json = /^(?:error|warn|info): (\{"level".*)$/.exec(line)?.[1];
    if (json !== undefined) expect(JSON.parse(json).event).not.toBe('forged');
  }
});
