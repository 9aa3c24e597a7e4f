// Object storage, in memory: it fails, refuses for a while, or stores and says that it has not.

import type { ObjectStore } from '../../../core/archive/port.ts';
import { Fault } from '../../../core/assert.ts';
import type { FaultPlan } from '../faults/plan.ts';
import type { Random } from '../random.ts';
import type { Timeline } from './virtual-time.ts';

const throttledMs = 3_000;

/**
 * @param objects what is stored, by key; it outlives the store
 * @param mayKeepDamaged whether what it keeps may be less than it was given: nobody who does not read it back can know
 * @param crashes whether this call is the one that is to fail, though it was done or not
 */
export function openObjectStorage(
  objects: Map<string, Uint8Array>,
  { timeline, faults, random }: { readonly timeline: Timeline; readonly faults: FaultPlan; readonly random: Random },
  crashes: () => 'lost' | 'kept' | null,
  mayKeepDamaged = false,
): ObjectStore {
  let throttledUntil = 0;
  const fault = (message: string): Fault => new Fault(message, { retryable: true });

  /** Carries out `work` after a while; whoever asked hears of it after another. */
  function ask<T>(work: () => T, writes: boolean): Promise<T> {
    const asker = timeline.current();
    return new Promise((resolve, reject) => {
      timeline.after(random.between(1, 60), asker, () => {
        if (timeline.now() < throttledUntil) return reject(fault('too many requests'));
        if (faults.strikes('storage-throttled')) {
          throttledUntil = timeline.now() + throttledMs;
          return reject(fault('too many requests'));
        }
        const fails = crashes();
        if (fails === 'lost' || faults.strikes('storage-failed')) return reject(fault('the storage has failed'));
        const value = work();
        if (fails === 'kept' || (writes && faults.strikes('storage-late'))) return reject(fault('no answer in time'));
        resolve(value);
      });
    });
  }
  /** What lies under the key, or under another of its kind. */
  function exchanged(key: string): Uint8Array | undefined {
    if (faults.tempts('storage-exchanged')) {
      const kind = key.slice(0, key.lastIndexOf('/'));
      const other = random.among([...objects.keys()].filter((one) => one !== key && one.startsWith(kind)));
      if (other !== undefined) faults.count('storage-exchanged');
      if (other !== undefined) return objects.get(other);
    }
    return objects.get(key);
  }
  /** What is read, or something like it. */
  function damaged(bytes: Uint8Array | undefined): Uint8Array | null {
    if (bytes === undefined || faults.strikes('storage-missing')) return null;
    if (bytes.length === 0 || !faults.strikes('storage-damaged')) return bytes.slice();
    const at = random.between(0, bytes.length - 1);
    if (random.chance(0.5)) return bytes.slice(0, at);
    const flipped = bytes.slice();
    flipped[at] = (flipped[at] ?? 0) ^ (1 << random.between(0, 7));
    return flipped;
  }
  return {
    put: (key, bytes, { ifAbsent = false }) =>
      ask(() => {
        if (ifAbsent && objects.has(key)) return 'present';
        const isCut = mayKeepDamaged && bytes.length > 1 && faults.strikes('storage-kept-damaged');
        objects.set(key, bytes.slice(0, isCut ? random.between(1, bytes.length - 1) : bytes.length));
        return 'stored';
      }, true),
    get: (key) => ask(() => damaged(exchanged(key)), false),
    list: (prefix, cursor, limit) =>
      ask(() => {
        const keys = [...objects.keys()].filter((key) => key.startsWith(prefix) && key > (cursor ?? '')).sort();
        const page = keys.slice(0, limit);
        return {
          objects: page.map((key) => ({ key, bytes: objects.get(key)?.length ?? 0 })),
          cursor: keys.length > limit ? (page.at(-1) ?? null) : null,
        };
      }, false),
    delete: (keys) =>
      ask(() => {
        for (const key of keys) objects.delete(key);
      }, true),
  };
}
