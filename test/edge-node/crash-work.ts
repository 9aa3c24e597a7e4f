// The work that is killed: supervision on a device's database from its first statement to its last, against a swarm that is
// a file. It may be cut at any point and begun again; it ends when every attempt has ended and every fact is committed.

import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Fact } from '../../core/wire/device.ts';
import { type Clock, systemClock } from '../../edge-node/src/clock.ts';
import type { Operation } from '../../edge-node/src/operations/operation.ts';
import { openDatabase } from '../../edge-node/src/outbox/database.ts';
import { openOutbox } from '../../edge-node/src/outbox/outbox.ts';
import { createPermissions } from '../../edge-node/src/permissions.ts';
import { openAttemptStore } from '../../edge-node/src/supervision/attempt-store.ts';
import { createLocalRunner } from '../../edge-node/src/supervision/run-operation.ts';
import { createSupervisor } from '../../edge-node/src/supervision/supervisor.ts';

/** What the swarm of this work has committed. */
export interface FileSwarm {
  epoch: number;
  seq: number;
  facts: Fact[];
}

export const attempts = ['a', 'b'].map((letter, index) => ({
  order: { id: `ord_${letter.repeat(26)}` as const, deliverBy: null },
  offer: {
    type: 'offer' as const,
    attempt: `att_${letter.repeat(26)}` as const,
    task: `tsk_${letter.repeat(26)}` as const,
    fence: index + 1,
    operation: 'test.echo',
    input: { text: letter },
    leaseMs: 60_000,
    deadline: 1_900_000_000_000,
    priceMicro: 10,
  },
}));

export function readSwarm(folder: string): FileSwarm {
  const path = join(folder, 'swarm.json');
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as FileSwarm) : { epoch: 0, seq: 0, facts: [] };
}

function writeSwarm(folder: string, swarm: FileSwarm): void {
  const path = join(folder, 'swarm.json');
  writeFileSync(`${path}.new`, JSON.stringify(swarm));
  renameSync(`${path}.new`, path);
}

/** Answers with its input, after a turn of the event loop. */
const echo: Operation = {
  ...{ name: 'test.echo', version: '1.0.0', summary: 'For tests.', priceMicro: 10, leaseMs: 60_000 },
  input: z.unknown(),
  output: z.unknown(),
  run: async (input) => {
    await nextTurn();
    return input;
  },
};
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

/** @param heard called when facts are durable: from then on they must not be lost */
export async function work(folder: string, heard: (used: number) => void): Promise<void> {
  const clock: Clock = { ...systemClock, now: () => 1_800_000_000_000 };
  const log = () => {};
  const database = openDatabase(join(folder, 'device.db'));
  const outbox = openOutbox(database, { now: clock.now });
  const store = openAttemptStore(database);
  const supervisor = createSupervisor({
    ...{ database, outbox, store, clock, log },
    runner: createLocalRunner({ permissions: createPermissions([]), now: clock.monotonic }, log),
    swarmNow: clock.now,
    parallel: () => 2,
    isGranted: () => true,
    measured: () => {},
    desired: () => {},
  });
  connect();
  outbox.onAppended(() => heard(outbox.claim().seq));
  supervisor.take(attempts.map(({ order, offer }) => ({ ...order, body: offer })));
  supervisor.ready([echo]);
  while (supervisor.running() > 0 || store.open().length > 0) {
    await nextTurn();
    flush();
  }
  flush();
  database.close();

  function connect(): void {
    const swarm = readSwarm(folder);
    const claim = outbox.claim();
    if (!(swarm.epoch > 0 && claim.epoch === swarm.epoch && claim.seq >= swarm.seq)) {
      writeSwarm(folder, { ...swarm, epoch: swarm.epoch + 1, seq: 0 });
    }
    const { epoch, seq } = readSwarm(folder);
    if (outbox.welcome(epoch, seq).kind === 'forgotten') connect();
  }

  function flush(): void {
    const swarm = readSwarm(folder);
    const batch = outbox.batch(swarm.seq + 1);
    if (batch === null) return;
    for (const one of JSON.parse(batch.text) as Fact[]) {
      if (one.seq !== swarm.seq + 1) throw new Error(`expected seq ${swarm.seq + 1}, got ${one.seq}`);
      swarm.facts.push(one);
      swarm.seq = one.seq;
    }
    writeSwarm(folder, swarm); // persisted before it is acknowledged
    database.transaction(() => {
      const outcome = outbox.commit(swarm.epoch, swarm.seq, []);
      if (outcome.kind === 'deleted') supervisor.committed(outcome.to, outcome.refused);
    });
    supervisor.settle();
  }
}
