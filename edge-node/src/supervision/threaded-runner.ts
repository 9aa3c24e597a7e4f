// Runs operations in a thread of their own, which is started for the first one and ended when none has come for a while: a
// device that is idle does not carry what a parser needs, and heartbeats go on while one is busy.

import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Cancel, Clock } from '../clock.ts';
import type { Level, Log, LogFields } from '../log.ts';
import type { FolderGrant } from '../permissions.ts';
import type { OperationRunner, RunControl, RunEnd } from './run-operation.ts';

/** Without work, the thread lives so long. */
export const idleMsMax = 20_000;
/** An operation that was told to stop has so long; then its thread is ended under it. */
export const stopMsMax = 5_000;
/** What all operations at work may have; beyond it the thread ends, not the runtime. */
const heapMegabytesMax = 512;

export type ToThread =
  | { readonly type: 'run'; readonly id: number; readonly operation: string; readonly input: unknown }
  | { readonly type: 'stop'; readonly id: number };
export type FromThread =
  | { readonly type: 'progress'; readonly id: number; readonly fraction: number; readonly note: string | undefined }
  | { readonly type: 'end'; readonly id: number; readonly end: RunEnd }
  | { readonly type: 'log'; readonly level: Level; readonly message: string; readonly fields: LogFields };

/** The part of a Worker that is used. */
export interface Thread {
  postMessage(message: ToThread): void;
  onMessage(listener: (message: FromThread) => void): void;
  /** Once, however it ended. */
  onEnd(listener: (why: string) => void): void;
  end(): void;
}

export interface ThreadedRunnerDeps {
  readonly clock: Clock;
  readonly log: Log;
  startThread(): Thread;
}

interface Pending {
  readonly control: RunControl;
  readonly resolve: (end: RunEnd) => void;
}

interface Crew {
  readonly thread: Thread;
  readonly runs: Map<number, Pending>;
  cancelIdle: Cancel;
  isOver: boolean;
}

/** Runs operations in one thread at a time. */
export function createThreadedRunner(deps: ThreadedRunnerDeps): OperationRunner {
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
        mine.thread.postMessage({ type: 'run', id, operation: operation.name, input });
      });
    },
    close: () => crew?.thread.end(),
  };
}

function gather(deps: ThreadedRunnerDeps): Crew {
  const crew: Crew = { thread: deps.startThread(), runs: new Map(), cancelIdle: () => {}, isOver: false };
  crew.thread.onMessage((message) => {
    if (message.type === 'log') deps.log(message.level, message.message, message.fields);
    else if (message.type === 'progress') crew.runs.get(message.id)?.control.progress(message.fraction, message.note);
    else endRun(crew, message.id, message.end, deps);
  });
  crew.thread.onEnd((why) => {
    crew.isOver = true;
    crew.cancelIdle();
    if (crew.runs.size > 0)
      deps.log('error', 'the thread of the operations ended under them', { why, runs: crew.runs.size });
    for (const id of [...crew.runs.keys()]) endRun(crew, id, fallen, deps);
  });
  return crew;
}

/** Which of the operations took the thread down is not known: another try, elsewhere, may tell. */
const fallen: RunEnd = {
  type: 'failed',
  error: { code: 'operation_crashed', message: 'The thread of the operation ended under it.', retryable: true },
};

function endRun(crew: Crew, id: number, end: RunEnd, { clock }: ThreadedRunnerDeps): void {
  const pending = crew.runs.get(id);
  if (pending === undefined) return;
  crew.runs.delete(id);
  if (crew.runs.size === 0 && !crew.isOver) crew.cancelIdle = clock.after(idleMsMax, () => retire(crew));
  pending.resolve(end);
}

/** No run is left: the thread may go, and the next run begins with a new one. */
function retire(crew: Crew): void {
  crew.isOver = true;
  crew.thread.end();
}

function stopRun(crew: Crew, id: number, { clock }: ThreadedRunnerDeps): void {
  if (!crew.runs.has(id) || crew.isOver) return;
  crew.thread.postMessage({ type: 'stop', id });
  clock.after(stopMsMax, () => {
    // It does not listen. What runs beside it is lost with it, and may be tried again.
    if (crew.runs.has(id)) retire(crew);
  });
}

/** A real thread, with the folders that the owner grants. */
export function startOperationThread(grants: readonly FolderGrant[]): Thread {
  const worker = new Worker(join(import.meta.dirname, 'operation-thread.ts'), {
    workerData: { grants },
    resourceLimits: { maxOldGenerationSizeMb: heapMegabytesMax },
  });
  // It keeps nobody alive: a device that stops does not wait for it.
  worker.unref();
  return {
    postMessage: (message) => worker.postMessage(message),
    onMessage: (listener) => worker.on('message', listener),
    onEnd(listener) {
      let why = 'it was ended';
      worker.on('error', (error) => {
        why = error instanceof Error ? error.message.slice(0, 300) : 'an error';
      });
      worker.once('exit', () => listener(why));
    },
    end: () => void worker.terminate(),
  };
}
