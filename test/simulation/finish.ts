// After the trouble: nothing goes wrong any more, and everything must come to an end by itself, be as it was told, and stay so.

import type { Executed } from '../../core/swarm/service.ts';
import type { Step } from './in-world.ts';
import { checkRealm } from './model/final-checks.ts';
import type { World } from './world/world.ts';

/** Steps of the calm after the trouble. */
const calmStepsMax = 60_000;
const minuteMs = 60_000;
const secondMs = 1_000;
/** A read of the journal is tried again so often. */
const readTries = 10;

/** Left alone, everything comes to an end by itself. */
export async function finish(world: World, step: Step): Promise<void> {
  world.calm();
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
  await until('forks and imports are made', 60 * minuteMs, () =>
    world.realms.every(({ kin }) => kin.every((one) => one.isSettled())),
  );
  await until('followers have seen everything', 60 * minuteMs, () =>
    world.realms.every(({ followers, model }) => followers.every((one) => one.seen() === model.head().seq)),
  );
  for (const { followers } of world.realms) for (const follower of followers) follower.end();
  await askAgain(world, step);
  await readBack(world, step);
  await until('measurements are stored', 60 * minuteMs, () => world.realms.every(({ queue }) => queue.waiting() === 0));
  // What they have not done by now ends without them, by timers alone.
  for (const { devices } of world.realms) for (const device of devices) device.retire();
  await until('tasks end', 24 * 60 * minuteMs, () =>
    world.realms.every(({ model }) => model.work.open().length === 0 && model.books.pending().size === 0),
  );
  // A delivery may be under way still: what it has just written is seen by nobody before it is durable.
  await until('what was written is durable', minuteMs, () =>
    world.realms.every(({ swarm }) => !swarm.database.isDirty()),
  );
  for (const realm of world.realms) await checkRealm(realm);
}

/** Answers are the same for ever, whatever has happened since. */
async function askAgain({ realms }: World, step: Step): Promise<void> {
  for (const realm of realms) {
    const { clerk, model } = realm;
    for (let n = 0; n < model.heldIds.length; n += Math.ceil(model.heldIds.length / 5)) {
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

/** The whole journal, read as anybody may read it, is the one that was seen: from the object and from its archive alike. */
async function readBack({ realms, network, timeline, actor, owner, findings }: World, step: Step): Promise<void> {
  for (const { model, swarm } of realms) {
    for (let from = 1; from <= model.hashes.length; ) {
      let page: readonly { seq: number; hash: string }[] | null = null;
      const ask = (triesLeft: number): void =>
        network.ask(actor, swarm, 'read', [owner, { type: 'journal', from, limit: 1_000 }], (outcome) => {
          // Object storage may still refuse for a moment.
          if (!outcome.ok && triesLeft > 0) {
            timeline.after(secondMs, actor, () => ask(triesLeft - 1));
            return;
          }
          const { value } = (outcome.ok ? outcome.value : {}) as { value?: { data: { seq: number; hash: string }[] } }; // the answer to this query
          page = value?.data ?? [];
        });
      ask(readTries);
      for (let steps = 0; page === null && steps < 10_000; steps++) if (!(await step())) break;
      const read: readonly { seq: number; hash: string }[] = page ?? []; // set by the answer
      for (const { seq, hash } of read)
        if (hash !== model.hashes[seq - 1])
          findings.add('journal', `${model.origin} ${seq}`, 'what is read is not what was seen');
      if (read.length === 0)
        return findings.add('lost', `${model.origin} ${from}`, 'the journal cannot be read from here on');
      from = (read.at(-1)?.seq ?? from) + 1;
    }
  }
}
