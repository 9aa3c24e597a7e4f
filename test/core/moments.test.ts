// A thousand moments of a busy, unruly life (the model's world): from the first event, from snapshots, and from the archive
// alone, each is what was live then.

import { expect, test } from 'vitest';
import { keysOf } from '../../core/history/past.ts';
import type { HistoryPort } from '../../core/history/port.ts';
import { type ChunkRef, carryOn, kindOf, stateHashOf } from '../../core/history/state-tree.ts';
import { idSource } from '../../core/ids.ts';
import type { StoredEvent } from '../../core/journal/event.ts';
import { canonical } from '../../core/json.ts';
import type { SwarmCommand } from '../../core/swarm/commands.ts';
import { type RowMap, replay } from '../../core/swarm/replay.ts';
import { SELF } from '../../core/swarm/state.ts';
import { pastEvents } from '../../durable-objects/past/past-events.ts';
import { createPast, type PastService } from '../../durable-objects/past/past-service.ts';
import { openArchiveNotes } from '../../durable-objects/swarm/archive-notes.ts';
import { createEventReader, type EventReader } from '../../durable-objects/swarm/event-reader.ts';
import { outlineOf, segmentsBetween } from '../../durable-objects/swarm/outline.ts';
import { createSegments } from '../../durable-objects/swarm/segments.ts';
import { createSnapshots, type Snapshots } from '../../durable-objects/swarm/snapshots.ts';
import { type MemoryObjectStore, memoryObjectStore } from '../contract/memory-object-store.ts';
import { entropyOf, START, SYSTEM } from './memory-swarm.ts';
import { World } from './model-world.ts';
import type { StoreSwarm } from './store-swarm.ts';

const MOMENTS = 1_000;
const seed = Number(process.env.SEED ?? 20_261_120);

/** The recorder of a swarm as its object opens it: anew after each eviction. */
function recorderOf(swarm: StoreSwarm, objects: MemoryObjectStore): { snapshots: Snapshots; due(): Promise<void> } {
  const { sql, store } = swarm;
  const execute = (id: string, command: SwarmCommand, within?: () => void): void => {
    const { executed } = store.executeMany([{ id, command, actor: SYSTEM, remember: false }], within);
    const result = executed[0]?.result;
    if (!result?.ok) throw new Error(`${command.type}: ${result?.error.code}`);
  };
  const snapshots = createSnapshots({ sql, store, objects, execute, everyEvents: 300 });
  const segments = createSegments({
    ...{ sql, store, objects, snapshots, execute, segmentEvents: 512, hotEventsMin: 700 },
    notes: openArchiveNotes(sql),
    durable: async () => {},
    originAt: () => store.origin() ?? '',
  });
  return {
    snapshots,
    async due() {
      for (const chore of [snapshots, segments]) while (chore.dueAt() !== null) await chore.run();
    },
  };
}

function readerOf({ sql, store }: StoreSwarm, objects: MemoryObjectStore): EventReader {
  return createEventReader({
    hot: (from, limit) => store.events(from, limit),
    segmentsOf: (from, to) => segmentsBetween(from, to, sql),
    expiredTo: () => 0,
    store: objects,
  });
}

function pastOf(swarm: StoreSwarm, objects: MemoryObjectStore): PastService {
  const { sql, store } = swarm;
  const reader = readerOf(swarm, objects);
  const history: HistoryPort = {
    outline: (_, at, before) =>
      outlineOf(at, before, { sql, store, now: () => swarm.now, readEvents: (from, to) => reader.read(from, to) }),
    hotEvents: async (from, limit) => store.events(from, limit),
  };
  const momentOf = (_: unknown, at: number) => ({
    ...{ at, actor: SYSTEM, commandId: 'x', trace: null },
    ids: idSource(START, entropyOf(0)),
  });
  return createPast({ history, objects, readEvents: pastEvents({ history, objects }), momentOf });
}

