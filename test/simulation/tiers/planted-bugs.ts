// Tier H: every planted bug is found within 200 seeds. Says how many it took.

import { type Report, say } from '../report.ts';
import { runSeeds } from '../run-seeds.ts';
import { PLANTS, type PlantName } from './plants.ts';
import type { Size } from './size.ts';

/** Seeds in which a bug must be found. */
const seedsMax = 200;

export async function plantedBugsTier({ seed, steps }: Size): Promise<Report> {
  const started = performance.now();
  const needed: Record<string, number | null> = {};
  const how: Record<string, string> = {};
  const names = Object.keys(PLANTS) as PlantName[]; // its own keys
  for (const plant of names) {
    let first: number | null = null;
    await runSeeds(
      Array.from({ length: seedsMax }, (_, n) => ({ seed: seed + n, steps, plant })),
      ({ seed: found, findings }) => {
        const [finding] = findings;
        if (finding === undefined) return 'on';
        const nth = found - seed + 1;
        if (first === null || nth < first) how[plant] = `${finding.kind}: ${finding.detail.slice(0, 200)}`;
        first = first === null ? nth : Math.min(first, nth);
        return 'enough';
      },
    );
    needed[plant] = first;
    say(first === null ? `${plant}: not found: ${PLANTS[plant].idea}` : `${plant}: seed ${first}: ${how[plant]}`);
  }
  const missed = names.filter((plant) => needed[plant] === null);
  return {
    ok: missed.length === 0,
    ...{ seed, seeds: seedsMax, steps, planted: names.length, missed, needed },
    seconds: Math.round((performance.now() - started) / 100) / 10,
  };
}
