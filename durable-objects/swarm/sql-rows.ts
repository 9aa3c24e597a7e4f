// Pages of rows for answers, over the swarm's tables. Rows are read a few at a time: a page ends where it has as much text as an
// answer carries, or where enough was looked at, and its cursor says where to go on.

import { answerCharsMax } from '../../core/limits.ts';
import { operationsShownMax, type RowSource, rowsPerPageMax, type Wanted } from '../../core/swarm/answer.ts';
import type { Read } from '../../core/swarm/read.ts';
import type { Kind, Rows } from '../../core/swarm/state.ts';
import { OPEN_TASK_STATES, type TaskState } from '../../core/work/state.ts';
import type { Sql } from '../sql-port.ts';
import { OPEN } from './swarm-read.ts';

interface Looked {
  readonly id: string;
  readonly chars: number;
  /** Null where the row is not asked for. */
  readonly body: string | null;
}

/** Rows of the first statement: a page as long as nobody says otherwise, and one that tells whether there is more. */
const firstRows = 21;
/** Text and rows of each further one. */
const stepCharsMax = 1024 * 1024;
const stepRowsMax = 512;
/** Text that is looked at for one page. */
const lookedCharsMax = 2 * answerCharsMax;

export function sqlRows(sql: Sql, read: Read): RowSource {
  return {
    read,
    page({ kind, where, cursor, limit }) {
      const { table, indexed, asked, is } = conditionsOf(kind, where);
      const query = `SELECT id, length(body) AS chars, CASE WHEN ${asked} THEN body END AS body FROM ${table}
        WHERE ${indexed} AND id < ?1 ORDER BY id DESC LIMIT ?2`;
      const rows: Rows[Kind][] = [];
      let [looked, chars, taken] = [0, 0, 0];
      let behind = cursor ?? '\uffff';
      /** The last one that was looked at while there was room for more. */
      let last: string | null = null;
      for (let step = Math.min(limit + 1, firstRows); ; ) {
        const found = sql.all<Looked>(query, behind, step, ...is);
        for (const { id, chars: size, body } of found) {
          const isEnough = looked >= rowsPerPageMax || chars > lookedCharsMax || taken > answerCharsMax;
          // There is a next page when there is one more that is asked for, and where nobody has looked so far.
          if (isEnough || (rows.length === limit && body !== null)) return { rows, nextCursor: last };
          looked++;
          chars += size;
          behind = id;
          if (rows.length < limit) last = id;
          if (body === null) continue;
          taken += size;
          rows.push(JSON.parse(body) as Rows[Kind]); // our own rows
        }
        if (found.length < step) return { rows, nextCursor: null };
        step = Math.max(1, Math.min(stepRowsMax, Math.floor((stepCharsMax * looked) / chars)));
      }
    },
    operations: () =>
      sql
        .all<{ operation: string }>(
          `SELECT DISTINCT operation FROM route WHERE active = 1 ORDER BY operation LIMIT ${operationsShownMax}`,
        )
        .map(({ operation }) => operation),
  };
}

interface Conditions {
  readonly table: string;
  /** What an index finds, so that only such rows are looked at. */
  readonly indexed: string;
  /** What is asked of a row that is looked at. */
  readonly asked: string;
  /** The query's third parameter, where it has one. */
  readonly is: readonly string[];
}

/** Texts of conditions: names are those of `Wanted` and of states, never a caller's word. */
function conditionsOf(kind: Kind, where: Wanted['where']): Conditions {
  const shown = kind === 'trigger' || kind === 'webhook' ? `body ->> '$.state' <> 'deleted'` : 'true';
  const all: Conditions = { table: kind, indexed: 'true', asked: shown, is: [] };
  if (where === null) return all;
  const { member, is } = where;
  const state = kind === 'task' && member === 'state' ? ofState(is) : null;
  if (state !== null) return { ...all, ...state };
  if (kind === 'delivery' && member === 'webhook')
    return { table: 'delivery INDEXED BY delivery_webhook', indexed: 'webhook = ?3', asked: shown, is: [is] };
  return { ...all, asked: `${shown} AND body ->> '$.${member}' = ?3`, is: [is] };
}

const ENDED_OTHERWISE: readonly TaskState[] = ['failed', 'cancelled', 'expired'];

/** Of tasks that have succeeded there is no index: they are most of all, and found among them. */
function ofState(is: string): Pick<Conditions, 'table' | 'indexed'> | null {
  const open = OPEN_TASK_STATES.find((state) => state === is);
  // By the ids alone: to put them in order no row is read.
  if (open)
    return {
      table: 'task',
      indexed: `id IN (SELECT id FROM task INDEXED BY task_open WHERE ${OPEN} AND state = '${open}' AND id < ?1
        ORDER BY id DESC LIMIT ?2)`,
    };
  const ended = ENDED_OTHERWISE.find((state) => state === is);
  if (!ended) return null;
  return {
    table: 'task INDEXED BY task_ended',
    indexed: `state IN ('failed', 'cancelled', 'expired') AND state = '${ended}'`,
  };
}
