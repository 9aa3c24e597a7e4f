// How long to wait before the next connection: doubling from a quarter of a second to half a minute, with jitter, so that
// a thousand devices do not come back in the same instant.

export const backoffMsMin = 250;
export const backoffMsMax = 30_000;
/** A connection that lasted so long was healthy: the next pause is the shortest again. */
export const healthyMs = 10_000;

export interface Backoff {
  /** The next pause; each is up to twice as long as the one before. */
  next(): number;
  /** The pause of a device that should stay away: the longest. */
  longest(): number;
  reset(): void;
}

/** @param random uniform in [0, 1) */
export function createBackoff(random: () => number): Backoff {
  let failures = 0;
  // Half is fixed and half is drawn: pauses spread out, and none is next to nothing.
  const drawn = (ms: number) => ms / 2 + (ms / 2) * random();
  return {
    next: () => drawn(Math.min(backoffMsMin * 2 ** Math.min(failures++, 16), backoffMsMax)),
    longest: () => drawn(backoffMsMax),
    reset: () => {
      failures = 0;
    },
  };
}
