// Rows and the narrow questions of `Read`, over SQLite. Rows are parsed once per transaction and kept in a cache that the
// store owns; questions that use an index first write what the cache holds back.

import type { Moved } from '../../core/clock/evolve.ts';
import type { TaskId } from '../../core/ids.ts';
import type { Account } from '../../core/ledger/state.ts';
import { planTasksMax, webhooksMax } from '../../core/limits.ts';
import { type Counted, candidatesMax, type Read, sweptAtOnce } from '../../core/swarm/read.ts';
import { KINDS, type Kind, type Rows } from '../../core/swarm/state.ts';
import type { Webhook } from '../../core/webhooks/state.ts';
import type { TaskBrief } from '../../core/work/brief.ts';
import { first, type Sql } from '../sql-port.ts';

interface BodyRow {
  readonly body: string;
}

/** Statement texts, made once: the table's name is a `Kind`, never a caller's word. */
const GET = Object.fromEntries(KINDS.map((kind) => [kind, `SELECT body FROM ${kind} WHERE id = ?`])) as Readonly<
  Record<Kind, string>
>; // fromEntries forgets the keys

/** The index of open tasks is used by a query that says its condition in these words. */
export const OPEN = `state IN ('waiting', 'queued', 'leased', 'awaiting_approval')`;
const QUEUED = `${OPEN} AND state = 'queued'`;

/** A task's brief, in the words of the indexes that hold it. */
const BRIEF = `json_remove(body, '$.input', '$.result', '$.error', '$.after') AS brief, length(body) AS chars`;

/** Operations that somebody waits for, each found by one step along the index. */
const QUEUED_OPERATIONS = `WITH RECURSIVE waiting (operation) AS (
  SELECT min(operation) FROM task WHERE ${QUEUED}
  UNION ALL
  SELECT (SELECT min(operation) FROM task WHERE ${QUEUED} AND operation > waiting.operation) FROM waiting
  WHERE waiting.operation IS NOT NULL
) SELECT operation FROM waiting WHERE operation IS NOT NULL`;

/** Tasks of one operation that an executor may be given: oldest first, a walk along an index that holds all it asks. */
const QUEUED_FOR = `SELECT ${BRIEF} FROM task INDEXED BY task_queue_brief WHERE state = 'queued' AND operation = ? AND id > ?
  AND notBefore <= ? AND coalesce(executor, ?) IN (?, ?) ORDER BY id LIMIT ?`;

/** Tasks of one mission, from an index that holds all it asks. A journal from elsewhere may say more of them than a plan has. */
const OF_MISSION = `SELECT ${BRIEF} FROM task INDEXED BY task_mission WHERE mission = ?
  ORDER BY id LIMIT ${planTasksMax}`;

const UNFUNDED = `SELECT id, notBefore <= ? AS isDue FROM task INDEXED BY task_unfunded
  WHERE state = 'queued' AND body ->> '$.unfunded' = 1 ORDER BY id`;

const COUNTS: Readonly<Record<Counted, string>> = {
  openTasks: `SELECT count(*) AS n FROM task WHERE ${OPEN}`,
  openMissions: `SELECT count(*) AS n FROM mission WHERE state = 'running'`,
  devices: 'SELECT count(*) AS n FROM device',
  keys: `SELECT count(*) AS n FROM key WHERE body ->> '$.state' = 'active' AND body ->> '$.replacedBy' IS NULL`,
  triggers: `SELECT count(*) AS n FROM trigger WHERE state = 'active'`,
};

interface BriefRow {
  readonly brief: string;
  readonly chars: number;
}
/**
 * Rows that are not over and have something due behind a time, by id. All that is asked about a task or a hold stands in its
 * index; what waits of deliveries, of which there are many, has a timer.
 */
const DUE_ROWS: Readonly<Record<Moved, string>> = {
  task: `SELECT id FROM task WHERE ${OPEN} AND id > ?2`,
  transfer: `SELECT id FROM transfer WHERE body ->> '$.state' = 'pending' AND id > ?2`,
  delivery: `SELECT substr(key, 10) AS id FROM timer WHERE key > 'delivery/' || ?2 AND key < 'delivery0'`,
  enrollment: `SELECT id FROM enrollment WHERE id > ?2 AND body ->> '$.state' = 'open' AND body ->> '$.expiresAt' > ?1`,
  key: `SELECT id FROM key WHERE id > ?2 AND body ->> '$.validUntil' > ?1`,
  webhook: `SELECT id FROM webhook WHERE state = 'active' AND id > ?2`,
};

/** What the store's cache lends to reading. */
export interface RowCache {
  get(kind: Kind, id: string): Rows[Kind] | null | undefined;
  set(kind: Kind, id: string, row: Rows[Kind] | null): void;
  /** Writes back what is newer in the cache than in the tables. */
  flush(): void;
}

