// When a webhook delivery is tried again: the schedule that Standard Webhooks 1.0 recommends, with jitter.

import { assert } from '../assert.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** The pause before each attempt; the first is made at once. Together 75 h 35 min 5 s. */
const PAUSES_MS = [
  0,
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
] as const;

/** Attempts that one delivery gets. */
export const deliveryAttemptsMax = PAUSES_MS.length;
/** A receiver may ask for a longer pause, but not for one that keeps a delivery for ever. */
export const retryAfterMsMax = 24 * HOUR;
/** How far jitter moves a pause: receivers that failed together are not called together again. */
export const jitterShare = 0.1;

/**
 * The pause before the next attempt, in milliseconds, or `give_up`.
 * @param attempt attempts made so far: 0 for a new delivery
 * @param entropy a number in [0, 1); the same number gives the same pause
 * @param retryAfterMs what the receiver asked for: the pause is at least that, up to `retryAfterMsMax`
 */
export function nextDelivery(attempt: number, entropy: number, retryAfterMs = 0): number | 'give_up' {
  assert(Number.isSafeInteger(attempt) && attempt >= 0, 'attempts are counted');
  assert(entropy >= 0 && entropy < 1, 'entropy is in [0, 1)');
  const pause = PAUSES_MS[attempt];
  if (pause === undefined) return 'give_up';
  const scheduled = pause * (1 - jitterShare + 2 * jitterShare * entropy);
  // Jitter only lengthens what was asked for: coming back early is what the receiver forbade.
  const asked = Math.min(Math.max(retryAfterMs, 0), retryAfterMsMax) * (1 + jitterShare * entropy);
  return Math.round(Math.max(scheduled, asked));
}
