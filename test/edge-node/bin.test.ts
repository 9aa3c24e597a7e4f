// The `starling` program as a user starts it.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { EXIT } from '../../edge-node/src/cli/exit-codes.ts';
import { aDevice } from './a-device.ts';
import { startTestSquad } from './test-squad.ts';

const bin = join(import.meta.dirname, '..', '..', 'edge-node', 'bin', 'starling.mjs');
const folder = mkdtempSync(join(tmpdir(), 'starling-bin-'));
afterAll(() => rmSync(folder, { recursive: true }));

function start(args: readonly string[], env: Record<string, string> = {}, stdin: 'ignore' | 'pipe' = 'ignore') {
  const child = spawn(process.execPath, [bin, ...args], {
    stdio: [stdin, 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      NODE_COMPILE_CACHE: join(folder, 'cache'),
      STARLING_CONFIG: join(folder, 'config.json'),
      ...env,
    },
  });
  const output = { out: '', err: '' };
  child.stdout?.on('data', (data) => {
    output.out += String(data);
  });
  child.stderr?.on('data', (data) => {
    output.err += String(data);
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
  return { child, output, ended };
}

test('ends with the codes of its table, and says why on standard error', { timeout: 30_000 }, async () => {
  const [help, misuse, nobody, signedOut] = [
    start(['help']),
    start(['task', 'run']),
    start(['ledger'], { STARLING_URL: 'http://127.0.0.1:1', STARLING_API_KEY: 'sk_x.y' }),
    start(['ledger', '--json']),
  ];
  expect(await help.ended).toBe(EXIT.ok);
  expect(help.output.out).toContain('device run');
  expect(await misuse.ended).toBe(EXIT.usage);
  expect(await signedOut.ended).toBe(EXIT.forbidden);
  expect(JSON.parse(signedOut.output.err)).toMatchObject({ error: { code: 'signed_out' } });
  expect(await nobody.ended).toBe(EXIT.unreachable);
  expect(nobody.output.out).toBe('');
});

test('a tethered device stops with the process that holds its standard input, though compiled anew', {
  timeout: 30_000,
}, async () => {
  const device = aDevice();
  const squad = await startTestSquad(device);
  device.enrol(squad.url);
  const { child, ended } = start(
    ['device', 'run', '--tethered', '--home', device.home],
    { NODE_COMPILE_CACHE: join(folder, 'tethered') },
    'pipe',
  );
  await squad.until(() => squad.facts.length === 1);
  child.stdin?.end();
  expect(await ended).toBe(EXIT.ok);
  await squad.stop();
  device.remove();
});

test('runs a device, compiled or not, until it is told to stop', { timeout: 30_000 }, async () => {
  const device = aDevice();
  const squad = await startTestSquad(device);
  device.enrol(squad.url);
  for (const round of [1, 2]) {
    const { child, output, ended } = start(['device', 'run', '--home', device.home, '--json'], {
      NODE_COMPILE_CACHE: join(folder, 'fresh'),
    });
    await squad.until(() => squad.connections === round);
    await squad.until(() => output.err.includes('connected'));
    const second = start(['device', 'run', '--home', device.home, '--json']);
    expect(await second.ended).toBe(EXIT.device);
    expect(second.output.err).toContain('home_in_use');
    child.kill('SIGTERM');
    expect(await ended).toBe(EXIT.ok);
    for (const line of output.err.trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('message');
    expect(output.err).not.toContain(device.credential);
  }
  expect(squad.facts.filter(({ body }) => body.type === 'device.described')).toHaveLength(1);
  await squad.stop();
  device.remove();
});
