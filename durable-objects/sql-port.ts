// The port that both SQLites satisfy, a Durable Object's and Node's: rows out, a statement run, one synchronous
// transaction. Nothing here is asynchronous, so that nothing can come between reading state and writing it.

import { assert } from '../core/assert.ts';

/** What SQL can be given. No BigInt (throws in workerd), no boolean; integers stay below 2^53 (they round silently). */
export type SqlValue = string | number | null | Uint8Array;

export interface Sql {
  /** All rows of a query. A blob arrives as the platform has it: read it through `bytesOf`. */
  all<R>(query: string, ...bindings: SqlValue[]): R[];
  /** Runs a statement to its end and forgets its rows. Without bindings the text may hold several statements. */
  run(query: string, ...bindings: SqlValue[]): void;
  /** All or nothing: what `fn` throws rolls back and goes on to the caller. May be nested. `fn` must not be async. */
  transaction<T>(fn: () => T): T;
}

/** The storage that `durableSql` needs, as a Durable Object has it. */
export interface SqlStorageLike {
  readonly sql: { exec(query: string, ...bindings: unknown[]): { toArray(): unknown[] } };
  transactionSync<T>(closure: () => T): T;
}

/** The port over a Durable Object's storage. The platform keeps the prepared statements by their text. */
export function durableSql(storage: SqlStorageLike): Sql {
  const { sql } = storage;
  return {
    // The caller names the shape of the rows that its own query selects: nothing else can know it.
    all: <R>(query: string, ...bindings: SqlValue[]) => sql.exec(query, ...bindings).toArray() as R[],
    // A statement without rows has run when exec returns; one with RETURNING must go through `all`.
    run: (query, ...bindings) => {
      sql.exec(query, ...bindings);
    },
    transaction: (fn) => storage.transactionSync(() => synchronous(fn())),
  };
}

/** The first row, or null. */
export function first<R>(rows: readonly R[]): R | null {
  return rows[0] ?? null;
}

/** A blob's bytes: workerd gives an ArrayBuffer, Node a Uint8Array. */
export function bytesOf(blob: ArrayBuffer | Uint8Array): Uint8Array {
  return blob instanceof Uint8Array ? blob : new Uint8Array(blob);
}

/** Throws, inside the transaction, when it was given an async function: the platform would accept it silently. */
export function synchronous<T>(value: T): T {
  const thenable = typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
  assert(!thenable, 'a transaction is synchronous');
  return value;
}
