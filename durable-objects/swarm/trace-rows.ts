// What ended in a stretch of the journal, and the rows that say how: a few statements for many tasks. What was asked and
// answered is left in the tables.

import type { Transfer } from '../../core/ledger/state.ts';
import { traceBatchSpansMax } from '../../core/limits.ts';
import type { Mission } from '../../core/missions/state.ts';
import type { Kind } from '../../core/swarm/state.ts';
import { deliverySpan, type ToldOf } from '../../core/traces/delivery-span.ts';
import type { Span } from '../../core/traces/span.ts';
import { contextOf, spanIdOf } from '../../core/traces/trace-context.ts';
import { missionSpan, type TracedTask, taskContext, taskSpans } from '../../core/traces/work-spans.ts';
import type { Delivery } from '../../core/webhooks/state.ts';
import { first, type Sql } from '../sql-port.ts';

/** Events after which a row says all that its spans need: `<kind>.<outcome>`, by the kind of their subjects. */
const ENDED = {
  task: ['succeeded', 'failed', 'cancelled', 'expired'],
  mission: ['succeeded', 'failed', 'cancelled'],
  delivery: ['succeeded', 'ended'],
} as const;
const ENDED_TYPES = JSON.stringify(
  Object.entries(ENDED).flatMap(([kind, outcomes]) => outcomes.map((outcome) => `${kind}.${outcome}`)),
);

/** An event that ended something: `subject` is `<kind>/<id>`. */
interface Ended {
  readonly seq: number;
  readonly subject: string;
}

/** What one event gave, and where it stands. */
export interface SpansOfEvent {
  readonly seq: number;
  readonly spans: readonly Span[];
}

export interface EndedStretch {
  readonly events: readonly SpansOfEvent[];
  /** The last event that was looked at. */
  readonly to: number;
}

/** Where to look. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
  /** What happened before this time was brought in from elsewhere: it is no news. */
  readonly since: number;
}

/**
 * Spans of what ended in a stretch, in order; of at most `traceBatchSpansMax` events.
 * @param origin `tenant/swarm`
 */
export function endedStretch(sql: Sql, origin: string, { from, to, since }: Stretch): EndedStretch {
  const ended = sql.all<Ended>(
    `SELECT seq, subject FROM journal
     WHERE seq BETWEEN ? AND ? AND at >= ? AND type IN (SELECT value FROM json_each(?)) ORDER BY seq LIMIT ?`,
    from,
    to,
    since,
    ENDED_TYPES,
    traceBatchSpansMax,
  );
  const rows = rowsOf(sql, ended);
  const events = ended.map(({ seq, subject }) => ({ seq, spans: spansOf(subject, rows, origin) }));
  return { events, to: ended.length === traceBatchSpansMax ? (ended.at(-1)?.seq ?? to) : to };
}

/** The first event that is still in the table; everything before lies in the archive. */
export function firstHotSeq(sql: Sql): number {
  return first(sql.all<{ seq: number | null }>('SELECT min(seq) AS seq FROM journal'))?.seq ?? 1;
}

interface RowsOfEnded {
  readonly tasks: ReadonlyMap<string, TracedTask>;
  readonly holds: ReadonlyMap<string, Transfer>;
  readonly missions: ReadonlyMap<string, Mission>;
  readonly deliveries: ReadonlyMap<string, ToldDelivery>;
}

/** A delivery, and the event that it tells of. */
interface ToldDelivery {
  readonly delivery: Delivery;
  readonly subject: string | null;
  readonly trace: string | null;
}

function rowsOf(sql: Sql, ended: readonly Ended[]): RowsOfEnded {
  const idsOf = (kind: string, subjects: readonly string[]) =>
    subjects.filter((subject) => subject.startsWith(`${kind}/`)).map((subject) => subject.slice(kind.length + 1));
  const subjects = ended.map(({ subject }) => subject);
  const deliveries = deliveriesOf(sql, idsOf('delivery', subjects));
  const told = [...deliveries.values()].flatMap(({ subject }) => subject ?? []);
  const missions = new Map(
    bodiesOf<Mission>(sql, 'mission', 'body', idsOf('mission', subjects)).map((row) => [row.id, row]),
  );
  const firstTasks: readonly string[] = [...missions.values()].flatMap(({ tasks }) => tasks[0]?.task ?? []);
  const tasks = new Map(
    bodiesOf<TracedTask>(sql, 'task', `json_remove(body, '$.input', '$.result')`, [
      ...new Set<string>([...idsOf('task', subjects), ...idsOf('task', told), ...firstTasks]),
    ]).map((row): [string, TracedTask] => [row.id, row]),
  );
  const holds = idsOf('task', subjects).flatMap((id) => tasks.get(id)?.attempts.map(({ hold }) => hold) ?? []);
  return {
    tasks,
    missions,
    deliveries,
    holds: new Map(bodiesOf<Transfer>(sql, 'transfer', 'body', holds).map((row) => [row.id, row])),
  };
}

/** Rows by their ids, as one text: a row of its own for each costs more than reading it. @param table and what of it, ours */
function bodiesOf<R>(sql: Sql, table: Kind, body: string, ids: readonly string[]): R[] {
  if (ids.length === 0) return [];
  const found = first(
    sql.all<{ bodies: string }>(
      `SELECT json_group_array(json(${body})) AS bodies FROM ${table} WHERE id IN (SELECT value FROM json_each(?))`,
      JSON.stringify(ids),
    ),
  );
  return JSON.parse(found?.bodies ?? '[]') as R[]; // rows of the table that was asked
}

function deliveriesOf(sql: Sql, ids: readonly string[]): Map<string, ToldDelivery> {
  if (ids.length === 0) return new Map();
  return new Map(
    sql
      .all<{ body: string; subject: string | null; trace: string | null }>(
        `SELECT delivery.body AS body, journal.subject AS subject, journal.trace AS trace
         FROM delivery LEFT JOIN journal ON journal.seq = delivery.body ->> '$.seq'
         WHERE delivery.id IN (SELECT value FROM json_each(?))`,
        JSON.stringify(ids),
      )
      .map(({ body, subject, trace }) => {
        const delivery = JSON.parse(body) as Delivery; // a row of the table
        return [delivery.id, { delivery, subject, trace }];
      }),
  );
}

function spansOf(subject: string, rows: RowsOfEnded, origin: string): readonly Span[] {
  const id = subject.slice(subject.indexOf('/') + 1);
  const task = rows.tasks.get(id);
  if (task !== undefined) return taskSpans(task, rows.holds, origin);
  const mission = rows.missions.get(id);
  if (mission !== undefined) {
    const span = missionSpan(mission, rows.tasks.get(mission.tasks[0]?.task ?? '')?.trace ?? null, origin);
    return span === null ? [] : [span];
  }
  const told = rows.deliveries.get(id);
  if (told === undefined) return [];
  const span = deliverySpan(told.delivery, toldOf(told, rows, origin), origin);
  return span === null ? [] : [span];
}

/** The work that a delivery tells of. Of an event that is no task's, or lies in the archive, the trace that came with it. */
function toldOf({ delivery, subject, trace }: ToldDelivery, { tasks }: RowsOfEnded, origin: string): ToldOf {
  const task = subject === null ? undefined : tasks.get(subject.slice('task/'.length));
  if (task !== undefined) return { context: taskContext(task, origin), spanId: spanIdOf(origin, task.id) };
  return { context: contextOf(trace, origin, delivery.id), spanId: null };
}
