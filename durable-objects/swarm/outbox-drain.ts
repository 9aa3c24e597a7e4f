// Carries effects out of the swarm. A row is deleted only when its receiver has taken it for good [P1]; a failure is tried again
// with growing pauses, a bounded number of times, then parked where it can be seen [P18]. The order to one squad is kept. What is
// about to be carried is written down first: an effect that ends the process is found and parked too (tries.ts).

import { outboxPerDrain, outboxTriesMax } from '../../core/limits.ts';
import type { Effect } from '../../core/swarm/react.ts';
import { first, type Sql } from '../sql-port.ts';
import type { Tries } from '../tries.ts';

type Carried = Exclude<Effect, { kind: 'timer' | 'no-timer' }>;

/** Each lane is drained by itself: a receiver of webhooks that does not answer must not keep orders from devices. */
const LANES = { orders: ['order', 'expel'], own: ['run'], deliveries: ['send'] } as const satisfies Record<
  string,
  readonly Carried['kind'][]
>;
export type Lane = keyof typeof LANES;

export interface DrainDeps {
  readonly sql: Sql;
  readonly tries: Tries;
  now(): number;
  /** Gives orders and expulsions to one squad, in order. Resolves when the squad has stored them. */
  toSquad(squad: number, effects: readonly Extract<Carried, { kind: 'order' | 'expel' }>[]): Promise<void>;
  /** Does an attempt in process and reports it. */
  run(effect: Extract<Carried, { kind: 'run' }>): Promise<void>;
  /** Sends a delivery and records what came of it. */
  send(effect: Extract<Carried, { kind: 'send' }>): Promise<void>;
  /** Says, in the journal, that this effect is given up. */
  park(id: number, effect: Carried, tries: number): void;
}

interface OutboxRow {
  readonly id: number;
  readonly effect: string;
  readonly tries: number;
}

/** Deliveries under way at once: a slow receiver must not hold up the others. */
const sendsAtOnce = 6;
const retryMsMin = 1_000;
const retryMsMax = 300_000;

/**
 * Carries what is due in a lane once around, when all that was written so far is durable: an effect must not be seen before the
 * events it follows from. False when there was nothing.
 */
export async function drain(lane: Lane, deps: DrainDeps): Promise<boolean> {
  const { sql, tries } = deps;
  const troubled = tries.troubled('outbox');
  const rows =
    troubled.length === 0
      ? sql.all<OutboxRow>(dueOf(lane, ''), deps.now())
      : sql.all<OutboxRow>(dueOf(lane, NO_TROUBLE), deps.now(), JSON.stringify(troubled));
  if (rows.length === 0) return false;
  tries.begin(
    lane,
    rows.map(({ id }) => `outbox/${id}`),
  );
  await tries.durable();
  // What went well is gone: its mark says nothing any more, and is overwritten.
  if (!(await carryAll(lane, rows.map(parsed), deps))) tries.end(lane);
  return true;
}

/** Nearly always nothing is in trouble, and a list to look into costs more than the rest of the question. */
function dueOf(lane: Lane, condition: string): string {
  const kinds = LANES[lane].map((kind) => `'${kind}'`).join(', ');
  return `SELECT id, effect, tries FROM outbox WHERE parked = 0 AND due <= ?1 AND kind IN (${kinds})${condition}
    ORDER BY id LIMIT ${outboxPerDrain}`;
}

/** Carries an effect that was cut off once more, and nothing else beside it. */
export async function carryAlone(id: string, deps: DrainDeps): Promise<void> {
  const row = first(
    deps.sql.all<OutboxRow & { kind: Carried['kind'] }>(
      'SELECT id, effect, tries, kind FROM outbox WHERE id = ? AND parked = 0',
      Number(id),
    ),
  );
  if (row !== null) await carryAll(laneOf(row.kind), [parsed(row)], deps);
}

/** Of these rows, those that are still to be carried. */
export function outboxLeft(sql: Sql, ids: readonly string[]): readonly string[] {
  return sql
    .all<{ id: number }>(
      'SELECT id FROM outbox WHERE parked = 0 AND id IN (SELECT value + 0 FROM json_each(?)) ORDER BY id',
      JSON.stringify(ids),
    )
    .map(({ id }) => String(id));
}

function parsed({ effect, ...row }: OutboxRow): Row {
  return { ...row, effect: JSON.parse(effect) as Carried }; // written by the store from an effect
}

function laneOf(kind: Carried['kind']): Lane {
  const lanes = Object.keys(LANES) as Lane[]; // its own keys
  return lanes.find((lane) => LANES[lane].some((one) => one === kind)) ?? 'own';
}

/** True when all of them are gone. */
async function carryAll(lane: Lane, rows: readonly Row[], deps: DrainDeps): Promise<boolean> {
  if (lane === 'orders') return toSquads(rows, deps);
  return lane === 'own' ? runAll(rows, deps) : sendAll(rows, deps);
}

/** When the first row of each kind is due: one step along the index for each, however many rows wait. */
function firstDueOf(condition: string): string {
  return Object.values(LANES)
    .flat()
    .map(
      (kind) =>
        `SELECT '${kind}' AS kind, min(due) AS due FROM outbox WHERE parked = 0 AND kind = '${kind}'${condition}`,
    )
    .join(' UNION ALL ');
}
const FIRST_DUE = firstDueOf('');
const FIRST_OF_OTHERS = firstDueOf(' AND id NOT IN (SELECT value + 0 FROM json_each(?1))');
const NO_TROUBLE = ' AND id NOT IN (SELECT value + 0 FROM json_each(?2))';

