// Takes orders, judges offers, runs them and reports: each step is durable before the next one begins. What the swarm is
// told (facts) is written in the same transaction as what the device knows (attempts) [P1].

import { Fault } from '../../../core/assert.ts';
import type { FactBody, Order } from '../../../core/wire/device.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Operation } from '../operations/operation.ts';
import type { DeviceDatabase } from '../outbox/database.ts';
import type { Outbox } from '../outbox/outbox.ts';
import type { RefusedWithBody } from '../outbox/outbox-rows.ts';
import { whenWritable } from '../when-writable.ts';
import { type ActiveRuns, createActiveRuns } from './active-runs.ts';
import {
  declinedFact,
  endFact,
  FAILURES,
  failedFact,
  interruptedFact,
  progressedFact,
  startedFact,
} from './attempt-facts.ts';
import type { AttemptStore, Outcome, StoredAttempt } from './attempt-store.ts';
import { type Judgement, judge } from './judge.ts';
import type { OperationRunner } from './run-operation.ts';
import type { StopReason } from './run-stopped.ts';

export interface SupervisorDeps {
  readonly database: DeviceDatabase;
  readonly outbox: Outbox;
  readonly store: AttemptStore;
  readonly runner: OperationRunner;
  readonly clock: Clock;
  readonly log: Log;
  /** The swarm's clock as this device estimates it. */
  swarmNow(): number;
  parallel(): number;
  isGranted(operation: string): boolean;
  /** An attempt has ended, for the statistics. */
  measured(operation: string, outcome: Outcome, durationMs: number): void;
  /** What the swarm wants this device to be; called inside the transaction that stores the order. */
  desired(version: number, desired: Extract<Order['body'], { type: 'desire' }>['desired']): void;
}

export interface Supervisor {
  /** Stores orders and answers with the ids that may be acknowledged; carries them out right after. */
  take(orders: readonly Order[]): readonly string[];
  /** The operations are there: attempts of before a restart go on, and offers are judged from now on. */
  ready(operations: readonly Operation[]): void;
  /** Facts up to `seq` are committed, some refused. Part of the outbox's transaction; call `settle` after it. */
  committed(seq: number, refused: readonly RefusedWithBody[]): void;
  settle(): void;
  renumbered(): void;
  running(): number;
  /** Takes nothing more, waits, then reports what still runs as interrupted. */
  stop(graceMs: number): Promise<void>;
}

/** What a supervisor holds in memory; everything that must not be lost is in the store. */
interface Supervision extends SupervisorDeps {
  readonly runs: ActiveRuns;
  /** Attempts that were taken and not judged yet. */
  readonly toJudge: Set<string>;
  /** Runs to stop once the transaction that decided it has been committed. */
  readonly toStop: Map<string, StopReason>;
  /** Attempts that have ended and wait for room on the disk. */
  readonly toWrite: Set<string>;
  operations: ReadonlyMap<string, Operation> | null;
  stopping: boolean;
  /** Called when the last run has ended. */
  emptied: () => void;
}

export function createSupervisor(deps: SupervisorDeps): Supervisor {
  const { outbox, store, clock, runner } = deps;
  const runs = createActiveRuns({
    clock,
    run: runner.run,
    progressed: (progress) => outbox.appendExpendable(progress.map(progressedFact)),
    ended(attempt, end, durationMs) {
      deps.measured(attempt.operation, end.type, durationMs);
      finish(self, attempt, endFact(attempt, end, durationMs), end.type);
    },
    expired(attempt, reason, durationMs) {
      deps.measured(attempt.operation, 'failed', durationMs);
      finish(self, attempt, failedFact(attempt, FAILURES[reason], durationMs), 'failed');
    },
  });
  const self: Supervision = {
    ...deps,
    ...{ runs, operations: null, stopping: false },
    toJudge: new Set(),
    toStop: new Map(),
    toWrite: new Set(),
    emptied: () => {},
  };
  // What a transaction decided that was rolled back was not decided.
  deps.database.watch({ begun: () => {}, committed: () => {}, rolledBack: () => self.toStop.clear() });
  return {
    take: (orders) => take(self, orders),
    ready(operations) {
      self.operations = new Map(operations.map((operation) => [operation.name, operation]));
      for (const attempt of store.open()) self.toJudge.add(attempt.attempt);
      judgeAll(self);
    },
    committed: (seq, refused) => committed(self, seq, refused),
    settle: () => settle(self),
    renumbered: runs.forgetRenewals,
    running: () => runs.list().length,
    stop: (graceMs) => stop(self, graceMs),
  };
}

function take(self: Supervision, orders: readonly Order[]): readonly string[] {
  if (self.stopping || self.outbox.isFull()) return [];
  try {
    self.database.transaction(() => {
      for (const order of orders) storeOrder(self, order);
    });
  } catch (error) {
    if (!(error instanceof Fault) || !error.retryable) throw error;
    self.log('error', 'orders cannot be stored on this device', { why: error.message });
    return [];
  }
  settle(self);
  // After the caller has acknowledged: an order is carried out once the swarm may know that it was taken.
  queueMicrotask(() => judgeAll(self));
  return orders.map((order) => order.id);
}

