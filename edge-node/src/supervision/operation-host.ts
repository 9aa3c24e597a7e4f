// The process that operations run in: their memory goes with it, and an operation that takes it down does not take the
// runtime. It knows the operations and the permissions, nothing else; hosted-runner.ts is the other end.

import { assert } from '../../../core/assert.ts';
import type { Log } from '../log.ts';
import { operations } from '../operations/index.ts';
import { createPermissions, type Permissions } from '../permissions.ts';
import type { FromHost, ToHost } from './hosted-runner.ts';
import { runOperation } from './run-operation.ts';

const controllers = new Map<number, AbortController>();
let permissions: Permissions = createPermissions([]);

function tell(message: FromHost): void {
  // The runtime is gone: nobody waits for this any more, and 'disconnect' ends the process.
  if (process.connected) process.send?.(message);
}
const log: Log = (level, message, fields) => tell({ type: 'log', level, message, fields: fields ?? {} });

async function run({ id, operation: name, input }: Extract<ToHost, { type: 'run' }>): Promise<void> {
  const operation = operations.find((one) => one.name === name);
  assert(operation !== undefined, 'the runtime and its host know the same operations');
  const controller = new AbortController();
  controllers.set(id, controller);
  const progress = (fraction: number, note?: string) => tell({ type: 'progress', id, fraction, note });
  const context = { signal: controller.signal, permissions, progress, now: () => performance.now() };
  const end = await runOperation(operation, input, context, log);
  controllers.delete(id);
  tell({ type: 'end', id, end });
}

function stop(id: number): void {
  controllers.get(id)?.abort(new Error('the run was stopped'));
}

process.on('disconnect', () => process.exit());
process.on('message', (message: ToHost) => {
  if (message.type === 'run') void run(message);
  else if (message.type === 'stop') stop(message.id);
  else permissions = createPermissions(message.grants, message.homes);
});