/** What is in trouble is due by itself. */
function firstDue(sql: Sql, tries: Tries): readonly { readonly kind: string; readonly due: number | null }[] {
  const troubled = tries.troubled('outbox');
  return troubled.length === 0 ? sql.all(FIRST_DUE) : sql.all(FIRST_OF_OTHERS, JSON.stringify(troubled));
}

/** The lanes in which something is due. */
export function lanesDue(sql: Sql, now: number, tries: Tries): readonly Lane[] {
  const kinds = new Set(firstDue(sql, tries).flatMap(({ kind, due }) => (due !== null && due <= now ? [kind] : [])));
  const lanes = Object.keys(LANES) as Lane[]; // its own keys
  return lanes.filter((lane) => LANES[lane].some((kind) => kinds.has(kind)));
}

/** When the next row is due, or null. */
export function nextInOutbox(sql: Sql, tries: Tries): number | null {
  const due = firstDue(sql, tries).flatMap((row) => row.due ?? []);
  return due.length === 0 ? null : Math.min(...due);
}

type Row = Omit<OutboxRow, 'effect'> & { readonly effect: Carried };

async function toSquads(rows: readonly Row[], deps: DrainDeps): Promise<boolean> {
  const bySquad = new Map<number, Row[]>();
  for (const row of rows) {
    if (row.effect.kind !== 'order' && row.effect.kind !== 'expel') continue;
    const { squad } = row.effect;
    bySquad.set(squad, [...(bySquad.get(squad) ?? []), row]);
  }
  const went = await Promise.all(
    [...bySquad].map(([squad, mine]) =>
      isBehind(squad, mine, deps)
        ? false
        : carry(mine, deps, () =>
            deps.toSquad(
              squad,
              mine.flatMap(({ effect }) => (effect.kind === 'order' || effect.kind === 'expel' ? [effect] : [])),
            ),
          ),
    ),
  );
  return went.every((all) => all);
}

/** True when earlier rows of the same squad wait for another try: then these wait with them, or they would overtake. */
function isBehind(squad: number, mine: readonly Row[], { sql, now, tries }: DrainDeps): boolean {
  const last = mine.at(-1)?.id ?? 0;
  const due = first(
    sql.all<{ due: number | null }>(
      `SELECT max(due) AS due FROM outbox WHERE parked = 0 AND kind IN ('order', 'expel') AND due > ? AND id < ?
       AND effect ->> '$.squad' = ?`,
      now(),
      last,
      squad,
    ),
  )?.due;
  const suspected = due == null ? suspectBefore(squad, mine, sql, tries) : null;
  const until = due ?? (suspected === null ? null : now() + retryMsMin);
  if (until === null) return false;
  const ids = JSON.stringify(mine.map(({ id }) => id));
  sql.run('UPDATE outbox SET due = ? WHERE id IN (SELECT value FROM json_each(?))', until, ids);
  return true;
}

/** An effect of the same squad that was cut off, and will be tried alone before these; what is parked keeps nobody waiting. */
function suspectBefore(squad: number, mine: readonly Row[], sql: Sql, tries: Tries): unknown {
  const suspects = tries.suspected('outbox');
  if (suspects.length === 0) return null;
  return first(
    sql.all(
      `SELECT 1 FROM outbox WHERE id IN (SELECT value + 0 FROM json_each(?)) AND parked = 0 AND id < ?
       AND kind IN ('order', 'expel') AND effect ->> '$.squad' = ? LIMIT 1`,
      JSON.stringify(suspects),
      mine[0]?.id ?? 0,
      squad,
    ),
  );
}

async function runAll(rows: readonly Row[], deps: DrainDeps): Promise<boolean> {
  let all = true;
  for (const row of rows) {
    const { effect } = row;
    if (effect.kind === 'run') all = (await carry([row], deps, () => deps.run(effect))) && all;
  }
  return all;
}

async function sendAll(rows: readonly Row[], deps: DrainDeps): Promise<boolean> {
  let all = true;
  const sends = rows.filter(({ effect }) => effect.kind === 'send');
  const lanes = Array.from({ length: Math.min(sendsAtOnce, sends.length) }, async () => {
    for (let row = sends.shift(); row !== undefined; row = sends.shift()) {
      const { effect } = row;
      if (effect.kind === 'send') all = (await carry([row], deps, () => deps.send(effect))) && all;
    }
  });
  await Promise.all(lanes);
  return all;
}

/** True when the rows are gone. */
async function carry(rows: readonly Row[], deps: DrainDeps, take: () => Promise<void>): Promise<boolean> {
  const ids = JSON.stringify(rows.map(({ id }) => id));
  try {
    await take();
    deps.sql.run('DELETE FROM outbox WHERE id IN (SELECT value FROM json_each(?))', ids);
    return true;
  } catch {
    for (const { id, effect, tries } of rows) {
      const made = tries + 1;
      if (made >= outboxTriesMax) {
        park(id, effect, made, deps);
      } else {
        const due = deps.now() + Math.min(retryMsMin * 2 ** tries, retryMsMax);
        deps.sql.run('UPDATE outbox SET tries = ?, due = ? WHERE id = ?', made, due, id);
      }
    }
    return false;
  }
}

/** With the event or not at all: what cannot be said just now is tried once more instead. */
function park(id: number, effect: Carried, made: number, deps: DrainDeps): void {
  try {
    deps.park(id, effect, made);
  } catch {
    deps.sql.run('UPDATE outbox SET due = ? WHERE id = ?', deps.now() + retryMsMax, id);
    return;
  }
  deps.sql.run('UPDATE outbox SET parked = 1, tries = ? WHERE id = ?', made, id);
}
