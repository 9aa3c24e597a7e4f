// What counts once by its content, whatever id it comes under: deliveries of senders that do not sign an id [TRIGGER-7].

import type { Once } from '../../core/swarm/service.ts';
import { first, type Sql } from '../sql-port.ts';

/** With each that is remembered for a while, so many go whose time is over: the table never holds more than one such while. */
const sweptAtOnce = 2;

export interface Delivered {
  /** What came of this content before; null when it is new, or its time is over. */
  find(once: Once, at: number): string | null;
  keep(once: Once, started: string, at: number): void;
}

/** To be called inside of a transaction. */
export function deliveredIn(sql: Sql): Delivered {
  return {
    find({ digest }, at) {
      const query = 'SELECT started FROM delivered WHERE digest = ? AND (until IS NULL OR until > ?)';
      return first(sql.all<{ started: string }>(query, bytesOfDigest(digest), at))?.started ?? null;
    },
    keep({ digest, keepMs }, started, at) {
      sql.run(
        'INSERT OR REPLACE INTO delivered (digest, until, started) VALUES (?, ?, ?)',
        ...[bytesOfDigest(digest), keepMs === null ? null : at + keepMs, started],
      );
      if (keepMs === null) return;
      const over = 'SELECT digest FROM delivered WHERE until <= ? LIMIT ?';
      sql.run(`DELETE FROM delivered WHERE digest IN (${over})`, at, sweptAtOnce);
    },
  };
}

function bytesOfDigest(digest: string): Uint8Array {
  return new Uint8Array(Buffer.from(digest, 'hex'));
}
