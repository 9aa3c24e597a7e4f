// The `task` benchmark's peer: a Restate server from the npm registry with its default durability (its log is synchronised to
// disk), and a handler of three durable steps in a Node process of its own. Installed when first asked for, into a cache; the
// project does not depend on it.

import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from '../simulation/kill/server-process.ts';
import { root, versionOf } from './machine.ts';

const VERSIONS = { '@restatedev/restate-server': '1.7.12', '@restatedev/restate-sdk': '1.17.2' } as const;
const cache = join(root, 'node_modules', '.cache', 'starling', 'bench', 'restate');
const modules = join(cache, 'node_modules', '@restatedev');
const installMsMax = 180_000;
const startMsMax = 30_000;

export interface Restate {
  readonly version: string;
  readonly pid: number;
  /** Where the input of a task is posted to. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts it, or answers with why it cannot be. @param folder for its data */
export async function startRestate(folder: string): Promise<Restate | string> {
  const installed = await install();
  if (typeof installed === 'string') return installed;
  const { binary } = installed;
  mkdirSync(folder, { recursive: true });
  const [ingress, admin, node, service] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  const server = spawn(binary, ['--no-logo', '--listen-mode', 'tcp', '--bind-ip', '127.0.0.1', '--base-dir', folder], {
    cwd: folder,
    stdio: 'ignore',
    env: {
      PATH: process.env.PATH,
      RUST_LOG: 'warn',
      DO_NOT_TRACK: '1',
      RESTATE_DISABLE_TELEMETRY: 'true',
      RESTATE_BIND_PORT: `${node}`,
      RESTATE_INGRESS__BIND_PORT: `${ingress}`,
      RESTATE_ADMIN__BIND_PORT: `${admin}`,
    },
  });
  const sdk = pathToFileURL(join(modules, 'restate-sdk', 'dist', 'index.js')).href;
  const handler = spawn(process.execPath, [join(import.meta.dirname, 'restate-service.ts'), sdk, `${service}`], {
    stdio: 'ignore',
  });
  const children = [server, handler];
  const endAll = (): void => {
    for (const child of children) child.kill('SIGKILL');
  };
  process.once('exit', endAll);
  const stop = async (): Promise<void> => {
    const ends = children.map(
      (child) => new Promise((done) => (child.exitCode === null ? child.once('exit', done) : done(0))),
    );
    endAll();
    await Promise.all(ends);
    process.off('exit', endAll);
  };
  try {
    await untilRegistered(`http://127.0.0.1:${admin}/deployments`, `http://127.0.0.1:${service}`);
  } catch (error) {
    await stop();
    return `it did not start: ${error instanceof Error ? error.message : String(error)}`;
  }
  const version = versionOf(join(modules, 'restate-server', 'package.json'));
  return { version, pid: server.pid ?? 0, url: `http://127.0.0.1:${ingress}/task/run`, stop };
}

async function install(): Promise<{ readonly binary: string } | string> {
  const binary = join(modules, `restate-server-${process.platform}-${process.arch}`, 'bin', 'restate-server');
  const isThere = Object.entries(VERSIONS).every(([name, version]) => {
    const file = join(cache, 'node_modules', name, 'package.json');
    return existsSync(file) && versionOf(file) === version;
  });
  if (isThere && existsSync(binary)) return { binary };
  rmSync(cache, { recursive: true, force: true });
  mkdirSync(cache, { recursive: true });
  writeFileSync(
    join(cache, 'package.json'),
    `${JSON.stringify({ private: true, type: 'module', dependencies: VERSIONS })}\n`,
  );
  const flags = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error'];
  try {
    await promisify(execFile)('npm', flags, { cwd: cache, timeout: installMsMax });
  } catch {
    return 'its packages could not be installed';
  }
  return existsSync(binary) ? { binary } : `there is none for ${process.platform}-${process.arch}`;
}

/** Tells the server where the handler is, as soon as both answer. */
async function untilRegistered(deployments: string, uri: string): Promise<void> {
  const until = performance.now() + startMsMax;
  for (;;) {
    const response = await fetch(deployments, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ uri }),
    }).catch(() => null);
    if (response?.ok) return;
    if (performance.now() > until) throw new Error(response === null ? 'no connection' : await response.text());
    await pause(100);
  }
}