/** Hashes of the moments that are asked for, of a fold from nothing over these events. */
function foldedHashes(events: readonly StoredEvent[], seqs: ReadonlySet<number>): Map<number, string> {
  const rows: RowMap = new Map();
  const texts = new Map<string, string>();
  const keys: string[] = [];
  let refs: readonly ChunkRef[] = [];
  const hashes = new Map<number, string>();
  let begun = 0;
  for (const [i, { seq }] of events.entries()) {
    if (!seqs.has(seq)) continue;
    const page = events.slice(begun, i + 1);
    begun = i + 1;
    replay(page, rows);
    const changed = [...new Set(keysOf(page))];
    for (const key of changed) {
      if (!texts.has(key)) keys.splice(placeOf(key, keys), 0, key);
      texts.set(key, canonical(rows.get(key)));
    }
    refs = carryOn(refs, changed, {
      *entries({ kind, from, until }) {
        for (let k = placeOf(from ?? `${kind}/`, keys); k < keys.length; k++) {
          const key = keys[k] ?? '';
          if (kindOf(key) !== kind || (until !== null && key >= until)) return;
          yield [key, texts.get(key) ?? ''];
        }
      },
      add: () => {},
    });
    hashes.set(seq, stateHashOf(refs));
  }
  return hashes;
}

/** Where a key stands among sorted ones, or would. */
function placeOf(key: string, keys: readonly string[]): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] ?? '') < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

test(`[HISTORY-2] ${MOMENTS} moments from zero, from snapshots and from the archive are what was live (seed ${seed})`, async () => {
  const world = new World(seed);
  const { swarm } = world;
  const objects = memoryObjectStore();
  const live = new Map<number, string>();
  let opened = swarm.store;
  let recorder = recorderOf(swarm, objects);
  while (live.size < MOMENTS) {
    await world.step();
    if (swarm.store !== opened) {
      opened = swarm.store;
      recorder = recorderOf(swarm, objects);
    }
    if (live.has(swarm.store.head().seq)) continue;
    await recorder.due();
    const { seq, stateHash } = recorder.snapshots.stateHash();
    live.set(seq, stateHash);
  }
  const { archivedTo = 0, snapshotSeq = 0 } = swarm.store.read.row('swarm', SELF) ?? {};
  expect(archivedTo).toBeGreaterThan(2_000);
  expect(snapshotSeq).toBeGreaterThan(archivedTo);
  const { seq: head } = swarm.store.head();
  const seqs = new Set(live.keys());

  const whole = await readerOf(swarm, objects).read(1, head);
  if (!whole.ok) throw new Error(whole.error.code);
  const fromZero = foldedHashes(whole.value, seqs);
  for (const [seq, hash] of live) expect([seq, fromZero.get(seq)]).toEqual([seq, hash]);

  // Without the swarm's own tables.
  const cold = createEventReader({
    hot: () => [],
    segmentsOf: (from, to) => segmentsBetween(from, to, swarm.sql),
    expiredTo: () => 0,
    store: objects,
  });
  const archived = await cold.read(1, archivedTo);
  if (!archived.ok) throw new Error(archived.error.code);
  expect(archived.value).toHaveLength(archivedTo);
  const fromArchive = foldedHashes(archived.value, seqs);
  for (const [seq, hash] of live) if (seq <= archivedTo) expect([seq, fromArchive.get(seq)]).toEqual([seq, hash]);

  // In no order, so that moments are opened anew and gone on from alike.
  const past = pastOf(swarm, objects);
  const used = new Set<number>();
  for (const seq of [...seqs].sort((a, b) => ((a * 7_919) % 10_007) - ((b * 7_919) % 10_007))) {
    const found = await past.stateHash(null, { seq });
    expect([seq, found.ok && found.value.stateHash]).toEqual([seq, live.get(seq)]);
    if (found.ok) used.add(found.value.moment.snapshotSeq);
  }
  expect(used.size).toBeGreaterThan(5);
}, 120_000);
