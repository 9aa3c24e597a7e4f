// The work that is killed: a device's database from its first statement to its last, against a swarm that is a file. It may
// be cut at any point and begun again; it ends when every attempt has ended and every fact is committed.

import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Fact } from '../../core/wire/device.ts';
import { openDatabase } from '../../edge-node/src/outbox/database.ts';
import { openOutbox } from '../../edge-node/src/outbox/outbox.ts';
import { openAttemptStore } from '../../edge-node/src/supervision/attempt-store.ts';

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

/** @param heard called when a fact is durable: from then on it must not be lost */
export function work(folder: string, heard: (used: number) => void): void {
  const database = openDatabase(join(folder, 'device.db'));
  const outbox = openOutbox(database, { now: () => 1_800_000_000_000 });
  const store = openAttemptStore(database);
  const ref = ({ attempt, task, fence }: (typeof attempts)[0]['offer']) => ({ attempt, task, fence });

  connect();
  for (const { order, offer } of attempts) {
    database.transaction(() => {
      if (store.addOrder({ ...order, body: offer }, 0)) store.addAttempt(offer, null, 1_800_000_060_000);
    });
  }
  for (const { offer } of attempts) {
    const attempt = store.find(offer.attempt);
    if (attempt === null) continue;
    if (attempt.state === 'taken') {
      const used = database.transaction(() => {
        store.begin(attempt.attempt);
        return outbox.append([{ body: { type: 'attempt.started', ...ref(offer) } }]);
      });
      heard(used);
    }
    outbox.appendExpendable([{ body: { type: 'attempt.progressed', ...ref(offer), fraction: 0.5 } }]);
    flush();
    const used = database.transaction(() => {
      store.end(attempt.attempt, 'succeeded', 1);
      return outbox.append([
        { body: { type: 'attempt.succeeded', ...ref(offer), result: offer.input, durationMs: 1 } },
      ]);
    });
    heard(used);
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
    outbox.commit(swarm.epoch, swarm.seq, []);
  }
}
