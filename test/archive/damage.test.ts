// Damaged archives: flips, cuts and swaps over every segment. Whatever is served is what was written; the rest is refused, by name.

import { describe, expect, test } from 'vitest';
import { firstFault } from '../../core/archive/segment.ts';
import { canonical } from '../../core/json.ts';
import { atOnce } from '../../core/steps.ts';
import { readSegment } from '../../durable-objects/swarm/segment-file.ts';
import { judgeArchive } from '../../edge-node/src/cli/archive-folder.ts';
import { memoryObjectStore } from '../contract/memory-object-store.ts';
import { ArchivedSwarm } from './an-archive.ts';

const seed = Number(process.env.SEED ?? 20_261_120);

/** Whole numbers from 0 to below `n`: mulberry32. */
function dice(from: number): (n: number) => number {
  let state = from >>> 0;
  return (n) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4_294_967_296) * n);
  };
}

async function stored() {
  const store = memoryObjectStore();
  const swarm = new ArchivedSwarm({ objects: store }).workUntil(1_200);
  await swarm.chores();
  const segments = swarm.rows('segment');
  const whole = new Map(store.objects);
  const fileOf = (key: string): Uint8Array => whole.get(key) ?? new Uint8Array();
  return { swarm, store, segments, fileOf };
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const damaged = bytes.slice();
  damaged[bit >>> 3] = (damaged[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
  return damaged;
}

describe(`a damaged archive, seed ${seed}`, () => {
  test('[ARCHIVE-9] a flipped bit, a cut and another segment’s file are refused by the name of the segment', async () => {
    const { swarm, store, segments, fileOf } = await stored();
    const below = dice(seed);
    const twin = swarm.twin();
    let refused = 0;
    for (let i = 0; i < 600; i++) {
      const segment = segments[below(segments.length)];
      const other = segments[below(segments.length)];
      if (!segment || !other) throw new Error('no segment');
      const bytes = fileOf(segment.key);
      const kind = i % 3;
      if (kind === 2 && other.id === segment.id) continue;
      const damaged =
        kind === 0
          ? flipped(bytes, below(bytes.length * 8))
          : kind === 1
            ? bytes.slice(0, below(bytes.length))
            : fileOf(other.key);
      store.objects.set(segment.key, damaged);
      swarm.reopen();
      const read = await swarm.archive.reader.read(segment.from, segment.to);
      const { id, from, to } = segment;
      expect(read).toEqual({ ok: false, error: { code: 'history_damaged', segment: id, from, to } });
      store.objects.set(segment.key, bytes);
      refused++;
    }
    expect(refused).toBeGreaterThan(450);
    swarm.reopen();
    expect(await swarm.journal(1, 768)).toEqual(twin.slice(0, 768));
  });

  test('[ARCHIVE-9] a missing file is refused, what lies beside it is read, and a storage that fails is no damage', async () => {
    const { swarm, store, segments, fileOf } = await stored();
    const [, second] = segments;
    if (!second) throw new Error('no segment');
    store.objects.delete(second.key);
    swarm.reopen();
    expect(await swarm.archive.reader.read(1, 400)).toMatchObject({
      error: { code: 'history_damaged', segment: second.id },
    });
    expect(await swarm.journal(1, 256)).toHaveLength(256);
    expect(await swarm.journal(600, 900)).toHaveLength(301);
    store.objects.set(second.key, fileOf(second.key));
    expect(await swarm.journal(1, 400)).toHaveLength(400);
    const failing = new ArchivedSwarm({
      database: swarm.database,
      objects: { ...store, get: () => Promise.reject(new Error('timed out')) },
    });
    await expect(failing.archive.reader.read(1, 1)).rejects.toThrow('timed out');
  });

  test('[ARCHIVE-9] without its hash, what a damaged file holds is found out by its marks, or is the same', async () => {
    const { segments, fileOf } = await stored();
    const below = dice(seed + 1);
    const [segment] = segments;
    if (!segment) throw new Error('no segment');
    const bytes = fileOf(segment.key);
    const whole = await readSegment(bytes);
    let same = 0;
    for (let i = 0; i < 400; i++) {
      const read = await readSegment(flipped(bytes, below(bytes.length * 8)));
      // Statistics and the names of encoders say nothing of the events: such a flip changes nothing that is read.
      if (read !== null && canonical(read as never) === canonical(whole as never)) same++;
      else if (read !== null && canonical(read.mark) === canonical(whole?.mark as never))
        expect(atOnce(firstFault(read.mark, read.events))).not.toBeNull();
    }
    expect(same).toBeLessThan(100);
  });

  test('[ARCHIVE-10] a damaged manifest or segment is refused by the verifier; the swarm itself never reads a manifest', async () => {
    const { swarm, store, segments } = await stored();
    const below = dice(seed + 2);
    const folder = `journal/${swarm.store.origin()}/`;
    const names = ['manifest.json', ...segments.map(({ key }) => key.slice(folder.length))];
    let refused = 0;
    const rounds = 100;
    for (let i = 0; i < rounds; i++) {
      const name = names[below(names.length)] ?? '';
      const damaged = flipped(
        store.objects.get(folder + name) ?? new Uint8Array(),
        below((store.objects.get(folder + name)?.length ?? 0) * 8),
      );
      const judged = await judgeArchive(
        (asked) => (asked === name ? damaged : (store.objects.get(folder + asked) ?? null)),
        {},
      );
      const isRefused = judged.what === 'unreadable' || !('verdict' in judged) || !judged.verdict.ok;
      if (isRefused) refused++;
      // Only the blank at the end of the manifest says nothing.
      else expect(name).toBe('manifest.json');
    }
    expect(refused).toBeGreaterThan(rounds - 3);
    store.objects.set(`${folder}manifest.json`, Uint8Array.of(0));
    swarm.reopen();
    expect(await swarm.faults()).toEqual([]);
  });
});
