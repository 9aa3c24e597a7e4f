// The simulator: the real core, objects and devices on a model of the platform, in virtual time, under every fault of
// faults/table.ts. Everything follows from the seed.
//
//   npm run simulate -- [--seed N] [--seeds K] [--steps M] [--tier B|C|D|E|F|H|L] [--ci] [--nightly]
//
// `--seed N` alone runs that one seed. Without it: tier B, 2,000 seeds of 1,000 steps. `--ci` is B and what else is quick;
// `--nightly` is tier C and all the others.
// Ends with one line of JSON for each tier, and with exit code 1 when a promise was broken, or a fault never struck [tier I].

import { parseArgs } from 'node:util';
import { type Report, say } from './report.ts';
import { TIERS, type Tier } from './tiers/tiers.ts';

const SIZES: Readonly<Partial<Record<Tier, { readonly seeds: number; readonly steps: number }>>> = {
  B: { seeds: 2_000, steps: 1_000 },
  C: { seeds: 50_000, steps: 2_000 },
  D: { seeds: 25, steps: 0 },
};

const CI: readonly Tier[] = ['L', 'B', 'D', 'E', 'F', 'H'];
/** Of tier D in CI: workerd takes seconds to start again. */
const realSeedsOfCi = 2;
const NIGHTLY: readonly Tier[] = ['L', 'C', 'E', 'F', 'H', 'D'];

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      steps: { type: 'string' },
      tier: { type: 'string' },
      ci: { type: 'boolean' },
      nightly: { type: 'boolean' },
    },
  });
  const seed = whole('seed', values.seed ?? '1');
  const tiers = values.nightly ? NIGHTLY : values.ci ? CI : [tierOf(values.tier ?? 'B')];
  let code = 0;
  for (const tier of tiers) {
    const usual = SIZES[tier] ?? { seeds: 200, steps: 1_000 };
    const size = values.ci && tier === 'D' ? { ...usual, seeds: realSeedsOfCi } : usual;
    const isOne = values.seed !== undefined && values.seeds === undefined && tier === 'B';
    const report = await TIERS[tier]({
      seed,
      seeds: whole('seeds', values.seeds ?? String(isOne ? 1 : size.seeds)),
      steps: whole('steps', values.steps ?? String(size.steps)),
    });
    code = Math.max(code, conclude(tier, report));
  }
  return code;
}

function conclude(tier: Tier, { ok, ...report }: Report): number {
  process.stdout.write(`${JSON.stringify({ tier, ...report })}\n`);
  if (!ok) say(`tier ${tier} failed`);
  return ok ? 0 : 1;
}

function tierOf(text: string): Tier {
  if (Object.hasOwn(TIERS, text)) return text as Tier; // a key of the table
  throw new Error(`--tier is one of ${Object.keys(TIERS).join(', ')}`);
}

function whole(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} is a whole number`);
  return value;
}

process.exitCode = await main();
