// Only one install at a time in this folder, and nobody else can stand in its way.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { alone, installMark } from '../../local/with-runtime.mjs';
import { root } from '../tidy/repository.ts';

let folder: string;
let mark: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'starling-mark-'));
  mark = join(folder, 'mark');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('the mark lies in the repository, where nobody else may write', () => {
  expect(dirname(installMark)).toBe(root);
});

test('several processes install one after the other, and nothing stays behind', async () => {
  const module = JSON.stringify(join(root, 'local/with-runtime.mjs'));
  const program = `
    import { alone } from ${module};
    import { appendFileSync } from 'node:fs';
    await alone(async () => {
      appendFileSync(${JSON.stringify(join(folder, 'log'))}, 'in ');
      await new Promise((done) => setImmediate(done));
      appendFileSync(${JSON.stringify(join(folder, 'log'))}, 'out ');
    }, ${JSON.stringify(mark)});
  `;
  // The mark of a process that is gone: all of them find it at once.
  writeFileSync(mark, String(spawnSync(process.execPath, ['-e', '']).pid));
  const codes = Array.from(
    { length: 4 },
    () =>
      new Promise((done) => {
        const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'inherit' });
        child.once('exit', done);
      }),
  );
  expect(await Promise.all(codes)).toEqual([0, 0, 0, 0]);
  expect(readFileSync(join(folder, 'log'), 'utf8')).toBe('in out '.repeat(4));
  expect(readdirSync(folder)).toEqual(['log']);
}, 30_000);

test('a mark with no number in it holds nobody up', async () => {
  writeFileSync(mark, '');
  let hasRun = false;
  await alone(async () => {
    hasRun = true;
    expect(existsSync(mark)).toBe(true);
  }, mark);
  expect(hasRun).toBe(true);
});
