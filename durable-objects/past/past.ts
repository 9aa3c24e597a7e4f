// The past of one swarm: an object beside it that rebuilds moments on request and keeps nothing that cannot be made again. What
// people look at there costs the swarm itself a short question about snapshots and, at most, its newest events.

import { DurableObject } from 'cloudflare:workers';
import { randomBytes } from 'node:crypto';
import type { ObjectStore } from '../../core/archive/port.ts';
import { type Actor, actorName } from '../../core/envelope.ts';
import type { At, HistoryPort, PastPort } from '../../core/history/port.ts';
import { idSource } from '../../core/ids.ts';
import type { Query } from '../../core/swarm/service.ts';
import { isolateTurns, workOf } from '../turns.ts';
import { pastEvents } from './past-events.ts';
import { createPast, type PastService } from './past-service.ts';

/** What a past needs of its surroundings. */
export interface PastEnv {
  readonly SWARM: { idFromName(name: string): DurableObjectId; get(id: DurableObjectId): unknown };
  readonly ARCHIVE_STORE: ObjectStore;
}

/** A swarm's past, named by the swarm's id. */
export class PastObject extends DurableObject<PastEnv> implements PastPort {
  #opened: { readonly swarm: string; readonly service: PastService } | null = null;

  read(swarm: string, actor: Actor, at: At, query: Query): ReturnType<PastPort['read']> {
    return this.#of(swarm).read(actor, at, query);
  }

  diff(
    swarm: string,
    actor: Actor,
    from: At,
    to: At,
    page: Parameters<PastPort['diff']>[4],
  ): ReturnType<PastPort['diff']> {
    return this.#of(swarm).diff(actor, from, to, page);
  }

  rows(swarm: string, at: At, after: string | null): ReturnType<PastPort['rows']> {
    return this.#of(swarm).rows(at, after);
  }

  stateHash(swarm: string, actor: Actor | null, at: At): ReturnType<PastPort['stateHash']> {
    return this.#of(swarm).stateHash(actor, at);
  }

  #of(swarm: string): PastService {
    if (this.#opened?.swarm === swarm) return this.#opened.service;
    const { SWARM, ARCHIVE_STORE } = this.env;
    // A stub is the object's methods over RPC; asked for anew each time, as one that saw a fault is not used again.
    const live = (): HistoryPort => SWARM.get(SWARM.idFromName(swarm)) as HistoryPort;
    /** Whose swarm it is: each outline says so. */
    let tenant = '';
    const history: HistoryPort = {
      outline: async (actor, at, before) => {
        const outline = await live().outline(actor, at, before);
        if (outline.ok) ({ tenant } = outline.value);
        return outline;
      },
      hotEvents: (from, limit) => live().hotEvents(from, limit),
    };
    const objects = ARCHIVE_STORE;
    const work = workOf(isolateTurns, () => tenant);
    const service = createPast({
      history,
      objects,
      readEvents: pastEvents({ history, objects, work }),
      work,
      momentOf: (actor, at) => ({
        at,
        actor,
        ids: idSource(at, randomBytes(10)),
        commandId: `past:${actorName(actor)}`,
        trace: null,
      }),
    });
    this.#opened = { swarm, service };
    return service;
  }
}
