// Brings the directory database up to date, the way `wrangler d1 migrations apply` does it: the same table, names and
// order, so that either can go on where the other stopped.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The part of a D1 database that is used here. */
export interface DirectoryDatabase {
  prepare(sql: string): DirectoryStatement;
  batch(statements: DirectoryStatement[]): Promise<unknown>;
}
interface DirectoryStatement {
  bind(...values: unknown[]): DirectoryStatement;
  all(): Promise<{ results: Record<string, unknown>[] }>;
}

const TABLE = `CREATE TABLE IF NOT EXISTS "d1_migrations"(
		id         INTEGER PRIMARY KEY AUTOINCREMENT,
		name       TEXT UNIQUE,
		applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
)`;

/**
 * Applies the migrations of a folder that the database does not have yet, each in one transaction, in order.
 * @returns the names of those applied now
 */
export async function migrateDirectory(database: DirectoryDatabase, folder: string): Promise<string[]> {
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.sql')) : [];
  await database.prepare(TABLE).all();
  const { results } = await database.prepare('SELECT name FROM d1_migrations').all();
  const applied = new Set(results.map((row) => row.name));
  const missing = files.filter((name) => !applied.has(name)).toSorted(inOrder);
  if (missing.length === 0) return [];
  // Loaded only when there is something to split: it brings all of wrangler with it.
  const { unstable_splitSqlQuery: split } = await import('wrangler');
  for (const name of missing) {
    const statements = split(readFileSync(join(folder, name), 'utf8')).map((sql) => database.prepare(sql));
    const record = database.prepare('INSERT INTO d1_migrations (name) VALUES (?)').bind(name);
    await database.batch([...statements, record]);
  }
  return missing;
}

/** By the number that leads the name, as wrangler orders them, then by the name. */
function inOrder(a: string, b: string): number {
  return Number.parseInt(a, 10) - Number.parseInt(b, 10) || (a < b ? -1 : 1);
}
