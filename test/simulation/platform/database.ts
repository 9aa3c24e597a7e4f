// The SQLite of one object, in memory: what was written since it was last made durable can be lost, all of it. Databases are used
// again by later seeds, because their prepared statements are worth more than they are.

import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { migrate } from '../../../durable-objects/migrate.ts';
import { durableSql, type SqlValue } from '../../../durable-objects/sql-port.ts';
import { squadMigrations } from '../../../migrations/squad/index.ts';
import { swarmMigrations } from '../../../migrations/swarm/index.ts';

/** The tables of each kind of object: there from the start, so that a new database and a used one are alike. */
const MIGRATIONS = { swarm: swarmMigrations, squad: squadMigrations, past: [] } as const;
export type DatabaseKind = keyof typeof MIGRATIONS;

export interface ObjectDatabase {
  /** The platform's `exec`, with its rows. */
  exec(query: string, ...bindings: SqlValue[]): unknown[];
  transaction<T>(fn: () => T): T;
  /** Everything goes. The tables stay, empty: who makes them again finds what they would have made. */
  deleteAll(): void;
  /** Written since the last `keep` or `lose`. */
  isDirty(): boolean;
  /** What was written is durable. */
  keep(): void;
  /** What was written never was. */
  lose(): void;
  /** Called before every statement that writes; what it throws, the statement throws. */
  beforeWrite: ((query: string) => void) | null;
  /** Called when something has been written after all was durable. */
  dirtied: () => void;
}

const free = new Map<DatabaseKind, PooledDatabase[]>();

interface PooledDatabase extends ObjectDatabase {
  empty(): void;
}

/** A database for one object of a seed; empty, but for the tables of the objects of this kind before it. */
export function takeDatabase(kind: DatabaseKind): ObjectDatabase {
  const used = free.get(kind)?.pop();
  if (used) return used;
  const database = openDatabase();
  const exec = (query: string, ...bindings: SqlValue[]) => {
    const rows = database.exec(query, ...bindings);
    return { toArray: () => rows };
  };
  // What the platform gives, without the rest of it.
  const storage = { sql: { exec }, transactionSync: database.transaction } as Parameters<typeof durableSql>[0];
  migrate(durableSql(storage), MIGRATIONS[kind]);
  database.keep();
  return database;
}

/** Gives a database back when its seed is over. */
export function giveBack(kind: DatabaseKind, database: ObjectDatabase): void {
  const pooled = database as PooledDatabase; // made by `takeDatabase`
  pooled.empty();
  const pool = free.get(kind) ?? [];
  free.set(kind, pool);
  pool.push(pooled);
}

function openDatabase(): PooledDatabase {
  const database = new DatabaseSync(':memory:');
  const statements = new Map<string, { readonly statement: StatementSync; readonly writes: boolean }>();
  let inBatch = false;
  let isDirty = false;
  let depth = 0;
  let resets: readonly string[] | null = null;

  function prepared(query: string) {
    let known = statements.get(query);
    if (known === undefined) {
      known = {
        statement: database.prepare(query),
        writes: !/^\s*(SELECT|WITH|CREATE TABLE IF NOT EXISTS)/i.test(query),
      };
      statements.set(query, known);
    }
    return known;
  }
  function begin(): void {
    if (inBatch) return;
    prepared('BEGIN').statement.run();
    inBatch = true;
  }
  function wrote(): void {
    if (isDirty) return;
    isDirty = true;
    port.dirtied();
  }
  function emptying(): string {
    resets ??= (
      database.prepare(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'migrations'`).all() as {
        name: string;
      }[]
    ).map(({ name }) => `DELETE FROM "${name}"`); // the column that was asked
    return resets.join(';');
  }
  const port: PooledDatabase = {
    beforeWrite: null,
    dirtied: () => {},
    exec(query, ...bindings) {
      // Several statements in one text: migrations.
      if (bindings.length === 0 && /;\s*\S/.test(query)) {
        begin();
        resets = null;
        database.exec(query);
        wrote();
        return [];
      }
      const { statement, writes } = prepared(query);
      if (!writes) return statement.all(...bindings);
      port.beforeWrite?.(query);
      begin();
      const rows = statement.all(...bindings);
      wrote();
      return rows;
    },
    transaction(fn) {
      begin();
      const name = `t${depth++}`;
      prepared(`SAVEPOINT ${name}`).statement.run();
      try {
        const value = fn();
        prepared(`RELEASE ${name}`).statement.run();
        return value;
      } catch (error) {
        prepared(`ROLLBACK TO ${name}`).statement.run();
        prepared(`RELEASE ${name}`).statement.run();
        throw error;
      } finally {
        depth--;
      }
    },
    isDirty: () => isDirty,
    keep() {
      if (inBatch) prepared('COMMIT').statement.run();
      inBatch = false;
      isDirty = false;
    },
    lose() {
      if (inBatch) prepared('ROLLBACK').statement.run();
      inBatch = false;
      isDirty = false;
    },
    deleteAll() {
      port.beforeWrite?.('deleteAll');
      begin();
      database.exec(emptying());
      wrote();
    },
    empty() {
      port.keep();
      port.beforeWrite = null;
      port.dirtied = () => {};
      database.exec(emptying());
    },
  };
  return port;
}
