// Tier E: one busy, short history, run again for every place at which something may fail: each statement that writes, each commit,
// each call to object storage, failed, and failed though it was done. All of them, not a sample. Everything is checked as ever.

import { type Report, say, tell } from '../report.ts';
import type { SeedRun } from '../run-seed.ts';
import { runSeeds } from '../run-seeds.ts';
import { CRASH_PLACES, type CrashPlace } from '../world/crash-point.ts';
import type { Size } from './size.ts';

/** Steps of a history: everybody has come, and much happens, in so many. */
const stepsOfHistory = 300;
const NOWHERE = { place: null, nth: 0, kept: false } as const;
/** An object of the past keeps nothing of its own. */
const PLACES = CRASH_PLACES.filter((place) => !place.startsWith('past'));

/** One history is gone through whole; of these many others, those that use object storage for each call to it. */
const others = 24;

export async function crashPointsTier({ seed }: Size): Promise<Report> {
  const started = performance.now();
  const steps = stepsOfHistory;
  const points: Partial<Record<CrashPlace, number>> = {};
  const runs: SeedRun[] = [];
  const plain = Array.from({ length: 1 + others }, (_, n) => ({ seed: seed + n, steps, crash: NOWHERE }));
  await runSeeds(plain, (result) => {
    for (const place of result.seed === seed ? PLACES : (['storage-call'] as const)) {
      const passed = result.seen[place] ?? 0;
      points[place] = (points[place] ?? 0) + passed;
      for (let nth = 1; nth <= passed; nth++)
        // A device's statement has no two fates: its transaction is not committed.
        for (const kept of place === 'device-write' ? [false] : [false, true])
          runs.push({ seed: result.seed, steps, crash: { place, nth, kept } });
    }
    return 'on';
  });
  let failed = 0;
  let done = 0;
  const left = runs.values();
  await runSeeds(left, (result) => {
    done++;
    if (done % 1_000 === 0) say(`${done} of ${runs.length} crash points`);
    if (result.findings.length > 0 && ++failed <= 5) {
      say(`${result.crash?.place} ${result.crash?.nth}, ${result.crash?.kept ? 'kept' : 'lost'}:`);
      tell(result, steps);
    }
    return 'on';
  });
  return {
    ok: failed === 0 && PLACES.every((place) => (points[place] ?? 0) > 0),
    ...{ seed, seeds: 1 + others, steps, points, runs: runs.length, violations: failed },
    seconds: Math.round((performance.now() - started) / 100) / 10,
  };
}
