// The migrations of the directory's database as they stand in a folder, read when the Worker is built: splitting SQL brings all
// of wrangler with it. They are applied by migrate-directory.mjs.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One step: its file's name, and its statements in order. */
export interface Migration {
  readonly name: string;
  readonly statements: readonly string[];
}

/** The part of a D1 database that a migration uses. */
export interface DirectoryDatabase {
  prepare(sql: string): DirectoryStatement;
  batch(statements: DirectoryStatement[]): Promise<unknown>;
}
interface DirectoryStatement {
  bind(...values: unknown[]): DirectoryStatement;
  all(): Promise<{ results: Record<string, unknown>[] }>;
}

/** The migrations of a folder, in the order in which wrangler applies them. */
export async function readMigrations(folder: string): Promise<Migration[]> {
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.sql')) : [];
  const { unstable_splitSqlQuery: split } = await import('wrangler');
  return files.toSorted(inOrder).map((name) => ({ name, statements: split(readFileSync(join(folder, name), 'utf8')) }));
}

/** By the number that leads the name, then by the name. */
function inOrder(a: string, b: string): number {
  return Number.parseInt(a, 10) - Number.parseInt(b, 10) || (a < b ? -1 : 1);
}
