// Rows and the narrow questions of `Read`, over SQLite. Rows are parsed once per transaction and kept in a cache that the
// store owns; questions that use an index first write what the cache holds back.

import type { Account } from '../../core/ledger/state.ts';
import { webhooksMax } from '../../core/limits.ts';
import type { Route } from '../../core/routes/state.ts';
import { type Counted, candidatesMax, type Read } from '../../core/swarm/read.ts';
import { KINDS, type Kind, type Rows } from '../../core/swarm/state.ts';
import type { Webhook } from '../../core/webhooks/state.ts';
import { first, type Sql } from '../sql-port.ts';

interface BodyRow {
  readonly body: string;
}

/** Statement texts, made once: the table's name is a `Kind`, never a caller's word. */
export const STATEMENTS = Object.fromEntries(
  KINDS.map((kind) => [
    kind,
    {
      get: `SELECT body FROM ${kind} WHERE id = ?`,
      put: `INSERT INTO ${kind} (id, body) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body`,
    },
  ]),
) as Readonly<Record<Kind, { readonly get: string; readonly put: string }>>; // fromEntries forgets the keys

const COUNTS: Readonly<Record<Counted, string>> = {
  openTasks: `SELECT count(*) AS n FROM task WHERE state IN ('waiting', 'queued', 'leased', 'awaiting_approval')`,
  openMissions: `SELECT count(*) AS n FROM mission WHERE state = 'running'`,
  devices: 'SELECT count(*) AS n FROM device',
  keys: 'SELECT count(*) AS n FROM key',
  triggers: `SELECT count(*) AS n FROM trigger WHERE state = 'active'`,
};

/** What the store's cache lends to reading. */
export interface RowCache {
  get(kind: Kind, id: string): Rows[Kind] | null | undefined;
  set(kind: Kind, id: string, row: Rows[Kind] | null): void;
  /** Writes back what is newer in the cache than in the tables. */
  flush(): void;
}

export function readRow<K extends Kind>(sql: Sql, kind: K, id: string): Rows[K] | null {
  const stored = first(sql.all<BodyRow>(STATEMENTS[kind].get, id));
  // Written by this store from a row of this kind.
  return stored ? (JSON.parse(stored.body) as Rows[K]) : null;
}

/** The port of decisions over SQLite. An id that `isNew` is in no table yet. `forget` drops what it remembers of webhooks: every command asks for them. */
export interface SqlRead extends Read {
  forget(): void;
}

export function sqlRead(sql: Sql, cache: RowCache, isNew: (id: string) => boolean): SqlRead {
  let webhooks: readonly Webhook[] | null = null;
  const bodies = <T>(query: string, ...bindings: (string | number)[]): T[] => {
    cache.flush();
    return sql.all<BodyRow>(query, ...bindings).map(({ body }) => JSON.parse(body) as T); // our own rows, of the table asked
  };
  return {
    row<K extends Kind>(kind: K, id: string): Rows[K] | null {
      const known = cache.get(kind, id);
      // The cache keeps rows under the kind they belong to.
      if (known !== undefined) return known as Rows[K] | null;
      const row = isNew(id) ? null : readRow(sql, kind, id);
      cache.set(kind, id, row);
      return row;
    },
    routesOf: (operation) =>
      bodies<Route>(
        `SELECT body FROM route WHERE operation = ? AND active = 1 ORDER BY id LIMIT ${candidatesMax}`,
        operation,
      ),
    queuedTasks(operations, at, most) {
      cache.flush();
      return sql
        .all<{ id: `tsk_${string}` }>(
          `SELECT id FROM task WHERE state = 'queued' AND operation IN (SELECT value FROM json_each(?))
           AND body ->> '$.notBefore' <= ? ORDER BY id LIMIT ?`,
          JSON.stringify(operations),
          at,
          most,
        )
        .map(({ id }) => id);
    },
    accountsToSweep: () => bodies<Account>(`SELECT body FROM account WHERE id >= 'executor/' AND id < 'executor0'`),
    activeWebhooks() {
      webhooks ??= bodies<Webhook>(`SELECT body FROM webhook WHERE state = 'active' ORDER BY id LIMIT ${webhooksMax}`);
      return webhooks;
    },
    forget() {
      webhooks = null;
    },
    deviceByDid(did) {
      cache.flush();
      return first(sql.all<{ id: `dev_${string}` }>('SELECT id FROM device WHERE did = ?', did))?.id ?? null;
    },
    taskOfAttempt(attempt) {
      cache.flush();
      return (
        first(sql.all<{ id: `tsk_${string}` }>(`SELECT id FROM task WHERE attempt = ? AND state = 'leased'`, attempt))
          ?.id ?? null
      );
    },
    count(what) {
      cache.flush();
      return first(sql.all<{ n: number }>(COUNTS[what]))?.n ?? 0;
    },
  };
}
