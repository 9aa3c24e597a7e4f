// Snapshots as objects: chunks of rows by their hash, and manifests that list them. What is read is believed only when its
// hash is the one that was asked for.

import { gunzipSync, gzipSync } from 'node:zlib';
import { z } from 'zod';
import { chunkKey } from '../core/archive/keys.ts';
import type { ObjectStore } from '../core/archive/port.ts';
import type { Snapshot } from '../core/archive/state.ts';
import { sha256 } from '../core/hash.ts';
import type { LoadedChunk } from '../core/history/past.ts';
import { type ChunkRef, rowsOf, STATE_VERSION, stateHashOf } from '../core/history/state-tree.ts';
import { canonicalStored } from '../core/json.ts';
import { objectBytesMax } from '../core/limits.ts';

const gzipType = 'application/gzip';
/** What an object may unpack to: a chunk of large rows, or the manifest of a very large state. workerd takes no limit over 128 MiB. */
const unpackedBytesMax = 4 * objectBytesMax;

const manifestShape = z.strictObject({
  starling: z.literal('snapshot'),
  version: z.number().int(),
  origin: z.string(),
  seq: z.number().int(),
  head: z.string(),
  stateHash: z.string(),
  chunks: z.array(z.tuple([z.string(), z.string(), z.number().int()])),
});

export interface Manifest {
  readonly origin: string;
  readonly seq: number;
  readonly head: string;
  readonly stateHash: string;
  readonly refs: readonly ChunkRef[];
}

/** Stores a chunk's text under its hash. Answers with the bytes that it took. */
export async function putChunk(tenant: string, hash: string, text: string, store: ObjectStore): Promise<number> {
  const bytes = gzipSync(text);
  await store.put(chunkKey(tenant, hash), bytes, { contentType: gzipType, ifAbsent: true });
  return bytes.byteLength;
}

/** The rows of a chunk; null when it is missing or is not what its hash says. */
export async function getChunk(tenant: string, hash: string, store: ObjectStore): Promise<LoadedChunk | null> {
  const text = await getText(chunkKey(tenant, hash), store);
  return text !== null && sha256(text) === hash ? { rows: rowsOf(text), chars: text.length } : null;
}

export async function putManifest(key: string, manifest: Manifest, store: ObjectStore): Promise<number> {
  const { refs, ...rest } = manifest;
  const chunks = refs.map(({ first, hash, rows }) => [first, hash, rows]);
  const bytes = gzipSync(canonicalStored({ starling: 'snapshot', version: STATE_VERSION, ...rest, chunks }));
  await store.put(key, bytes, { contentType: gzipType, ifAbsent: true });
  return bytes.byteLength;
}

/** The chunks of a snapshot; null when its manifest is missing or is not the one that the journal speaks of. */
export async function getManifest(snapshot: Snapshot, store: ObjectStore): Promise<readonly ChunkRef[] | null> {
  const text = await getText(snapshot.key, store);
  if (text === null) return null;
  const parsed = manifestShape.safeParse(parsedOrNull(text));
  if (!parsed.success) return null;
  const { seq, head, stateHash, chunks, version } = parsed.data;
  const refs = chunks.map(([first, hash, rows]) => ({ first, hash, rows }));
  const isIt =
    version === STATE_VERSION &&
    seq === snapshot.seq &&
    head === snapshot.head &&
    stateHash === snapshot.stateHash &&
    stateHashOf(refs) === snapshot.stateHash;
  return isIt ? refs : null;
}

async function getText(key: string, store: ObjectStore): Promise<string | null> {
  const bytes = await store.get(key);
  if (bytes === null) return null;
  try {
    return gunzipSync(bytes, { maxOutputLength: unpackedBytesMax }).toString('utf8');
  } catch {
    // No gzip: as damaged as one whose hash is another.
    return null;
  }
}

function parsedOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
