// `npm run check`: format, lint, types, the rules of the house and the tests of the core, in under a minute. Every step
// runs, also after one has failed; the last line and the exit code say how it went.

import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';

const root = dirname(import.meta.dirname);
const modules = join(root, 'node_modules');

/** Each step: what it is called, the program and its arguments. */
const STEPS: readonly (readonly [name: string, program: string, ...args: string[]])[] = [
  ['format and lint', join(modules, '@biomejs', 'biome', 'bin', 'biome'), 'check', '--error-on-warnings', '.'],
  ['types', join(modules, 'typescript', 'bin', 'tsc'), '-p', '.', '--noEmit'],
  ['house rules and core', join(modules, 'vitest', 'vitest.mjs'), 'run', '--project=node', 'test/tidy', 'test/core'],
];

/** Runs one step, shows what it said when it failed, and tells whether it passed. */
async function pass(name: string, program: string, args: readonly string[]): Promise<boolean> {
  const started = performance.now();
  const child = spawn(process.execPath, [program, ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number | null>((done, failed) => {
    child.once('error', failed);
    child.once('close', done);
  });
  const isPassed = code === 0;
  if (!isPassed) process.stdout.write(`${output.trimEnd()}\n`);
  process.stdout.write(`${isPassed ? 'ok    ' : 'FAILED'} ${name} (${seconds(started)} s)\n`);
  return isPassed;
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1);
}

const started = performance.now();
const failed: string[] = [];
for (const [name, program, ...args] of STEPS) {
  if (!(await pass(name, program, args))) failed.push(name);
}
const verdict = failed.length === 0 ? 'passed' : `FAILED: ${failed.join(', ')}`;
process.stdout.write(`npm run check: ${verdict} in ${seconds(started)} s\n`);
process.exitCode = failed.length === 0 ? 0 : 1;
