// Rows as they were at one moment, for whoever reads all of them in pieces while others go on writing: the first time that a row is
// written after that moment, what stood there before is kept here. In memory only: whoever was cut off begins again.

import type { Kind } from '../../core/swarm/state.ts';
import { first, type Sql } from '../sql-port.ts';

export interface FrozenRows {
  /** Called before each row is written. */
  willWrite(kind: Kind, id: string): void;
  /** The row as it was then, given as it is in the table now; null when it was not there yet. */
  asItWas(key: string, now: string): string | null;
  /** True when so much was kept that the rest is better read at once. */
  isFull(): boolean;
}

/** Text of rows that is kept; an object has 128 MB for all that it does. */
const charsMax = 16 * 1024 * 1024;

export function freezeRows(sql: Sql): FrozenRows {
  const before = new Map<string, string | null>();
  let chars = 0;
  return {
    willWrite(kind, id) {
      const key = `${kind}/${id}`;
      if (before.has(key)) return;
      const body = first(sql.all<{ body: string }>(`SELECT body FROM ${kind} WHERE id = ?`, id))?.body ?? null;
      before.set(key, body);
      chars += body?.length ?? 0;
    },
    asItWas(key, now) {
      const known = before.get(key);
      return known === undefined ? now : known;
    },
    isFull: () => chars > charsMax,
  };
}
