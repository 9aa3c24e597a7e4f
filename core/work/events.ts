// What can happen to a task and its attempts.

import type { AttemptId, MissionId, TaskId, TransferId } from '../ids.ts';
import type { Json } from '../json.ts';
import type { Failure } from '../wire/device.ts';
import type { ExecutorId, Requirements } from './state.ts';

interface OfAttempt {
  readonly task: TaskId;
  readonly attempt: AttemptId;
}

export type WorkEvent =
  | {
      readonly type: 'task.requested';
      readonly subject: string;
      readonly body: {
        readonly task: TaskId;
        readonly operation: string;
        readonly input: Json;
        readonly require: Requirements;
        readonly maxCreditsMicro: number | null;
        readonly deadline: number;
        readonly origin: string;
        readonly mission: MissionId | null;
        readonly key: string | null;
        readonly after: readonly string[];
        readonly state: 'waiting' | 'queued';
      };
    }
  /** What it waited for is there; `input` only when results of others were put into it. */
  | {
      readonly type: 'task.released';
      readonly subject: string;
      readonly body: { readonly task: TaskId; readonly input?: Json };
    }
  | {
      readonly type: 'task.leased';
      readonly subject: string;
      readonly body: OfAttempt & {
        readonly n: number;
        readonly executor: ExecutorId;
        readonly route: string;
        readonly hold: TransferId;
        readonly priceMicro: number;
        readonly leaseMs: number;
        readonly leaseUntil: number;
        /** Why this route: its score, and the routes that come next, best first. */
        readonly score: number;
        readonly fallback: readonly string[];
      };
    }
  | {
      readonly type: 'attempt.started';
      readonly subject: string;
      readonly body: OfAttempt & { readonly leaseUntil: number };
    }
  | {
      readonly type: 'attempt.progressed';
      readonly subject: string;
      readonly body: OfAttempt & { readonly fraction: number; readonly leaseUntil: number; readonly note?: string };
    }
  | {
      readonly type: 'attempt.succeeded';
      readonly subject: string;
      readonly body: OfAttempt & { readonly durationMs: number; readonly executor: ExecutorId };
    }
  | {
      readonly type: 'attempt.failed';
      readonly subject: string;
      readonly body: OfAttempt & {
        readonly error: Failure;
        readonly durationMs: number;
        readonly executor: ExecutorId;
      };
    }
  | {
      readonly type: 'attempt.declined';
      readonly subject: string;
      readonly body: OfAttempt & { readonly error: Failure; readonly executor: ExecutorId };
    }
  /** Its lease ended, or its offer never reached the executor. */
  | {
      readonly type: 'attempt.lost';
      readonly subject: string;
      readonly body: OfAttempt & { readonly reason: 'lease_expired' | 'undelivered'; readonly executor: ExecutorId };
    }
  | {
      readonly type: 'attempt.cancelled';
      readonly subject: string;
      readonly body: OfAttempt & { readonly executor: ExecutorId };
    }
  /** Back in the queue, not to be leased before `notBefore`. */
  | {
      readonly type: 'task.requeued';
      readonly subject: string;
      readonly body: { readonly task: TaskId; readonly notBefore: number };
    }
  /** Somebody is free to do it and cannot be paid now: it waits for credits. Said once for each wait. */
  | {
      readonly type: 'task.unfunded';
      readonly subject: string;
      readonly body: { readonly task: TaskId; readonly neededMicro: number };
    }
  | {
      readonly type: 'task.succeeded';
      readonly subject: string;
      readonly body: { readonly task: TaskId; readonly result: Json; readonly settledMicro: number };
    }
  | {
      readonly type: 'task.failed';
      readonly subject: string;
      readonly body: { readonly task: TaskId; readonly error: Failure };
    }
  | {
      readonly type: 'task.cancelled';
      readonly subject: string;
      readonly body: { readonly task: TaskId; readonly reason: string };
    }
  | { readonly type: 'task.expired'; readonly subject: string; readonly body: { readonly task: TaskId } };
