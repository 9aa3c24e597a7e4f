// Object storage on Cloudflare: the port of core/archive/port.ts over an R2 bucket's binding.

import { type ObjectStore, objectsPerCallMax } from '../../core/archive/port.ts';
import { assert, Fault } from '../../core/assert.ts';

/** The part of an R2 bucket that is used. */
export type Bucket = Pick<R2Bucket, 'put' | 'get' | 'list' | 'delete'>;

/** An `ObjectStore` over a bucket. What the platform throws becomes a `Fault` that may be tried again. */
export function r2Store(bucket: Bucket): ObjectStore {
  return {
    async put(key, bytes, { contentType, ifAbsent = false }) {
      const stored = await attempt('put', () =>
        bucket.put(key, bytes, {
          httpMetadata: { contentType },
          ...(ifAbsent ? { onlyIf: { etagDoesNotMatch: '*' } } : {}),
        }),
      );
      // Null is said of a condition that did not hold, and of nothing else.
      return stored === null ? 'present' : 'stored';
    },
    async get(key) {
      return await attempt('get', async () => {
        const object = await bucket.get(key);
        return object === null ? null : new Uint8Array(await object.arrayBuffer());
      });
    },
    async list(prefix, cursor, limit) {
      assert(limit >= 1 && limit <= objectsPerCallMax, 'a listing has 1 to 1,000 keys');
      const listed = await attempt('list', () =>
        bucket.list({ prefix, limit, ...(cursor === null ? {} : { startAfter: cursor }) }),
      );
      const objects = listed.objects.map(({ key, size }) => ({ key, bytes: size }));
      return { objects, cursor: listed.truncated ? (objects.at(-1)?.key ?? null) : null };
    },
    async delete(keys) {
      assert(keys.length <= objectsPerCallMax, 'at most 1,000 objects are deleted at once');
      if (keys.length > 0) await attempt('delete', () => bucket.delete([...keys]));
    },
  };
}

/** The platform's message names its code (`put: … (10001)`), and no key. */
async function attempt<T>(what: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.slice(0, 200) : typeof cause;
    throw new Fault(`object storage failed: R2 ${what}: ${why}`, { retryable: true, cause });
  }
}
