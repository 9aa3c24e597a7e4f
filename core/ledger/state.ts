// Accounts and transfers: double entry in integer micro-credits, in the manner of TigerBeetle. A pending transfer (a hold)
// counts as spent: what an account may still spend is posted − held.

import type { TransferId } from '../ids.ts';

/** Issues and takes back the credits of a cycle; the only account that may stand below nought. */
export const TREASURY = 'treasury';
/** What the tenant may spend. */
export const TENANT_ACCOUNT = 'tenant';
/** The account that an executor earns into. */
export function executorAccount(executor: string): string {
  return `executor/${executor}`;
}

export interface Account {
  readonly id: string;
  readonly postedMicro: number;
  readonly heldMicro: number;
}

export const TRANSFER_STATES = ['posted', 'pending', 'settled', 'voided', 'expired'] as const;
export type TransferState = (typeof TRANSFER_STATES)[number];

export interface Transfer {
  readonly id: TransferId;
  readonly state: TransferState;
  readonly debit: string;
  readonly credit: string;
  /** What was moved, or reserved. */
  readonly amountMicro: number;
  /** Of a hold: what it was settled at, when it was. */
  readonly settledMicro: number | null;
  /** What it is for: `task/tsk_…`, `cycle/3`, or a client's own words. */
  readonly reference: string;
  /** Of a hold: when it expires by the swarm's clock. */
  readonly expiresAt: number | null;
  readonly createdAt: number;
  readonly resolvedAt: number | null;
}

/** References that clients may not use: what the swarm does by itself is known by them. */
export function isReserved(reference: string): boolean {
  return reference.startsWith('task/') || reference.startsWith('cycle/');
}

/** True of a hold that a task has made: the task alone ends it. */
export function isOfTask(transfer: Pick<Transfer, 'reference'>): boolean {
  return transfer.reference.startsWith('task/');
}

/** What an account may still spend. */
export function availableMicro(account: Account | null): number {
  return account === null ? 0 : account.postedMicro - account.heldMicro;
}
