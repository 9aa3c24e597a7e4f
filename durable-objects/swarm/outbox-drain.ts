// Carries effects out of the swarm. A row is deleted only when its receiver has taken it for good [P1]; a failure is tried again
// with growing pauses, a bounded number of times, then parked where it can be seen [P18]. The order to one squad is kept.

import { outboxPerDrain, outboxTriesMax } from '../../core/limits.ts';
import type { Effect } from '../../core/swarm/react.ts';
import { first, type Sql } from '../sql-port.ts';

type Carried = Exclude<Effect, { kind: 'timer' | 'no-timer' }>;

/** Each lane is drained by itself: a receiver of webhooks that does not answer must not keep orders from devices. */
const LANES = { orders: ['order', 'expel'], own: ['run'], deliveries: ['send'] } as const satisfies Record<
  string,
  readonly Carried['kind'][]
>;
export type Lane = keyof typeof LANES;

export interface DrainDeps {
  readonly sql: Sql;
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

/** Carries what is due in a lane once around. */
export async function drain(lane: Lane, deps: DrainDeps): Promise<void> {
  const { sql } = deps;
  const rows = sql
    .all<OutboxRow>(
      `SELECT id, effect, tries FROM outbox WHERE parked = 0 AND due <= ?
       AND kind IN (SELECT value FROM json_each(?)) ORDER BY id LIMIT ?`,
      deps.now(),
      JSON.stringify(LANES[lane]),
      outboxPerDrain,
    )
    .map((row) => ({ ...row, effect: JSON.parse(row.effect) as Carried })); // written by the store from an effect
  if (lane === 'orders') await toSquads(rows, deps);
  else if (lane === 'own') await runAll(rows, deps);
  else await sendAll(rows, deps);
}

/** When the first row of each kind is due: one step along the index for each, however many rows wait. */
const FIRST_DUE = Object.values(LANES)
  .flat()
  .map((kind) => `SELECT '${kind}' AS kind, min(due) AS due FROM outbox WHERE parked = 0 AND kind = '${kind}'`)
  .join(' UNION ALL ');

function firstDue(sql: Sql): readonly { readonly kind: string; readonly due: number | null }[] {
  return sql.all(FIRST_DUE);
}

/** The lanes in which something is due. */
export function lanesDue(sql: Sql, now: number): readonly Lane[] {
  const kinds = new Set(firstDue(sql).flatMap(({ kind, due }) => (due !== null && due <= now ? [kind] : [])));
  const lanes = Object.keys(LANES) as Lane[]; // its own keys
  return lanes.filter((lane) => LANES[lane].some((kind) => kinds.has(kind)));
}

/** When the next row is due, or null. */
export function nextInOutbox(sql: Sql): number | null {
  const due = firstDue(sql).flatMap((row) => row.due ?? []);
  return due.length === 0 ? null : Math.min(...due);
}

type Row = Omit<OutboxRow, 'effect'> & { readonly effect: Carried };

async function toSquads(rows: readonly Row[], deps: DrainDeps): Promise<void> {
  const bySquad = new Map<number, Row[]>();
  for (const row of rows) {
    if (row.effect.kind !== 'order' && row.effect.kind !== 'expel') continue;
    const { squad } = row.effect;
    bySquad.set(squad, [...(bySquad.get(squad) ?? []), row]);
  }
  await Promise.all(
    [...bySquad].map(([squad, mine]) =>
      isBehind(squad, mine, deps)
        ? null
        : carry(mine, deps, () =>
            deps.toSquad(
              squad,
              mine.flatMap(({ effect }) => (effect.kind === 'order' || effect.kind === 'expel' ? [effect] : [])),
            ),
          ),
    ),
  );
}

/** True when earlier rows of the same squad wait for another try: then these wait with them, or they would overtake. */
function isBehind(squad: number, mine: readonly Row[], { sql, now }: DrainDeps): boolean {
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
  if (due == null) return false;
  const ids = JSON.stringify(mine.map(({ id }) => id));
  sql.run('UPDATE outbox SET due = ? WHERE id IN (SELECT value FROM json_each(?))', due, ids);
  return true;
}

async function runAll(rows: readonly Row[], deps: DrainDeps): Promise<void> {
  for (const row of rows) {
    const { effect } = row;
    if (effect.kind === 'run') await carry([row], deps, () => deps.run(effect));
  }
}

async function sendAll(rows: readonly Row[], deps: DrainDeps): Promise<void> {
  const sends = rows.filter(({ effect }) => effect.kind === 'send');
  const lanes = Array.from({ length: Math.min(sendsAtOnce, sends.length) }, async () => {
    for (let row = sends.shift(); row !== undefined; row = sends.shift()) {
      const { effect } = row;
      if (effect.kind === 'send') await carry([row], deps, () => deps.send(effect));
    }
  });
  await Promise.all(lanes);
}

async function carry(rows: readonly Row[], deps: DrainDeps, take: () => Promise<void>): Promise<void> {
  const ids = JSON.stringify(rows.map(({ id }) => id));
  try {
    await take();
    deps.sql.run('DELETE FROM outbox WHERE id IN (SELECT value FROM json_each(?))', ids);
  } catch {
    for (const { id, effect, tries } of rows) {
      const made = tries + 1;
      if (made >= outboxTriesMax) {
        deps.sql.run('UPDATE outbox SET parked = 1, tries = ? WHERE id = ?', made, id);
        deps.park(id, effect, made);
      } else {
        const due = deps.now() + Math.min(retryMsMin * 2 ** tries, retryMsMax);
        deps.sql.run('UPDATE outbox SET tries = ?, due = ? WHERE id = ?', made, due, id);
      }
    }
  }
}
