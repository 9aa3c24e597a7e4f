// What a swarm says of itself for metrics: a few narrow questions along indexes, none that grows with the journal or with what
// has ended.

import { TENANT_ACCOUNT } from '../../core/ledger/state.ts';
import type { MetricsView, TracesView } from '../../core/metrics/view.ts';
import { SELF } from '../../core/swarm/state.ts';
import type { TaskState } from '../../core/work/state.ts';
import { first, type Sql } from '../sql-port.ts';
import type { SwarmStore } from './swarm-store.ts';
import type { TallyStore } from './tally-store.ts';
import type { TraceProgress } from './trace-chore.ts';

export interface MetricsDeps {
  readonly sql: Sql;
  readonly store: SwarmStore;
  readonly tally: TallyStore;
  now(): number;
  readonly storageBytes: number;
  readonly followers: number;
  readonly isBreakerOpen: boolean;
  readonly choreFailures: Readonly<Record<string, number>>;
  readonly traces: TraceProgress | null;
}

/** Null before the swarm is created. */
export function metricsView(deps: MetricsDeps): MetricsView | null {
  const { sql, store } = deps;
  const swarm = store.read.row('swarm', SELF);
  if (swarm === null) return null;
  const headSeq = store.head().seq;
  const { counts, settledMicro } = deps.tally.tally(headSeq);
  const devices = deps.tally.devices();
  const account = store.read.row('account', TENANT_ACCOUNT);
  const heldMicro = account?.heldMicro ?? 0;
  return {
    tenant: swarm.tenant,
    swarm: swarm.id,
    headSeq,
    events: counts,
    settledMicro,
    tasksOpen: openTasks(sql),
    missionsOpen: store.read.count('openMissions'),
    availableMicro: (account?.postedMicro ?? 0) - heldMicro,
    heldMicro,
    devicesEnrolled: devices.enrolled,
    devicesConnected: devices.connected,
    ...outbox(sql),
    ...timers(sql, deps.now()),
    isHalted: store.halted() !== null,
    isBreakerOpen: deps.isBreakerOpen,
    storageBytes: deps.storageBytes,
    followers: deps.followers,
    checkpoint: lastCheckpoint(sql),
    snapshotSeq: swarm.snapshotSeq,
    archivedSeq: swarm.archivedTo,
    choreFailures: deps.choreFailures,
    traces: tracesView(deps.traces, headSeq),
  };
}

/** A walk along the index of open tasks, which are limited. */
function openTasks(sql: Sql): MetricsView['tasksOpen'] {
  const rows = sql.all<{ state: TaskState; n: number }>(
    `SELECT state, count(*) AS n FROM task
     WHERE state IN ('waiting', 'queued', 'leased', 'awaiting_approval') GROUP BY state`,
  );
  return Object.fromEntries(rows.map(({ state, n }) => [state, n]));
}

function outbox(sql: Sql): Pick<MetricsView, 'outboxWaiting' | 'outboxParked'> {
  const found = first(
    sql.all<{ waiting: number; parked: number }>(
      'SELECT count(*) FILTER (WHERE parked = 0) AS waiting, count(*) FILTER (WHERE parked = 1) AS parked FROM outbox',
    ),
  );
  return { outboxWaiting: found?.waiting ?? 0, outboxParked: found?.parked ?? 0 };
}

function timers(sql: Sql, now: number): Pick<MetricsView, 'timersWaiting' | 'timersDue' | 'timersLateMs'> {
  const found = first(
    sql.all<{ waiting: number; due: number; earliest: number | null }>(
      'SELECT count(*) AS waiting, count(*) FILTER (WHERE due <= ?) AS due, min(due) AS earliest FROM timer',
      now,
    ),
  );
  return {
    timersWaiting: found?.waiting ?? 0,
    timersDue: found?.due ?? 0,
    timersLateMs: Math.max(0, now - (found?.earliest ?? now)),
  };
}

function lastCheckpoint(sql: Sql): MetricsView['checkpoint'] {
  return first(
    sql.all<{ size: number; at: number }>(
      `SELECT size, body ->> '$.at' AS at FROM checkpoint ORDER BY size DESC LIMIT 1`,
    ),
  );
}

function tracesView(progress: TraceProgress | null, headSeq: number): TracesView | null {
  if (progress === null) return null;
  const { tries, taken, rejected, lost, skipped } = progress;
  return { backlog: Math.max(0, headSeq - progress.seq), tries, taken, rejected, lost, skipped };
}
