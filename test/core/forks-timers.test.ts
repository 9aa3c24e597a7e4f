// Timers made from rows: whatever happened in a swarm, they are the ones that it has set.

import { expect, test } from 'vitest';
import { TIMED, type Timed, timersOf } from '../../core/forks/timers.ts';
import { World } from './model-world.ts';

const seeds = Array.from({ length: 20 }, (_, n) => 7_100 + n);

test.each(seeds)(
  '[FORK-6] the timers that rows ask for are those that a live swarm has set (seed %i)',
  async (seed) => {
    const world = new World(seed);
    const { swarm } = world;
    const kinds = new Set<string>();
    const asked = <K extends Timed>(kind: K) => swarm.stored(kind).flatMap((row) => timersOf(kind, row));
    for (let n = 0; n < 120; n++) {
      await world.step();
      const made = TIMED.flatMap((kind) => asked(kind))
        // What was due already has been done, or changes nothing when it is done again.
        .filter(({ at }) => at > swarm.now)
        .map(({ key, at, command }) => [key, at, JSON.stringify(command)])
        .toSorted();
      const set = swarm
        .timers()
        .filter(({ due }) => due > swarm.now)
        .map(({ key, due, command }) => [key, due, command])
        .toSorted();
      expect(made).toEqual(set);
      for (const [key] of set) kinds.add(String(key).replace(/\/.*/, ''));
    }
    // A life in which one kind never was set proves nothing about it: the seeds together have them all.
    seen.push(...kinds);
    if (seed === seeds.at(-1))
      expect([...new Set(seen)].toSorted()).toEqual(['cycle', 'delivery', 'hold', 'lease', 'retry', 'task']);
  },
);

const seen: string[] = [];
