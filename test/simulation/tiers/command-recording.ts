// A list of transactions as a world of people and devices makes them (test/core/model-world.ts), with the clock and the entropy of
// each, and the head that comes of them in Node. Whoever carries out the same list comes to the same head.

import type { Execute } from '../../../core/swarm/service.ts';
import type { Head } from '../../../durable-objects/swarm/swarm-store.ts';
import { createSwarm, OWNER, START } from '../../core/memory-swarm.ts';
import { World } from '../../core/model-world.ts';

export interface Recorded {
  /** The n-th transaction has the entropy `entropyOf(n)`, from 1. */
  readonly transactions: readonly { readonly now: number; readonly commands: readonly Execute[] }[];
  readonly head: Head;
}

/** Lets a world live until its journal has so many events. */
export async function recordCommands(seed: number, events: number): Promise<Recorded> {
  const world = new World(seed);
  const { swarm } = world;
  const { supplyMicro, publicKey } = swarm.row('swarm', 'self');
  // Its creation is made already: by this command.
  const created = { ...createSwarm({ supplyMicro }), publicKey } as Execute['command'];
  const transactions = [
    { now: START, commands: [{ id: 'test:1', actor: OWNER, command: created, remember: true }] as readonly Execute[] },
  ];
  const listen = (): void => {
    const { store } = swarm;
    swarm.store = {
      ...store,
      executeMany(commands) {
        transactions.push({ now: swarm.now, commands: structuredClone(commands) });
        return store.executeMany(commands);
      },
    };
  };
  const reopen = swarm.reopen.bind(swarm);
  swarm.reopen = () => {
    reopen();
    listen();
  };
  listen();
  while (swarm.store.head().seq < events) await world.step();
  return { transactions, head: swarm.store.head() };
}
