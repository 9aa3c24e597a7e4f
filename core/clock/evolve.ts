// What rows look like once a wrong clock was corrected. A time that was recorded is wrong when it lies behind the present; a
// time that is due is wrong when it was set at such a time. What is already right is left alone, so nothing moves twice.

import { assert } from '../assert.ts';
import type { Enrollment } from '../devices/state.ts';
import type { Key } from '../keys/state.ts';
import { isOfTask, type Transfer } from '../ledger/state.ts';
import { cycleMs, deadlineMsMax, enrollmentMs, keyGraceMsMax, retryMsMax } from '../limits.ts';
import type { Kind, Rows, Swarm } from '../swarm/state.ts';
import type { Delivery, Webhook } from '../webhooks/state.ts';
import type { Attempt, Task } from '../work/state.ts';
import type { ClockEvent } from './events.ts';
import { type ClockMarks, type Correction, correctionsKept, NO_CLOCK_MARKS } from './state.ts';

/** Kinds of rows that hold what is due. The swarm's own row is moved by the correction itself. */
export const MOVED = ['task', 'transfer', 'delivery', 'enrollment', 'key', 'webhook'] as const;
export type Moved = (typeof MOVED)[number];

export function isMoved(kind: string): kind is Moved {
  return MOVED.some((moved) => moved === kind);
}

/** The kind and id of a row that `times.moved` names. */
export function splitKey(key: string): readonly [Kind, string] {
  const at = key.indexOf('/');
  return [key.slice(0, at) as Kind, key.slice(at + 1)]; // written by a decision from a kind
}

export function evolveClock(swarm: Swarm, event: ClockEvent): Swarm {
  const marks = swarm.clock ?? NO_CLOCK_MARKS;
  const with_ = (more: Partial<ClockMarks>): Swarm => ({ ...swarm, clock: { ...marks, ...more } });
  switch (event.type) {
    case 'clock.stepped':
      return with_({ steppedAt: event.body.to });
    case 'clock.corrected': {
      const { from, to, after } = event.body;
      // An earlier turn back to a later time says nothing any more: this one lies before it, and behind it in the journal.
      const turns = [...marks.turns.filter((turn) => turn.to < to), { after, from, to }].slice(-correctionsKept);
      const cycleEndsAt = within(swarm.cycleEndsAt, cycleMs, event.body);
      return { ...with_({ steppedAt: null, turns, moving: { from, to, cursor: '' } }), cycleEndsAt };
    }
    case 'times.moved': {
      const { from, to, cursor } = event.body;
      return with_({ moving: cursor === null ? null : { from, to, cursor } });
    }
  }
}

/** The row with its times moved; the same row when all of them are right. */
export function moveRow<K extends Moved>(kind: K, row: Rows[K] | null, correction: Correction): Rows[K] {
  assert(row !== null, 'what moves is there');
  const moved = moveOf(kind, row, correction);
  return moved as Rows[K]; // of the kind that came in
}

function moveOf(kind: Moved, row: Rows[Moved], correction: Correction): Rows[Moved] {
  // A row stands under the kind that it is of.
  switch (kind) {
    case 'task':
      return moveTask(row as Task, correction);
    case 'transfer': {
      const { createdAt, expiresAt } = row as Transfer;
      if (createdAt <= correction.to) return row;
      if (expiresAt === null) return row;
      // The hold of a task lasts until the task's deadline, which may have been set before.
      const isOwn = !isOfTask(row as Transfer);
      const moved = isOwn ? back(expiresAt, correction) : within(expiresAt, deadlineMsMax, correction);
      return { ...(row as Transfer), createdAt: recorded(createdAt, correction), expiresAt: moved };
    }
    case 'delivery': {
      const { createdAt, updatedAt, nextAt } = row as Delivery;
      if (updatedAt <= correction.to) return row;
      const moved = nextAt === null ? null : back(nextAt, correction);
      const times = { createdAt: recorded(createdAt, correction), updatedAt: recorded(updatedAt, correction) };
      return { ...(row as Delivery), ...times, nextAt: moved };
    }
    case 'enrollment': {
      const { expiresAt } = row as Enrollment;
      const moved = within(expiresAt, enrollmentMs, correction);
      return moved === expiresAt ? row : { ...(row as Enrollment), expiresAt: moved };
    }
    case 'key': {
      const { validUntil, createdAt } = row as Key;
      const until = validUntil === null ? null : within(validUntil, keyGraceMsMax, correction);
      if (until === validUntil) return row;
      return { ...(row as Key), createdAt: recorded(createdAt, correction), validUntil: until };
    }
    case 'webhook':
      return moveWebhook(row as Webhook, correction);
  }
}

function moveTask(task: Task, correction: Correction): Task {
  const { createdAt, updatedAt, deadline, notBefore, attempts } = task;
  if (updatedAt <= correction.to) return task;
  return {
    ...task,
    deadline: createdAt > correction.to ? back(deadline, correction) : deadline,
    notBefore: within(notBefore, retryMsMax, correction),
    attempts: attempts.map((attempt) => moveAttempt(attempt, correction)),
    createdAt: recorded(createdAt, correction),
    updatedAt: recorded(updatedAt, correction),
  };
}

function moveAttempt(attempt: Attempt, correction: Correction): Attempt {
  const { startedAt, endedAt, leaseUntil, leaseMs } = attempt;
  const isLate = startedAt > correction.to;
  return {
    ...attempt,
    startedAt: recorded(startedAt, correction),
    endedAt: endedAt === null ? null : recorded(endedAt, correction),
    // Progress renews a lease: the attempt may have begun before the clock was wrong.
    leaseUntil: isLate ? back(leaseUntil, correction) : within(leaseUntil, leaseMs, correction),
  };
}

function moveWebhook(webhook: Webhook, correction: Correction): Webhook {
  const untils = webhook.sealedSecrets.map(({ validUntil }) =>
    validUntil === null ? null : within(validUntil, keyGraceMsMax, correction),
  );
  if (webhook.sealedSecrets.every(({ validUntil }, i) => validUntil === untils[i])) return webhook;
  const sealedSecrets = webhook.sealedSecrets.map((secret, i) => ({ ...secret, validUntil: untils[i] ?? null }));
  return { ...webhook, sealedSecrets };
}

const back = (time: number, { from, to }: Correction): number => time - (from - to);

/** A time at which something happened: never behind the present. */
function recorded(time: number, correction: Correction): number {
  return time > correction.to ? back(time, correction) : time;
}

/** A time that is never set further ahead than `span`: further than that from the present, it was set by the wrong clock. */
function within(time: number, span: number, correction: Correction): number {
  return time > correction.to + span ? back(time, correction) : time;
}
