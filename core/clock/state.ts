// What a swarm knows of its own clock: where it ran far ahead, where it was set back, and what is still to be moved.

import { clockAheadMs } from '../limits.ts';

/** One stretch of wrong time: times in (`to`, `from`] were later than the present when the clock was found behind. */
export interface Correction {
  /** The last time that was recorded before. */
  readonly from: number;
  /** What the clock said then. */
  readonly to: number;
}

/** Part of the swarm's own row, from the first step on. */
export interface ClockMarks {
  /** When the clock last ran far ahead at once, by itself; null once it was set back. */
  readonly steppedAt: number | null;
  /** Where times run back: behind the event `after` they go on from `to`. Both grow; at most `correctionsKept`. */
  readonly turns: readonly (Correction & { readonly after: number })[];
  /** A correction whose rows are not all moved yet, and the key of the last one that was looked at. */
  readonly moving: (Correction & { readonly cursor: string }) | null;
}

export const NO_CLOCK_MARKS: ClockMarks = { steppedAt: null, turns: [], moving: null };

/** Turns that the swarm's row holds: a hundred wrong clocks. Of older ones a time may find a moment beside the right one. */
export const correctionsKept = 100;

/** Until when the clock is in doubt, a day after it ran far ahead: what cannot be undone waits until it has stayed there. 0: never. */
export function sureAt({ clock }: { readonly clock?: ClockMarks }): number {
  const stepped = clock?.steppedAt ?? null;
  return stepped === null ? 0 : stepped + clockAheadMs;
}

export function isUnsure(swarm: { readonly clock?: ClockMarks }, at: number): boolean {
  return at < sureAt(swarm);
}

/**
 * When an event happened at the latest, given its own time: no later than any event behind it. This never runs back along the
 * journal, so the last event at or before a time is found by it.
 */
export function latestTime(clock: ClockMarks | undefined, seq: number, at: number): number {
  const turn = clock?.turns.find(({ after }) => seq <= after);
  return turn === undefined ? at : Math.min(at, turn.to);
}
