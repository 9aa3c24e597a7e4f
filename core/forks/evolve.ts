// What a fork's rows look like after an event.

import { NO_ARCHIVE } from '../archive/state.ts';
import { assert } from '../assert.ts';
import type { Route } from '../routes/state.ts';
import type { Swarm } from '../swarm/state.ts';
import type { ForkEvent } from './events.ts';
import type { Fork, Rerun } from './state.ts';

type Named<T extends ForkEvent['type']> = Extract<ForkEvent, { readonly type: T }>;
export type OfSwarm = Named<'swarm.forked' | 'effects.changed' | 'what_if.begun' | 'what_if.ended'>;

/** The own row of a fork. Nothing of its parent's goes on in it but the supply and the count of cycles. */
export function evolveForked(swarm: Swarm | null, event: OfSwarm, at: number): Swarm {
  if (event.type === 'swarm.forked') {
    assert(swarm === null, 'a fork begins without a row of its own');
    const { swarm: id, parent, ...body } = event.body;
    return { id, ...body, createdAt: at, ...NO_ARCHIVE, fork: { parent, effects: 'off', whatIf: null } };
  }
  assert(swarm?.fork !== undefined, 'only a fork has such events');
  return { ...swarm, fork: { ...swarm.fork, ...change(swarm.fork, event) } };
}

function change(fork: Fork, event: Exclude<OfSwarm, { type: 'swarm.forked' }>): Partial<Fork> {
  switch (event.type) {
    case 'effects.changed':
      return { effects: event.body.effects };
    case 'what_if.begun':
      return { whatIf: { ...event.body, ended: null } };
    case 'what_if.ended':
      assert(fork.whatIf !== null, 'a what-if begins before it ends');
      return { whatIf: { ...fork.whatIf, ended: event.body } };
  }
}

export function evolveOverridden(route: Route | null, { body }: Named<'route.overridden'>): Route {
  assert(route !== null, 'a route is offered before it is overridden');
  return { ...route, priceMicro: body.priceMicro, active: body.active };
}

export function evolveRerun({ body }: Named<'task.rerun'>): Rerun {
  const { of, ...rerun } = body;
  return { id: of, ...rerun };
}
