// A token bucket for each caller, in the isolate's memory: it keeps one caller from taking everything, at no look-up. It is
// not a quota: there are many isolates. Fields of draft-ietf-httpapi-ratelimit-headers-11.

import type { Refusal } from '../problems.ts';

/** So many requests within so many seconds; the bucket holds `quota` and fills evenly. */
export interface RatePolicy {
  readonly quota: number;
  readonly windowSeconds: number;
}

export interface RateLimits {
  /** Of one API key or one user. One swarm's object does about 1,000 requests a second. */
  readonly caller: RatePolicy;
  /** Of one network address, where nobody has said who they are: signing up costs 70 ms of hashing. */
  readonly open: RatePolicy;
  /** Of one trigger's address. */
  readonly trigger: RatePolicy;
}

export const RATE_LIMITS: RateLimits = {
  caller: { quota: 60_000, windowSeconds: 60 },
  open: { quota: 120, windowSeconds: 60 },
  trigger: { quota: 6_000, windowSeconds: 60 },
};

/** Callers remembered at once: about 2 MB. The one who was away for longest is forgotten first. */
const bucketsMax = 20_000;

interface Bucket {
  tokens: number;
  at: number;
}

export interface Taken {
  /** Null when the request may go on. */
  readonly refusal: Refusal | null;
  readonly policy: string;
  readonly state: string;
}

export interface RateLimiter {
  /** Takes one request from the bucket of `who`. */
  take(who: string): Taken;
}

/** @param name stands in the fields, so that a client can tell policies apart */
export function createLimiter(name: keyof RateLimits, policy: RatePolicy, now: () => number): RateLimiter {
  const { quota, windowSeconds } = policy;
  const perMs = quota / (windowSeconds * 1_000);
  const buckets = new Map<string, Bucket>();
  const policyField = `"${name}";q=${quota};w=${windowSeconds}`;
  return {
    take(who) {
      const at = now();
      const known = buckets.get(who);
      const bucket = known ?? { tokens: quota, at };
      // A clock that was set back gives nothing and takes nothing.
      bucket.tokens = Math.min(quota, bucket.tokens + Math.max(0, at - bucket.at) * perMs);
      bucket.at = at;
      // Last seen, last in the map's order.
      if (known) buckets.delete(who);
      else if (buckets.size >= bucketsMax) forgetOldest(buckets);
      buckets.set(who, bucket);
      const isAllowed = bucket.tokens >= 1;
      if (isAllowed) bucket.tokens -= 1;
      const fullIn = Math.ceil((quota - bucket.tokens) / perMs / 1_000);
      const nextIn = Math.max(1, Math.ceil((1 - bucket.tokens) / perMs / 1_000));
      return {
        refusal: isAllowed ? null : { code: 'rate_limited', retryAfterSeconds: nextIn },
        policy: policyField,
        state: `"${name}";r=${Math.floor(bucket.tokens)};t=${fullIn}`,
      };
    },
  };
}

function forgetOldest(buckets: Map<string, Bucket>): void {
  const [oldest] = buckets.keys();
  if (oldest !== undefined) buckets.delete(oldest);
}
