// Object storage that goes wrong on purpose: any store, with a fault chosen for each call. For the simulator and for tests of
// what the archive does then. Without a fault it is the store that it stands before.

import type { ObjectStore } from '../../core/archive/port.ts';
import { Fault } from '../../core/assert.ts';

export const storageFaults = [
  /** The call fails; nothing was done. */
  'failing',
  /** Too many calls; nothing was done. */
  'throttled',
  /** It was done, and nobody heard of it: the call fails. */
  'done-but-timed-out',
  /** The answer comes late. */
  'slow',
  /** One bit is another: of what is stored, or of what is read. */
  'flipped',
  /** The end is missing: of what is stored, or of what is read. */
  'truncated',
  /** A write that was acknowledged and did not happen; an object that is not found though it is there. */
  'missing',
] as const;
export type StorageFault = (typeof storageFaults)[number];
export type StorageCall = 'put' | 'get' | 'list' | 'delete';

export interface FaultyStoreDeps {
  /** What befalls this call; null lets it be. The key is the prefix of a listing, or the first of a deletion. */
  choose(call: StorageCall, key: string): StorageFault | null;
  /** A whole number from 0 to below `n`: where a bit flips, how much is cut off. */
  below(n: number): number;
  /** Waits as a slow answer does, on whatever clock there is. */
  pause(): Promise<void>;
}

export interface FaultyStore extends ObjectStore {
  /** How often each fault took effect: a run in which one never did is void. */
  readonly counts: Readonly<Record<StorageFault, number>>;
}

/** Damage has no effect on listings, deletions and empty objects: there the call goes well, and nothing is counted. */
export function faultyObjectStore(store: ObjectStore, { choose, below, pause }: FaultyStoreDeps): FaultyStore {
  const counts = Object.fromEntries(storageFaults.map((fault) => [fault, 0])) as Record<StorageFault, number>;

  /** What any call may suffer; the faults of data are the call's own. */
  async function suffer<T>(fault: StorageFault | null, call: StorageCall, work: () => Promise<T>): Promise<T> {
    if (fault === 'failing' || fault === 'throttled' || fault === 'done-but-timed-out') {
      counts[fault] += 1;
      if (fault === 'done-but-timed-out') await work();
      throw new Fault(`object storage failed: ${call}: ${fault}`, { retryable: true });
    }
    if (fault === 'slow') {
      counts.slow += 1;
      await pause();
    }
    return await work();
  }

  function damage(fault: StorageFault | null, bytes: Uint8Array): Uint8Array {
    if (bytes.length === 0 || (fault !== 'flipped' && fault !== 'truncated')) return bytes;
    counts[fault] += 1;
    if (fault === 'truncated') return bytes.slice(0, below(bytes.length));
    const damaged = bytes.slice();
    const at = below(bytes.length);
    damaged[at] = (damaged[at] ?? 0) ^ (1 << below(8));
    return damaged;
  }

  return {
    counts,
    async put(key, bytes, options) {
      const fault = choose('put', key);
      if (fault === 'missing') {
        counts.missing += 1;
        return 'stored';
      }
      return await suffer(fault, 'put', () => store.put(key, damage(fault, bytes), options));
    },
    async get(key) {
      const fault = choose('get', key);
      if (fault === 'missing') {
        counts.missing += 1;
        return null;
      }
      const bytes = await suffer(fault, 'get', () => store.get(key));
      return bytes === null ? null : damage(fault, bytes);
    },
    async list(prefix, cursor, limit) {
      return await suffer(choose('list', prefix), 'list', () => store.list(prefix, cursor, limit));
    },
    async delete(keys) {
      const [first = ''] = keys;
      await suffer(choose('delete', first), 'delete', () => store.delete(keys));
    },
  };
}
