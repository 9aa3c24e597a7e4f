// What a swarm says of itself for metrics: numbers, as plain data over RPC. Nothing of a tenant's work but how much there is.

import type { TaskState } from '../work/state.ts';

export interface MetricsView {
  readonly tenant: string;
  readonly swarm: string;
  readonly headSeq: number;
  /** Events by type, since counting began. */
  readonly events: Readonly<Record<string, number>>;
  /** Credits settled, since counting began. */
  readonly settledMicro: number;
  readonly tasksOpen: Readonly<Partial<Record<TaskState, number>>>;
  readonly missionsOpen: number;
  readonly availableMicro: number;
  readonly heldMicro: number;
  readonly devicesEnrolled: number;
  readonly devicesConnected: number;
  readonly outboxWaiting: number;
  readonly outboxParked: number;
  readonly timersWaiting: number;
  readonly timersDue: number;
  /** How late the timer is that has been due for longest. */
  readonly timersLateMs: number;
  readonly isHalted: boolean;
  readonly isBreakerOpen: boolean;
  readonly storageBytes: number;
  readonly followers: number;
  /** The longest checkpoint that was signed; null before the first. */
  readonly checkpoint: { readonly size: number; readonly at: number } | null;
  readonly snapshotSeq: number;
  readonly archivedSeq: number;
  /** Failures of each of the recorder's chores since it last went well; one that is well is left out. */
  readonly choreFailures: Readonly<Record<string, number>>;
  /** Null when traces are not exported. */
  readonly traces: TracesView | null;
}

export interface TracesView {
  /** Events that were not looked at yet. */
  readonly backlog: number;
  /** Of the request under way: how often it was not taken. */
  readonly tries: number;
  readonly taken: number;
  readonly rejected: number;
  readonly lost: number;
  readonly skipped: number;
}
