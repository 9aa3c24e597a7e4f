// Pages of rows for answers, over the swarm's tables.

import { operationsShownMax, type RowSource } from '../../core/swarm/answer.ts';
import type { Read } from '../../core/swarm/read.ts';
import type { Kind, Rows } from '../../core/swarm/state.ts';
import type { Sql } from '../sql-port.ts';

export function sqlRows(sql: Sql, read: Read): RowSource {
  return {
    read,
    page({ kind, where, cursor, limit }) {
      const hidden = kind === 'trigger' || kind === 'webhook' ? `AND body ->> '$.state' <> 'deleted'` : '';
      const found = sql.all<{ id: string; body: string }>(
        `SELECT id, body FROM ${kind} WHERE id < ? ${where === null ? '' : `AND body ->> '$.${where.member}' = ?`} ${hidden} ORDER BY id DESC LIMIT ?`,
        cursor ?? '\uffff',
        ...(where === null ? [] : [where.is]),
        limit + 1,
      );
      return {
        rows: found.slice(0, limit).map(({ body }) => JSON.parse(body) as Rows[Kind]), // our own rows
        nextCursor: found.length > limit ? (found[limit - 1]?.id ?? null) : null,
      };
    },
    operations: () =>
      sql
        .all<{ operation: string }>(
          `SELECT DISTINCT operation FROM route WHERE active = 1 ORDER BY operation LIMIT ${operationsShownMax}`,
        )
        .map(({ operation }) => operation),
  };
}
