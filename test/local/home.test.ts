// The folder of a platform: who may open it, what is in it, and what of a killed run is still there.

import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openHome, StartError } from '../../local/home.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'starling-home-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const modeOf = (path: string) => statSync(path).mode & 0o777;

test('a new home is for its owner only, and its secret has 32 random bytes and stays', async () => {
  const path = join(folder, 'deep', 'home');
  const first = await openHome(path);
  expect(modeOf(path)).toBe(0o700);
  expect(modeOf(join(path, 'secret'))).toBe(0o600);
  expect(Buffer.from(first.secret, 'base64url')).toHaveLength(32);
  first.close();
  const second = await openHome(path);
  expect(second.secret).toBe(first.secret);
  second.close();
  const other = await openHome(join(folder, 'other'));
  expect(other.secret).not.toBe(first.secret);
  other.close();
});

test('a home that is open cannot be opened again, and the refusal names who holds it', async () => {
  const path = join(folder, 'home');
  const home = await openHome(path);
  home.note({ pid: 4242, url: 'http://localhost:1', workerd: null });
  await expect(openHome(path, 20)).rejects.toThrow(StartError);
  await expect(openHome(path, 20)).rejects.toThrow('process 4242 at http://localhost:1');
  home.close();
  (await openHome(path)).close();
});

test('the lock of a process that was killed is free at once, and what it left is told', async () => {
  const path = join(folder, 'home');
  const program = `
    import { openHome } from ${JSON.stringify(join(import.meta.dirname, '../../local/home.ts'))};
    const home = await openHome(${JSON.stringify(path)});
    home.note({ pid: process.pid, url: 'http://localhost:1', workerd: { pid: 1, command: 'workerd' } });
    console.log('open');
    setInterval(() => {}, 1000);
  `;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((done) => child.stdout.once('data', done));
  await expect(openHome(path, 20)).rejects.toThrow(`process ${child.pid}`);
  child.kill('SIGKILL');
  const home = await openHome(path);
  expect(home.leftBehind).toEqual({
    pid: child.pid,
    url: 'http://localhost:1',
    workerd: { pid: 1, command: 'workerd' },
  });
  home.close();
  const after = await openHome(path);
  expect(after.leftBehind).toBeNull();
  after.close();
});

test('a folder with other files is not taken, and nothing in it changes', async () => {
  const path = join(folder, 'photos');
  mkdirSync(path, { mode: 0o755 });
  writeFileSync(join(path, 'cat.txt'), 'meow');
  await expect(openHome(path, 20)).rejects.toThrow(StartError);
  expect(modeOf(path)).toBe(0o755);
  expect(readFileSync(join(path, 'cat.txt'), 'utf8')).toBe('meow');
});

test('a secret that was cut short is refused, not replaced and not shown', async () => {
  const path = join(folder, 'home');
  (await openHome(path)).close();
  writeFileSync(join(path, 'secret'), 'abc123\n');
  const refusal = await openHome(path).catch((error: Error) => error.message);
  expect(refusal).toContain('does not hold 32 bytes');
  expect(refusal).not.toContain('abc123');
  expect(readFileSync(join(path, 'secret'), 'utf8')).toBe('abc123\n');
});
