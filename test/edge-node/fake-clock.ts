// A clock that a test moves. Timers fire in order of their time; what they schedule fires too, if its time has come.

import type { Clock } from '../../edge-node/src/clock.ts';

export interface FakeClock extends Clock {
  /** Moves both clocks and fires what falls due, letting promises settle in between. */
  advance(ms: number): Promise<void>;
  /** The wall clock alone jumps: somebody has set it. */
  setWall(now: number): void;
  waiting(): number;
}

export function createFakeClock(start = 1_800_000_000_000): FakeClock {
  let monotonic = 0;
  let wall = start;
  let next = 1;
  const timers = new Map<number, { at: number; fn: () => void }>();
  const settle = async () => {
    for (let i = 0; i < 10; i++) await Promise.resolve();
  };
  return {
    now: () => wall,
    monotonic: () => monotonic,
    after(ms, fn) {
      const id = next++;
      timers.set(id, { at: monotonic + Math.max(0, ms), fn });
      return () => timers.delete(id);
    },
    async advance(ms) {
      const end = monotonic + ms;
      await settle();
      for (;;) {
        const due = [...timers]
          .filter(([, timer]) => timer.at <= end)
          .sort((a, b) => a[1].at - b[1].at || a[0] - b[0])[0];
        if (due === undefined) break;
        timers.delete(due[0]);
        const moved = Math.max(0, due[1].at - monotonic);
        monotonic += moved;
        wall += moved;
        due[1].fn();
        await settle();
      }
      wall += end - monotonic;
      monotonic = end;
      await settle();
    },
    setWall: (now) => {
      wall = now;
    },
    waiting: () => timers.size,
  };
}
