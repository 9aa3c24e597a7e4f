// Time as the runtime sees it: a wall clock that may jump, a monotonic one for every duration, and one way to wait.

/** Stops what it was given for; calling it again does nothing. */
export type Cancel = () => void;

export interface Clock {
  /** Milliseconds since the epoch by this machine's wall clock. */
  now(): number;
  /** Milliseconds that only ever grow; leases and time-outs are measured by it. */
  monotonic(): number;
  /** Calls `fn` once, not before `ms` have passed. At most `waitMsMax` is waited. */
  after(ms: number, fn: () => void): Cancel;
}

/** Longer waits are cut here: a timer past 2^31 ms would fire at once. Whoever waits longer looks again. */
export const waitMsMax = 24 * 3_600_000;

/** The machine's own clocks. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, fn) {
    const timer = setTimeout(fn, Math.min(Math.max(0, ms), waitMsMax));
    return () => clearTimeout(timer);
  },
};

/** The same clock, whose waits can all be ended at once: nothing that was planned happens after that. */
export function endableClock(clock: Clock): Clock & { end(): void } {
  const waits = new Set<Cancel>();
  let ended = false;
  return {
    now: clock.now,
    monotonic: clock.monotonic,
    after(ms, fn) {
      if (ended) return () => {};
      const cancelWait = clock.after(ms, () => {
        waits.delete(cancel);
        fn();
      });
      const cancel = () => {
        waits.delete(cancel);
        cancelWait();
      };
      waits.add(cancel);
      return cancel;
    },
    end() {
      ended = true;
      for (const cancel of [...waits]) cancel();
    },
  };
}
