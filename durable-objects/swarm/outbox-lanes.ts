// Carries out what the outbox holds, each lane by itself: to squads, to webhooks' receivers, and what the swarm does itself.

import { randomBytes } from 'node:crypto';
import { Fault } from '../../core/assert.ts';
import { type SquadPort, squadName } from '../../core/devices/port.ts';
import type { WebhookSenderPort } from '../../core/swarm/service.ts';
import { SELF } from '../../core/swarm/state.ts';
import type { Sql } from '../sql-port.ts';
import type { Tries } from '../tries.ts';
import type { Door } from './door.ts';
import { runInside, sendDelivery } from './effects.ts';
import type { ReadEvents } from './merkle-tree.ts';
import { type DrainDeps, drain, type Lane, lanesDue, type OutboxDue } from './outbox-drain.ts';
import type { SwarmStore } from './swarm-store.ts';

export interface CarryDeps {
  readonly sql: Sql;
  readonly tries: Tries;
  readonly store: SwarmStore;
  readonly door: Door;
  readonly readEvents: ReadEvents;
  /** The squad of this name. */
  squad(name: string): SquadPort;
  readonly send: WebhookSenderPort['send'];
  /** To be awaited before the next piece of work; null when there is nothing to wait for [TURN-1]. */
  giveWay(): Promise<void> | null;
}

export interface LaneDeps extends CarryDeps {
  /** Keeps the object awake until it is done. */
  waitUntil(work: Promise<void>): void;
  /** A lane has ended; what is left in it waits for the alarm. */
  ended(): void;
}

/** A drain goes around so often before it leaves the rest to the alarm. */
const drainRoundsMax = 20;

/** Starts to carry out what is due; lanes that are under way go on. */
export function createLanes(deps: LaneDeps): (outbox: OutboxDue) => void {
  const { door } = deps;
  const draining = new Set<Lane>();

  async function drainLane(lane: Lane): Promise<void> {
    draining.add(lane);
    try {
      for (let round = 0; round < drainRoundsMax; round++) {
        // Asked last thing before it ends, in the same step: what came meanwhile is not left to the alarm.
        if (door.isShut() || !(await drain(lane, drainDeps(deps)))) break;
      }
    } finally {
      draining.delete(lane);
      deps.ended();
    }
  }

  return (outbox) => {
    for (const lane of lanesDue(outbox, Date.now())) if (!draining.has(lane)) deps.waitUntil(drainLane(lane));
  };
}

/** How each effect is carried out. */
export function drainDeps({ sql, tries, store, door, readEvents, send, squad, giveWay }: CarryDeps): DrainDeps {
  return {
    sql,
    tries,
    now: () => Date.now(),
    toSquad: (number, effects) => toSquad(number, effects, store, squad),
    run: async (effect) => {
      const turn = giveWay();
      if (turn) await turn;
      runInside(effect, { read: store.read, execute: door.must });
    },
    send: async (effect) => {
      const turn = giveWay();
      if (turn) await turn;
      await sendDelivery(effect, {
        store,
        readEvents,
        send,
        execute: door.must,
        now: () => Date.now(),
        random: () => randomBytes(4).readUInt32BE() / 2 ** 32,
      });
    },
    park: (id, effect, tries) =>
      door.system(`park:${id}`, { type: 'ParkTimer', timer: `outbox/${id}`, command: effect.kind, tries }),
  };
}

async function toSquad(
  number: number,
  effects: Parameters<DrainDeps['toSquad']>[1],
  store: SwarmStore,
  squad: CarryDeps['squad'],
): Promise<void> {
  const swarm = store.read.row('swarm', SELF);
  if (swarm === null) throw new Fault('a swarm without a name has no squads', { retryable: false });
  const stub = squad(squadName(swarm.id, number));
  const orders = effects.flatMap((effect) =>
    effect.kind === 'order' ? [{ device: effect.device, order: effect.order }] : [],
  );
  if (orders.length > 0) await stub.deliver(orders);
  for (const effect of effects) if (effect.kind === 'expel') await stub.expel(effect.device);
}
