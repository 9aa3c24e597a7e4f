// What a decision may see of the swarm: rows by id and a few narrow, bounded questions. It has two implementations of one
// contract: tables in SQLite, and rows in memory for tests.

import type { Moved } from '../clock/evolve.ts';
import type { DeviceId, MissionId, TaskId } from '../ids.ts';
import type { Account } from '../ledger/state.ts';
import type { Route } from '../routes/state.ts';
import type { Webhook } from '../webhooks/state.ts';
import type { TaskBrief } from '../work/brief.ts';
import type { Kind, Rows } from './state.ts';

export interface Read {
  /** The row as it is now; null when there is none. Never mutated: a change is a new row. */
  row<K extends Kind>(kind: K, id: string): Rows[K] | null;
  /** Active routes of an operation; at most `candidatesMax`, by id. */
  routesOf(operation: string): readonly Route[];
  /**
   * Queued tasks of these operations that may be leased at `at` and do not ask for another executor than this one: oldest
   * first, behind the task `after`. They are looked through for one that an executor may do: none of them is read whole.
   */
  queuedTasks(
    operations: readonly string[],
    executor: string,
    at: number,
    after: string,
    most: number,
  ): readonly TaskBrief[];
  /** Every task of a mission, by id. None is read whole, so that a mission's life costs what its tasks hold once. */
  tasksOf(mission: MissionId): readonly TaskBrief[];
  /** Queued tasks that may be leased at `at` and wait for credits, oldest first. */
  unfundedTasks(at: number, most: number): readonly TaskId[];
  /** Executors' accounts that have something to give back at the end of a cycle; at most `sweptAtOnce`, by id. */
  accountsToSweep(): readonly Account[];
  activeWebhooks(): readonly Webhook[];
  deviceByDid(did: string): DeviceId | null;
  /** The task whose last attempt this is. */
  taskOfAttempt(attempt: string): TaskId | null;
  count(what: Counted): number;
  /** Ids of rows that are not over and in which something is due later than `at`, behind the id `after`, by id. */
  dueRows(kind: Moved, at: number, after: string, most: number): readonly string[];
}

/** What is counted, against limits: of keys the ones that nothing has taken the place of. */
export type Counted = 'openTasks' | 'openMissions' | 'devices' | 'keys' | 'triggers';

/** Candidates that one decision looks at. */
export const candidatesMax = 1_000;
/** Accounts that one decision gives back to the treasury. */
export const sweptAtOnce = 1_000;