function storeOrder(self: Supervision, order: Order): void {
  const { store, clock, outbox, runs } = self;
  const { body } = order;
  if (!store.addOrder(order, clock.now())) return;
  switch (body.type) {
    case 'desire':
      self.desired(body.version, body.desired);
      return;
    case 'cancel': {
      const attempt = store.find(body.attempt);
      if (attempt === null) return;
      store.end(attempt.attempt, 'failed', clock.now());
      outbox.append([
        { body: failedFact(attempt, FAILURES.cancelled, runs.elapsedMs(attempt.attempt)), trace: attempt.trace },
      ]);
      self.toStop.set(attempt.attempt, 'cancelled');
      return;
    }
    case 'offer':
      store.addAttempt(body, order.trace ?? null, self.swarmNow() + body.leaseMs);
      for (const lower of store.replacedBy(body)) {
        store.end(lower.attempt, 'replaced', clock.now());
        self.toStop.set(lower.attempt, 'replaced');
      }
      self.toJudge.add(body.attempt);
  }
}

function settle(self: Supervision): void {
  for (const [attempt, reason] of self.toStop) {
    self.toJudge.delete(attempt);
    if (self.runs.stop(attempt, reason) !== null) self.log('info', 'an attempt was stopped', { attempt, reason });
  }
  self.toStop.clear();
  if (self.runs.list().length === 0) self.emptied();
}

function judgeAll(self: Supervision): void {
  if (self.operations === null) return;
  for (const id of [...self.toJudge]) {
    self.toJudge.delete(id);
    whenWritable(self, () => {
      const attempt = self.store.find(id);
      if (attempt !== null && !self.runs.has(id) && !self.toWrite.has(id) && !self.stopping) carryOut(self, attempt);
    });
  }
}

function carryOut(self: Supervision, attempt: StoredAttempt): void {
  const { database, store, outbox, runs } = self;
  const now = self.swarmNow();
  const judgement = judgeNow(self, attempt, now);
  if (judgement.kind === 'run') {
    const isAgain = attempt.state === 'running';
    const startedSeq = database.transaction(() => {
      store.begin(attempt.attempt);
      return isAgain ? null : outbox.append([{ body: startedFact(attempt), trace: attempt.trace }]);
    });
    const endsIn = { leaseMs: attempt.leaseUntil - now, deadlineMs: attempt.deadline - now };
    runs.start({ attempt, operation: judgement.operation, input: judgement.input, endsIn, startedSeq });
    return;
  }
  const declined = judgement.kind === 'decline';
  const body = declined ? declinedFact(attempt, judgement) : interruptedFact(attempt, judgement.message);
  database.transaction(() => {
    store.end(attempt.attempt, declined ? 'declined' : 'failed', self.clock.now());
    outbox.append([{ body, trace: attempt.trace }]);
  });
  self.log('info', 'an attempt is not done', {
    attempt: attempt.attempt,
    why: declined ? judgement.code : 'interrupted',
  });
}

function judgeNow(self: Supervision, attempt: StoredAttempt, now: number): Judgement {
  const parallel = self.parallel();
  return judge(attempt, {
    ...{ now, parallel },
    operation: self.operations?.get(attempt.operation) ?? null,
    granted: self.isGranted(attempt.operation),
    running: self.runs.load(parallel) + self.toWrite.size,
    highestFence: self.store.highestFence(attempt.task, attempt.attempt),
  });
}

/** Writes what came of an attempt, now or as soon as there is room: a result is never dropped. */
function finish(self: Supervision, attempt: StoredAttempt, body: FactBody, outcome: Outcome): void {
  const { database, store, outbox, runs, toWrite } = self;
  toWrite.add(attempt.attempt);
  whenWritable(self, () => {
    database.transaction(() => {
      // Cancelled or replaced while this waited for room: that has been said already.
      if (store.find(attempt.attempt) === null) return;
      store.end(attempt.attempt, outcome, self.clock.now());
      outbox.append([{ body, trace: attempt.trace }]);
    });
    toWrite.delete(attempt.attempt);
    if (runs.list().length === 0) self.emptied();
  });
}

function committed(self: Supervision, seq: number, refused: readonly RefusedWithBody[]): void {
  const { store, runs, toStop } = self;
  for (const { body, code } of refused) {
    self.log('warn', 'the swarm refused a fact', { type: body.type, code });
    if ((body.type === 'attempt.started' || body.type === 'attempt.progressed') && runs.has(body.attempt)) {
      // It is another's now: nothing that this run does would count.
      store.end(body.attempt, 'lost', self.clock.now());
      toStop.set(body.attempt, 'lost');
    }
  }
  for (const { attempt, leaseLeftMs } of runs.renew(seq)) {
    if (!toStop.has(attempt)) store.renew(attempt, Math.round(self.swarmNow() + leaseLeftMs));
  }
}

async function stop(self: Supervision, graceMs: number): Promise<void> {
  const { runs } = self;
  self.stopping = true;
  if (runs.list().length > 0) {
    await new Promise<void>((resolve) => {
      self.emptied = resolve;
      self.clock.after(graceMs, resolve);
    });
  }
  for (const attempt of runs.list()) {
    const durationMs = runs.stop(attempt.attempt, 'interrupted') ?? 0;
    finish(self, attempt, failedFact(attempt, FAILURES.interrupted, durationMs), 'failed');
  }
}
