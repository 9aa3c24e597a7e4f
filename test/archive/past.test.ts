// The past of a swarm whose events lie in its tables and in its archive: any moment, as a replay of all of them has it.

import { beforeAll, describe, expect, test } from 'vitest';
import type { HistoryPort } from '../../core/history/port.ts';
import { stateHash } from '../../core/history/state-tree.ts';
import type { StoredEvent } from '../../core/journal/event.ts';
import { replay } from '../../core/swarm/replay.ts';
import { pastEvents } from '../../durable-objects/past/past-events.ts';
import { createPast, type PastService } from '../../durable-objects/past/past-service.ts';
import { outlineOf } from '../../durable-objects/swarm/outline.ts';
import { SYSTEM } from '../core/memory-swarm.ts';
import { ArchivedSwarm, dayMs } from './an-archive.ts';

let swarm: ArchivedSwarm;
let past: PastService;
let twin: readonly StoredEvent[];

function pastOf(of: ArchivedSwarm): PastService {
  const readEvents = of.archive.reader.read;
  const history: HistoryPort = {
    outline: (_, at, before) => outlineOf(at, before, { sql: of.sql, store: of.store, now: () => of.now, readEvents }),
    hotEvents: async (from, limit) => of.store.events(from, limit),
  };
  return createPast({
    history,
    objects: of.objects,
    readEvents: pastEvents({ history, objects: of.objects }),
    momentOf: (actor, at) => ({ ...of.moment(), actor, at }),
  });
}

beforeAll(async () => {
  swarm = new ArchivedSwarm();
  for (let events = 250; events <= 1_500; events += 250) {
    swarm.workUntil(events);
    await swarm.snapshots.take();
  }
  await swarm.chores();
  past = pastOf(swarm);
  twin = swarm.twin();
});

describe('the past in the archive', () => {
  test('[ARCHIVE-4] any moment, before, at and behind what is archived, is as a replay of all events has it', async () => {
    expect(swarm.swarm.archivedTo).toBe(1_024);
    for (const seq of [1, 5, 256, 257, 700, 768, 769, 1_000, 1_024, 1_025, 1_400, swarm.store.head().seq]) {
      const found = await past.stateHash(null, { seq });
      if (!found.ok) throw new Error(`${found.error.code} at ${seq}`);
      expect([seq, found.value.stateHash]).toEqual([seq, stateHash(replay(twin.slice(0, seq)))]);
      expect(found.value.moment.hash).toBe(twin[seq - 1]?.hash);
    }
  });

  test('[ARCHIVE-4] differences go on over segments, and the journal of a moment begins where it is asked to', async () => {
    for (const [from, to] of [
      [300, 900],
      [10, 1_400],
      [900, 1_030],
    ] as const) {
      const difference = await past.diff(SYSTEM, { seq: from }, { seq: to }, { limit: 1, cursor: null });
      if (!difference.ok) throw new Error(difference.error.code);
      expect(difference.value).toMatchObject({ events: { total: to - from } });
    }
    for (const [seq, from] of [
      [1_000, 1],
      [1_400, 760],
      [1_400, 1_015],
    ] as const) {
      const read = await past.read(SYSTEM, { seq }, { type: 'journal', from, limit: 20 });
      if (!read.ok) throw new Error(read.error.code);
      const { data } = read.value.value as unknown as { data: { hash: string }[] };
      expect(data.map(({ hash }) => hash)).toEqual(twin.slice(from - 1, from + 19).map(({ hash }) => hash));
    }
  });

  test('[ARCHIVE-14] [ARCHIVE-15] within the retention any moment is rebuilt; before it, it is refused as expired', async () => {
    const kept = new ArchivedSwarm();
    for (let day = 0; day < 8; day++) {
      kept.workUntil(kept.store.head().seq + 260);
      await kept.chores();
      kept.now += dayMs - 3_600_000;
    }
    kept.do({ type: 'SetRetention', days: 4 });
    await kept.chores();
    const { expiredTo } = kept.swarm;
    expect(expiredTo).toBeGreaterThanOrEqual(512);
    const events = kept.twin();
    const service = pastOf(kept);
    const first = events.find(({ at }) => at >= kept.now - 4 * dayMs)?.seq ?? 0;
    for (const seq of [first, first + 100, events.length]) {
      const found = await service.stateHash(null, { seq });
      if (!found.ok) throw new Error(`${found.error.code} at ${seq}`);
      expect(found.value.stateHash).toBe(stateHash(replay(events.slice(0, seq))));
    }
    const gone = await service.stateHash(null, { seq: 10 });
    const oldest = kept.rows('snapshot').find(({ state }) => state === 'kept');
    expect(gone).toMatchObject({ ok: false, error: { code: 'history_expired', firstSeq: oldest?.seq } });
    expect(oldest?.seq).toBeLessThanOrEqual(first);
  });
});
