// The device's one database file, opened so that what was committed survives a power cut.

import { DatabaseSync, type SQLInputValue, type SQLOutputValue } from 'node:sqlite';
import { assert, Fault } from '../../../core/assert.ts';
import { deviceMigrations } from '../../../migrations/device/index.ts';

/** A row as SQLite gives it. */
export type Row = Record<string, SQLOutputValue>;

/** Hears of the ends of transactions, to keep what it holds in memory equal to what is stored. */
export interface TransactionWatcher {
  begun(): void;
  committed(): void;
  rolledBack(): void;
}

export interface DeviceDatabase {
  all(sql: string, ...values: SQLInputValue[]): Row[];
  get(sql: string, ...values: SQLInputValue[]): Row | null;
  run(sql: string, ...values: SQLInputValue[]): void;
  /** The same statement for each row. */
  runMany(sql: string, rows: Iterable<readonly SQLInputValue[]>): void;
  /** All or nothing, durable when it returns. Inside another one it becomes part of it. */
  transaction<T>(fn: () => T): T;
  inTransaction(): boolean;
  watch(watcher: TransactionWatcher): void;
  close(): void;
}

/** Statements kept prepared: the program has a fixed set of texts, far fewer. */
const statementsMax = 200;

/**
 * Opens the database and brings it up to date.
 * @throws Fault when the file cannot be opened, or was written by a later version of this program
 */
export function openDatabase(path: string, options: { pagesMax?: number } = {}): DeviceDatabase {
  const database = faulty(() => new DatabaseSync(path));
  try {
    faulty(() => {
      // All of these belong to the connection, not to the file: they are set on every open.
      database.exec('PRAGMA busy_timeout = 2000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
      database.exec('PRAGMA journal_size_limit = 8388608; PRAGMA foreign_keys = ON');
      if (options.pagesMax !== undefined) database.exec(`PRAGMA max_page_count = ${Math.floor(options.pagesMax)}`);
    });
    const port = portOver(database);
    migrate(port, database);
    return port;
  } catch (error) {
    database.close();
    throw error;
  }
}

function portOver(database: DatabaseSync): DeviceDatabase {
  const statements = new Map<string, ReturnType<DatabaseSync['prepare']>>();
  const watchers: TransactionWatcher[] = [];
  let inside = false;
  const prepared = (sql: string) => {
    let statement = statements.get(sql);
    if (statement === undefined) {
      assert(statements.size < statementsMax, 'the texts of statements are few and fixed');
      statement = database.prepare(sql);
      statements.set(sql, statement);
    }
    return statement;
  };
  return {
    all: (sql, ...values) => faulty(() => prepared(sql).all(...values)),
    get: (sql, ...values) => faulty(() => prepared(sql).get(...values) ?? null),
    run: (sql, ...values) => {
      faulty(() => prepared(sql).run(...values));
    },
    runMany: (sql, rows) => {
      const statement = prepared(sql);
      faulty(() => {
        for (const row of rows) statement.run(...row);
      });
    },
    transaction(fn) {
      if (inside) return fn();
      faulty(() => database.exec('BEGIN IMMEDIATE'));
      inside = true;
      for (const watcher of watchers) watcher.begun();
      let value: ReturnType<typeof fn>;
      try {
        value = fn();
        faulty(() => database.exec('COMMIT'));
      } catch (error) {
        // SQLite has rolled back by itself after some errors (a full disk): the first error is the one to tell.
        if (database.isTransaction) database.exec('ROLLBACK');
        inside = false;
        for (const watcher of watchers) watcher.rolledBack();
        throw error;
      }
      inside = false;
      for (const watcher of watchers) watcher.committed();
      return value;
    },
    inTransaction: () => inside,
    watch: (watcher) => {
      watchers.push(watcher);
    },
    close: () => {
      if (database.isOpen) database.close();
    },
  };
}

function migrate(port: DeviceDatabase, database: DatabaseSync): void {
  port.run('CREATE TABLE IF NOT EXISTS migrations (id TEXT PRIMARY KEY) WITHOUT ROWID');
  const applied = port.all('SELECT id FROM migrations ORDER BY id').map((row) => row.id);
  for (const [index, id] of applied.entries()) {
    if (deviceMigrations[index]?.id !== id) {
      throw new Fault("this device's database was written by a later version of Starling", { retryable: false });
    }
  }
  for (const migration of deviceMigrations.slice(applied.length)) {
    port.transaction(() => {
      faulty(() => database.exec(migration.sql));
      port.run('INSERT INTO migrations (id) VALUES (?)', migration.id);
    });
  }
}

/** SQLite's primary result codes that mean "not now": the disk is full, cannot be written, or another process has it. */
const DISK_CODES: readonly number[] = [8, 10, 13, 14];
const BUSY_CODES: readonly number[] = [5, 6];
const DAMAGE_CODES: readonly number[] = [11, 26];

/** True when the disk refused: full, read-only or failing. What was to be written may be written later. */
export function isDiskFault(error: unknown): boolean {
  return error instanceof Fault && DISK_CODES.includes(primaryCode(error.cause));
}

/** True when the file is not a database, or a broken one: opening it again will not help. */
export function isDamaged(error: unknown): boolean {
  return error instanceof Fault && DAMAGE_CODES.includes(primaryCode(error.cause));
}

function primaryCode(error: unknown): number {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return 0;
  return error.errcode & 0xff;
}

/** Turns what SQLite throws into a Fault; a Defect of ours passes through. */
function faulty<T>(fn: () => T): T {
  try {
    return fn();
  } catch (error) {
    const code = primaryCode(error);
    if (code === 0) throw error;
    const retryable = DISK_CODES.includes(code) || BUSY_CODES.includes(code);
    throw new Fault(`the device's database answered with SQLite code ${code}`, { retryable, cause: error });
  }
}
