// A row that is inserted only while there is room: counted and written in one statement, because two requests that count
// first and write then would both find the last place free [P15].

import { getTableColumns, type SQL, sql } from 'drizzle-orm';
import type { SQLiteTable } from 'drizzle-orm/sqlite-core';

/** What `insert(table).select(…)` takes: this row where `hasRoom` holds, and none where it does not. */
export function rowWithin<T extends SQLiteTable>(table: T, row: T['$inferInsert'], hasRoom: SQL): SQL {
  const given: Readonly<Record<string, unknown>> = row;
  const cells = Object.entries(getTableColumns(table)).map(([name, column]) => sql.param(given[name] ?? null, column));
  return sql`select ${sql.join(cells, sql`, `)} where ${hasRoom}`;
}
