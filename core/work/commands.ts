// What may be asked of the swarm's work, by clients, executors and timers.

import type { AttemptId, TaskId } from '../ids.ts';
import type { Json } from '../json.ts';
import type { Failure } from '../wire/device.ts';
import type { ExecutorId, Requirements } from './state.ts';

/** What a task is asked for, wherever it comes from. */
export interface TaskRequest {
  readonly operation: string;
  readonly input: Json;
  readonly require?: Requirements | undefined;
  readonly maxCreditsMicro?: number | undefined;
  /** Milliseconds since the epoch. */
  readonly deadline?: number | undefined;
}

/** What an executor says of its attempt. */
export type Report =
  | { readonly type: 'attempt.started' }
  | { readonly type: 'attempt.progressed'; readonly fraction: number; readonly note?: string | undefined }
  | { readonly type: 'attempt.succeeded'; readonly result: Json; readonly durationMs: number }
  | { readonly type: 'attempt.failed'; readonly error: Failure; readonly durationMs: number }
  | { readonly type: 'attempt.declined'; readonly code: string; readonly message: string };

export type WorkCommand =
  | ({ readonly type: 'RequestTask' } & TaskRequest)
  | { readonly type: 'CancelTask'; readonly task: TaskId }
  | {
      readonly type: 'ReportAttempt';
      readonly executor: ExecutorId;
      readonly task: TaskId;
      readonly attempt: AttemptId;
      readonly fence: number;
      readonly report: Report;
    }
  | { readonly type: 'ReportUndelivered'; readonly task: TaskId; readonly attempt: AttemptId }
  | { readonly type: 'ExpireLease'; readonly task: TaskId; readonly attempt: AttemptId }
  | { readonly type: 'ExpireTask'; readonly task: TaskId }
  | { readonly type: 'RetryTask'; readonly task: TaskId };
