// Does the work of crash-work.ts and kills itself, as `kill -9` does, right before a given statement reaches SQLite.
// Prints each fact that became durable, and at the end how many statements there were.

import { writeSync } from 'node:fs';
import { DatabaseSync, StatementSync } from 'node:sqlite';
import { work } from './crash-work.ts';

const [folder = '', killAt = '0'] = process.argv.slice(2);
let count = 0;

function counted<A extends unknown[], R>(real: (...args: A) => R) {
  return function (this: unknown, ...args: A): R {
    count += 1;
    if (count === Number(killAt)) {
      process.kill(process.pid, 'SIGKILL');
      for (;;); // nothing may happen until the signal is there
    }
    return real.apply(this, args);
  };
}

DatabaseSync.prototype.exec = counted(DatabaseSync.prototype.exec);
// Overloads cannot be wrapped in their types; the wrapper passes everything on as it came.
const statement = StatementSync.prototype as unknown as Record<'run' | 'all' | 'get', (...args: unknown[]) => unknown>;
for (const name of ['run', 'all', 'get'] as const) statement[name] = counted(statement[name]);

await work(folder, (used) => writeSync(1, `heard ${used}\n`));
writeSync(1, `statements ${count}\n`);
