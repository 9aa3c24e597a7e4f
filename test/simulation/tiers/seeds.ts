// Tiers B and C: many seeds under all faults. Each failing seed and one of a hundred others runs twice, and must come to the same
// head. Tier I: a run of many seeds in which a fault never struck proves nothing about it, and fails.

import { createHash } from 'node:crypto';
import { FAULT_NAMES } from '../faults/table.ts';
import { type Report, say, tell } from '../report.ts';
import type { SeedResult, SeedRun } from '../run-seed.ts';
import { runSeeds } from '../run-seeds.ts';
import type { Size } from './size.ts';

/** A run of fewer seeds may miss a fault by chance. */
const wholeSeedsMin = 500;
const twiceEach = 100;
const failuresShownMax = 10;

export async function seedsTier({ seed, seeds, steps }: Size): Promise<Report> {
  const started = performance.now();
  const results = new Map<number, SeedResult>();
  const faults = Object.fromEntries(FAULT_NAMES.map((name) => [name, 0]));
  const again: SeedRun[] = [];
  await runSeeds(
    Array.from({ length: seeds }, (_, n) => ({ seed: seed + n, steps })),
    (result) => {
      results.set(result.seed, result);
      for (const [name, count] of Object.entries(result.faults)) faults[name] = (faults[name] ?? 0) + count;
      if (result.findings.length > 0 || result.seed % twiceEach === 0 || seeds === 1)
        again.push({ seed: result.seed, steps });
      if (results.size % 500 === 0) say(`${results.size} seeds`);
      return 'on';
    },
  );
  let unlike = 0;
  await runSeeds(again, ({ seed: twice, head }) => {
    if (results.get(twice)?.head === head) return 'on';
    unlike++;
    say(`seed ${twice} came to another head the second time`);
    return 'on';
  });
  const ordered = [...results.values()].sort((a, b) => a.seed - b.seed);
  const failed = ordered.filter(({ findings }) => findings.length > 0);
  for (const result of failed.slice(0, failuresShownMax)) tell(result, steps);
  const silent = seeds >= wholeSeedsMin ? FAULT_NAMES.filter((name) => faults[name] === 0) : [];
  for (const name of silent) say(`the fault ${name} never struck: this run proves nothing about it`);
  const count = (kind?: string): number =>
    ordered.reduce(
      (sum, { findings }) => sum + findings.filter((one) => kind === undefined || one.kind === kind).length,
      0,
    );
  const [only] = ordered;
  return {
    ok: failed.length === 0 && unlike === 0 && silent.length === 0,
    ...{ seed, seeds, steps },
    events: ordered.reduce((sum, { events }) => sum + events, 0),
    lost: count('lost'),
    doubled: count('doubled'),
    violations: count() + unlike,
    head:
      seeds === 1 && only
        ? only.head
        : createHash('sha256')
            .update(ordered.map(({ head }) => head).join('\n'))
            .digest('hex'),
    faults,
    ...(failed.length > 0 ? { failed: failed.map((result) => result.seed) } : {}),
    twice: again.length,
    seconds: Math.round((performance.now() - started) / 100) / 10,
  };
}
