// Migrations of one SQLite: append-only, applied in order, each once, each with its record in one transaction.

import { assert } from '../core/assert.ts';
import type { Sql } from './sql-port.ts';

/** One step. `id` sorts (`0001-spine`); a step that has been released is never edited. */
export interface Migration {
  readonly id: string;
  readonly sql: string;
}

/**
 * Brings a database up to the last migration. Costs one small read when there is nothing to do.
 * @throws Defect when the database has a migration that this code does not know: it was written by later code
 */
export function migrate(sql: Sql, migrations: readonly Migration[]): void {
  sql.run('CREATE TABLE IF NOT EXISTS migrations (id TEXT PRIMARY KEY) WITHOUT ROWID');
  const applied = sql.all<{ id: string }>('SELECT id FROM migrations ORDER BY id').map((row) => row.id);
  applied.forEach((id, index) => {
    assert(migrations[index]?.id === id, 'the migrations applied are the first of those known, in order');
  });
  for (const [index, migration] of migrations.entries()) {
    assert(index === 0 || (migrations[index - 1]?.id ?? '') < migration.id, 'migrations are sorted by id');
    if (index < applied.length) continue;
    sql.transaction(() => {
      sql.run(migration.sql);
      sql.run('INSERT INTO migrations (id) VALUES (?)', migration.id);
    });
  }
}
