// One of the threads that run seeds. The platform's modules are put in place before anything imports them.

import { parentPort } from 'node:worker_threads';
import './platform/modules.ts';
import type { SeedRun } from './run-seed.ts';

const { runSeed } = await import('./run-seed.ts');

parentPort?.on('message', (run: SeedRun) => {
  runSeed(run).then((result) => parentPort?.postMessage(result));
});
