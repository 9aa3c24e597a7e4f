// The attempts that are running now: their leases and deadlines by the monotonic clock, their progress and heartbeats. It
// stores nothing; what ends or progresses is told to the supervisor.

import { cutText } from '../../../core/cut-text.ts';
import type { Cancel, Clock } from '../clock.ts';
import type { Operation, OperationContext } from '../operations/operation.ts';
import type { Progress } from './attempt-facts.ts';
import type { StoredAttempt } from './attempt-store.ts';
import type { RunEnd } from './run-operation.ts';
import { RunStopped, type StopReason } from './run-stopped.ts';

/** Progress of one attempt is told at most so often. */
export const progressMsMin = 1_000;
const noteCharsMax = 300;
/** Heartbeats in one lease: one may be lost. */
const beatsPerLease = 3;

export interface ActiveRunsDeps {
  readonly clock: Clock;
  run(operation: Operation, input: unknown, context: Pick<OperationContext, 'signal' | 'progress'>): Promise<RunEnd>;
  /** Makes progress durable, all of it or none; answers with the seq of the last, or null when it was dropped. */
  progressed(progress: readonly Progress[]): number | null;
  ended(attempt: StoredAttempt, end: RunEnd, durationMs: number): void;
  /** The lease or the deadline is over. */
  expired(attempt: StoredAttempt, reason: 'deadline_passed' | 'lease_expired', durationMs: number): void;
}

/** A run to start. Its lease and deadline end in so many milliseconds; `startedSeq` is the fact that renews the lease. */
export interface Start {
  readonly attempt: StoredAttempt;
  readonly operation: Operation;
  readonly input: unknown;
  readonly endsIn: { readonly leaseMs: number; readonly deadlineMs: number };
  readonly startedSeq: number | null;
}

export interface ActiveRuns {
  start(start: Start): void;
  /** Takes a run out and tells its operation to stop. Answers how long it ran, or null when it does not run. */
  stop(attempt: string, reason: StopReason): number | null;
  has(attempt: string): boolean;
  /** How long it has run; nought when it does not. */
  elapsedMs(attempt: string): number;
  list(): readonly StoredAttempt[];
  /** Runs, and operations that were told to stop and have not, past the number that is tolerated. */
  load(tolerated: number): number;
  /** Facts up to `seq` are committed: the leases that they renew go on. Answers which, and for how long from now. */
  renew(seq: number): readonly { readonly attempt: string; readonly leaseLeftMs: number }[];
  /** Seqs have changed their meaning: a renewal under way does not count. */
  forgetRenewals(): void;
}

interface Run {
  readonly attempt: StoredAttempt;
  readonly controller: AbortController;
  readonly startedAt: number;
  readonly deadlineEnd: number;
  leaseEnd: number;
  /** When the swarm was last told of it. */
  toldAt: number;
  fraction: number;
  note: string | null;
  hasNews: boolean;
  renewals: readonly { readonly seq: number; readonly at: number }[];
}

interface Table {
  readonly deps: ActiveRunsDeps;
  readonly runs: Map<string, Run>;
  /** Operations that were told to stop and have not returned. */
  lingering: number;
  cancelTimer: Cancel;
}

export function createActiveRuns(deps: ActiveRunsDeps): ActiveRuns {
  const table: Table = { deps, runs: new Map(), lingering: 0, cancelTimer: () => {} };
  const { runs } = table;
  return {
    start: (start) => startRun(table, start),
    stop: (attempt, reason) => stopRun(table, attempt, reason),
    has: (attempt) => runs.has(attempt),
    elapsedMs(attempt) {
      const run = runs.get(attempt);
      return run === undefined ? 0 : elapsedMs(table, run);
    },
    list: () => [...runs.values()].map((run) => run.attempt),
    load: (tolerated) => runs.size + Math.max(0, table.lingering - tolerated),
    renew: (seq) => renew(table, seq),
    forgetRenewals() {
      for (const run of runs.values()) run.renewals = [];
    },
  };
}

