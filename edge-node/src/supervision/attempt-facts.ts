// What a device says of its attempts, in the words of the protocol.

import type { FactBody, Failure } from '../../../core/wire/device.ts';
import type { NewFact } from '../outbox/outbox-rows.ts';
import type { AttemptRef } from './attempt-store.ts';
import type { RunEnd } from './run-operation.ts';

/** Failures that are not the operation's own. */
export const FAILURES = {
  cancelled: { code: 'cancelled', message: 'The swarm cancelled the attempt.', retryable: false },
  deadline_passed: {
    code: 'deadline_passed',
    message: 'The deadline of the task came before its end.',
    retryable: false,
  },
  lease_expired: {
    code: 'lease_expired',
    message: 'The lease of the attempt ended and was not renewed.',
    retryable: true,
  },
  interrupted: { code: 'interrupted', message: 'The device stopped before the attempt ended.', retryable: true },
} as const satisfies Record<string, Failure>;

/** How far a run is. */
export interface Progress extends AttemptRef {
  readonly fraction: number;
  readonly note: string | null;
  readonly trace: string | null;
}

/** The three members that name an attempt, and nothing else. */
function refOf({ attempt, task, fence }: AttemptRef): AttemptRef {
  return { attempt, task, fence };
}

export function startedFact(ref: AttemptRef): FactBody {
  return { type: 'attempt.started', ...refOf(ref) };
}

export function progressedFact(progress: Progress): NewFact {
  const { fraction, note, trace } = progress;
  const body: FactBody = {
    type: 'attempt.progressed',
    ...refOf(progress),
    fraction,
    ...(note === null ? {} : { note }),
  };
  return { body, trace };
}

export function failedFact(ref: AttemptRef, error: Failure, durationMs: number): FactBody {
  return { type: 'attempt.failed', ...refOf(ref), error, durationMs };
}

/** An attempt that a restart cut short and that cannot be begun again. */
export function interruptedFact(ref: AttemptRef, why: string): FactBody {
  return failedFact(ref, { ...FAILURES.interrupted, message: `The device was restarted: ${why}.` }, 0);
}

export function declinedFact(
  ref: AttemptRef,
  { code, message }: { readonly code: string; readonly message: string },
): FactBody {
  return { type: 'attempt.declined', ...refOf(ref), code, message };
}

/** What came of a run. */
export function endFact(ref: AttemptRef, end: RunEnd, durationMs: number): FactBody {
  switch (end.type) {
    case 'succeeded':
      return { type: 'attempt.succeeded', ...refOf(ref), result: end.result, durationMs };
    case 'failed':
      return failedFact(ref, end.error, durationMs);
    case 'declined':
      return declinedFact(ref, end);
  }
}
