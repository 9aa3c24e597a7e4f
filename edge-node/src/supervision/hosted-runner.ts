// Runs operations in a process of their own, which is started for the first one and ended when none has come for a while:
// an idle device does not carry what a parser needs, and heartbeats go on while one is busy.

import { fork } from 'node:child_process';
import * as module from 'node:module';
import { join } from 'node:path';
import { cutText } from '../../../core/cut-text.ts';
import type { Cancel, Clock } from '../clock.ts';
import type { Level, Log, LogFields } from '../log.ts';
import type { FolderGrant } from '../permissions.ts';
import type { OperationRunner, RunControl, RunEnd } from './run-operation.ts';

/** Without work, the host lives so long. */
export const idleMsMax = 30_000;
/** An operation that was told to stop has so long; then its host is ended under it. */
export const stopMsMax = 5_000;
/** What all operations at work may have; beyond it the host ends, not the runtime. */
const heapMegabytesMax = 512;

export type ToHost =
  | { readonly type: 'grants'; readonly grants: readonly FolderGrant[]; readonly homes: readonly string[] }
  | { readonly type: 'run'; readonly id: number; readonly operation: string; readonly input: unknown }
  | { readonly type: 'stop'; readonly id: number };
export type FromHost =
  | { readonly type: 'progress'; readonly id: number; readonly fraction: number; readonly note: string | undefined }
  | { readonly type: 'end'; readonly id: number; readonly end: RunEnd }
  | { readonly type: 'log'; readonly level: Level; readonly message: string; readonly fields: LogFields };

/** A process that runs operations, as far as it is used here. */
export interface Host {
  send(message: ToHost): void;
  onMessage(listener: (message: FromHost) => void): void;
  /** Once, however it ended. */
  onEnd(listener: (why: string) => void): void;
  /** Asks it to end: it has no work. */
  dismiss(): void;
  /** Ends it, whatever it does. */
  kill(): void;
}

export interface HostedRunnerDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly grants: readonly FolderGrant[];
  /** Homes of ours that this process knows. The host is told: it has no variables of ours to know them by. */
  readonly homes: readonly string[];
  startHost(): Host;
}

interface Crew {
  readonly host: Host;
  readonly runs: Map<number, { readonly control: RunControl; readonly resolve: (end: RunEnd) => void }>;
  cancelIdle: Cancel;
  isOver: boolean;
}

/** Runs operations in one host at a time. */
export function createHostedRunner(deps: HostedRunnerDeps): OperationRunner {
  let crew: Crew | null = null;
  let nextId = 1;
  return {
    run(operation, input, control) {
      if (crew === null || crew.isOver) crew = gather(deps);
      const mine = crew;
      const id = nextId++;
      mine.cancelIdle();
      return new Promise((resolve) => {
        mine.runs.set(id, { control, resolve });
        control.signal.addEventListener('abort', () => stopRun(mine, id, deps), { once: true });
        mine.host.send({ type: 'run', id, operation: operation.name, input });
      });
    },
    close: () => crew?.host.kill(),
  };
}

function gather(deps: HostedRunnerDeps): Crew {
  const crew: Crew = { host: deps.startHost(), runs: new Map(), cancelIdle: () => {}, isOver: false };
  crew.host.send({ type: 'grants', grants: deps.grants, homes: deps.homes });
  crew.host.onMessage((message) => {
    if (message.type === 'log') deps.log(message.level, message.message, message.fields);
    else if (message.type === 'progress') crew.runs.get(message.id)?.control.progress(message.fraction, message.note);
    else endRun(crew, message.id, message.end, deps);
  });
  crew.host.onEnd((why) => {
    crew.isOver = true;
    crew.cancelIdle();
    if (crew.runs.size > 0)
      deps.log('error', 'the host of the operations ended under them', { why, runs: crew.runs.size });
    for (const id of [...crew.runs.keys()]) endRun(crew, id, fallen, deps);
  });
  return crew;
}

/** Which of the operations took the host down is not known: another try, elsewhere, may tell. */
const fallen: RunEnd = {
  type: 'failed',
  error: { code: 'operation_crashed', message: 'The process of the operation ended under it.', retryable: true },
};

function endRun(crew: Crew, id: number, end: RunEnd, { clock }: HostedRunnerDeps): void {
  const run = crew.runs.get(id);
  if (run === undefined) return;
  crew.runs.delete(id);
  if (crew.runs.size === 0 && !crew.isOver) {
    crew.cancelIdle = clock.after(idleMsMax, () => {
      crew.isOver = true; // the next run begins with a new host
      crew.host.dismiss();
    });
  }
  run.resolve(end);
}

function stopRun(crew: Crew, id: number, { clock }: HostedRunnerDeps): void {
  if (!crew.runs.has(id) || crew.isOver) return;
  crew.host.send({ type: 'stop', id });
  clock.after(stopMsMax, () => {
    // It does not listen. What runs beside it is lost with it, and may be tried again.
    if (crew.runs.has(id)) crew.host.kill();
  });
}

/** A real process. It has none of the runtime's secrets, and it ends when the runtime does, however that ends. */
export function startOperationHost(): Host {
  const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('STARLING_')));
  const cache = module.getCompileCacheDir();
  const child = fork(join(import.meta.dirname, 'operation-host.ts'), [], {
    execArgv: [`--max-old-space-size=${heapMegabytesMax}`],
    env: cache === undefined ? environment : { ...environment, NODE_COMPILE_CACHE: cache },
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  // Neither keeps a runtime alive that has nothing else to do.
  child.unref();
  child.channel?.unref();
  return {
    send: (message) => {
      // A host that is about to end takes nothing; its end is told right after.
      if (child.connected) child.send(message, () => {});
    },
    onMessage: (listener) => child.on('message', listener),
    onEnd(listener) {
      child.once('error', (error) => listener(cutText(error.message, 300)));
      child.once('exit', (code, signal) => listener(signal ?? `exit code ${code}`));
    },
    dismiss: () => child.disconnect(),
    kill: () => {
      child.kill('SIGKILL');
    },
  };
}