/** A row as the text that is stored. */
export function readText(sql: Sql, kind: Kind, id: string): string | null {
  return first(sql.all<BodyRow>(GET[kind], id))?.body ?? null;
}

export function readRow<K extends Kind>(sql: Sql, kind: K, id: string): Rows[K] | null {
  const stored = readText(sql, kind, id);
  // Written by this store from a row of this kind.
  return stored === null ? null : (JSON.parse(stored) as Rows[K]);
}

/** The port of decisions over SQLite. It remembers what every command asks for, until a row that matters has changed. */
export interface SqlRead extends Read {
  forget(kind?: Kind): void;
}

/** @param isNew says that an id is in no table yet */
export function sqlRead(sql: Sql, cache: RowCache, isNew: (id: string) => boolean): SqlRead {
  let webhooks: readonly Webhook[] | null = null;
  /** False while no task is known to wait for credits: the common case costs no query. */
  let mayBeUnfunded = true;
  const bodies = <T>(query: string, ...bindings: (string | number)[]): T[] => {
    cache.flush();
    return sql.all<BodyRow>(query, ...bindings).map(({ body }) => JSON.parse(body) as T); // our own rows, of the table asked
  };
  const ids = <I extends string>(query: string, ...bindings: (string | number)[]): I[] => {
    cache.flush();
    return sql.all<{ id: I }>(query, ...bindings).map(({ id }) => id);
  };
  const briefs = (query: string, ...bindings: (string | number)[]): TaskBrief[] => {
    cache.flush();
    return sql.all<BriefRow>(query, ...bindings).map(({ brief, chars }) => ({ ...JSON.parse(brief), chars })); // of our own rows
  };
  function row<K extends Kind>(kind: K, id: string): Rows[K] | null {
    const known = cache.get(kind, id);
    // The cache keeps rows under the kind they belong to.
    if (known !== undefined) return known as Rows[K] | null;
    const stored = isNew(id) ? null : readRow(sql, kind, id);
    cache.set(kind, id, stored);
    return stored;
  }
  return {
    row,
    // By id: routes are kept parsed, and there may be a thousand of them.
    routesOf: (operation) =>
      ids(
        `SELECT id FROM route WHERE operation = ? AND active = 1 ORDER BY id LIMIT ${candidatesMax}`,
        operation,
      ).flatMap((id) => row('route', id) ?? []),
    queuedTasks(operations, executor, at, after, most) {
      cache.flush();
      const waiting = new Set(sql.all<{ operation: string }>(QUEUED_OPERATIONS).map(({ operation }) => operation));
      const kind = executor === 'cloud' ? 'cloud' : 'device';
      // One walk for each operation: all of them in one query would sort the whole queue.
      return operations
        .filter((operation) => waiting.has(operation))
        .flatMap((operation) => briefs(QUEUED_FOR, operation, after, at, executor, executor, kind, most))
        .sort((a, b) => (a.id < b.id ? -1 : 1))
        .slice(0, most);
    },
    tasksOf: (mission) => briefs(OF_MISSION, mission),
    unfundedTasks(at, most) {
      if (!mayBeUnfunded) return [];
      cache.flush();
      const waiting = sql.all<{ id: TaskId; isDue: number }>(UNFUNDED, at);
      mayBeUnfunded = waiting.length > 0;
      return waiting.flatMap(({ id, isDue }) => (isDue === 1 ? [id] : [])).slice(0, most);
    },
    accountsToSweep: () =>
      bodies<Account>(
        `SELECT body FROM account WHERE id >= 'executor/' AND id < 'executor0'
         AND body ->> '$.postedMicro' > body ->> '$.heldMicro' ORDER BY id LIMIT ${sweptAtOnce}`,
      ),
    activeWebhooks() {
      webhooks ??= bodies<Webhook>(`SELECT body FROM webhook WHERE state = 'active' ORDER BY id LIMIT ${webhooksMax}`);
      return webhooks;
    },
    forget(kind) {
      if (kind === undefined || kind === 'webhook') webhooks = null;
      if (kind === undefined || kind === 'task') mayBeUnfunded = true;
    },
    deviceByDid(did) {
      cache.flush();
      return first(sql.all<{ id: `dev_${string}` }>('SELECT id FROM device WHERE did = ?', did))?.id ?? null;
    },
    taskOfAttempt: (attempt) =>
      first(ids<TaskId>(`SELECT id FROM task WHERE attempt = ? AND state = 'leased'`, attempt)),
    dueRows: (kind, at, after, most) => ids(`${DUE_ROWS[kind]} ORDER BY id LIMIT ?3`, at, after, most),
    count(what) {
      cache.flush();
      return first(sql.all<{ n: number }>(COUNTS[what]))?.n ?? 0;
    },
  };
}
