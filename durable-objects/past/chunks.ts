// Chunks of states, loaded and kept while there is room: they are named by their hash, so a kept one is never out of date.

import type { ObjectStore } from '../../core/archive/port.ts';
import { Fault } from '../../core/assert.ts';
import type { LoadedChunk } from '../../core/history/past.ts';
import { getChunk } from '../snapshot-files.ts';

/** A chunk is missing, or is not what its hash says. */
export class DamagedChunk extends Error {
  override readonly name = 'DamagedChunk';
}

export interface Chunks {
  loaded(hash: string): LoadedChunk | null;
  /** Another question begins: what the one before has loaded may go when there is no room. */
  begin(): void;
  /** @throws DamagedChunk, the storage's fault, or one when the question needs more than can be held */
  load(tenant: string, hash: string): Promise<void>;
}

/** Characters of chunk text that are kept, parsed; about three times as many bytes of memory. */
const keptCharsMax = 12_000_000;
/** What one question may need at once. */
const neededCharsMax = 32_000_000;

export function createChunks(objects: ObjectStore): Chunks {
  const kept = new Map<string, LoadedChunk>();
  let chars = 0;
  /** What the question under way has asked for: it would be asked for again, and again. */
  const needed = new Set<string>();
  let neededChars = 0;
  return {
    loaded: (hash) => kept.get(hash) ?? null,
    begin() {
      needed.clear();
      neededChars = 0;
    },
    async load(tenant, hash) {
      needed.add(hash);
      if (kept.has(hash)) return;
      const chunk = await getChunk(tenant, hash, objects);
      if (chunk === null) throw new DamagedChunk(hash);
      neededChars += chunk.chars;
      if (neededChars > neededCharsMax)
        throw new Fault('a question needs more of the past at once than can be held', { retryable: false });
      kept.set(hash, chunk);
      chars += chunk.chars;
      // The oldest go first.
      for (const [old, { chars: size }] of kept) {
        if (chars <= keptCharsMax) break;
        if (needed.has(old)) continue;
        kept.delete(old);
        chars -= size;
      }
    },
  };
}
