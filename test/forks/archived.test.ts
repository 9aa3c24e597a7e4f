// Forks of a swarm of whose journal a part lies in object storage.

import { DatabaseSync } from 'node:sqlite';
import { beforeAll, describe, expect, test } from 'vitest';
import type { NewFork } from '../../core/forks/port.ts';
import { LEFT_OUT } from '../../core/forks/state.ts';
import type { HistoryPort, PastPort } from '../../core/history/port.ts';
import { kindOf, stateHash } from '../../core/history/state-tree.ts';
import { newId } from '../../core/ids.ts';
import { ok } from '../../core/result.ts';
import { replay } from '../../core/swarm/replay.ts';
import { migrate } from '../../durable-objects/migrate.ts';
import { nodeSql } from '../../durable-objects/node-sql.ts';
import { pastEvents } from '../../durable-objects/past/past-events.ts';
import { createPast, type PastService } from '../../durable-objects/past/past-service.ts';
import { createFiller } from '../../durable-objects/swarm/fill.ts';
import { outlineOf } from '../../durable-objects/swarm/outline.ts';
import { newSigningKey } from '../../durable-objects/swarm/signing-key.ts';
import { openSwarmStore } from '../../durable-objects/swarm/swarm-store.ts';
import { swarmMigrations } from '../../migrations/swarm/index.ts';
import { ArchivedSwarm, dayMs } from '../archive/an-archive.ts';
import { entropyOf, SWARM, TENANT } from '../core/memory-swarm.ts';
import { openTries } from '../core/open-tries.ts';

let forks = 0;

function pastOf(of: Pick<ArchivedSwarm, 'sql' | 'store' | 'objects'>, now: () => number): PastService {
  const history: HistoryPort = {
    outline: (_, at, before) =>
      outlineOf(at, before, {
        sql: of.sql,
        store: of.store,
        now,
        readEvents: async (from, to) => ok(of.store.events(from, to - from + 1)),
      }),
    hotEvents: async (from, limit) => of.store.events(from, limit),
  };
  const momentOf: Parameters<typeof createPast>[0]['momentOf'] = (actor, at) => ({
    ...{ at, actor, commandId: 'past', trace: null },
    ids: { next: (prefix) => newId(prefix, at, entropyOf(0)), made: () => false },
  });
  return createPast({
    history,
    objects: of.objects,
    readEvents: pastEvents({ history, objects: of.objects }),
    momentOf,
  });
}

/** A fork of an archived swarm at a moment. */
async function forkOf(parent: ArchivedSwarm, seq: number) {
  const past = pastOf(parent, () => parent.now);
  const found = await past.stateHash(null, { seq });
  if (!found.ok) throw new Error(found.error.code);
  const { moment, stateHash: hash } = found.value;
  const n = ++forks;
  const wanted: NewFork = {
    tenant: TENANT,
    swarm: newId('swm', parent.now, entropyOf(900 + n)),
    name: 'fork',
    key: newId('key', parent.now, entropyOf(900 + n)),
    scopes: ['admin'],
    parent: { swarm: SWARM, origin: `${TENANT}/${SWARM}`, seq, at: moment.at, head: moment.hash, stateHash: hash },
    by: 'user/usr_owner',
  };
  const sql = nodeSql(new DatabaseSync(':memory:'));
  migrate(sql, swarmMigrations);
  let draws = 5_000_000 * n;
  const open = () => openSwarmStore(sql, { now: () => parent.now, entropy: () => entropyOf(++draws) });
  const store = open();
  const filler = createFiller({
    sql,
    tries: openTries(sql, () => parent.now),
    past: () => ({ rows: (_, ...rest) => past.rows(...rest) }) as PastPort, // a filler asks for nothing else
    objects: parent.objects,
    execute: (commands) => store.executeMany(commands).executed,
    told: () => {},
    newKey: newSigningKey,
    databaseSize: () => 0,
    now: () => parent.now,
  });
  const filled = await filler.fill(wanted);
  if (!filled.ok) throw new Error(filled.error.code);
  return { sql, store, objects: parent.objects, ready: filled.value };
}

/** The state of a fork at its own seq, made of its parent's whole journal and its own events. */
function again(parent: ArchivedSwarm, at: number, fork: Awaited<ReturnType<typeof forkOf>>, seq: number): string {
  const rows = replay(parent.twin().slice(0, at));
  for (const key of [...rows.keys()]) if (LEFT_OUT.has(kindOf(key))) rows.delete(key);
  return stateHash(replay(fork.store.events(1, seq), rows));
}

let parent: ArchivedSwarm;
beforeAll(async () => {
  parent = new ArchivedSwarm();
  for (let events = 250; events <= 1_500; events += 250) {
    parent.workUntil(events);
    await parent.snapshots.take();
  }
  await parent.chores();
});

describe('a fork of an archived swarm', () => {
  test('[FORK-9] a moment whose events have left the swarm is forked like any other', async () => {
    const { archivedTo } = parent.swarm;
    expect(archivedTo).toBeGreaterThan(1_000);
    const journal = parent.hotSeqs();
    for (const seq of [300, 768, archivedTo, archivedTo + 1]) {
      const fork = await forkOf(parent, seq);
      expect(fork.ready).toBe('ready');
      const past = pastOf(fork, () => parent.now);
      for (const own of [1, fork.store.head().seq]) {
        const found = await past.stateHash(null, { seq: own });
        expect(found).toMatchObject({ ok: true, value: { stateHash: again(parent, seq, fork, own) } });
      }
    }
    expect(parent.hotSeqs()).toEqual(journal);
    expect(await parent.faults()).toEqual([]);
  });

  test('[FORK-3] what it began with stays readable when its parent lets its own history go', async () => {
    const kept = new ArchivedSwarm();
    for (let day = 0; day < 6; day++) {
      kept.workUntil(kept.store.head().seq + 260);
      await kept.snapshots.take();
      await kept.chores();
      kept.now += dayMs - 3_600_000;
    }
    const at = 400;
    const fork = await forkOf(kept, at);
    kept.do({ type: 'SetRetention', days: 1 });
    for (let day = 0; day < 5; day++) {
      kept.now += dayMs - 3_600_000;
      kept.workUntil(kept.store.head().seq + 260);
      await kept.snapshots.take();
      await kept.chores();
    }
    expect(kept.swarm.expiredTo).toBeGreaterThan(at);
    expect(kept.rows('snapshot').some(({ state }) => state === 'deleted')).toBe(true);
    const found = await pastOf(fork, () => kept.now).stateHash(null, { seq: 1 });
    expect(found).toMatchObject({ ok: true, value: { stateHash: again(kept, at, fork, 1) } });
  });
});
