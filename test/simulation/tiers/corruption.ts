// Tier F: 10,000 damages (a bit flipped, the end cut off, two rows exchanged) to a journal and to everything that lies in object
// storage. Each is found: refused, passed over, or without effect on what is read; never read as if it were true.

import type { CloudEvent } from '../../../core/journal/cloud-event.ts';
import { openFindings } from '../model/findings.ts';
import '../platform/modules.ts';
import type { Step } from '../in-world.ts';
import { type Random, seededRandom } from '../random.ts';
import type { Report } from '../report.ts';
import type { Realm } from '../world/realm.ts';
import type { World } from '../world/world.ts';
import type { Size } from './size.ts';

/** Damages to the journal as an outsider has it, and to objects in the storage. */
const journalDamages = 8_000;
const objectDamages = 2_000;
/** Rows exchanged in the object's own database. */
const rowDamages = 300;
const stepsOfHistory = 1_500;
/** Events that the history must have: a segment is not made of fewer. */
const eventsMin = 600;

interface Tally {
  damages: number;
  found: number;
  /** Damage that changes nothing of what is read: an unused bit of a header. */
  harmless: number;
  readonly missed: string[];
}

export async function corruptionTier({ seed }: Size): Promise<Report> {
  const started = performance.now();
  // After the platform's modules are in place.
  const { inWorld } = await import('../in-world.ts');
  const { damageJournal } = await import('./damage-journal.ts');
  const random = seededRandom(seed);
  const findings = openFindings(() => {});
  const tallies: Record<string, Tally> = {};
  const of = (what: string): Tally => {
    tallies[what] ??= { damages: 0, found: 0, harmless: 0, missed: [] };
    return tallies[what];
  };
  let at = seed;
  for (let made = false; !made; at++)
    made = await inWorld(
      at,
      findings,
      { crash: { place: null, nth: 0, kept: false, seen: {} } },
      async (world, step) => {
        world.begin();
        for (let n = 0; n < stepsOfHistory; n++) await step();
        const [realm] = world.realms;
        if (!realm || realm.model.head().seq < eventsMin) return false;
        world.isCalm = true;
        await archiveAll(world, realm, step);
        if (realm.objects.size < 3) return false;
        damageJournal(realm, random, journalDamages, of('journal'));
        await damageObjects(world, realm, step, random, of);
        await damageRows(world, realm, step, random, of('rows of the journal'));
        return true;
      },
    );
  const missed = Object.values(tallies).flatMap((tally) => tally.missed);
  const sum = (member: 'damages' | 'found' | 'harmless'): number =>
    Object.values(tallies).reduce((total, tally) => total + tally[member], 0);
  return {
    ok: missed.length === 0 && findings.count() === 0,
    ...{ seed, damages: sum('damages'), found: sum('found'), harmless: sum('harmless') },
    violations: missed.length + findings.count(),
    of: Object.fromEntries(Object.entries(tallies).map(([what, { missed: _, ...tally }]) => [what, tally])),
    missed: missed.slice(0, 10),
    seconds: Math.round((performance.now() - started) / 100) / 10,
  };
}

/** Calls an object and runs the world until it has answered. */
async function call(world: World, step: Step, host: Realm['swarm'], method: string, args: unknown[]): Promise<unknown> {
  let outcome: { ok: boolean; value?: unknown } | null = null;
  world.network.ask(world.actor, host, method, args, (answer) => {
    outcome = answer;
  });
  for (let n = 0; outcome === null && n < 50_000; n++) if (!(await step())) break;
  const answered = outcome as { ok: boolean; value?: unknown } | null; // set by the answer
  return answered?.ok ? answered.value : null;
}

async function archiveAll(world: World, { swarm }: Realm, step: Step): Promise<void> {
  for (let n = 0; n < 5; n++) await call(world, step, swarm, 'archiveSegments', [world.owner, 0]);
}

