// Archiving and expiring, cut at every write and every call, and gone on with: in a new process, or in the same one.

import { afterAll, describe, expect, test } from 'vitest';
import { memoryObjectStore } from '../contract/memory-object-store.ts';
import { ArchivedSwarm, dayMs } from './an-archive.ts';
import { Copies, type Cut, Steps } from './crash-points.ts';

interface Outcome {
  readonly segments: readonly (readonly [number, number, string])[];
  readonly expiredTo: number;
  /** Keys of segments and the manifest that lie in the storage. */
  readonly keys: readonly string[];
}

async function outcomeOf(swarm: ArchivedSwarm): Promise<Outcome> {
  const listed = await swarm.objects.list('journal/', null, 1_000);
  return {
    segments: swarm.rows('segment').map(({ from, to, state }) => [from, to, state] as const),
    expiredTo: swarm.swarm.expiredTo,
    keys: listed.objects.map(({ key }) => key),
  };
}

const copies: Copies[] = [];
afterAll(() => {
  for (const one of copies) one.remove();
});

async function archiving(): Promise<Copies> {
  const store = memoryObjectStore();
  const swarm = new ArchivedSwarm({ objects: store }).workUntil(800);
  await swarm.snapshots.take();
  const made = new Copies(swarm, store.objects);
  copies.push(made);
  return made;
}

async function expiring(): Promise<Copies> {
  const store = memoryObjectStore();
  const swarm = new ArchivedSwarm({ objects: store }).workUntil(900);
  await swarm.chores();
  // After so long a pause nothing is deleted for a day.
  for (const passed of [2, 0.5, 0.5]) {
    swarm.now += passed * dayMs;
    swarm.workUntil(swarm.store.head().seq + 8);
  }
  swarm.workUntil(1_300);
  await swarm.chores();
  swarm.do({ type: 'SetRetention', days: 2 });
  const made = new Copies(swarm, store.objects);
  copies.push(made);
  return made;
}

describe('archiving, cut anywhere', () => {
  const bases = [
    ['archiving', archiving],
    ['expiring', expiring],
  ] as const;
  for (const [name, baseOf] of bases) {
    test(`[ARCHIVE-6] ${name}: nothing is lost at any cut, and gone on with it ends as if there had been none`, async () => {
      const base = await baseOf();
      const clean = new Steps();
      const whole = base.copy(clean);
      await whole.chores();
      const total = clean.names.length;
      const expected = await outcomeOf(whole);
      expect(await whole.faults()).toEqual([]);
      expect(expected.segments.length).toBeGreaterThan(1);
      expect(total).toBeGreaterThan(10);
      let runs = 0;
      for (const cut of ['failed', 'persisted'] as const satisfies readonly Cut[]) {
        for (let at = 1; at <= total; at++) {
          for (const isFinal of [true, false]) {
            // A transaction that commits and throws is no answer of a platform that goes on: the object is started anew.
            if (!isFinal && cut === 'persisted' && /^(transaction|sql)/.test(clean.names[at - 1] ?? '')) continue;
            const steps = new Steps(at, cut, isFinal);
            const swarm = base.copy(steps);
            await swarm.chores(() => steps.isOver);
            expect(steps.isCut).toBe(true);
            steps.resume();
            if (isFinal) swarm.reopen();
            await swarm.chores();
            const where = `${cut} at step ${at} of ${total}: ${clean.names[at - 1]}${isFinal ? ', started anew' : ''}`;
            expect([where, await swarm.faults(), await outcomeOf(swarm)]).toEqual([where, [], expected]);
            base.close(swarm);
            runs++;
          }
        }
      }
      expect(runs).toBeGreaterThan(2 * total);
    }, 60_000);
  }
});
