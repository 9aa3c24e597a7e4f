// When a pause ends that somebody has set by a clock which may have been wrong.

/**
 * The time until which something waits; 0 when it does not, also when the pause is longer than any that is ever made: then the
 * clock was ahead when it was set, and waiting for it would take as long as it was.
 */
export function pausedUntil(until: number, now: number, longestMs: number): number {
  return until > now + longestMs ? 0 : until;
}