function startRun(table: Table, { attempt, operation, input, endsIn, startedSeq }: Start): void {
  const { deps, runs } = table;
  const now = deps.clock.monotonic();
  const run: Run = {
    attempt,
    controller: new AbortController(),
    startedAt: now,
    deadlineEnd: now + endsIn.deadlineMs,
    leaseEnd: now + endsIn.leaseMs,
    toldAt: now,
    fraction: 0,
    note: null,
    hasNews: false,
    renewals: startedSeq === null ? [] : [{ seq: startedSeq, at: now }],
  };
  runs.set(attempt.attempt, run);
  schedule(table);
  const context = {
    signal: run.controller.signal,
    progress: (fraction: number, note?: string) => takeNews(table, run, fraction, note),
  };
  // `run` never rejects for what an operation throws; what it does reject with is a defect, and stays one.
  void deps.run(operation, input, context).then((end) => {
    if (runs.get(attempt.attempt) !== run) {
      table.lingering -= 1;
      return;
    }
    runs.delete(attempt.attempt);
    schedule(table);
    deps.ended(attempt, end, elapsedMs(table, run));
  });
}

function stopRun(table: Table, attempt: string, reason: StopReason): number | null {
  const run = table.runs.get(attempt);
  if (run === undefined) return null;
  table.runs.delete(attempt);
  table.lingering += 1;
  run.controller.abort(new RunStopped(reason));
  schedule(table);
  return elapsedMs(table, run);
}

/** What an operation says of its progress: never falling, never out of bounds, whatever it says. */
function takeNews(table: Table, run: Run, fraction: number, note: string | undefined): void {
  if (table.runs.get(run.attempt.attempt) !== run) return;
  const next = Number.isFinite(fraction) ? Math.min(Math.max(fraction, run.fraction), 1) : run.fraction;
  const text = note === undefined ? run.note : cutText(note.toWellFormed(), noteCharsMax);
  if (next === run.fraction && text === run.note) return;
  run.fraction = next;
  run.note = text;
  if (run.hasNews) return;
  run.hasNews = true;
  schedule(table);
}

/** When the swarm is to be told of a run: news soon, a heartbeat in any case. */
function tellAt(run: Run): number {
  const beatMs = run.attempt.leaseMs / beatsPerLease;
  return run.toldAt + (run.hasNews ? Math.min(progressMsMin, beatMs) : beatMs);
}

/** One timer for all runs, at the first moment when one of them needs something. */
function schedule(table: Table): void {
  const { clock } = table.deps;
  table.cancelTimer();
  let next = Number.POSITIVE_INFINITY;
  for (const run of table.runs.values()) next = Math.min(next, run.leaseEnd, run.deadlineEnd, tellAt(run));
  // One millisecond more: a timer may fire a fraction early.
  table.cancelTimer =
    next === Number.POSITIVE_INFINITY ? () => {} : clock.after(next - clock.monotonic() + 1, () => wake(table));
}

function wake(table: Table): void {
  const { deps, runs } = table;
  const now = deps.clock.monotonic();
  for (const run of [...runs.values()]) {
    const reason = run.deadlineEnd <= now ? 'deadline_passed' : run.leaseEnd <= now ? 'lease_expired' : null;
    if (reason === null) continue;
    const durationMs = stopRun(table, run.attempt.attempt, reason) ?? 0;
    deps.expired(run.attempt, reason, durationMs);
  }
  tell(
    table,
    [...runs.values()].filter((run) => tellAt(run) <= now),
  );
  schedule(table);
}

function tell(table: Table, due: readonly Run[]): void {
  if (due.length === 0) return;
  const at = table.deps.clock.monotonic();
  const last = table.deps.progressed(
    due.map(({ attempt: { attempt, task, fence, trace }, fraction, note }) => ({
      attempt,
      task,
      fence,
      trace,
      fraction,
      note,
    })),
  );
  for (const [index, run] of due.entries()) {
    run.toldAt = at;
    run.hasNews = false;
    if (last !== null) run.renewals = [...run.renewals, { seq: last - due.length + 1 + index, at }];
  }
}

function renew(table: Table, seq: number): { attempt: string; leaseLeftMs: number }[] {
  const now = table.deps.clock.monotonic();
  const renewed: { attempt: string; leaseLeftMs: number }[] = [];
  for (const run of table.runs.values()) {
    const last = run.renewals.findLast((renewal) => renewal.seq <= seq);
    if (last === undefined) continue;
    run.renewals = run.renewals.filter((renewal) => renewal.seq > seq);
    // Counted from when the fact was made: the swarm counts from when it took it, which is later.
    run.leaseEnd = Math.max(run.leaseEnd, last.at + run.attempt.leaseMs);
    renewed.push({ attempt: run.attempt.attempt, leaseLeftMs: run.leaseEnd - now });
  }
  if (renewed.length > 0) schedule(table);
  return renewed;
}

function elapsedMs(table: Table, run: Run): number {
  return Math.round(table.deps.clock.monotonic() - run.startedAt);
}
