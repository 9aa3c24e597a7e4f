// One tenant does what it may, as hard as it can; another one only reads. Machines differ and may be busy with other things, so
// what is compared are the reads of one run: alone, beside an honest load, and beside each attack.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { neighboursOf } from '../bench/neighbours.ts';
import { startReader } from '../bench/reader.ts';
import { quantile } from '../bench/report.ts';
import { type Organization, signUp, url } from '../conformance/client.ts';
import { sized } from './whole.ts';

/** Reads beside each attack at least. */
const READS = sized(150, 2_000);
/** Generous: a machine with other things to do stalls by itself. Work that never gives way takes ten times as long. */
const msMax = 2_500;
const ratioMax = 10;
/** Attacks that are quick enough for every run. */
const QUICK = ['mission', 'descriptions', 'reports'];

let reading: Organization;
let other: Organization;
let usual = 0;

beforeAll(async () => {
  [reading, other] = await Promise.all([signUp('Reader'), signUp('Neighbour')]);
  const honest = neighbours().find(({ name }) => name === 'honest');
  const taken = await watch(async () => honest?.round());
  usual = Math.max(quantile(taken, 0.99), quantile(await watch(async () => {}), 0.99));
}, 120_000);

const neighbours = () => neighboursOf(url, { email: other.email, password: other.password, apiKey: other.key });

/** Reads while rounds are done, until there are enough. Answers what each read took, milliseconds. */
async function watch(round: () => Promise<void>): Promise<readonly number[]> {
  const reader = startReader({ url, apiKey: reading.key });
  do {
    await Promise.all([round(), new Promise((done) => setTimeout(done, 50))]);
  } while (reader.count < READS);
  return reader.end();
}

describe('a tenant that only reads', () => {
  const all = neighboursOf('http://localhost', { email: '', password: '', apiKey: '' }).map(({ name }) => name);
  const names = all.filter((name) => name !== 'honest' && (sized(0, 1) === 1 || QUICK.includes(name)));
  const open: { end?(): void }[] = [];
  afterAll(() => {
    for (const neighbour of open) neighbour.end?.();
  });

  test.each(names)('[TURN-1] [TURN-2] waits no longer beside %s than beside honest work', async (name) => {
    const neighbour = neighbours().find((one) => one.name === name);
    expect(neighbour).toBeDefined();
    if (neighbour === undefined) return;
    open.push(neighbour);
    await neighbour.prepare?.();
    const taken = await watch(() => neighbour.round());
    expect(quantile(taken, 0.9), 'nine reads in ten').toBeLessThan(Math.max(ratioMax * usual, 250));
    expect(quantile(taken, 1), 'the slowest read').toBeLessThan(Math.max(ratioMax * usual, msMax));
  });
});
