// Turns on a loop that the test turns by hand.

import { describe, expect, test } from 'vitest';
import { shareInFlightMax, turnBytes, turnRows } from '../../core/limits.ts';
import { createTurns, type Turns } from '../../durable-objects/turns.ts';

/** A loop whose turns the test takes; `gone` are waits of objects that have gone: they are never woken. */
function aLoop() {
  let timers: (() => void)[] = [];
  const turns = createTurns({ moment: () => new Promise((resolve) => void timers.push(resolve)) });
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return {
    turns,
    waiting: () => timers.length,
    /** One turn of the loop: all timers that are due fire, in their order. */
    async turn() {
      const due = timers;
      timers = [];
      for (const fire of due) {
        fire();
        await settle();
      }
    },
    /** Forgets the timers that are set: their object has gone. */
    lose() {
      timers = [];
    },
  };
}

/** Work that does one piece after the other, and notes each. */
async function work(turns: Turns, who: string, pieces: number, done: string[], rows = turnRows): Promise<void> {
  for (let n = 0; n < pieces; n++) {
    const turn = turns.next(who);
    if (turn) await turn;
    done.push(who);
    turns.spent(who, rows, 0);
  }
}

describe('turns', () => {
  test('[TURN-1] below a piece’s worth of rows and bytes nothing waits', () => {
    const { turns } = aLoop();
    for (let n = 0; n < turnRows - 1; n++) turns.spent('a', 1, 0);
    expect(turns.next('a')).toBeNull();
    turns.spent('b', 0, turnBytes - 1);
    expect(turns.next('b')).toBeNull();
    turns.spent('a', 1, 0);
    expect(turns.next('a')).not.toBeNull();
    turns.spent('c', turnRows / 2, turnBytes / 2);
    expect(turns.next('c')).not.toBeNull();
  });

  test('[TURN-1] work that is alone goes on with each turn of the loop, a piece at a time', async () => {
    const { turns, turn } = aLoop();
    const done: string[] = [];
    const ended = work(turns, 'a', 3, done);
    expect(done).toHaveLength(1);
    await turn();
    expect(done).toHaveLength(2);
    await turn();
    await ended;
    expect(done).toHaveLength(3);
  });

  test('[TURN-1] what is spent in a turn is shared by everything that one tenant has waiting', async () => {
    const { turns, turn } = aLoop();
    const done: string[] = [];
    turns.spent('a', turnRows, 0);
    // Each of them is half a piece: two of them fit one turn.
    const all = Promise.all(Array.from({ length: 6 }, () => work(turns, 'a', 1, done, turnRows / 2)));
    for (const so of [2, 4, 6]) {
      await turn();
      expect(done).toHaveLength(so);
    }
    await all;
  });

  test('[TURN-2] a tenant with one piece waits for one of another’s, however many of those wait', async () => {
    const { turns, turn } = aLoop();
    const done: string[] = [];
    turns.spent('many', turnRows, 0);
    const many = Array.from({ length: 20 }, () => work(turns, 'many', 3, done));
    await turn();
    await turn();
    turns.spent('one', turnRows, 0);
    const one = work(turns, 'one', 1, done);
    const before = done.length;
    await turn();
    await turn();
    expect(done.slice(before)).toContain('one');
    for (let n = 0; n < 100; n++) await turn();
    await Promise.all([one, ...many]);
    expect(done.filter((who) => who === 'many')).toHaveLength(60);
  });

  test('[TURN-2] those that wait are served in proportion to what they have had, not to how many they are', async () => {
    const { turns, turn } = aLoop();
    const done: string[] = [];
    const loads = ['a', 'b', 'c'].map((who, n) => {
      turns.spent(who, turnRows, 0);
      return Promise.all(Array.from({ length: 1 + 5 * n }, () => work(turns, who, 30, done)));
    });
    for (let n = 0; n < 30; n++) await turn();
    for (const who of ['a', 'b', 'c']) expect(done.filter((one) => one === who).length).toBeGreaterThanOrEqual(9);
    // One tenant for each turn of the loop.
    expect(done).toHaveLength(30);
    for (let n = 0; n < 600; n++) await turn();
    await Promise.all(loads);
  });

  test('[TURN-2] one that has had much at once comes after those that have had little', async () => {
    const { turns, turn } = aLoop();
    const done: string[] = [];
    turns.spent('heavy', 10 * turnRows, 0);
    turns.spent('light', turnRows, 0);
    const all = Promise.all([work(turns, 'heavy', 3, done), work(turns, 'light', 8, done)]);
    for (let n = 0; n < 12; n++) await turn();
    await all;
    expect(done.slice(0, 5)).toEqual(['heavy', 'light', 'light', 'light', 'light']);
  });

  test('[TURN-2] who waits in an object that has gone keeps nobody waiting', async () => {
    const { turns, turn, lose } = aLoop();
    const done: string[] = [];
    turns.spent('gone', turnRows, 0);
    for (let n = 0; n < 5; n++) void work(turns, 'gone', 1, done);
    lose();
    turns.spent('a', turnRows, 0);
    const ended = work(turns, 'a', 3, done);
    for (let n = 0; n < 60; n++) await turn();
    await ended;
    expect(done).toEqual(['a', 'a', 'a']);
  });

  test('[TURN-4] a share of requests binds only while another tenant has some in flight', () => {
    const { turns } = aLoop();
    const mine = Array.from({ length: 3 * shareInFlightMax }, () => turns.enter('a', 0));
    expect(mine).not.toContain(null);
    const others = turns.enter('b', 0);
    expect(others).not.toBeNull();
    expect(turns.enter('a', 0)).toBeNull();
    for (const leave of mine) leave?.();
    // Twice is once.
    for (const leave of mine) leave?.();
    const again = Array.from({ length: shareInFlightMax + 1 }, () => turns.enter('a', 0));
    expect(again.filter((leave) => leave === null)).toHaveLength(1);
    others?.();
    expect(turns.enter('a', 0)).not.toBeNull();
  });

  test('[TURN-4] a request weighs what it brings, and the first one always comes in', () => {
    const { turns } = aLoop();
    turns.enter('b', 0);
    const first = turns.enter('a', 1024 * 1024 * 1024);
    expect(first).not.toBeNull();
    expect(turns.enter('a', 0)).toBeNull();
    first?.();
    expect(turns.enter('a', 1024 * 1024)).not.toBeNull();
    expect(turns.enter('a', 1024 * 1024)).toBeNull();
    expect(turns.enter('a', 0)).not.toBeNull();
  });
});
