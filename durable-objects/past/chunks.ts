// Chunks of states, loaded and kept while there is room: they are named by their hash, so a kept one is never out of date.

import type { ObjectStore } from '../../core/archive/port.ts';
import type { Kind, Rows } from '../../core/swarm/state.ts';
import { getChunk } from '../snapshot-files.ts';

/** A chunk is missing, or is not what its hash says. */
export class DamagedChunk extends Error {
  override readonly name = 'DamagedChunk';
}

export interface Chunks {
  loaded(hash: string): ReadonlyMap<string, Rows[Kind]> | null;
  /** @throws DamagedChunk, or the storage's fault */
  load(tenant: string, hash: string): Promise<void>;
}

/** Characters of chunk text that are kept, parsed; about three times as many bytes of memory. */
const keptCharsMax = 12_000_000;

export function createChunks(objects: ObjectStore): Chunks {
  const kept = new Map<string, { readonly rows: ReadonlyMap<string, Rows[Kind]>; readonly chars: number }>();
  let chars = 0;
  return {
    loaded: (hash) => kept.get(hash)?.rows ?? null,
    async load(tenant, hash) {
      if (kept.has(hash)) return;
      const chunk = await getChunk(tenant, hash, objects);
      if (chunk === null) throw new DamagedChunk(hash);
      kept.set(hash, chunk);
      chars += chunk.chars;
      // The oldest go first; what a question still needs is loaded again.
      for (const [old, { chars: size }] of kept) {
        if (chars <= keptCharsMax || old === hash) break;
        kept.delete(old);
        chars -= size;
      }
    },
  };
}
