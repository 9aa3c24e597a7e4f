import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { newId } from '../../core/ids.ts';
import type { RowMap } from '../../core/swarm/replay.ts';
import { migrate } from '../../durable-objects/migrate.ts';
import { nodeSql } from '../../durable-objects/node-sql.ts';
import type { Sql } from '../../durable-objects/sql-port.ts';
import { openSwarmStore } from '../../durable-objects/swarm/swarm-store.ts';
import { swarmMigrations } from '../../migrations/swarm/index.ts';
import { aTask } from '../core/builders.ts';
import { memoryRead } from '../core/memory-read.ts';
import { entropyOf, START } from '../core/memory-swarm.ts';
import { readContract } from './read.contract.ts';

function tablesOf(rows: RowMap): Sql {
  const sql = nodeSql(new DatabaseSync(':memory:'));
  migrate(sql, swarmMigrations);
  sql.transaction(() => {
    for (const [key, row] of rows) {
      const slash = key.indexOf('/');
      sql.run(`INSERT INTO ${key.slice(0, slash)} (id, body) VALUES (?, ?)`, key.slice(slash + 1), JSON.stringify(row));
    }
  });
  return sql;
}

const readTables = (rows: RowMap) =>
  openSwarmStore(tablesOf(rows), { now: () => START, entropy: () => entropyOf(1) }).read;

describe('[SWARM-17] rows in memory', () => {
  readContract((rows, look) => look(memoryRead(rows)));
});

describe('[SWARM-17] tables of node:sqlite', () => {
  readContract((rows, look) => look(readTables(rows)));
});

test('[SWARM-17] memory and tables answer alike about any tasks', () => {
  const executors = [newId('dev', START, entropyOf(1)), newId('dev', START, entropyOf(2)), 'cloud'] as const;
  const operations = ['text.a', 'text.b', 'text.c'];
  const task = fc.record({
    state: fc.constantFrom('waiting', 'queued', 'leased', 'succeeded'),
    operation: fc.constantFrom(...operations),
    notBefore: fc.integer({ min: START - 2, max: START + 2 }),
    unfunded: fc.boolean(),
    require: fc.oneof(fc.constant({}), fc.record({ executor: fc.constantFrom(...executors, 'device') })),
  });
  fc.assert(
    fc.property(
      fc.array(task, { maxLength: 25 }),
      fc.subarray(operations),
      fc.constantFrom(...executors),
      fc.nat(25),
      fc.nat(10),
      (tasks, asked, executor, after, most) => {
        const rows: RowMap = new Map(
          tasks.map((each, n) => {
            const row = aTask({ id: newId('tsk', START, entropyOf(n)), ...(each as object) });
            return [`task/${row.id}`, row];
          }),
        );
        const [memory, tables] = [memoryRead(rows), readTables(rows)];
        const behind = after === 0 ? '' : newId('tsk', START, entropyOf(after));
        expect(tables.queuedTasks(asked, executor, START, behind, most)).toEqual(
          memory.queuedTasks(asked, executor, START, behind, most),
        );
        expect(tables.unfundedTasks(START, most)).toEqual(memory.unfundedTasks(START, most));
        expect(tables.count('openTasks')).toBe(memory.count('openTasks'));
      },
    ),
    { numRuns: 300 },
  );
});
