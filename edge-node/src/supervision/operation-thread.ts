// The thread that operations run in: their memory goes with it, and an operation that takes it down does not take the
// runtime. It knows the operations and the permissions, nothing else; see threaded-runner.ts for the other end.

import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../../../core/assert.ts';
import type { Log } from '../log.ts';
import { operations } from '../operations/index.ts';
import { createPermissions, type FolderGrant } from '../permissions.ts';
import { runOperation } from './run-operation.ts';
import type { FromThread, ToThread } from './threaded-runner.ts';

assert(parentPort !== null, 'this file is the code of a thread');
const port = parentPort;
// Given by threaded-runner.ts, from the settings.
const { grants } = workerData as { grants: readonly FolderGrant[] };
const permissions = createPermissions(grants);
const controllers = new Map<number, AbortController>();

const tell = (message: FromThread) => port.postMessage(message);
const log: Log = (level, message, fields) => tell({ type: 'log', level, message, fields: fields ?? {} });

async function run({ id, operation: name, input }: Extract<ToThread, { type: 'run' }>): Promise<void> {
  const operation = operations.find((one) => one.name === name);
  assert(operation !== undefined, 'the runtime and its thread know the same operations');
  const controller = new AbortController();
  controllers.set(id, controller);
  const progress = (fraction: number, note?: string) => tell({ type: 'progress', id, fraction, note });
  const context = { signal: controller.signal, permissions, progress, now: () => performance.now() };
  const end = await runOperation(operation, input, context, log);
  controllers.delete(id);
  tell({ type: 'end', id, end });
}

port.on('message', (message: ToThread) => {
  if (message.type === 'run') void run(message);
  else controllers.get(message.id)?.abort(new Error('the run was stopped'));
});
