// `durable-objects/snapshot-files.ts`, and the same with a bug: chunks that are believed whatever their hash is.

import { gunzipSync } from 'node:zlib';
import { chunkKey } from '../../../core/archive/keys.ts';
import type { ObjectStore } from '../../../core/archive/port.ts';
import type { LoadedChunk } from '../../../core/history/past.ts';
import { rowsOf } from '../../../core/history/state-tree.ts';
import { getChunk as honest } from '../../../durable-objects/snapshot-files.ts';
import { simulated } from './globals.ts';

export * from '../../../durable-objects/snapshot-files.ts';

export async function getChunk(tenant: string, hash: string, store: ObjectStore): Promise<LoadedChunk | null> {
  if (!simulated().believesChunks) return honest(tenant, hash, store);
  const bytes = await store.get(chunkKey(tenant, hash));
  if (bytes === null) return null;
  try {
    const text = gunzipSync(bytes).toString('utf8');
    return { rows: rowsOf(text), chars: text.length };
  } catch {
    return null;
  }
}
