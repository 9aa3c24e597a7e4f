// A small seeded random source: the same seed makes the same plan, the same requests, the same faults.

export interface Random {
  /** In [0, 1). */
  next(): number;
  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number;
  chance(share: number): boolean;
  pick<T>(values: readonly [T, ...T[]]): T;
  /** One of them, or undefined when there are none. */
  among<T>(values: readonly T[]): T | undefined;
  /** A source of its own, so that concurrent users do not disturb each other's sequence. */
  fork(): Random;
}

/** Mulberry32: 32 bits of state, enough to vary a test. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const random: Random = {
    next,
    between: (low, high) => low + Math.floor(next() * (high - low + 1)),
    chance: (share) => next() < share,
    pick: (values) => values[Math.floor(next() * values.length)] ?? values[0],
    among: (values) => values[Math.floor(next() * values.length)],
    fork: () => seededRandom(Math.floor(next() * 2 ** 32)),
  };
  return random;
}
