// What may be stored where. Objects and the API reach storage only through this: a key that was put together wrongly is
// refused here, before it reads or writes something of somebody else's.

import { type ObjectStore, objectsPerCallMax } from '../../core/archive/port.ts';
import { assert, Fault } from '../../core/assert.ts';
import { objectBytesMax } from '../../core/limits.ts';

/** First parts of the keys that Starling has (docs/reference/storage.md). */
export const KEY_HEADS = [
  'journal',
  'state',
  'snapshots',
  'checkpoints',
  'exports',
  'telemetry',
  'dead-letters',
] as const;

/** S3 and R2 both take 1,024 bytes. */
const keyLengthMax = 1_024;
/** One part of a key: no escape, no blank, nothing that a path or an address understands. */
const PART = /^[A-Za-z0-9_=.,~+@-]+$/;

/** The same store, for keys of ours only. Whose they are is for whoever calls. */
export function guardedStore(store: ObjectStore): ObjectStore {
  return {
    async put(key, bytes, options) {
      requireKey(key);
      if (bytes.length > objectBytesMax) {
        throw new Fault(`object storage: an object has at most ${objectBytesMax} bytes`, { retryable: false });
      }
      return await store.put(key, bytes, options);
    },
    async get(key) {
      requireKey(key);
      return await store.get(key);
    },
    async list(prefix, cursor, limit) {
      requireKey(prefix.endsWith('/') ? prefix.slice(0, -1) : prefix);
      // Behind a key of another tenant's there is nothing of this prefix: the cursor needs no check of its own.
      return await store.list(prefix, cursor, Math.min(Math.max(Math.trunc(limit), 1), objectsPerCallMax));
    },
    async delete(keys) {
      for (const key of keys) requireKey(key);
      await store.delete(keys);
    },
  };
}

/** @throws Defect for a key that is none of ours: it was made by our own code, and wrongly */
function requireKey(key: string): void {
  const parts = key.split('/');
  const isKnown = parts.length > 1 && KEY_HEADS.some((head) => head === parts[0]);
  assert(isKnown, 'a key of object storage begins with a known word');
  assert(key.length <= keyLengthMax, 'a key of object storage is not too long');
  assert(
    parts.every((part) => PART.test(part) && part !== '.' && part !== '..'),
    'a key of object storage has plain parts',
  );
}
