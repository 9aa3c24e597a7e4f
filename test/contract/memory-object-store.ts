// Object storage in memory: the port of core/archive/port.ts for tests and the simulator. It passes the contract suite, and
// keeps its own copy of every byte.

import { type ObjectStore, objectsPerCallMax } from '../../core/archive/port.ts';
import { assert } from '../../core/assert.ts';

export interface MemoryObjectStore extends ObjectStore {
  /** What is stored, by key. A test may damage it. */
  readonly objects: Map<string, Uint8Array>;
}

export function memoryObjectStore(): MemoryObjectStore {
  const objects = new Map<string, Uint8Array>();
  return {
    objects,
    async put(key, bytes, { ifAbsent = false }) {
      if (ifAbsent && objects.has(key)) return 'present';
      objects.set(key, bytes.slice());
      return 'stored';
    },
    async get(key) {
      return objects.get(key)?.slice() ?? null;
    },
    async list(prefix, cursor, limit) {
      assert(limit >= 1 && limit <= objectsPerCallMax, 'a listing has 1 to 1,000 keys');
      const keys = [...objects.keys()]
        .filter((key) => key.startsWith(prefix) && (cursor === null || order(key, cursor) > 0))
        .toSorted(order);
      const page = keys.slice(0, limit).map((key) => ({ key, bytes: objects.get(key)?.length ?? 0 }));
      return { objects: page, cursor: keys.length > limit ? (page.at(-1)?.key ?? null) : null };
    },
    async delete(keys) {
      assert(keys.length <= objectsPerCallMax, 'at most 1,000 objects are deleted at once');
      for (const key of keys) objects.delete(key);
    },
  };
}

/** By bytes, as R2 and S3 do; JavaScript would compare UTF-16. */
function order(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
