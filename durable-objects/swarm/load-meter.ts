// How busy a swarm is: by this its slow chores wait for a quiet moment, so that they take nothing from work that comes in.

import { calmEventsPerSecond } from '../../core/limits.ts';

export interface LoadMeter {
  saw(events: number): void;
  /** When the slow work may be done: now when the swarm is calm, else a little later, when it is to be asked again. */
  calmAt(): number;
}

const windowMs = 1_000;

/** Counts by whole seconds: calm is a swarm whose last second and this one have seen few events. */
export function createLoadMeter(now: () => number): LoadMeter {
  let start = 0;
  let current = 0;
  let before = 0;

  function turn(): number {
    const at = now();
    const passed = at - start;
    // A clock that was set back begins a new second too.
    if (passed >= windowMs || passed < 0) {
      before = passed >= 0 && passed < 2 * windowMs ? current : 0;
      current = 0;
      start = at;
    }
    return at;
  }

  return {
    saw(events) {
      turn();
      current += events;
    },
    calmAt() {
      const at = turn();
      return Math.max(current, before) <= calmEventsPerSecond ? at : at + windowMs;
    },
  };
}
