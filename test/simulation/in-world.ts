// A world that runs: step by step, each with everything that it sets off, in the simulator's time and with its chance.

import type { Findings } from './model/findings.ts';
import { withGlobals } from './platform/globals.ts';
import { InstanceLost } from './platform/object-host.ts';
import { seededRandom } from './random.ts';
import { PowerLost } from './world/device-disk.ts';
import { World, type WorldOptions } from './world/world.ts';

/** One step, and all that follows from it at once; false when nothing is planned any more. */
export type Step = () => Promise<boolean>;

const { setImmediate } = globalThis;
/** Lets every promise of a step come to rest. */
const rest = (): Promise<void> => new Promise((done) => setImmediate(done));

/** Makes the world of a seed, lets `work` run it, and takes it down. */
export async function inWorld<T>(
  seed: number,
  findings: Findings,
  options: WorldOptions,
  work: (world: World, step: Step) => Promise<T>,
): Promise<T> {
  const random = seededRandom(seed);
  const world = new World(random, findings, options);
  const onStray = (cause: unknown): void => {
    // The end of a process or an object, met by code that was theirs.
    if (cause instanceof PowerLost || cause instanceof InstanceLost) return;
    findings.add('server', 'stray', cause instanceof Error ? (cause.stack ?? cause.message) : String(cause));
  };
  process.on('unhandledRejection', onStray);
  process.on('uncaughtException', onStray);
  const step: Step = async () => {
    try {
      if (!world.timeline.step()) return false;
    } catch (error) {
      onStray(error);
    }
    await rest();
    for (const realm of world.realms) for (const host of realm.hosts()) host.settle();
    return true;
  };
  try {
    const { believesChunks = false, skipsChain = false } = world.plant;
    const seedsOwn = { timeline: world.timeline, random: random.fork(), logged: () => {}, believesChunks, skipsChain };
    return await withGlobals(seedsOwn, () => work(world, step));
  } finally {
    process.off('unhandledRejection', onStray);
    process.off('uncaughtException', onStray);
    world.close();
  }
}
