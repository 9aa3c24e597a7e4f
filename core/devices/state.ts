// A device as the swarm knows it, and its presence: what changes often stands apart from what is large.

import type { DeviceId, EnrollmentId } from '../ids.ts';
import type { JsonObject } from '../json.ts';
import type { DeviceDescription } from '../wire/device.ts';

/** What a device may do by itself: 0 nothing without approval … 3 everything within its policy. */
export type AutonomyLevel = 0 | 1 | 2 | 3;
export const autonomyLevelDefault: AutonomyLevel = 2;

export interface Device {
  readonly id: DeviceId;
  readonly name: string;
  readonly did: string;
  readonly squad: number;
  readonly state: 'enrolled' | 'revoked';
  readonly autonomyLevel: number;
  readonly description: DeviceDescription | null;
  readonly desired: Versioned;
  readonly reported: Versioned;
  readonly enrolledAt: number;
  readonly updatedAt: number;
}

export interface Versioned {
  readonly version: number;
  readonly state: JsonObject;
}

/** The executor's side of a device, or of the swarm's own `cloud` executor. */
export interface Presence {
  /** The device's id, or `cloud`. */
  readonly id: string;
  readonly connected: boolean;
  readonly connection: string | null;
  /** The outbox epoch in force and the last seq of it that is committed [P2] [P3]. */
  readonly epoch: number;
  readonly seq: number;
  /** Attempts it has now, and how many it takes at once. */
  readonly busy: number;
  readonly parallel: number;
  readonly operations: readonly string[];
  readonly lastSeenAt: number | null;
}

export interface Enrollment {
  readonly id: EnrollmentId;
  readonly state: 'open' | 'used';
  readonly name: string | null;
  readonly autonomyLevel: number;
  readonly expiresAt: number;
  readonly device: DeviceId | null;
}
