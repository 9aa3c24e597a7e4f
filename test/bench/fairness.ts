// `fairness`: how long a reader of one tenant waits while another tenant does the worst it may: alone, beside an honest load, and
// beside each attack. `npm run bench -- fairness/mission` runs one of them.

import { join } from 'node:path';
import { inFolder, onPlatform, signUp } from './local-platform.ts';
import { type Neighbour, neighboursOf, unlessEnded } from './neighbours.ts';
import { startReader } from './reader.ts';
import { bounded, type Measure, type Outcome, plain, quantile } from './report.ts';

/** Reads beside each neighbour at least: so many that one in a thousand is seen. */
const READS = 2_000;
/** A neighbour is watched so long at most: a round that is longer is cut off. */
const watchMsMax = 20_000;
const p99MsMax = 50;
const msMax = 250;
/** Where an honest load alone is slower than that on the machine. */
const honestRatioMax = 1.5;

/** @param parts names of neighbours; all when there are none */
export function fairness(parts: readonly string[] = []): Promise<Outcome> {
  return inFolder((folder) =>
    onPlatform(join(folder, 'starling'), async ({ url }) => {
      const [reading, other] = [await signUp(url), await signUp(url)];
      const all = neighboursOf(url, other);
      const unknown = parts.filter((part) => !all.some(({ name }) => name === part));
      if (unknown.length > 0) throw new Error(`there is no ${unknown.join(', ')}`);
      const measures: Measure[] = [];
      const alone = await watch(url, reading.apiKey, null);
      measures.push(...measuresOf('alone', alone, null));
      let honest: readonly number[] | null = null;
      for (const neighbour of all) {
        const isHonest = neighbour.name === 'honest';
        if (parts.length > 0 && !isHonest && !parts.includes(neighbour.name)) continue;
        await neighbour.prepare?.();
        const taken = await watch(url, reading.apiKey, neighbour);
        await neighbour.settle?.();
        if (isHonest) honest = taken;
        measures.push(...measuresOf(`beside ${neighbour.about}`, taken, isHonest ? null : honest));
      }
      for (const neighbour of all) neighbour.end?.();
      return { measures, notes: NOTES };
    }),
  );
}

/** Reads while the neighbour does its rounds, until there are enough reads. Answers what each of them took, milliseconds. */
async function watch(url: string, apiKey: string, neighbour: Neighbour | null): Promise<readonly number[]> {
  const reader = startReader({ url, apiKey });
  const signal = AbortSignal.timeout(watchMsMax);
  do {
    if (neighbour === null) await new Promise((done) => setTimeout(done, 100));
    else await neighbour.round(signal).catch((cause) => unlessEnded(signal, cause));
  } while (reader.count < READS && !signal.aborted);
  return reader.end();
}

function measuresOf(what: string, taken: readonly number[], honest: readonly number[] | null): Measure[] {
  const at = (share: number): number => quantile(taken, share);
  const label = `${what} (${taken.length.toLocaleString('en-US')} reads)`;
  const goal = (share: number, most: number, measure: string): Measure =>
    honest === null
      ? plain('fairness', measure, at(share), 'ms')
      : bounded('fairness', measure, at(share), 'ms', {
          most: Math.max(most, Math.round(honestRatioMax * quantile(honest, share))),
        });
  return [
    plain('fairness', `${label}: p50`, at(0.5), 'ms'),
    goal(0.99, p99MsMax, `${label}: p99`),
    plain('fairness', `${label}: p99.9`, at(0.999), 'ms'),
    goal(1, msMax, `${label}: slowest`),
  ];
}

const NOTES = [
  'Locally all tenants share one process, one thread and two or more cores with the bench itself; on Cloudflare each swarm is an object of its own, and only what one tenant’s own objects do in one turn makes anybody wait.',
  'The reader is four loops over kept-alive connections in a thread of its own, which ask again 4 ms after an answer. A stall holds up each loop once, so it shows in the slowest read and not in the p99: both have a goal.',
  `Each is watched until there are ${READS.toLocaleString('en-US')} reads, or ${watchMsMax / 1_000} s: where it says fewer, the reads themselves were that slow.`,
  `Goals: p99 ≤ ${p99MsMax} ms and no read above ${msMax} ms, or ${honestRatioMax} times what the honest load of 16 callers makes of them where that alone is slower on the machine.`,
];
