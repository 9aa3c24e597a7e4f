// The chores of a swarm's recorder, with a clock that the test moves.

import { describe, expect, test } from 'vitest';
import { calmEventsPerSecond, choreRetryMsMax, choreRetryMsMin, choreTriesMax } from '../../core/limits.ts';
import { createLoadMeter } from '../../durable-objects/swarm/load-meter.ts';
import { type Chore, createRecorder } from '../../durable-objects/swarm/recorder.ts';
import { openTries } from './open-tries.ts';
import { StoreSwarm } from './store-swarm.ts';

/** A recorder over these chores; `parked` has what it told of. */
function aRecorder(chores: readonly Chore[], calmAt?: () => number) {
  const clock = { now: 1_000_000 };
  const parked: string[] = [];
  const recorder = createRecorder(chores, {
    tries: openTries(new StoreSwarm().sql, () => clock.now),
    now: () => clock.now,
    calmAt: calmAt ?? (() => clock.now),
    park: (chore, tries) => parked.push(`${chore} ${tries}`),
  });
  return { clock, parked, recorder };
}

/** A chore that is due until it went well, and fails as long as it is told to. */
function aChore(name: string, more: Partial<Chore> = {}) {
  const state = { isDue: true, fails: false, runs: 0 };
  const chore: Chore = {
    name,
    dueAt: () => (state.isDue ? 0 : null),
    async run() {
      state.runs++;
      if (state.fails) throw new Error('not now');
      state.isDue = false;
    },
    ...more,
  };
  return { chore, state };
}

describe('the recorder', () => {
  test('[SWARM-19] a chore that fails waits, doubled each time, is told of once, and holds up no other', async () => {
    const [bad, good] = [aChore('bad'), aChore('good')];
    bad.state.fails = true;
    const { clock, parked, recorder } = aRecorder([bad.chore, good.chore]);
    const pauses: number[] = [];
    for (let i = 0; i < choreTriesMax + 2; i++) {
      good.state.isDue = true;
      await recorder.runDue();
      expect([bad.state.runs, good.state.runs]).toEqual([i + 1, i + 1]);
      const next = recorder.nextDue() ?? 0;
      pauses.push(next - clock.now);
      // Nothing happens before its time.
      clock.now = next - 1;
      await recorder.runDue();
      expect(bad.state.runs).toBe(i + 1);
      clock.now = next;
    }
    const doubled = Array.from({ length: choreTriesMax - 1 }, (_, i) => choreRetryMsMin * 2 ** i);
    expect(pauses).toEqual([...doubled, choreRetryMsMax, choreRetryMsMax, choreRetryMsMax]);
    expect(parked).toEqual([`bad ${choreTriesMax}`]);
    expect(recorder.failures()).toEqual({ bad: choreTriesMax + 2 });
    bad.state.fails = false;
    await recorder.runDue();
    expect([recorder.nextDue(), recorder.failures()]).toEqual([null, {}]);
  });

  test('[SWARM-19] one that nobody could be told of is told of at the next failure', async () => {
    const bad = aChore('bad');
    bad.state.fails = true;
    let isHalted = true;
    const parked: string[] = [];
    const clock = { now: 0 };
    const recorder = createRecorder([bad.chore], {
      tries: openTries(new StoreSwarm().sql, () => clock.now),
      now: () => clock.now,
      calmAt: () => clock.now,
      park(chore) {
        if (isHalted) throw new Error('halted');
        parked.push(chore);
      },
    });
    for (let i = 0; i < choreTriesMax; i++) {
      await recorder.runDue();
      clock.now = recorder.nextDue() ?? 0;
    }
    expect(parked).toEqual([]);
    isHalted = false;
    await recorder.runDue();
    expect(parked).toEqual(['bad']);
  });

  test('[SWARM-20] what takes long waits for a quiet moment, until it can wait no longer', async () => {
    let isPressing = false;
    let calm = 2_000_000;
    const slow = aChore('slow', { isPressing: () => isPressing });
    const quick = aChore('quick');
    const { clock, recorder } = aRecorder([slow.chore, quick.chore], () => calm);
    await recorder.runDue();
    expect([slow.state.runs, quick.state.runs, recorder.nextDue()]).toEqual([0, 1, calm]);
    isPressing = true;
    await recorder.runDue();
    expect(slow.state.runs).toBe(1);
    slow.state.isDue = true;
    isPressing = false;
    calm = clock.now;
    await recorder.runDue();
    expect(slow.state.runs).toBe(2);
  });

  test('[SWARM-20] a swarm is calm again when a second had few events, whatever its clock does', () => {
    let now = 5_000;
    const meter = createLoadMeter(() => now);
    const isCalm = () => meter.calmAt() <= now;
    expect(isCalm()).toBe(true);
    meter.saw(calmEventsPerSecond);
    expect(isCalm()).toBe(true);
    meter.saw(1);
    expect(isCalm()).toBe(false);
    now += 999;
    expect(isCalm()).toBe(false);
    // The second before this one was busy.
    now += 1;
    expect(isCalm()).toBe(false);
    now += 1_000;
    expect(isCalm()).toBe(true);
    meter.saw(10 * calmEventsPerSecond);
    now += 3_600_000;
    expect(isCalm()).toBe(true);
    meter.saw(10 * calmEventsPerSecond);
    now -= 3_600_000;
    expect(isCalm()).toBe(true);
  });
});
