// Many rows in one statement: what a statement costs is mostly the call. Rows go out in powers of two, so that there are few
// different texts and the platform keeps them prepared.

import type { Sql, SqlValue } from '../sql-port.ts';

/** A statement for rows of `columns` values. */
export interface Insert {
  readonly head: string;
  readonly columns: number;
  readonly tail: string;
}

/** The platform binds 100 values at the most [P15]. */
const boundMax = 98;

/** Writes rows whose values stand one after the other. Answers how many rows there were. */
export type InsertRows = (into: Insert, values: readonly SqlValue[]) => number;

export function rowInserter(sql: Sql): InsertRows {
  const texts = new Map<string, string>();
  function textOf({ head, columns, tail }: Insert, rows: number): string {
    const key = `${rows} ${head}`;
    const known = texts.get(key);
    if (known !== undefined) return known;
    const row = `(${Array(columns).fill('?').join(', ')})`;
    const text = `${head} VALUES ${Array(rows).fill(row).join(', ')} ${tail}`;
    texts.set(key, text);
    return text;
  }
  return (into, values) => {
    let rows = 2 ** Math.floor(Math.log2(boundMax / into.columns));
    for (let at = 0; at < values.length; ) {
      const end = at + rows * into.columns;
      if (end > values.length) {
        rows /= 2;
        continue;
      }
      sql.run(textOf(into, rows), ...values.slice(at, end));
      at = end;
    }
    return values.length / into.columns;
  };
}
