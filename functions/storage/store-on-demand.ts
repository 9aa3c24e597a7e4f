// A store that is opened for each call: what opening it loads and says waits until somebody asks for something.

import type { ObjectStore } from '../../core/archive/port.ts';

/**
 * The store that `open` gives. It is opened anew for each call, since a Worker's requests may not share what is open to the
 * network; a client of S3 is made in a fraction of a millisecond.
 */
export function storeOnDemand(open: () => Promise<ObjectStore>): ObjectStore {
  return {
    put: async (key, bytes, options) => await (await open()).put(key, bytes, options),
    get: async (key) => await (await open()).get(key),
    list: async (prefix, cursor, limit) => await (await open()).list(prefix, cursor, limit),
    delete: async (keys) => await (await open()).delete(keys),
  };
}
