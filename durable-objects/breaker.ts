// The breaker of one object: it counts what the platform bills (rows written, alarms) in windows of a minute, and refuses
// before a loop becomes a bill [P18]. The count of alarms is stored: a loop that crashes the object must not reset it.

import { breakerAlarmsMax, breakerRowsWrittenMax, breakerWindowMs } from '../core/limits.ts';
import { first, type Sql } from './sql-port.ts';

export interface Breaker {
  wrote(rows: number): void;
  /** Counts an alarm; false when there were too many in this window. */
  alarm(): boolean;
  /** Milliseconds until writing is allowed again; 0 when it is. */
  openFor(): number;
}

interface Window {
  readonly start: number;
  readonly alarms: number;
}

/** @param sql a database with a table `meta (key, value)` */
export function createBreaker(sql: Sql, now: () => number): Breaker {
  let rowsSince = now();
  let rows = 0;
  return {
    wrote(count) {
      const at = now();
      if (isOver(rowsSince, at)) {
        rowsSince = at;
        rows = 0;
      }
      rows += count;
    },
    alarm() {
      const at = now();
      const stored = first(sql.all<{ value: string }>(`SELECT value FROM meta WHERE key = 'alarms'`));
      const known = stored ? (JSON.parse(stored.value) as Window) : { start: at, alarms: 0 }; // our own text
      const window = isOver(known.start, at)
        ? { start: at, alarms: 1 }
        : { start: known.start, alarms: known.alarms + 1 };
      sql.run(
        `INSERT INTO meta (key, value) VALUES ('alarms', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
        JSON.stringify(window),
      );
      return window.alarms <= breakerAlarmsMax;
    },
    openFor() {
      const at = now();
      return rows > breakerRowsWrittenMax && !isOver(rowsSince, at) ? rowsSince + breakerWindowMs - at : 0;
    },
  };
}

/** A window that begins later than now was begun by a clock that was wrong. */
function isOver(start: number, at: number): boolean {
  return at - start >= breakerWindowMs || at < start;
}
