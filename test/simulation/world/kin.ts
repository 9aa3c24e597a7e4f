// Swarms that come of another one: forks of it and imports of its exports. Each is an object of its own, with what it may reach.

import type { DatabaseKind } from '../platform/database.ts';
import { ObjectHost } from '../platform/object-host.ts';
import { PastObject, SwarmObject } from '../platform/objects.ts';
import type { RealmView } from './surroundings.ts';

/** A swarm that can be forked, as an outsider knows it. */
export interface Kin {
  readonly swarmId: string;
  readonly swarm: ObjectHost;
  readonly past: ObjectHost;
}

/** The objects of a swarm that nobody is connected to: whatever leaves it for the outside is a finding. */
export function kinObjects(realm: RealmView, swarmId: string): Kin {
  const { world } = realm;
  const { timeline, watcher, network, findings } = world;
  const outside = (what: string) =>
    new Proxy(
      {},
      {
        get: (_, method) => () => {
          findings.add('doubled', `${swarmId} ${what}`, `${String(method)} left a swarm that does not act outside`);
          return Promise.resolve({ outcome: 'delivered', status: 200 });
        },
      },
    );
  const store = realm.storage(realm.objects);
  const squad = outside('squad');
  const make = (kind: DatabaseKind, object: (ctx: never) => object): ObjectHost =>
    new ObjectHost(kind, swarmId, object, { timeline, watcher });
  const name = { idFromName: (id: string) => id };
  const swarm = make(
    'swarm',
    (ctx) =>
      new SwarmObject(ctx, {
        SQUAD: { ...name, get: () => squad },
        PAST: { ...name, get: (id: string) => network.stub(swarm, () => realm.relative(id).past) },
        WEBHOOK_SENDER: outside('receiver'),
        ARCHIVE_STORE: store,
      } as never), // what `wrangler.toml` binds
  );
  const past = make(
    'past',
    (ctx) =>
      new PastObject(ctx, {
        SWARM: { ...name, get: (id: string) => network.stub(past, () => realm.relative(id).swarm) },
        ARCHIVE_STORE: store,
      } as never), // what `wrangler.toml` binds
  );
  return { swarmId, swarm, past };
}
