// A task, its attempts and what may be done with it in each state.

import type { AttemptId, DeviceId, MissionId, TaskId, TransferId } from '../ids.ts';
import type { Json } from '../json.ts';
import type { Failure } from '../wire/device.ts';
import type { ExecutorKind, PrivacyClass } from '../wire/terms.ts';

export const TASK_STATES = [
  'waiting',
  'queued',
  'leased',
  'awaiting_approval',
  'succeeded',
  'failed',
  'cancelled',
  'expired',
] as const;
export type TaskState = (typeof TASK_STATES)[number];

/** States in which something may still happen to a task. */
export const OPEN_TASK_STATES: readonly TaskState[] = ['waiting', 'queued', 'leased', 'awaiting_approval'];

export function isOpen(task: { readonly state: TaskState }): boolean {
  return OPEN_TASK_STATES.includes(task.state);
}

/** What a client asks of whoever does its task. */
export interface Requirements {
  /** The executor's class must be at least this private. */
  readonly privacy?: PrivacyClass | undefined;
  /** A kind of executor, or one device by id. */
  readonly executor?: ExecutorKind | DeviceId | undefined;
  readonly capability?: string | undefined;
}

/** Who does a task: a device, or the swarm itself (`cloud`). */
export type ExecutorId = DeviceId | 'cloud';

export const ATTEMPT_STATES = ['offered', 'running', 'succeeded', 'failed', 'declined', 'lost', 'cancelled'] as const;
export type AttemptState = (typeof ATTEMPT_STATES)[number];

export interface Attempt {
  readonly id: AttemptId;
  /** From 1. Also the fencing token: a report with a lower one is refused. */
  readonly n: number;
  readonly executor: ExecutorId;
  readonly route: string;
  readonly hold: TransferId;
  readonly priceMicro: number;
  readonly leaseMs: number;
  readonly leaseUntil: number;
  readonly state: AttemptState;
  readonly fraction: number;
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly error: Failure | null;
}

export interface Task {
  readonly id: TaskId;
  readonly state: TaskState;
  readonly operation: string;
  readonly input: Json;
  readonly require: Requirements;
  readonly maxCreditsMicro: number | null;
  readonly deadline: number;
  /** Queued after a failure: not to be leased before this time. */
  readonly notBefore: number;
  /** Queued, and the last time that somebody was free there were not enough credits. */
  readonly unfunded: boolean;
  readonly attempts: readonly Attempt[];
  readonly settledMicro: number;
  readonly result: Json;
  readonly error: Failure | null;
  readonly mission: MissionId | null;
  /** Its key in the mission's plan, and the keys that must succeed before it. */
  readonly key: string | null;
  readonly after: readonly string[];
  /** Where it came from: `api`, `trigger/trg_…`, `mission/msn_…`. */
  readonly origin: string;
  readonly trace: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** Declines that pass: the same executor may take the same task a little later. */
const PASSING_DECLINES: readonly string[] = ['busy', 'fence_stale', 'lease_expired'];

/** True when the executor has declined this task for good: it is not asked again. */
export function isDeclinedForGood(attempt: Attempt): boolean {
  return attempt.state === 'declined' && !PASSING_DECLINES.includes(attempt.error?.code ?? '');
}

/** The attempt that may report: the last one, while it is offered or running. */
export function liveAttempt(task: Pick<Task, 'attempts'>): Attempt | null {
  const last = task.attempts.at(-1);
  return last && (last.state === 'offered' || last.state === 'running') ? last : null;
}

/** What may be asked of a task, and why not. */
export const can = {
  cancel(task: Task): { readonly ok: true } | { readonly ok: false; readonly why: 'task_already_finished' } {
    return isOpen(task) ? { ok: true } : { ok: false, why: 'task_already_finished' };
  },
};
