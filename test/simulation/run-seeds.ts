// Many seeds on all cores: each worker takes the next one when it is done.

import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { SeedResult, SeedRun } from './run-seed.ts';

/** Runs them all; `done` hears of each. Ends early when `done` says so. */
export async function runSeeds(runs: Iterable<SeedRun>, done: (result: SeedResult) => 'on' | 'enough'): Promise<void> {
  const left = runs[Symbol.iterator]();
  let isEnough = false;
  const take = (): SeedRun | null => {
    const next = isEnough ? null : left.next();
    return next === null || next.done ? null : next.value;
  };
  const work = async (): Promise<void> => {
    const worker = new Worker(join(import.meta.dirname, 'seed-worker.ts'));
    try {
      for (let run = take(); run !== null; run = take()) {
        const result = await ask(worker, run);
        if (done(result) === 'enough') isEnough = true;
      }
    } finally {
      await worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
}

function ask(worker: Worker, run: SeedRun): Promise<SeedResult> {
  return new Promise((resolve, reject) => {
    const clear = (): void => {
      worker.off('message', onMessage);
      worker.off('error', onError);
    };
    const onMessage = (result: SeedResult): void => {
      clear();
      resolve(result);
    };
    const onError = (cause: unknown): void => {
      clear();
      reject(new Error(`seed ${run.seed} ended its thread`, { cause }));
    };
    worker.on('message', onMessage);
    worker.on('error', onError);
    worker.postMessage(run);
  });
}
