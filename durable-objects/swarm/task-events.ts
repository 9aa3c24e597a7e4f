// The events of one task: its own, and what the same commands said of its transfers, its mission and its cause. In the
// tables an index finds them; of events that have left for the archive the segments of that time are read.

import type { Segment } from '../../core/archive/state.ts';
import type { StoredEvent } from '../../core/journal/event.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Rejection } from '../../core/swarm/rejections.ts';
import { SELF } from '../../core/swarm/state.ts';
import type { Task } from '../../core/work/state.ts';
import type { Sql } from '../sql-port.ts';
import type { ReadEvents } from './merkle-tree.ts';
import type { SwarmStore } from './swarm-store.ts';

export interface TaskEventsDeps {
  readonly sql: Sql;
  readonly store: Pick<SwarmStore, 'read' | 'head' | 'events'>;
  readonly readEvents: ReadEvents;
}

/** Events that the proof of one task may bring. */
const proofEventsMax = 2_000;
/** How far apart a task's events and those of its transfers may stand in one command. */
const NEAR = 16;
/** Archived segments that are read for one task: more time than a task takes, unless it waited for days. */
const segmentsReadMax = 4;

/**
 * Whether a segment may hold events of a task whose times were moved back by this turn of the clock: it was written while the
 * clock was wrong, or the turn lies in it.
 */
const ahead = `(turn.value ->> '$.from') - (turn.value ->> '$.to')`;
const WRONG_TIMES = `(body ->> '$.toAt' >= ?1 + ${ahead} AND body ->> '$.fromAt' <= ?2 + ${ahead})
  OR ((turn.value ->> '$.after') + 1 BETWEEN body ->> '$.from' AND (body ->> '$.to') + 1
    AND ((?2 >= turn.value ->> '$.to' AND body ->> '$.toAt' >= ?1)
      OR (?1 <= turn.value ->> '$.to' AND body ->> '$.fromAt' <= ?2 + ${ahead})))`;

/** In the order of the journal. Refusals: `range_too_large` when the task went on over too much that is archived. */
export async function taskEvents(task: Task, deps: TaskEventsDeps): Promise<Result<readonly StoredEvent[], Rejection>> {
  const subjects = new Set([
    `task/${task.id}`,
    ...task.attempts.map(({ hold }) => `transfer/${hold}`),
    task.origin,
    `mission/${task.mission ?? ''}`,
  ]);
  const archived = await archivedEvents(task, subjects, deps);
  if (!archived.ok) return archived;
  const hot = hotEvents(task.id, subjects, deps);
  const own = [...archived.value, ...hot].filter(({ subject }) => subject === `task/${task.id}`);
  const commands = new Set(own.map(({ command }) => command));
  // Both may have an event that is just leaving.
  const bySeq = new Map([...archived.value, ...hot].map((event) => [event.seq, event]));
  return ok([...bySeq.values()].filter(({ command }) => commands.has(command)).slice(0, proofEventsMax));
}

function hotEvents(id: string, subjects: ReadonlySet<string>, { sql, store }: TaskEventsDeps): StoredEvent[] {
  // The events of one command stand side by side: a walk outwards from the task's own finds them.
  const rows = sql.all<{ seq: number; subject: string }>(
    `SELECT DISTINCT near.seq, near.subject FROM journal AS own INDEXED BY journal_task
     JOIN journal AS near ON near.seq BETWEEN own.seq - ${NEAR} AND own.seq + ${NEAR} AND near.command = own.command
     WHERE own.subject = ? AND own.subject >= 'task/' AND own.subject < 'task0' ORDER BY near.seq LIMIT ${proofEventsMax}`,
    `task/${id}`,
  );
  return rows.filter(({ subject }) => subjects.has(subject)).flatMap(({ seq }) => store.events(seq, 1));
}

async function archivedEvents(
  task: Task,
  subjects: ReadonlySet<string>,
  { sql, store, readEvents }: TaskEventsDeps,
): Promise<Result<readonly StoredEvent[], Rejection>> {
  const swarm = store.read.row('swarm', SELF);
  if ((swarm?.archivedTo ?? 0) === 0) return ok([]);
  const segments = sql
    .all<{ body: string }>(
      `SELECT body FROM segment WHERE (body ->> '$.toAt' >= ?1 AND body ->> '$.fromAt' <= ?2)
         OR EXISTS (SELECT 1 FROM json_each(?3) AS turn WHERE ${WRONG_TIMES}) ORDER BY id LIMIT ${segmentsReadMax + 1}`,
      task.createdAt,
      task.updatedAt,
      JSON.stringify(swarm?.clock?.turns ?? []),
    )
    .map(({ body }) => JSON.parse(body) as Segment); // our own rows
  if (segments.length > segmentsReadMax) return err({ code: 'range_too_large' });
  const found: StoredEvent[] = [];
  for (const { from, to, state } of segments) {
    if (state !== 'kept') return err({ code: 'history_expired' });
    const read = await readEvents(from, to);
    if (!read.ok) return read;
    found.push(...read.value.filter(({ subject }) => subjects.has(subject)));
  }
  return ok(found);
}
