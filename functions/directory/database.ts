// The directory's database: drizzle over D1, and the ids of its rows.

import { DrizzleQueryError } from 'drizzle-orm';
import { type DrizzleD1Database, drizzle } from 'drizzle-orm/d1';
import { assert, Fault } from '../../core/assert.ts';
import { type Id, type IdPrefix, isId, newId } from '../../core/ids.ts';
import * as schema from './schema.ts';

export type DirectoryDatabase = DrizzleD1Database<typeof schema>;

/** @param d1 the directory's binding */
export function openDatabase(d1: D1Database): DirectoryDatabase {
  return drizzle(d1, { schema });
}

/** Kinds of rows that nothing outside the directory names. */
type RowPrefix = 'inv' | 'ses' | 'acc' | 'ver' | 'eml';

/** The id of such a row: of the same form as every id, and as sortable. */
export function newRowId<P extends RowPrefix>(prefix: P, at: number, entropy: Uint8Array): `${P}_${string}` {
  return `${prefix}_${newId('req', at, entropy).slice('req_'.length)}`;
}

/** The id in a stored row, which nothing but the directory writes. */
export function storedId<P extends IdPrefix>(prefix: P, text: string): Id<P> {
  assert(isId(prefix, text), `a stored ${prefix} id has the form of one`);
  return text;
}

/**
 * Runs work that queries. A query that fails becomes a Fault with D1's own reason: drizzle's error repeats the query's
 * values, and among those are addresses, hashes and tokens, which must not reach a log.
 * @throws Fault retryable
 */
export async function querying<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const cause = error instanceof DrizzleQueryError ? error.cause : error;
    if (!(cause instanceof Error) || !cause.message.startsWith('D1_')) throw error;
    throw new Fault('the directory could not be read or written', { retryable: true, cause });
  }
}
