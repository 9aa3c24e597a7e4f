// The swarm's clock as this device estimates it: its own, corrected by what the last welcome said. Deadlines are the
// swarm's; after a restart they must still mean the same.

import type { Clock } from './clock.ts';
import type { AttemptStore } from './supervision/attempt-store.ts';

const memoryName = 'clock_offset_ms';
/** A smaller change is not worth a write. */
const rememberMs = 1_000;

export interface SwarmClock {
  now(): number;
  /** The swarm has just said what time it is. */
  set(now: number): void;
}

export function createSwarmClock(store: AttemptStore, clock: Clock): SwarmClock {
  let remembered = Number(store.recall(memoryName) ?? 0);
  let offset = remembered;
  return {
    now: () => clock.now() + offset,
    set(now) {
      offset = now - clock.now();
      if (Math.abs(offset - remembered) < rememberMs) return;
      store.remember(memoryName, String(offset));
      remembered = offset;
    },
  };
}
