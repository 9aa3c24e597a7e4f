// Tasks and attempts as the journal tells them: each task ends once, each attempt ends once, at most one attempt of a task lives
// at a time and only the newest succeeds; it alone is paid, what was agreed when it was leased.

import type { Findings } from './findings.ts';

const TASK_ENDS: ReadonlySet<string> = new Set(['task.succeeded', 'task.failed', 'task.cancelled', 'task.expired']);
const ATTEMPT_ENDS: ReadonlySet<string> = new Set([
  'attempt.succeeded',
  'attempt.failed',
  'attempt.declined',
  'attempt.lost',
  'attempt.cancelled',
]);

interface TaskSeen {
  end: string | null;
  succeeded: number;
  /** The attempt that lives, and how many there were. */
  live: string | null;
  attempts: number;
  /** The hold of each attempt. */
  readonly holds: string[];
  settledMicro: number;
}

export interface WorkLog {
  take(type: string, body: Readonly<Record<string, never>>): void;
  /** How a task has ended; null while it is open, undefined when there is none. */
  end(task: string): string | null | undefined;
  open(): readonly string[];
  isLeased(attempt: string): boolean;
  /** How many tasks ended how. */
  ends(): Readonly<Record<string, number>>;
  /** What was paid, against what the ledger says; for tasks that have ended. `ending` is how a hold ended. */
  checkPaid(ending: (hold: string) => string | undefined): void;
}

interface Said {
  readonly task: string;
  readonly attempt: string;
  readonly hold: string;
  readonly n: number;
  readonly leaseMs: number;
  readonly priceMicro: number;
  readonly amountMicro: number;
  readonly settledMicro: number;
}

export function openWorkLog(tenant: string, findings: Findings): WorkLog {
  const tasks = new Map<string, TaskSeen>();
  const attempts = new Map<string, string | null>();
  const prices = new Map<string, number>();
  const twice = (subject: string, why: string): void => findings.add('doubled', `${tenant} ${subject}`, why);

  function endTask(type: string, { task, settledMicro }: Said): void {
    const seen = tasks.get(task);
    if (!seen) return void findings.add('work', `${tenant} ${task}`, 'a task ended that was never asked for');
    if (seen.end !== null) twice(task, `the task ended twice: ${seen.end}, then ${type}`);
    seen.end = type;
    if (type === 'task.succeeded') seen.settledMicro = settledMicro;
  }
  function endAttempt(type: string, { task, attempt }: Said): void {
    const end = attempts.get(attempt);
    if (end === undefined) findings.add('work', `${tenant} ${attempt}`, 'an attempt ended that was never leased');
    if (end) twice(attempt, `the attempt ended twice: ${end}, then ${type}`);
    attempts.set(attempt, type);
    const seen = tasks.get(task);
    if (seen && seen.live !== attempt)
      findings.add('work', `${tenant} ${attempt}`, 'an attempt reported that was not the newest of its task');
    if (seen) seen.live = null;
    if (type !== 'attempt.succeeded' || !seen) return;
    seen.succeeded++;
    if (seen.succeeded > 1) twice(task, 'the task was done twice');
  }
  function lease({ task, attempt, hold, n, leaseMs }: Said): void {
    const seen = tasks.get(task);
    if (!seen) return void findings.add('work', `${tenant} ${task}`, 'a task was leased that was never asked for');
    if (seen.live !== null) twice(task, `two attempts live: ${seen.live} and ${attempt}`);
    if (seen.end !== null) findings.add('work', `${tenant} ${task}`, 'a task was leased after its end');
    if (leaseMs < 1) findings.add('work', `${tenant} ${attempt}`, `it was leased for ${leaseMs} ms`);
    if (n !== seen.attempts + 1) findings.add('work', `${tenant} ${task}`, `attempt ${n} follows ${seen.attempts}`);
    seen.live = attempt;
    seen.attempts = n;
    seen.holds.push(hold);
  }
  return {
    take(type, body) {
      // The members of the events of work, as the journal has them.
      const said = body as unknown as Said;
      if (type === 'task.requested') {
        if (tasks.has(said.task)) twice(said.task, 'the task was asked for twice');
        tasks.set(said.task, { end: null, succeeded: 0, live: null, attempts: 0, holds: [], settledMicro: 0 });
      } else if (type === 'task.leased') {
        if (attempts.has(said.attempt)) twice(said.attempt, 'the attempt was leased twice');
        attempts.set(said.attempt, null);
        prices.set(said.hold, said.priceMicro);
        lease(said);
      } else if (type === 'transfer.settled' && prices.has(said.hold) && prices.get(said.hold) !== said.amountMicro)
        findings.add(
          'work',
          `${tenant} ${said.hold}`,
          `${said.amountMicro} were paid of ${prices.get(said.hold)} agreed`,
        );
      else if (TASK_ENDS.has(type)) endTask(type, said);
      else if (ATTEMPT_ENDS.has(type)) endAttempt(type, said);
    },
    end: (task) => (tasks.has(task) ? (tasks.get(task)?.end ?? null) : undefined),
    isLeased: (attempt) => attempts.has(attempt),
    open: () => [...tasks].filter(([, { end }]) => end === null).map(([id]) => id),
    ends() {
      const counts: Record<string, number> = {};
      for (const { end } of tasks.values()) if (end !== null) counts[end] = (counts[end] ?? 0) + 1;
      return counts;
    },
    checkPaid(ending) {
      for (const [id, { end, holds, succeeded, settledMicro }] of tasks) {
        if (end === null) continue;
        const settled = holds.filter((hold) => ending(hold) === 'transfer.settled').length;
        if (settled > 1) twice(id, 'the task was charged twice');
        if (settled !== succeeded)
          findings.add('work', `${tenant} ${id}`, `${succeeded} attempts succeeded, ${settled} were paid`);
        if ((end === 'task.succeeded') !== (settled === 1 && settledMicro > 0))
          findings.add('work', `${tenant} ${id}`, `it ended as ${end} and ${settled} holds were settled`);
        if (holds.some((hold) => ending(hold) === undefined))
          findings.add('work', `${tenant} ${id}`, 'the task has ended and one of its holds has not');
      }
    },
  };
}
