// The first start, killed between any two of its steps: the next one comes up whole.

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readHomeMarker } from '../../edge-node/src/home-marker.ts';
import { call, openLocalTenant } from '../../local/local-tenant.ts';
import { root } from '../tidy/repository.ts';
import { isWhole } from './whole.ts';

/** A start takes a second and a half; a busy machine may need longer. */
const startMsMax = 120_000;

let home: string;
let running: ChildProcess[];
beforeEach(() => {
  home = join(mkdtempSync(join(tmpdir(), 'starling-kills-')), 'home');
  running = [];
});
afterEach(async () => {
  await Promise.all(running.map((one) => killed(one)));
  rmSync(join(home, '..'), { recursive: true, force: true, maxRetries: 3 });
});

const has =
  (...path: string[]) =>
  () =>
    existsSync(join(home, ...path));
/** Each step, by what shows that it has begun. */
const steps: Record<string, (said: string) => boolean> = {
  'the tenant is signed up': has('local.draft.json'),
  'the device is enrolled': has('device.draft.json'),
  // Only when everything runs, because of their number.
  ...(isWhole
    ? {
        'the home is made': () => existsSync(home),
        'the home is marked': has('starling-home'),
        'the lock is taken': has('lock'),
        'the secret is written': has('secret'),
        'the directory is migrated': () =>
          has('state', 'd1', 'miniflare-D1DatabaseObject')() &&
          readdirSync(join(home, 'state', 'd1', 'miniflare-D1DatabaseObject')).some((name) =>
            /^[0-9a-f]{64}/.test(name),
          ),
        'workerd starts': has('running.json'),
        'workerd runs': has('state', 'do'),
        'the platform answers': (said: string) => said.includes('ready http'),
        'the tenant is known': has('local.json'),
        'the device has a home': has('device'),
        'the device may read': has('device', 'settings.json'),
        'the device has a key': has('device', 'device.key'),
        'the device is known': has('device', 'device.json'),
        'the device starts': has('device', 'device.log'),
        'the first mission runs': has('device', 'status.json'),
        ...Object.fromEntries(
          Array.from({ length: 24 }, (_, n) => [`some ${n * 150} ms have passed`, passed(n * 150)]),
        ),
      }
    : {}),
};

test.each(Object.entries(steps))(
  '[LOCAL-4] killed when %s, it comes up whole at the next start',
  { timeout: 3 * startMsMax },
  async (_, isReached) => {
    const first = start();
    // A step may be over before it is seen; then the kill comes later, at the latest when all is done.
    while (!isReached(first.said()) && !first.said().includes('API docs:')) await soon();
    await killed(first.child);
    const next = start();
    await expect.poll(next.said, { timeout: startMsMax }).toContain('API docs:');
    expect(next.said()).not.toContain('did not end well');
    const url = /^ready (\S+)$/m.exec(next.said())?.[1] ?? '';
    const { tenant, isNew } = await openLocalTenant(url, home);
    expect(isNew).toBe(false);
    expect(await call(url, '/v1/missions', tenant)).toMatchObject({ data: [{ name: 'first mission' }] });
    // The mission of the killed start goes on with the device that came back.
    await expect
      .poll(async () => await call(url, '/v1/missions', tenant), { timeout: startMsMax })
      .toMatchObject({ data: [{ state: 'succeeded' }] });
    expect(await call(url, '/v1/devices', tenant)).toMatchObject({ data: [{ state: 'enrolled' }] });
    expect(readHomeMarker(home)).toMatchObject({ kind: 'platform' });
    expect(statSync(home).mode & 0o777).toBe(0o700);
    for (const name of ['secret', 'local.json', 'starling-home'])
      expect(statSync(join(home, name)).mode & 0o777, name).toBe(0o600);
    // No password and no token stays in a draft.
    expect(readdirSync(home).filter((name) => name.includes('draft') || name.endsWith('.new'))).toEqual([]);
  },
);

function start(): { child: ChildProcess; said: () => string } {
  const child = spawn(process.execPath, ['local/serve.ts'], {
    cwd: root,
    env: { ...process.env, STARLING_HOME: home, PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.push(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return { child, said: () => text };
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((done) => child.once('exit', done));
  child.kill('SIGKILL');
  await ended;
}

function passed(ms: number): () => boolean {
  let began: number | null = null;
  return () => {
    began ??= performance.now();
    return performance.now() - began > ms;
  };
}

function soon(): Promise<void> {
  return new Promise((done) => setTimeout(done, 1));
}
