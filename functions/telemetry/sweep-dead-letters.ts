// Deletes dead letters whose time is over. Called from the schedule: a sweep is bounded, and what it leaves the next one takes.

import type { ObjectStore } from '../../core/archive/port.ts';
import { newId } from '../../core/ids.ts';
import { deadLetterDays } from './dead-letters.ts';

/** Listings of one sweep, and keys of one listing. */
export const sweepCallsMax = 400;
const sweptAtOnce = 100;

const ALL = 'dead-letters/tenant=';
const DAY_MS = 24 * 3_600_000;
/** When the first tenant may have come: ids of tenants sort by their time. */
const FIRST_TENANT = 1_790_000_000_000;

export interface SweepDeps {
  readonly store: Pick<ObjectStore, 'list' | 'delete'>;
  /** Milliseconds since the epoch. */
  now(): number;
  /** From 0 to below 1. */
  chance(): number;
  entropy(count: number): Uint8Array;
}

/**
 * Letters lie by tenant and then by day, so that of each tenant only the oldest are looked at. It begins at any tenant and goes
 * once round: where there are more than one sweep sees, each has its turn.
 * @returns how many letters were deleted
 */
export async function sweepDeadLetters(deps: SweepDeps): Promise<number> {
  const { store, now, chance, entropy } = deps;
  const oldest = new Date(now() - deadLetterDays * DAY_MS).toISOString().slice(0, 10);
  const begin = `${ALL}${newId('tnt', Math.floor(FIRST_TENANT + chance() * (now() - FIRST_TENANT)), entropy(10))}`;
  let deleted = 0;
  let cursor: string | null = begin;
  let isRound = false;
  for (let calls = 0; calls < sweepCallsMax; calls++) {
    const page = await store.list(ALL, cursor, sweptAtOnce);
    const keys = page.objects.map(({ key }) => key);
    const kept = keys.findIndex((key) => dateOf(key) >= oldest);
    const over = kept < 0 ? keys : keys.slice(0, kept);
    if (over.length > 0) await store.delete(over);
    deleted += over.length;
    const firstKept = keys[kept];
    // The rest of this tenant is younger still: on to the next one.
    cursor = firstKept === undefined ? page.cursor : `${firstKept.slice(0, firstKept.indexOf('/date='))}/date=:`;
    if (isRound && (cursor === null || cursor > begin)) break;
    if (cursor === null) isRound = true;
  }
  return deleted;
}

function dateOf(key: string): string {
  return /\/date=(\d{4}-\d\d-\d\d)\//.exec(key)?.[1] ?? '';
}
