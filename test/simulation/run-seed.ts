// One seed from beginning to end: trouble for so many steps, then calm, then everything is checked.

import type { Executed } from '../../core/swarm/service.ts';
import { type Finding, openFindings } from './model/findings.ts';
import { checkRealm } from './model/final-checks.ts';
import { withGlobals } from './platform/globals.ts';
import { InstanceLost } from './platform/object-host.ts';
import { seededRandom } from './random.ts';
import { type PlantName, PLANTS } from './tiers/plants.ts';
import { PowerLost } from './world/device-disk.ts';
import { World } from './world/world.ts';

export interface SeedRun {
  readonly seed: number;
  readonly steps: number;
  /** A bug that is in this world on purpose. */
  readonly plant?: PlantName;
}

export interface SeedResult {
  readonly seed: number;
  readonly steps: number;
  readonly events: number;
  /** Hash over the heads of all swarms: the same seed gives the same. */
  readonly head: string;
  readonly findings: readonly Finding[];
  readonly faults: Readonly<Record<string, number>>;
}

const { setImmediate } = globalThis;
/** Lets every promise of a step come to rest. */
const rest = (): Promise<void> => new Promise((done) => setImmediate(done));
/** Steps of the calm after the trouble. */
const calmStepsMax = 60_000;
const minuteMs = 60_000;

export async function runSeed({ seed, steps, plant }: SeedRun): Promise<SeedResult> {
  const random = seededRandom(seed);
  const findings = openFindings(() => {});
  const world = new World(random, findings, plant === undefined ? {} : PLANTS[plant]);
  const onStray = (cause: unknown): void => {
    if (cause instanceof PowerLost || cause instanceof InstanceLost) return;
    findings.add('server', 'stray', cause instanceof Error ? (cause.stack ?? cause.message) : String(cause));
  };
  process.on('unhandledRejection', onStray);
  process.on('uncaughtException', onStray);
  let made = 0;
  const step = async (): Promise<boolean> => {
    if (!world.timeline.step()) return false;
    await rest();
    for (const host of world.hosts()) host.settle();
    made++;
    return true;
  };
  try {
    await withGlobals({ timeline: world.timeline, random: random.fork(), logged: () => {} }, async () => {
      world.begin();
      while (made < steps && findings.count() === 0) if (!(await step())) break;
      if (findings.count() > 0) return;
      world.calm();
      await finish(world, step);
      for (const realm of world.realms) await checkRealm(realm);
    });
  } finally {
    process.off('unhandledRejection', onStray);
    process.off('uncaughtException', onStray);
    world.close();
  }
  const heads = world.realms.map(({ model }) => model.head());
  return {
    ...{ seed, steps: Math.min(made, steps), findings: findings.all(), faults: world.faults.counts() },
    events: heads.reduce((sum, { seq }) => sum + seq, 0),
    head: heads.map(({ hash }) => hash).join(' '),
  };
}

/** Left alone, everything comes to an end by itself. */
async function finish(world: World, step: () => Promise<boolean>): Promise<void> {
  let left = calmStepsMax;
  const until = async (what: string, ms: number, isDone: () => boolean): Promise<void> => {
    const end = world.timeline.now() + ms;
    while (!isDone()) {
      const next = world.timeline.nextAt();
      if (next === null || next > end || left-- <= 0) {
        if (!isDone()) world.findings.add('server', what, 'it did not come to an end by itself');
        return;
      }
      await step();
    }
  };
  const everyone = world.realms.flatMap(({ clients, clerk }) => [...clients, clerk]);
  await until('requests are answered', 60 * minuteMs, () => everyone.every(({ open }) => open === 0));
  await until('facts are committed', 60 * minuteMs, () =>
    world.realms.every(({ devices, model }) =>
      devices.every((device) => model.revoked.has(device.id) || device.hasSaidAll()),
    ),
  );
  await askAgain(world, step);
  await until('measurements are stored', 60 * minuteMs, () => world.realms.every(({ queue }) => queue.waiting() === 0));
  // What they have not done by now ends without them, by timers alone.
  for (const { devices } of world.realms) for (const device of devices) device.retire();
  await until('tasks end', 24 * 60 * minuteMs, () =>
    world.realms.every(({ model }) => model.work.open().length === 0 && model.books.pending().size === 0),
  );
}

/** Answers are the same for ever, whatever has happened since. */
async function askAgain({ realms }: World, step: () => Promise<boolean>): Promise<void> {
  for (const realm of realms) {
    const { clerk, model } = realm;
    for (let n = 0; n < model.heldIds.length; n += Math.ceil(model.heldIds.length / 10)) {
      const held = model.held.get(model.heldIds[n] ?? '');
      let again: Executed | null = null;
      if (held) clerk.send({ ...held.execute, actor: clerk.as }, (executed) => (again = executed));
      for (let steps = 0; again === null && steps < 10_000; steps++) if (!(await step())) break;
      const executed = again as Executed | null; // set by the answer
      if (executed !== null && !executed.replayed)
        realm.world.findings.add('doubled', held?.execute.id ?? '', 'what was answered was done again');
    }
  }
}
