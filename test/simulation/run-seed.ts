// One seed from beginning to end: trouble for so many steps, then calm, then everything is checked.

import { finish } from './finish.ts';
import { inWorld } from './in-world.ts';
import { type Finding, openFindings } from './model/findings.ts';
import { PLANTS, type PlantName } from './tiers/plants.ts';
import type { CrashPoint } from './world/crash-point.ts';

export interface SeedRun {
  readonly seed: number;
  readonly steps: number;
  /** A bug that is in this world on purpose. */
  readonly plant?: PlantName;
  /** One failure, at a place that is counted out. */
  readonly crash?: Omit<CrashPoint, 'seen'>;
}

export interface SeedResult {
  readonly seed: number;
  readonly steps: number;
  readonly events: number;
  /** Hash over the heads of all swarms: the same seed gives the same. */
  readonly head: string;
  readonly findings: readonly Finding[];
  readonly faults: Readonly<Record<string, number>>;
  /** How often each place was passed at which something might have failed. */
  readonly seen: CrashPoint['seen'];
  readonly crash: SeedRun['crash'] | null;
}

export async function runSeed({ seed, steps, plant, crash }: SeedRun): Promise<SeedResult> {
  const seen: CrashPoint['seen'] = {};
  const findings = openFindings(() => {});
  const options = {
    plant: plant === undefined ? {} : PLANTS[plant],
    crash: crash === undefined ? null : { ...crash, seen },
  };
  return inWorld(seed, findings, options, async (world, step) => {
    world.begin();
    let made = 0;
    while (made < steps && findings.count() === 0 && (await step())) made++;
    if (findings.count() === 0) await finish(world, step);
    const heads = world.realms.map(({ model }) => model.head());
    return {
      ...{ seed, steps: made, findings: findings.all(), faults: world.faults.counts(), seen, crash: crash ?? null },
      events: heads.reduce((sum, { seq }) => sum + seq, 0),
      head: heads.map(({ hash }) => hash).join(' '),
    };
  });
}
