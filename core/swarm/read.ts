// What a decision may see of the swarm: rows by id and a few narrow, bounded questions. It has two implementations of one
// contract: tables in SQLite, and rows in memory for tests.

import type { DeviceId, TaskId } from '../ids.ts';
import type { Account } from '../ledger/state.ts';
import type { Route } from '../routes/state.ts';
import type { Webhook } from '../webhooks/state.ts';
import type { Kind, Rows } from './state.ts';

export interface Read {
  /** The row as it is now; null when there is none. Never mutated: a change is a new row. */
  row<K extends Kind>(kind: K, id: string): Rows[K] | null;
  /** Active routes of an operation; at most `candidatesMax`, by id. */
  routesOf(operation: string): readonly Route[];
  /** Queued tasks of these operations that may be leased at `at`, oldest first. */
  queuedTasks(operations: readonly string[], at: number, most: number): readonly TaskId[];
  /** Accounts that have something to give back at the end of a cycle. */
  accountsToSweep(): readonly Account[];
  activeWebhooks(): readonly Webhook[];
  deviceByDid(did: string): DeviceId | null;
  /** The task whose last attempt this is. */
  taskOfAttempt(attempt: string): TaskId | null;
  count(what: Counted): number;
}

/** What is counted, against limits. */
export type Counted = 'openTasks' | 'openMissions' | 'devices' | 'keys' | 'triggers';

/** Candidates that one decision looks at. */
export const candidatesMax = 1_000;
