// `npm run check`: format, lint, types, the rules of the house and the tests of the core, in under a minute. The steps run side
// by side, each to its end, also when another has failed; the last line and the exit code say how it went.
//
//   npm run check -- [--without-tests]
//
// `--without-tests` is for whoever has just run `npm test`, and with it what the last step runs.

import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';

const root = dirname(import.meta.dirname);
const modules = join(root, 'node_modules');

/** What it is called, the program and its arguments. */
type Step = readonly [name: string, program: string, ...args: string[]];
const STEPS: readonly Step[] = [
  ['format and lint', join(modules, '@biomejs', 'biome', 'bin', 'biome'), 'check', '--error-on-warnings', '.'],
  ['types', join(modules, 'typescript', 'bin', 'tsc'), '-p', '.', '--noEmit'],
];
const vitest = join(modules, 'vitest', 'vitest.mjs');
const TESTS: Step = ['house rules and core', vitest, 'run', '--project=node', 'test/tidy', 'test/core'];

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

const { values } = parseArgs({ options: { 'without-tests': { type: 'boolean', default: false } } });
const started = performance.now();
const steps = values['without-tests'] ? STEPS : [...STEPS, TESTS];
const passed = await Promise.all(steps.map(([name, program, ...args]) => pass(name, program, args)));
const failed = steps.filter((_, n) => !passed[n]).map(([name]) => name);
const verdict = failed.length === 0 ? 'passed' : `FAILED: ${failed.join(', ')}`;
process.stdout.write(`npm run check: ${verdict} in ${seconds(started)} s\n`);
process.exitCode = failed.length === 0 ? 0 : 1;
