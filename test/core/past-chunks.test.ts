// Chunks that a past has loaded: what one question needs stays until it is answered, and what nobody needs goes.

import { expect, test } from 'vitest';
import { Fault } from '../../core/assert.ts';
import { sha256 } from '../../core/hash.ts';
import { type Chunks, createChunks, DamagedChunk } from '../../durable-objects/past/chunks.ts';
import { putChunk } from '../../durable-objects/snapshot-files.ts';
import { type MemoryObjectStore, memoryObjectStore } from '../contract/memory-object-store.ts';

const tenant = 'tnt_1';

/** So many chunks of two million characters; their hashes. */
async function chunksIn(objects: MemoryObjectStore, count: number): Promise<string[]> {
  const hashes: string[] = [];
  for (let n = 0; n < count; n++) {
    const text = `["task/tsk_${n}",{"id":"tsk_${n}","input":"${'x'.repeat(2_000_000)}"}]\n`;
    hashes.push(sha256(text));
    await putChunk(tenant, hashes.at(-1) ?? '', text, objects);
  }
  return hashes;
}

const loadedOf = (chunks: Chunks, hashes: readonly string[]) =>
  hashes.filter((hash) => chunks.loaded(hash) !== null).length;

test('[HISTORY-11] a question may need more than is kept; the next one lets go of it', async () => {
  const objects = memoryObjectStore();
  const hashes = await chunksIn(objects, 12);
  const chunks = createChunks(objects);
  chunks.begin();
  for (const hash of hashes) await chunks.load(tenant, hash);
  expect(loadedOf(chunks, hashes)).toBe(12);
  const [last = ''] = await chunksIn(objects, 1);
  chunks.begin();
  const [first = ''] = hashes;
  await chunks.load(tenant, first);
  expect(chunks.loaded(last)).not.toBeNull();
  const text = '["task/tsk_z",{"id":"tsk_z"}]\n';
  await putChunk(tenant, sha256(text), text, objects);
  await chunks.load(tenant, sha256(text));
  // Six of them have room; the one that this question asked for is among them.
  expect(loadedOf(chunks, hashes)).toBeLessThanOrEqual(6);
  expect(chunks.loaded(first)?.rows.size).toBe(1);
});

test('[HISTORY-11] one that needs more than can be held at once is a fault, and not a loop', async () => {
  const objects = memoryObjectStore();
  const chunks = createChunks(objects);
  chunks.begin();
  const load = async () => {
    for (const hash of await chunksIn(objects, 20)) await chunks.load(tenant, hash);
  };
  await expect(load()).rejects.toThrow(Fault);
});

test('[HISTORY-4] what is not what its hash says is damaged, and nothing of it is kept', async () => {
  const objects = memoryObjectStore();
  const [hash = ''] = await chunksIn(objects, 1);
  const chunks = createChunks(objects);
  await putChunk(tenant, sha256('another'), 'another', objects);
  const [key = '', foreign = ''] = [...objects.objects.keys()];
  objects.objects.set(key, objects.objects.get(foreign) ?? new Uint8Array());
  await expect(chunks.load(tenant, hash)).rejects.toThrow(DamagedChunk);
  expect(chunks.loaded(hash)).toBeNull();
});
