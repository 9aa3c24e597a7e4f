// The folder of a platform: who may open it, what is in it, and what of a killed run is still there.

import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { homeMarkerDraft, homeMarkerFile, markHome, readHomeMarker } from '../../edge-node/src/home-marker.ts';
import { openHome } from '../../local/home.ts';
import { StartError } from '../../local/start-error.ts';
import { root } from '../tidy/repository.ts';

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

test('[LOCAL-2] a folder with other files is not taken, and nothing in it changes', async () => {
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

test('[LOCAL-2] a folder of somebody else’s that holds a file called lock is not taken, and its scratch stays', async () => {
  const path = join(folder, 'music');
  mkdirSync(join(path, 'scratch'), { recursive: true });
  writeFileSync(join(path, 'lock'), '');
  writeFileSync(join(path, 'scratch', 'song.txt'), 'la');
  await expect(openHome(path, 20)).rejects.toThrow('holds other files');
  // With a secret and data of its own it is still not ours.
  writeFileSync(join(path, 'secret'), 'the cat knows\n');
  mkdirSync(join(path, 'state'));
  await expect(openHome(path, 20)).rejects.toThrow('holds other files');
  expect(readFileSync(join(path, 'scratch', 'song.txt'), 'utf8')).toBe('la');
  expect(readdirSync(path).toSorted()).toEqual(['lock', 'scratch', 'secret', 'state']);
});

test('[LOCAL-2] a home from before there were markers is known by all that it holds, and marked', async () => {
  const path = join(folder, 'home');
  const { secret, close } = await openHome(path);
  close();
  mkdirSync(join(path, 'state'));
  rmSync(join(path, homeMarkerFile));
  const home = await openHome(path);
  expect(home.secret).toBe(secret);
  expect(readHomeMarker(path)).toMatchObject({ kind: 'platform', version: 1 });
  home.close();
});

test('[LOCAL-4] a start that was killed at once left an empty home: it is taken', async () => {
  for (const [name, leave] of [
    ['draft', (path: string) => writeFileSync(join(path, homeMarkerDraft), 'starling-ho')],
    ['lock', (path: string) => writeFileSync(join(path, 'lock'), '')],
    ['scratch', (path: string) => mkdirSync(join(path, 'scratch'))],
  ] as const) {
    const path = join(folder, name);
    mkdirSync(path);
    leave(path);
    (await openHome(path)).close();
    expect(readHomeMarker(path)).not.toBeNull();
  }
});

test('[LOCAL-2] a device’s home, and a home of a later version, are refused', async () => {
  const path = join(folder, 'device');
  mkdirSync(path);
  markHome(path, 'device');
  await expect(openHome(path, 20)).rejects.toThrow('is the home of a device');
  writeFileSync(join(path, homeMarkerFile), `starling-home 2 platform ${'a'.repeat(22)}\n`);
  await expect(openHome(path, 20)).rejects.toThrow('another version of Starling');
});

test('[LOCAL-2] what opens something is closed to others at each start, whoever opened it', async () => {
  const path = join(folder, 'home');
  (await openHome(path)).close();
  for (const name of ['local.json', 'local.draft.json', 'cloudflare-secret']) writeFileSync(join(path, name), 'x');
  for (const name of ['secret', 'local.json', 'local.draft.json', 'cloudflare-secret'])
    chmodSync(join(path, name), 0o644);
  chmodSync(path, 0o755);
  (await openHome(path)).close();
  expect(modeOf(path)).toBe(0o700);
  for (const name of ['secret', 'local.json', 'local.draft.json', 'cloudflare-secret'])
    expect(modeOf(join(path, name))).toBe(0o600);
});

test('a home may be reached by a link; it is one home all the same, and a link that leads nowhere is told', async () => {
  const path = join(folder, 'home');
  const link = join(folder, 'link');
  symlinkSync(path, link);
  await expect(openHome(link, 20)).rejects.toThrow(StartError);
  const home = await openHome(path);
  await expect(openHome(link, 20)).rejects.toThrow('is in use');
  home.close();
  home.close();
  const again = await openHome(link);
  expect(again.path).toBe(realpathSync(path));
  again.close();
});

test.skipIf(process.getuid?.() !== 0)('[LOCAL-2] a home of another user is refused, and stays as it is', async () => {
  const path = join(folder, 'theirs');
  (await openHome(path)).close();
  chmodSync(path, 0o777);
  chownSync(path, 65_534, 65_534);
  await expect(openHome(path, 20)).rejects.toThrow('belongs to another user (65534)');
  expect(modeOf(path)).toBe(0o777);
});

const aHomeWith = (name: string) => (path: string) => {
  mkdirSync(join(path, name), { recursive: true });
  markHome(path, 'platform');
  return path;
};
const aFile = (path: string) => {
  writeFileSync(path, 'x');
  return path;
};

test.each([
  ['a file', aFile, 'is a file'],
  ['under a file', (path: string) => join(aFile(path), 'home'), 'a part of the path is a file'],
  ['a name that is too long', (path: string) => `${path}${'x'.repeat(300)}`, 'its name is too long'],
  ['a folder whose lock is a folder', aHomeWith('lock'), 'cannot be locked'],
  ['a folder whose secret is a folder', aHomeWith('secret'), 'one of its files is a folder'],
])('[LOCAL-5] `npm start` on a home that is %s ends with 1 and one line', { timeout: 30_000 }, (_, prepare, reason) => {
  const run = spawnSync(process.execPath, ['local/serve.ts'], {
    cwd: root,
    env: { ...process.env, STARLING_HOME: prepare(join(folder, 'home')), PORT: '0' },
    encoding: 'utf8',
    timeout: 20_000,
  });
  expect(run.stderr).toContain(reason);
  expect(run.stderr).toMatch(/^starling: [^\n]+\n$/);
  expect(run.status).toBe(1);
});

test('[LOCAL-5] a home that may not be written is told in one line', () => {
  const path = join(folder, 'closed');
  mkdirSync(path, { mode: 0o555 });
  chmodSync(folder, 0o755);
  chmodSync(path, 0o555);
  // Root may write everywhere: then somebody else tries.
  const program = `
    import { claimFolder } from ${JSON.stringify(join(root, 'local/home-folder.ts'))};
    if (process.getuid() === 0) process.setuid(65534);
    try { claimFolder(${JSON.stringify(join(path, 'home'))}); } catch (error) { console.log(error.name + ': ' + error.message); }
  `;
  const run = spawnSync(process.execPath, ['--input-type=module-typescript', '-e', program], { encoding: 'utf8' });
  expect(run.stdout).toBe(
    `StartError: ${join(path, 'home')} cannot be used: this user may not read or write it (EACCES)\n`,
  );
});
