// The server as a person runs it, `local/serve.ts`, in a process group of its own, with a supervisor that does what an init
// system does: when the process ends, start it again, with the same environment and nothing else.

import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const root = join(import.meta.dirname, '..', '..', '..');
/** A killed server is started again after so long, as an init system would. */
const restartMs = 50;
/** It answers within a second; a busy machine may need longer. */
const healthyMsMax = 60_000;
const stopMsMax = 15_000;
/** Lines of its output that are kept, to be shown when something is wrong. */
const linesMax = 200;

export interface ServerProcess {
  readonly url: string;
  /** Kills workerd alone. False when there is none to kill at this moment. */
  killWorkerd(): boolean;
  /** Kills the whole process group: server, workerd, local device. */
  killGroup(): boolean;
  /** Kills the whole group, and lets `work` have its files before it is started again. */
  whileKilled(work: () => void): Promise<void>;
  /** Resolves when it answers. Throws when it does not come back. */
  healthy(): Promise<void>;
  /** Stops it with SIGTERM; resolves with its exit code, null when it had to be killed. */
  stop(): Promise<number | null>;
  /** How often it ended without being killed by us. */
  ownEnds(): number;
  /** The end of its output. */
  output(): readonly string[];
}

/** Starts the server in `home` on `port`. */
export function runServer(home: string, port: number): ServerProcess {
  const url = `http://127.0.0.1:${port}`;
  const lines: string[] = [];
  let child: ChildProcess | null = null;
  let isStopping = false;
  let isHeld = false;
  let wasKilled = false;
  let ownEnds = 0;

  const hear = (chunk: Buffer): void => {
    lines.push(...chunk.toString('utf8').split('\n').filter(Boolean));
    lines.splice(0, lines.length - linesMax);
  };
  const start = (): void => {
    if (isStopping || isHeld) return;
    wasKilled = false;
    const started = spawn(process.execPath, [join(root, 'local', 'serve.ts')], {
      // A group of its own: what we kill is this group and nothing else.
      detached: true,
      cwd: root,
      env: { ...process.env, PORT: `${port}`, STARLING_HOME: home, STARLING_LOG: 'warn' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child = started;
    started.stdout.on('data', hear);
    started.stderr.on('data', hear);
    started.once('exit', (code, signal) => {
      child = null;
      if (isStopping) return;
      if (!wasKilled) {
        ownEnds++;
        lines.push(`(the server ended by itself: ${code ?? signal})`);
      }
      setTimeout(start, restartMs);
    });
  };
  const killGroup = (): boolean => {
    if (child?.pid === undefined) return false;
    wasKilled = true;
    return signalGroup(child.pid, 'SIGKILL');
  };
  // Whatever ends this process, nothing of ours stays behind.
  process.on('exit', () => {
    isStopping = true;
    killGroup();
  });
  start();
  return {
    url,
    killWorkerd() {
      const server = child?.pid;
      const workerd = workerdOf(home);
      if (server === undefined || workerd === null || workerd.server !== server || !isAlive(workerd.pid)) return false;
      process.kill(workerd.pid, 'SIGKILL');
      return true;
    },
    killGroup,
    async whileKilled(work) {
      const workerd = workerdOf(home);
      isHeld = true;
      const ended = child && new Promise((resolve) => child?.once('exit', resolve));
      killGroup();
      await ended;
      const until = performance.now() + stopMsMax;
      while (workerd !== null && isAlive(workerd.pid) && performance.now() < until) await pause(5);
      work();
      isHeld = false;
      start();
    },
    async healthy() {
      const until = performance.now() + healthyMsMax;
      while (!(await answers(url))) {
        if (performance.now() > until) throw new Error(`the server does not answer:\n${lines.slice(-20).join('\n')}`);
        await pause(20);
      }
    },
    async stop() {
      isStopping = true;
      const running = child;
      if (running === null) return null;
      const ended = new Promise<number | null>((resolve) => running.once('exit', resolve));
      running.kill('SIGTERM');
      const code = await Promise.race([ended, pause(stopMsMax, null, { ref: false })]);
      // What of the group is left when its leader has gone is a fault of ours to find, and not to leave behind.
      if (running.pid !== undefined) signalGroup(running.pid, 'SIGKILL');
      return code;
    },
    ownEnds: () => ownEnds,
    output: () => lines,
  };
}

/** A port that nothing listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() =>
        typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}

/** False when there is no such group any more. */
function signalGroup(leader: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-leader, signal);
    return true;
  } catch {
    return false; // ESRCH: it ended by itself.
  }
}

/** The workerd that the server in this home has noted, and the server's own process id. */
function workerdOf(home: string): { readonly pid: number; readonly server: number } | null {
  try {
    const { pid, workerd } = JSON.parse(readFileSync(join(home, 'running.json'), 'utf8')) as {
      pid?: number;
      workerd?: { pid?: number } | null;
    };
    return pid === undefined || workerd?.pid === undefined ? null : { pid: workerd.pid, server: pid };
  } catch {
    return null; // Not written yet, or being replaced.
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(2_000) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false; // No connection, or cut: not yet.
  }
}
