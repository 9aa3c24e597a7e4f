// What a swarm has begun, over the tables of a test.

import type { Sql } from '../../durable-objects/sql-port.ts';
import { remainingWork } from '../../durable-objects/swarm/suspects.ts';
import { openTries as open, type Tries } from '../../durable-objects/tries.ts';

/** Opened anew it finds what was cut off, as a swarm does that starts again. */
export function openTries(sql: Sql, now: () => number): Tries {
  return open({ sql, now, durable: async () => {}, random: () => 0, remaining: remainingWork(sql) });
}
