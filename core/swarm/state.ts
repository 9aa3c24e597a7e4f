// The swarm itself, and the table of all rows that a swarm has: one kind per aggregate.

import type { ArchiveMarks, Segment, Snapshot } from '../archive/state.ts';
import type { ClockMarks } from '../clock/state.ts';
import type { Device, Enrollment, Presence } from '../devices/state.ts';
import type { Fork, Rerun } from '../forks/state.ts';
import type { SwarmId, TenantId } from '../ids.ts';
import type { Key } from '../keys/state.ts';
import type { Account, Transfer } from '../ledger/state.ts';
import type { Mission } from '../missions/state.ts';
import type { Route } from '../routes/state.ts';
import type { Trigger } from '../triggers/state.ts';
import type { Delivery, Webhook } from '../webhooks/state.ts';
import type { Task } from '../work/state.ts';

export interface Swarm extends ArchiveMarks {
  readonly id: SwarmId;
  readonly tenant: TenantId;
  readonly name: string;
  /** Raw Ed25519 key that signs checkpoints, base64url. */
  readonly publicKey: string;
  /** Credits in circulation in each cycle. */
  readonly supplyMicro: number;
  readonly cycle: number;
  readonly cycleEndsAt: number;
  readonly createdAt: number;
  /** Of a fork alone: where it comes from, and whether it acts outside. */
  readonly fork?: Fork;
  /** Of a swarm whose clock has once run far ahead or was set back. */
  readonly clock?: ClockMarks;
}

/** Every kind of row, by its name. The name is the table's too. */
export interface Rows {
  readonly swarm: Swarm;
  readonly account: Account;
  readonly transfer: Transfer;
  readonly task: Task;
  readonly mission: Mission;
  readonly device: Device;
  readonly presence: Presence;
  readonly enrollment: Enrollment;
  readonly route: Route;
  readonly key: Key;
  readonly trigger: Trigger;
  readonly webhook: Webhook;
  readonly delivery: Delivery;
  readonly snapshot: Snapshot;
  readonly segment: Segment;
  readonly rerun: Rerun;
}
export type Kind = keyof Rows;

export const KINDS = [
  'swarm',
  'account',
  'transfer',
  'task',
  'mission',
  'device',
  'presence',
  'enrollment',
  'route',
  'key',
  'trigger',
  'webhook',
  'delivery',
  'snapshot',
  'segment',
  'rerun',
] as const satisfies readonly Kind[];

/** The swarm's own row stands under this id: there is one. */
export const SELF = 'self';
