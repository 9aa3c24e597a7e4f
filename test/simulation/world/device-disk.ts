// A device's disk: the real database, in memory. Its power can be cut at any statement, and it can be set back to what it was.

import type { SQLInputValue } from 'node:sqlite';
import {
  type DeviceDatabase,
  openDatabase,
  type Row,
  type TransactionWatcher,
} from '../../../edge-node/src/outbox/database.ts';

/** The power is gone: whatever the process was doing ends here. */
export class PowerLost extends Error {}

/** What stood on a disk. */
export type DiskCopy = ReadonlyMap<string, readonly Row[]>;

export interface DeviceDisk {
  /** What one process has of it: `isAlive` and `cuts` are asked before every statement. */
  mount(process: { isAlive(): boolean; cuts(): boolean }): DeviceDatabase;
  copy(): DiskCopy;
  restore(copy: DiskCopy): void;
  giveBack(): void;
}

const TABLES = ['outbox', 'outbox_state', 'receipts', 'orders', 'attempts', 'memory'] as const;
const free: { readonly disk: DeviceDisk; readonly blank: DiskCopy }[] = [];

/** A disk with nothing on it. */
export function takeDisk(): DeviceDisk {
  const pooled = free.pop();
  if (pooled) {
    pooled.disk.restore(pooled.blank);
    return pooled.disk;
  }
  return newDisk();
}

function newDisk(): DeviceDisk {
  const database = openDatabase(':memory:');
  let watchers: TransactionWatcher[] = [];
  // The database keeps its watchers for ever; a process has its own.
  database.watch({
    begun: () => watchers.forEach((watcher) => void watcher.begun()),
    committed: () => watchers.forEach((watcher) => void watcher.committed()),
    rolledBack: () => watchers.forEach((watcher) => void watcher.rolledBack()),
  });
  const disk: DeviceDisk = {
    mount({ isAlive, cuts }) {
      watchers = [];
      const live = (): void => {
        if (!isAlive() || cuts()) throw new PowerLost();
      };
      return {
        all(sql, ...values) {
          live();
          return database.all(sql, ...values);
        },
        get(sql, ...values) {
          live();
          return database.get(sql, ...values);
        },
        run: (sql, ...values) => {
          live();
          database.run(sql, ...values);
        },
        runMany: (sql, rows: Iterable<readonly SQLInputValue[]>) => {
          live();
          database.runMany(sql, rows);
        },
        transaction(fn) {
          live();
          return database.transaction(() => {
            const value = fn();
            // The last moment at which it may go.
            if (!database.inTransaction()) return value;
            live();
            return value;
          });
        },
        inTransaction: database.inTransaction,
        watch: (watcher) => {
          watchers.push(watcher);
        },
        close: () => {},
      };
    },
    copy: () => new Map(TABLES.map((table) => [table, database.all(`SELECT * FROM ${table}`)])),
    restore(copy) {
      database.transaction(() => {
        for (const [table, rows] of copy) {
          database.run(`DELETE FROM ${table}`);
          for (const row of rows) {
            const names = Object.keys(row);
            database.run(
              `INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`,
              ...Object.values(row),
            );
          }
        }
      });
    },
    giveBack: () => {
      watchers = [];
      free.push({ disk, blank });
    },
  };
  const blank = disk.copy();
  return disk;
}
