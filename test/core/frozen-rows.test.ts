// A snapshot that is taken in pieces, while others write in between.

import { expect, test } from 'vitest';
import { createSnapshots } from '../../durable-objects/swarm/snapshots.ts';
import { SYSTEM } from './memory-swarm.ts';
import { StoreSwarm } from './store-swarm.ts';

const post = (n: number) =>
  ({ type: 'PostTransfer', debit: 'tenant', credit: `team/${n % 400}`, amountMicro: 1, reference: `${n}` }) as const;

test('[TURN-1] [HISTORY-3] a snapshot that is taken in pieces is of the moment at which it began, whatever is written in between', async () => {
  const swarm = new StoreSwarm();
  for (let n = 0; n < 300; n++) swarm.do(post(n));
  let n = 1_000;
  let pieces = 0;
  const recorded: { seq: number; stateHash: string }[] = [];
  const snapshots = createSnapshots({
    sql: swarm.sql,
    store: swarm.store,
    objects: {
      put: async () => 'stored',
      get: async () => null,
      list: async () => ({ objects: [], cursor: null }),
      delete: async () => {},
    },
    execute: (id, command) => {
      if (command.type === 'RecordSnapshot') recorded.push(command);
      swarm.store.executeMany([{ id, command, actor: SYSTEM, remember: false }]);
    },
    work: {
      spent: () => {},
      giveWay: async () => {
        pieces++;
        // Rows that are changed, and rows that were not there: before and behind the piece that is read.
        for (let more = 0; more < 5; more++) {
          n += 37;
          swarm.do(post(n));
        }
      },
    },
  });
  for (let round = 0; round < 3; round++) {
    const wanted = snapshots.stateHash();
    expect(await snapshots.take()).toBe(wanted.seq);
    expect(recorded.at(-1)).toMatchObject(wanted);
    expect(snapshots.stateHash().stateHash).not.toBe(wanted.stateHash);
  }
  expect(pieces).toBeGreaterThan(20);
});
