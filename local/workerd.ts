// The workerd process behind Miniflare: which one it is, and that it never outlives us. Miniflare tells neither, and a
// workerd whose parent was killed would go on serving and hold the port.

import { AsyncLocalStorage } from 'node:async_hooks';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { subscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { commandLine } from './entry.ts';
import type { Running } from './home.ts';

/** What a platform wants to hear of its workerd. */
export interface WorkerdEvents {
  started(pid: number, command: string): void;
  exited(signal: string | null): void;
}

/** Tells which platform a spawned workerd belongs to: Miniflare spawns it somewhere inside our call, or after a crash. */
const owner = new AsyncLocalStorage<WorkerdEvents>();
let isListening = false;

/** Runs `fn`, and reports every workerd that is started because of it, now or later. */
export function watchWorkerd<T>(events: WorkerdEvents, fn: () => T): T {
  if (!isListening) {
    isListening = true;
    subscribe('child_process', (message) => {
      const events = owner.getStore();
      // Node's documented message on this channel.
      const child = (message as { process: ChildProcess }).process;
      if (events !== undefined) report(child, events);
    });
  }
  return owner.run(events, fn);
}

function report(child: ChildProcess, events: WorkerdEvents): void {
  child.once('spawn', () => {
    const isWorkerd = child.spawnargs.includes('serve') && child.spawnargs.includes('--control-fd=3');
    if (!isWorkerd || child.pid === undefined) return;
    events.started(child.pid, commandLine(child.spawnargs));
    child.once('exit', (_code, signal) => events.exited(signal));
  });
}

/** Reads process ids, one a line, and kills the last one named when its input ends: when whoever writes to it is gone. */
const GUARD = 'pid=; while read -r line; do pid=$line; done; if [ -n "$pid" ]; then kill -9 "$pid"; fi';

/** A shell, about 1 MB, that kills workerd when this process dies by any means, SIGKILL included. */
export interface Guard {
  /** From now on this process is guarded; null: none is. */
  watch(pid: number | null): void;
  release(): void;
}

/** Starts a guard. On Windows there is no shell to ask: a killed server's workerd is ended by the next start. */
export function startGuard(): Guard {
  if (process.platform === 'win32') return { watch: () => {}, release: () => {} };
  // A session of its own: Ctrl-C in the terminal is for us, and we release the guard in order.
  const shell = spawn('/bin/sh', ['-c', GUARD], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  shell.unref();
  // Without a shell the next start still ends a workerd that was left: the guard only makes it sooner.
  shell.on('error', () => {});
  shell.stdin.on('error', () => {});
  return {
    watch: (pid) => void shell.stdin.write(`${pid ?? ''}\n`),
    release: () => void shell.stdin.end('\n'),
  };
}

const endMsMax = 2_000;

/** Kills the workerd that a killed run left, if it is still that process, and waits until its files are free. */
export async function endLeftBehind(running: Running | null): Promise<void> {
  const workerd = running?.workerd;
  if (!workerd || commandOf(workerd.pid) !== workerd.command) return;
  process.kill(workerd.pid, 'SIGKILL');
  const deadline = performance.now() + endMsMax;
  while (commandOf(workerd.pid) === workerd.command && performance.now() < deadline) await pause(10);
}

/** A process's command line, its parts joined by spaces; null when there is no such process. */
function commandOf(pid: number): string | null {
  try {
    if (process.platform === 'linux') {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/\0$/, '').replaceAll('\0', ' ') || null;
    }
    if (process.platform === 'win32') return null;
    return execFileSync('ps', ['-ww', '-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).trim() || null;
  } catch {
    // No such process: the file is not there, or ps ends with 1.
    return null;
  }
}
