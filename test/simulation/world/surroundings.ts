// What those who live in a world know of it: time, chance, the network, what may go wrong, and the swarm that they belong to.

import type { ObjectStore } from '../../../core/archive/port.ts';
import type { Actor as CommandActor } from '../../../core/envelope.ts';
import type { SwarmId, TenantId } from '../../../core/ids.ts';
import type { FaultPlan } from '../faults/plan.ts';
import type { Findings } from '../model/findings.ts';
import type { SwarmModel } from '../model/swarm-model.ts';
import type { Line } from '../platform/line.ts';
import type { Network } from '../platform/network.ts';
import type { HostWatcher, ObjectHost } from '../platform/object-host.ts';
import type { Actor, Timeline } from '../platform/virtual-time.ts';
import type { Random } from '../random.ts';
import type { CrashPlace } from './crash-point.ts';
import type { Plant } from './plant.ts';

/** The world, as anybody in it sees it. */
export interface WorldView {
  readonly random: Random;
  readonly findings: Findings;
  readonly timeline: Timeline;
  readonly faults: FaultPlan;
  readonly network: Network;
  readonly watcher: HostWatcher;
  readonly plant: Plant;
  /** Lines by the end that went out with the answer. */
  readonly lines: ReadonlyMap<object, Line>;
  /** Whoever is none of the others. */
  readonly actor: Actor;
  readonly owner: CommandActor;
  /** Makes names that nobody else has. */
  counter: number;
  later(ms: number, fn: () => void): void;
  /** Counts a place where something may fail; true at the one that is to. */
  crashes(place: CrashPlace): boolean;
}

/** One swarm and what belongs to it, as anybody there sees it. */
export interface RealmView {
  readonly world: WorldView;
  readonly tenant: TenantId;
  readonly swarmId: SwarmId;
  readonly swarm: ObjectHost;
  readonly squad: ObjectHost;
  readonly past: ObjectHost;
  readonly model: SwarmModel;
  /** Whether anybody looks at its past: to make a moment a second time for comparison is slow. */
  readonly looksBack: boolean;
  readonly queue: { readonly isUsed: boolean };
  /** Its archive, and that of its kin. */
  readonly objects: Map<string, Uint8Array>;
  /** A swarm of this tenant by its id: this one, a fork or an import. */
  relative(id: string): { readonly swarm: ObjectHost; readonly past: ObjectHost };
  /** Object storage as this world has it. */
  storage(objects: Map<string, Uint8Array>): ObjectStore;
}
