// The words between a squad and its swarm, both ways, as plain data over RPC. The squad knows sockets; the swarm knows
// devices. Facts go up at least once and count once; orders go down and are owned by the squad once it has stored them.

import type { DeviceId, OrderId } from '../ids.ts';
import type { SignedCheckpoint } from '../journal/checkpoint.ts';
import type { Result } from '../result.ts';
import type { Fact, Order, RefusedFact } from '../wire/device.ts';

/** A device whose key has been proved asks to come in. `epoch` and `seq` are what its outbox has used. */
export interface Admission {
  readonly device: DeviceId;
  readonly did: string;
  /** Names this one connection, made by the squad; a later connection replaces it. */
  readonly connection: string;
  readonly epoch: number;
  readonly seq: number;
}

export interface Admitted {
  /** The epoch in force: a device whose database was rolled back gets a new one [P2] [P3]. */
  readonly epoch: number;
  /** The last seq of that epoch that is committed. */
  readonly seq: number;
  /** The swarm's clock. */
  readonly now: number;
}

export type AdmissionRefused = { readonly code: 'device_unknown' | 'device_revoked' | 'swarm_unavailable' };

export interface FactBatch {
  readonly device: DeviceId;
  readonly epoch: number;
  /** Parsed by the squad; a fact whose body did not parse arrives as `{ seq, poison }` and is set aside with a receipt. */
  readonly facts: readonly (Fact | PoisonFact)[];
}
export interface PoisonFact {
  readonly seq: number;
  readonly poison: string;
}

export type FactsAnswer =
  | {
      readonly kind: 'committed';
      readonly epoch: number;
      readonly seq: number;
      readonly refused: readonly RefusedFact[];
    }
  | { readonly kind: 'expected'; readonly epoch: number; readonly seq: number }
  | {
      readonly kind: 'refused';
      readonly code: 'device_unknown' | 'device_revoked' | 'epoch_stale' | 'too_many_facts' | 'swarm_unavailable';
    };

/** How the history goes on from what a device holds. */
export type HistoryAnswer =
  /** `path`: the audit nodes from the checkpoint that was shown, hex; none when nothing was. */
  | { readonly kind: 'continued'; readonly checkpoint: SignedCheckpoint; readonly path: readonly string[] }
  /** It does not go on from there. */
  | { readonly kind: 'conflict' }
  /** Nothing can be signed now. */
  | { readonly kind: 'unsigned' };

/** What a squad may ask of its swarm. Every call may be repeated; a repeat changes nothing. */
export interface SwarmPort {
  admitDevice(admission: Admission): Promise<Result<Admitted, AdmissionRefused>>;
  reportFacts(batch: FactBatch): Promise<FactsAnswer>;
  /** The connection is gone. Ignored when a later one has been admitted. */
  deviceLeft(device: DeviceId, connection: string): Promise<void>;
  /** What a device holds of this swarm's history; null when it holds nothing yet. */
  continueHistory(device: DeviceId, held: SignedCheckpoint | null): Promise<HistoryAnswer>;
  /** These orders could not be given to their device in time. */
  ordersUndelivered(orders: readonly OrderId[]): Promise<void>;
}

/** What a swarm may ask of a squad. */
export interface SquadPort {
  /** Stores the orders before it answers; a repeated id is ignored. */
  deliver(orders: readonly { readonly device: DeviceId; readonly order: Order }[]): Promise<void>;
  /** Closes the device's socket and forgets its orders, for good. */
  expel(device: DeviceId): Promise<void>;
}

/** The name of a squad's object: its swarm and its number. */
export function squadName(swarm: string, squad: number): string {
  return `${swarm}/squad/${squad}`;
}

/** Headers by which the Worker tells a squad who connects. Whatever a client sends under these names is dropped first. */
export const UPGRADE_HEADERS = {
  tenant: 'x-starling-tenant',
  swarm: 'x-starling-swarm',
  device: 'x-starling-device',
  /** The public host that the device called: it signs for this one, so that no other host can use the signature. */
  audience: 'x-starling-audience',
} as const;
