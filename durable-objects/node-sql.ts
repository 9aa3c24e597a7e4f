// The port over node:sqlite, for tests and the simulator. Only Node-side code imports this file.

import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { type Sql, type SqlValue, synchronous } from './sql-port.ts';

/** Statements kept prepared; a program has a fixed set of texts, so this is never reached by honest use. */
const statementsMax = 500;

/** The port over an open database, which the caller owns and closes. */
export function nodeSql(database: DatabaseSync): Sql {
  const statements = new Map<string, StatementSync>();
  let depth = 0;

  function prepared(query: string): StatementSync {
    let statement = statements.get(query);
    if (statement === undefined) {
      if (statements.size >= statementsMax) statements.clear();
      statement = database.prepare(query);
      statements.set(query, statement);
    }
    return statement;
  }

  return {
    // The caller names the shape of the rows that its own query selects: nothing else can know it.
    all: <R>(query: string, ...bindings: SqlValue[]) => prepared(query).all(...bindings) as R[],
    run: (query, ...bindings) => {
      // Several statements in one text: only exec runs past the first.
      if (bindings.length === 0 && query.includes(';')) database.exec(query);
      else prepared(query).run(...bindings);
    },
    transaction: (fn) => {
      const nested = depth > 0;
      const name = `nested_${depth}`;
      database.exec(nested ? `SAVEPOINT ${name}` : 'BEGIN IMMEDIATE');
      depth += 1;
      try {
        const value = synchronous(fn());
        database.exec(nested ? `RELEASE ${name}` : 'COMMIT');
        return value;
      } catch (error) {
        // SQLite has rolled back by itself after some errors (a full disk): the first error is the one to tell.
        if (database.isTransaction) database.exec(nested ? `ROLLBACK TO ${name}; RELEASE ${name}` : 'ROLLBACK');
        throw error;
      } finally {
        depth -= 1;
      }
    },
  };
}
