// A token bucket: so much at once, so much a second for ever.

export interface Bucket {
  readonly tokens: number;
  /** When `tokens` was right, milliseconds. */
  readonly at: number;
}

export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** Takes `cost` tokens; or says how long to wait until there are so many. Without a bucket it starts full. */
export function take(
  bucket: Bucket | undefined,
  cost: number,
  now: number,
  rate: Rate,
): { readonly bucket: Bucket } | { readonly waitMs: number } {
  const before = bucket ?? { tokens: rate.burst, at: now };
  // A clock that steps back adds nothing and takes nothing.
  const elapsedMs = Math.max(0, now - before.at);
  const tokens = Math.min(rate.burst, before.tokens + (elapsedMs * rate.perSecond) / 1_000) - cost;
  return tokens < 0 ? { waitMs: Math.ceil((-tokens * 1_000) / rate.perSecond) } : { bucket: { tokens, at: now } };
}
