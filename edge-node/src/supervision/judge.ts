// May this device do what it is offered? Its own rules come first: an offer can never widen them. Pure.

import { cutText } from '../../../core/cut-text.ts';
import type { Operation } from '../operations/operation.ts';
import type { StoredAttempt } from './attempt-store.ts';

/** An attempt that was begun so often and never ended takes the process down with it: it is not begun again. */
export const runsMax = 3;

/** What a judgement may look at. */
export interface JudgementView {
  /** The swarm's clock, as this device estimates it. */
  readonly now: number;
  readonly operation: Operation | null;
  /** False when the device's owner has withheld the operation. */
  readonly granted: boolean;
  readonly running: number;
  readonly parallel: number;
  /** The highest fence of another attempt of the same task. */
  readonly highestFence: number;
}

export type Judgement =
  | { readonly kind: 'run'; readonly operation: Operation; readonly input: unknown }
  | { readonly kind: 'decline'; readonly code: string; readonly message: string }
  /** It was begun before a restart and cannot be begun again. */
  | { readonly kind: 'interrupted'; readonly message: string };

/** Judges an attempt that was taken, or one that a restart cut short. */
export function judge(attempt: StoredAttempt, view: JudgementView): Judgement {
  const decline = (code: string, message: string): Judgement =>
    attempt.state === 'running' ? { kind: 'interrupted', message } : { kind: 'decline', code, message };
  const { operation } = view;
  if (attempt.fence <= view.highestFence)
    return decline('fence_stale', 'a later attempt of this task was offered before');
  if (attempt.runs >= runsMax) return decline('interrupted_often', 'the device stopped each time it tried');
  if (attempt.deadline <= view.now) return decline('deadline_passed', 'the deadline of the task is over');
  if (attempt.leaseUntil <= view.now) return decline('lease_expired', 'the lease of the attempt is over');
  if (operation === null) return decline('operation_unknown', 'this device has no such operation');
  if (!view.granted) return decline('operation_not_granted', 'the owner of this device withholds this operation');
  if (attempt.priceMicro < operation.priceMicro)
    return decline('price_too_low', `the price is ${operation.priceMicro}`);
  if (view.running >= view.parallel) return decline('busy', `this device does ${view.parallel} at once`);
  const input = operation.input.safeParse(attempt.input);
  if (!input.success) return decline('input_invalid', describeIssues(input.error.issues));
  return { kind: 'run', operation, input: input.data };
}

const issuesShownMax = 5;

/** The first issues with their places; never the values, which may be anyone's. */
function describeIssues(
  issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[],
): string {
  const shown = issues
    .slice(0, issuesShownMax)
    .map(({ path, message }) => `/${path.map(String).join('/')}: ${message}`)
    .join('; ');
  // Names of members may be anything that an earlier version took.
  return cutText(shown.toWellFormed(), 1_000);
}