/** Damages one stored object at a time, and reads what rests on it. */
async function damageObjects(
  world: World,
  realm: Realm,
  step: Step,
  random: Random,
  of: (what: string) => Tally,
): Promise<void> {
  const { swarm, past, model, objects } = realm;
  const keys = [...objects.keys()].sort();
  const { seq: head } = model.head();
  for (let n = 0; n < objectDamages; n++) {
    const key = keys[n % keys.length] ?? '';
    const whole = objects.get(key);
    if (whole === undefined) continue;
    const tally = of(kindOf(key));
    tally.damages++;
    const { bytes, how } = damage(whole, random);
    objects.set(key, bytes);
    // What is in memory was read before the damage.
    for (const host of [swarm, past]) host.evict();
    // Mostly the newest moment: it rests on the newest snapshot.
    const seq = random.chance(0.8) ? head : random.between(1, head);
    const { page, moment } = await readBoth(world, realm, step, seq);
    objects.set(key, whole);
    const lies =
      (page?.ok && page.value?.data.some((event) => event.hash !== model.hashes[event.seq - 1])) ||
      (moment?.ok && moment.value?.stateHash !== model.stateHashAt(seq));
    if (lies) tally.missed.push(`${key}: ${how}`);
    else if (page?.ok && moment?.ok && moment.value?.moment.damaged.length === 0) tally.harmless++;
    else tally.found++;
  }
}

/** What rests on the journal: a page of it, and a moment of the past. */
async function readBoth(world: World, { swarm, past, swarmId }: Realm, step: Step, seq: number) {
  const query = { type: 'journal', from: 1, limit: 1_000 };
  const page = (await call(world, step, swarm, 'read', [world.owner, query])) as {
    ok: boolean;
    value?: { data: readonly CloudEvent[] };
  } | null; // the answer to this query
  const moment = (await call(world, step, past, 'stateHash', [swarmId, world.owner, { seq }])) as {
    ok: boolean;
    value?: { stateHash: string; moment: { damaged: readonly string[] } };
  } | null; // what `stateHash` resolves to
  return { page, moment };
}

/** Exchanges two rows of the object's journal at a time, and reads what rests on them. */
async function damageRows(world: World, realm: Realm, step: Step, random: Random, tally: Tally): Promise<void> {
  const { exchangeRows, seemsTrue } = await import('./damage-rows.ts');
  const { swarm, past, model } = realm;
  const { seq: head } = model.head();
  for (let n = 0; n < rowDamages; n++) {
    const exchange = exchangeRows(realm, random);
    if (exchange === null) continue;
    tally.damages++;
    for (const host of [swarm, past]) host.evict();
    const { page, moment } = await readBoth(world, realm, step, head);
    exchange.undo();
    const data = page?.ok ? (page.value?.data ?? []) : [];
    const isOther = data.some(({ seq, hash }) => hash !== model.hashes[seq - 1]);
    const lies =
      (isOther && seemsTrue(model.origin, data)) || (moment?.ok && moment.value?.stateHash !== model.stateHashAt(head));
    if (lies) tally.missed.push(exchange.how);
    else if (moment?.ok && seemsTrue(model.origin, data)) tally.harmless++;
    else tally.found++;
  }
}

/** What an object is, by where it lies. */
function kindOf(key: string): string {
  return key.replace(/tnt_[^/]+|swm_[^/]+|[0-9a-f]{32,}|\d{6,}/g, '…').slice(0, 60);
}

function damage(bytes: Uint8Array, random: Random): { readonly bytes: Uint8Array; readonly how: string } {
  const at = random.between(0, bytes.length - 1);
  if (random.chance(0.25)) return { bytes: bytes.slice(0, at), how: `cut at ${at} of ${bytes.length}` };
  const damaged = bytes.slice();
  if (random.chance(0.2)) {
    const other = random.between(0, bytes.length - 1);
    [damaged[at], damaged[other]] = [damaged[other] ?? 0, damaged[at] ?? 0];
    return { bytes: damaged, how: `bytes ${at} and ${other} exchanged` };
  }
  const bit = random.between(0, 7);
  damaged[at] = (damaged[at] ?? 0) ^ (1 << bit);
  return { bytes: damaged, how: `bit ${bit} of byte ${at}` };
}
