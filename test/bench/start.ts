// `start`: `npm start` until it answers, the size of what is deployed, and an edge node's first connection and memory.

import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { ensureBundle } from '../../local/bundle.ts';
import { openLocalDevice } from '../../local/local-tenant.ts';
import { inFolder, onPlatform, signUp } from './local-platform.ts';
import { root } from './machine.ts';
import { canSeeProcesses, residentBytes } from './process-usage.ts';
import { bounded, type Measure, median, type Outcome } from './report.ts';

const STARTS = 3;
const readyMsMax = 5_000;
const bundleBytesMax = 2 ** 20;
const connectMsMax = 1_000;
const residentMiBMax = 100;
/** Until the edge node has loaded its operations, told them, and come to rest. */
const restMs = 8_000;
const waitMsMax = 30_000;

export function start(): Promise<Outcome> {
  return inFolder(async (folder) => {
    // Whatever has to be built is built now: what is measured is a start after the install.
    const bundle = await ensureBundle(root);
    const gzipped = bundle.modules
      .map(({ file }) => gzipSync(readFileSync(join(bundle.folder, file)), { level: 9 }).length)
      .reduce((sum, bytes) => sum + bytes, 0);
    const first: number[] = [];
    const again: number[] = [];
    for (let n = 0; n < STARTS; n++) {
      first.push(await readyMs(join(folder, `home-${n}`)));
      again.push(await readyMs(join(folder, `home-${n}`)));
    }
    const measures = [
      bounded('start', '`npm start` to `ready`, first start', median(first), 'ms', { most: readyMsMax }),
      bounded('start', '`npm start` to `ready`, with data', median(again), 'ms', { most: readyMsMax }),
      bounded('start', 'Worker, gzip', gzipped, 'bytes', { most: bundleBytesMax }),
      ...(await edgeNode(folder)),
    ];
    return { measures, notes: NOTES };
  });
}

/** One cold start by the command that people type, and its end by SIGTERM. */
async function readyMs(home: string): Promise<number> {
  const started = performance.now();
  const npm = spawn('npm', ['start', '--silent'], {
    cwd: root,
    detached: true,
    env: { ...process.env, STARLING_HOME: home, PORT: '0' },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return await running(npm, async () => {
    await said(npm, npm.stdout, /^ready http/m);
    return performance.now() - started;
  });
}

/** An edge node that connects and then has nothing to do. */
async function edgeNode(folder: string): Promise<Measure[]> {
  return await onPlatform(join(folder, 'edge'), async ({ url, home }) => {
    const { apiKey } = await signUp(url);
    const deviceHome = await openLocalDevice(url, home, root, apiKey);
    const times: number[] = [];
    let resident = 0;
    for (let n = 0; n < STARTS; n++) {
      const started = performance.now();
      const program = join(root, 'edge-node', 'bin', 'starling.mjs');
      const node = spawn(process.execPath, [program, 'device', 'run', '--home', deviceHome], {
        detached: true,
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      await running(node, async () => {
        await said(node, node.stderr, /\bconnected\b/);
        times.push(performance.now() - started);
        if (n < STARTS - 1 || !canSeeProcesses) return;
        await pause(restMs);
        resident = residentBytes(node.pid ?? 0);
      });
    }
    const memory = resident / 2 ** 20;
    return [
      bounded('start', 'edge node, start to first connection', median(times), 'ms', { most: connectMsMax }),
      ...(resident > 0
        ? [bounded('start', 'edge node, memory when connected and idle', memory, 'MiB', { most: residentMiBMax })]
        : []),
    ];
  });
}

/** Resolves when the process has said it. */
function said(child: ChildProcess, stream: NodeJS.ReadableStream, what: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    const late = setTimeout(() => reject(new Error(`it did not say ${what}: ${text.slice(-500)}`)), waitMsMax);
    stream.on('data', (chunk: Buffer) => {
      text = (text + chunk.toString('utf8')).slice(-10_000);
      if (what.test(text)) {
        clearTimeout(late);
        resolve();
      }
    });
    child.once('exit', (code) => reject(new Error(`it ended with ${code}: ${text.slice(-500)}`)));
  });
}

/** Ends the process when `work` is done, and everything in its group: it leads one of its own (`detached`). */
async function running<T>(child: ChildProcess, work: () => Promise<T>): Promise<T> {
  const signal = (name: NodeJS.Signals): void => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) process.kill(-child.pid, name);
  };
  const kill = (): void => signal('SIGKILL');
  process.once('exit', kill);
  try {
    return await work();
  } finally {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    signal('SIGTERM');
    if (child.exitCode === null) await Promise.race([ended, pause(waitMsMax / 3, null, { ref: false })]);
    kill();
    process.off('exit', kill);
  }
}

const NOTES = [
  'A start is measured from the command to the line `ready`, with everything installed and built, on a home of its own; the first one makes directory, tenant and secret. Left out: the install itself, and the first build after a change of the sources.',
  'The edge node is the `starling device run` of this machine: its code is compiled in the cache, its device enrolled.',
];
