// What may be wrong with a world on purpose, so that the simulator shows that it would find it (tiers/planted-bugs.ts). A bug is
// planted in what the product is given, never in the product.

import type { ObjectStore } from '../../../core/archive/port.ts';
import type { SwarmPort } from '../../../core/devices/port.ts';
import type { Outbox } from '../../../edge-node/src/outbox/outbox.ts';
import type { SwarmModel } from '../model/swarm-model.ts';
import type { HostPlant, ObjectHost } from '../platform/object-host.ts';
import type { Timeline } from '../platform/virtual-time.ts';

/** Where a bug is planted. */
export interface Soil {
  readonly swarm: ObjectHost;
  readonly model: SwarmModel;
  readonly world: { readonly timeline: Timeline };
}

export interface Plant extends HostPlant {
  /** A swarm as the squad sees it, in the place of the honest one. */
  swarmStub?(honest: SwarmPort, soil: Soil): object;
  /** A device's outbox in the place of the honest one. */
  outbox?(honest: Outbox): Outbox;
  /** A sender that takes every delivery for delivered. */
  readonly assumesDelivery?: boolean;
  /** A consumer that acknowledges a message before its file is stored. */
  readonly acknowledgesEarly?: boolean;
  /** An object storage in the place of the honest one. */
  storage?(honest: ObjectStore): ObjectStore;
  /** A fork is there, and is about to be filled. */
  forked?(fork: ObjectHost, parent: ObjectHost): void;
  /** Chunks of a snapshot are believed whatever their hash is. */
  readonly believesChunks?: boolean;
  /** The lines of an export are taken without a look at their chain. */
  readonly skipsChain?: boolean;
}
