// Attempts and orders in the device's database: what was taken, what runs, what ended. Rules stand in judge.ts.

import type { AttemptId, TaskId } from '../../../core/ids.ts';
import { canonicalStored, type Json } from '../../../core/json.ts';
import type { Order, OrderBody } from '../../../core/wire/device.ts';
import type { DeviceDatabase, Row } from '../outbox/database.ts';

/** Ended attempts and stored orders that are remembered, newest first: far more than a swarm would ever send again. */
export const attemptsKeptMax = 5_000;
export const ordersKeptMax = 20_000;
/** Rows may pass their bound by so many before they are counted again. */
const pruneEvery = 256;

export type Offer = Extract<OrderBody, { type: 'offer' }>;
export type Outcome = 'succeeded' | 'failed' | 'declined' | 'replaced' | 'lost';

/** Names an attempt in every fact about it. */
export interface AttemptRef {
  readonly attempt: AttemptId;
  readonly task: TaskId;
  readonly fence: number;
}

export interface StoredAttempt extends AttemptRef {
  readonly state: 'taken' | 'running';
  readonly operation: string;
  readonly input: Json;
  readonly priceMicro: number;
  readonly leaseMs: number;
  /** By the swarm's clock. */
  readonly leaseUntil: number;
  readonly deadline: number;
  /** How often it was begun: more than once after a restart. */
  readonly runs: number;
  readonly trace: string | null;
}

export interface AttemptStore {
  /** False when the order is known already. */
  addOrder(order: Order, at: number): boolean;
  /** Stores an offered attempt; nothing happens when it is known. */
  addAttempt(offer: Offer, trace: string | null, leaseUntil: number): void;
  open(): StoredAttempt[];
  find(attempt: string): StoredAttempt | null;
  /** The highest fence that was ever offered for a task, this attempt aside; 0 when there is none. */
  highestFence(task: string, besides: string): number;
  /** Attempts of the task with a lower fence that are not over. */
  replacedBy(ref: AttemptRef): AttemptRef[];
  begin(attempt: string): void;
  renew(attempt: string, leaseUntil: number): void;
  end(attempt: string, outcome: Outcome, at: number): void;
  remember(name: string, value: string | null): void;
  recall(name: string): string | null;
}

/** The store in an open database, which the caller owns. */
export function openAttemptStore(database: DeviceDatabase): AttemptStore {
  const isDue = everyNth(pruneEvery);
  return {
    addOrder(order, at) {
      if (database.get('SELECT 1 FROM orders WHERE id = ?', order.id) !== null) return false;
      database.run('INSERT INTO orders (id, received_at) VALUES (?, ?)', order.id, at);
      if (isDue()) prune(database);
      return true;
    },
    addAttempt(offer, trace, leaseUntil) {
      database.run(
        `INSERT INTO attempts (attempt, task, fence, state, operation, input, price_micro, lease_ms, lease_until, deadline, runs, trace)
         VALUES (?, ?, ?, 'taken', ?, ?, ?, ?, ?, ?, 0, ?) ON CONFLICT DO NOTHING`,
        ...[offer.attempt, offer.task, offer.fence, offer.operation, canonicalStored(offer.input)],
        ...[offer.priceMicro, offer.leaseMs, leaseUntil, offer.deadline, trace],
      );
    },
    open: () => database.all("SELECT * FROM attempts WHERE state <> 'ended' ORDER BY attempt").map(attemptOf),
    find(attempt) {
      const row = database.get("SELECT * FROM attempts WHERE attempt = ? AND state <> 'ended'", attempt);
      return row === null ? null : attemptOf(row);
    },
    highestFence(task, besides) {
      const row = database.get(
        'SELECT coalesce(max(fence), 0) AS fence FROM attempts WHERE task = ? AND attempt <> ?',
        task,
        besides,
      );
      return Number(row?.fence ?? 0);
    },
    replacedBy: ({ task, fence }) =>
      database
        .all("SELECT attempt, task, fence FROM attempts WHERE task = ? AND fence < ? AND state <> 'ended'", task, fence)
        .map(refOf),
    begin: (attempt) =>
      database.run("UPDATE attempts SET state = 'running', runs = runs + 1 WHERE attempt = ?", attempt),
    renew: (attempt, leaseUntil) =>
      database.run('UPDATE attempts SET lease_until = ? WHERE attempt = ?', leaseUntil, attempt),
    end(attempt, outcome, at) {
      database.run(
        "UPDATE attempts SET state = 'ended', outcome = ?, ended_at = ?, input = NULL WHERE attempt = ?",
        outcome,
        at,
        attempt,
      );
    },
    remember(name, value) {
      if (value === null) database.run('DELETE FROM memory WHERE name = ?', name);
      else
        database.run(
          'INSERT INTO memory (name, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value',
          name,
          value,
        );
    },
    recall(name) {
      const value = database.get('SELECT value FROM memory WHERE name = ?', name)?.value;
      return typeof value === 'string' ? value : null;
    },
  };
}

function prune(database: DeviceDatabase): void {
  database.run(
    'DELETE FROM orders WHERE id IN (SELECT id FROM orders ORDER BY received_at DESC LIMIT -1 OFFSET ?)',
    ordersKeptMax,
  );
  database.run(
    "DELETE FROM attempts WHERE attempt IN (SELECT attempt FROM attempts WHERE state = 'ended' ORDER BY ended_at DESC LIMIT -1 OFFSET ?)",
    attemptsKeptMax,
  );
}

function everyNth(n: number): () => boolean {
  let count = 0;
  return () => {
    count = (count + 1) % n;
    return count === 0;
  };
}

function refOf(row: Row): AttemptRef {
  // Both ids were written by addAttempt from an order that its schema had passed.
  return { attempt: String(row.attempt) as AttemptId, task: String(row.task) as TaskId, fence: Number(row.fence) };
}

function attemptOf(row: Row): StoredAttempt {
  return {
    ...refOf(row),
    state: row.state === 'running' ? 'running' : 'taken',
    operation: String(row.operation),
    // Written by addAttempt from an order that its schema had passed.
    input: JSON.parse(String(row.input)) as Json,
    priceMicro: Number(row.price_micro),
    leaseMs: Number(row.lease_ms),
    leaseUntil: Number(row.lease_until),
    deadline: Number(row.deadline),
    runs: Number(row.runs),
    trace: typeof row.trace === 'string' ? row.trace : null,
  };
}
