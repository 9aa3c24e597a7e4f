// Takes a request out of a bucket, and lets its answer say how the bucket stands.

import { addressOf } from '../directory/auth.ts';
import type { OpenCall } from './call.ts';
import type { RateLimits } from './middleware/rate-limit.ts';
import type { Refusal } from './problems.ts';

/** Takes one request from the bucket of `who`; null when it may go on. */
export function take(policy: keyof RateLimits, who: string, { frame, limiters }: OpenCall): Refusal | null {
  const taken = limiters[policy].take(who);
  frame.rateLimit = taken;
  return taken.refusal;
}

/**
 * Takes a request from the bucket of its network address. Where the platform does not tell addresses (a local server) there
 * is none: one bucket for all would let one caller lock out the rest.
 */
export function takeByAddress(call: OpenCall): Refusal | null {
  const address = addressOf(call.request.headers);
  return address === null ? null : take('open', address, call);
}
