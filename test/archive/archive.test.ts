// The archive of a swarm whose clock and storage a test moves: what leaves the tables, what stays, what is read, what expires.

import { describe, expect, test } from 'vitest';
import { manifestKey } from '../../core/archive/keys.ts';
import type { ObjectStore } from '../../core/archive/port.ts';
import { firstFault } from '../../core/archive/segment.ts';
import { toCloudEvent } from '../../core/journal/cloud-event.ts';
import { verifyInclusion } from '../../core/journal/merkle.ts';
import { choreTriesMax, segmentBytesMax, segmentEventsMin, segmentsPerRequestMax } from '../../core/limits.ts';
import { atOnce } from '../../core/steps.ts';
import { createFollowers } from '../../durable-objects/swarm/followers.ts';
import { answerProof } from '../../durable-objects/swarm/proofs.ts';
import { readSegment, writeSegment } from '../../durable-objects/swarm/segment-file.ts';
import { judgeArchive } from '../../edge-node/src/cli/archive-folder.ts';
import { memoryObjectStore } from '../contract/memory-object-store.ts';
import { ArchivedSwarm, dayMs } from './an-archive.ts';

async function archived(events = 1_200): Promise<ArchivedSwarm> {
  const swarm = new ArchivedSwarm().workUntil(events);
  await swarm.chores();
  return swarm;
}

function proofDeps(swarm: ArchivedSwarm) {
  const { sql, store, signer } = swarm;
  const readEvents = swarm.archive.reader.read;
  return { sql, store, signer, readEvents, originAt: () => store.origin() ?? '' };
}

/** An inclusion proof, checked as an outsider would. */
async function isProved(swarm: ArchivedSwarm, seq: number): Promise<boolean> {
  const answered = await answerProof({ type: 'proof', seq }, proofDeps(swarm));
  if (!answered.ok) throw new Error(answered.error.code);
  const { leaf, index, path, checkpoint } = answered.value as unknown as {
    leaf: string;
    index: number;
    path: string[];
    checkpoint: { size: number; root: string };
  };
  const bytes = (hex: string) => Buffer.from(hex, 'hex');
  return verifyInclusion(bytes(leaf), index, checkpoint.size, path.map(bytes), bytes(checkpoint.root));
}

describe('what leaves', () => {
  test('[ARCHIVE-3] a segment is made when there are more events than stay, of whole blocks, and the rest stays', async () => {
    const swarm = new ArchivedSwarm({ hotEventsMin: 300, segmentEvents: 512 }).workUntil(800);
    await swarm.chores();
    expect(swarm.rows('segment')).toEqual([]);
    swarm.workUntil(1_100);
    await swarm.chores();
    expect(swarm.rows('segment').map(({ from, to }) => [from, to])).toEqual([[1, 512]]);
    expect(swarm.hotSeqs()[0]).toBe(513);
    expect(swarm.hotSeqs().length).toBeGreaterThanOrEqual(300);
  });

  test('[ARCHIVE-3] events of much text make a shorter segment, down to a single event', async () => {
    const swarm = new ArchivedSwarm().workUntil(40);
    const text = 'x'.repeat(100_000);
    while (swarm.store.head().seq < 1_100)
      swarm.do({ type: 'RequestTask', operation: 'swarm.echo', input: { text } } as never);
    await swarm.chores();
    const segments = swarm.rows('segment');
    expect(segments.length).toBeGreaterThan(2);
    // Cut by its text inside of a block; the rows that stay share that block's root with those that went.
    expect(segments.some(({ to }) => to % segmentEventsMin !== 0)).toBe(true);
    for (const { key } of segments) {
      const file = await readSegment((await swarm.objects.get(key)) ?? new Uint8Array());
      const bytes = file?.events.reduce((sum, { body, command }) => sum + body.length + command.length, 0) ?? 0;
      expect(bytes).toBeGreaterThan(0);
      expect(bytes).toBeLessThanOrEqual(segmentBytesMax);
    }
    expect(await swarm.faults()).toEqual([]);
    for (const seq of [1, 90, 250, 257, 600, 1_000]) expect(await isProved(swarm, seq)).toBe(true);
  });

  test('[ARCHIVE-3] a segment never holds events of two origins', async () => {
    const own = () => swarm.store.origin() ?? '';
    const swarm: ArchivedSwarm = new ArchivedSwarm({ originAt: (seq) => (seq <= 300 ? own() : `${own()}x`) });
    swarm.workUntil(800);
    await swarm.snapshots.take();
    // Those behind the border are not hashed with the other origin here, so their own segment is refused.
    await expect(swarm.archive.archive(100)).rejects.toThrow('event 301');
    expect(swarm.rows('segment').map(({ from, to }) => [from, to])).toEqual([
      [1, 256],
      [257, 300],
    ]);
    expect(await swarm.faults()).toEqual([]);
  });

  test('[ARCHIVE-12] on request, whole blocks leave though there are few, and a snapshot is taken first', async () => {
    const swarm = new ArchivedSwarm({ hotEventsMin: 16_384, segmentEvents: 8_192 }).workUntil(700);
    expect(swarm.swarm.snapshotSeq).toBe(0);
    expect(await swarm.archive.archive(100)).toEqual({
      segments: ['0000000000000001'],
      archivedTo: 512,
      isMore: false,
    });
    expect(swarm.swarm.snapshotSeq).toBeGreaterThan(512);
    expect(await swarm.archive.archive(100)).toEqual({ segments: [], archivedTo: 512, isMore: false });
    expect(await swarm.archive.archive(undefined)).toMatchObject({ segments: [] });
    // Even all of it: what says that it left is the first event that stays.
    swarm.workUntil(768);
    expect(await swarm.archive.archive(0)).toMatchObject({ archivedTo: 768 });
    swarm.reopen();
    expect(await swarm.faults()).toEqual([]);
  });

  test('[ARCHIVE-12] one request makes a bounded number of segments, and two at once make none twice', async () => {
    const swarm = new ArchivedSwarm().workUntil((segmentsPerRequestMax + 3) * 256 + 10);
    const [first, second] = await Promise.all([swarm.archive.archive(0), swarm.archive.archive(0)]);
    expect(first).toMatchObject({ isMore: true });
    expect(first.segments).toHaveLength(segmentsPerRequestMax);
    expect(second.segments).toHaveLength(3);
    expect(new Set([...first.segments, ...second.segments]).size).toBe(segmentsPerRequestMax + 3);
    expect(await swarm.faults()).toEqual([]);
  });
});

describe('files', () => {
  test('[ARCHIVE-5] the same events make the same bytes, and they are the events again', async () => {
    const swarm = await archived();
    const [segment] = swarm.rows('segment');
    if (!segment) throw new Error('no segment');
    const bytes = (await swarm.objects.get(segment.key)) ?? new Uint8Array();
    const file = await readSegment(bytes);
    const events = swarm.twin().slice(0, 256);
    expect(file?.events).toEqual(events);
    expect(file?.mark).toEqual({
      origin: swarm.store.origin(),
      from: 1,
      to: 256,
      previous: '0'.repeat(64),
      head: events.at(-1)?.hash,
      root: segment.root,
    });
    expect(Buffer.from(await writeSegment(file?.mark as never, events)).equals(Buffer.from(bytes))).toBe(true);
    expect(atOnce(firstFault(file?.mark as never, events))).toBeNull();
  });

  test('[ARCHIVE-5] an event of a task takes less than 100 bytes, compressed', async () => {
    const swarm = new ArchivedSwarm({ segmentEvents: 2_048 }).workUntil(2_400);
    await swarm.chores();
    const [segment] = swarm.rows('segment');
    expect(segment?.to).toBe(2_048);
    expect((segment?.bytes ?? Number.NaN) / 2_048).toBeLessThan(100);
  });

  test('[ARCHIVE-8] a file of an earlier try under another name is deleted, one that the journal names never', async () => {
    const store = memoryObjectStore();
    const swarm = new ArchivedSwarm({ objects: store }).workUntil(1_200);
    await swarm.snapshots.take();
    const origin = swarm.store.origin();
    const left = `journal/${origin}/0000000000000001-0000000000000256-${'f'.repeat(16)}.parquet`;
    await store.put(left, Uint8Array.of(1), { contentType: 'x/y' });
    const note = JSON.stringify({ from: 1, to: 256, key: left });
    swarm.sql.run(`INSERT INTO meta (key, value) VALUES ('archive-staged', ?)`, note);
    await swarm.archive.archive(600);
    expect(store.objects.has(left)).toBe(false);
    const kept = swarm.rows('segment').map(({ key }) => key);
    swarm.sql.run(
      `INSERT OR REPLACE INTO meta (key, value) VALUES ('archive-staged', ?)`,
      JSON.stringify({ from: 1, to: 256, key: kept[0] }),
    );
    await swarm.archive.archive(200);
    expect(swarm.rows('segment').length).toBeGreaterThan(kept.length);
    expect(kept.every((key) => store.objects.has(key))).toBe(true);
  });

  test('[ARCHIVE-10] the manifest is written again when it is lost, and proves the folder by itself', async () => {
    const swarm = await archived();
    const store = swarm.objects as ReturnType<typeof memoryObjectStore>;
    const folder = `journal/${swarm.store.origin()}/`;
    const judge = () => judgeArchive((name) => store.objects.get(folder + name) ?? null, {});
    const judged = await judge();
    expect(judged).toMatchObject({ what: 'archive', verdict: { ok: true, size: 768 } });
    const manifest = store.objects.get(manifestKey(swarm.store.origin() ?? ''));
    store.objects.delete(manifestKey(swarm.store.origin() ?? ''));
    await swarm.archive.archive(300);
    swarm.workUntil(1_500);
    await swarm.chores();
    expect(store.objects.get(manifestKey(swarm.store.origin() ?? ''))).not.toEqual(manifest);
    expect(await judge()).toMatchObject({ what: 'archive', verdict: { ok: true, size: swarm.swarm.archivedTo } });
  });
});

describe('what is read', () => {
  test('[ARCHIVE-4] what left the tables is read as if it had not: the journal, replays, rows, root and head', async () => {
    const swarm = await archived();
    expect(swarm.rows('segment').map(({ from, to }) => [from, to])).toEqual([
      [1, 256],
      [257, 512],
      [513, 768],
    ]);
    expect(swarm.hotSeqs()[0]).toBe(769);
    expect(await swarm.faults()).toEqual([]);
    swarm.reopen();
    expect(await swarm.faults()).toEqual([]);
    const twin = swarm.twin();
    for (const [from, to] of [
      [1, 1],
      [255, 258],
      [768, 769],
      [700, 900],
      [1_200, 5_000],
    ] as const)
      expect(await swarm.journal(from, to)).toEqual(twin.slice(from - 1, to));
  });

  test('[ARCHIVE-4] a follower that begins in the archive goes on into the present', async () => {
    const swarm = await archived();
    const { reader } = swarm.archive;
    const followers = createFollowers({
      events: async (from, limit) => {
        const page = await reader.page(from, limit);
        if (!page.ok) throw new Error(page.error.code);
        return page.value;
      },
      origin: () => swarm.store.origin() ?? '',
      headSeq: () => swarm.store.head().seq,
    });
    const stream = followers.open(700).getReader();
    const expected = swarm.twin().slice(699);
    let text = '';
    while (!text.includes(`id: ${swarm.store.head().seq}\n`)) {
      text += new TextDecoder().decode((await stream.read()).value);
    }
    await stream.cancel();
    const seen = [...text.matchAll(/^data: (.*)$/gm)].map(([, json]) => JSON.parse(json ?? '') as unknown);
    expect(seen).toEqual(expected.map((event) => toCloudEvent(swarm.store.origin() ?? '', event)));
  });

  test('[ARCHIVE-11] archived events, and tasks that happened among them, are proved as before', async () => {
    const swarm = await archived();
    for (const seq of [1, 2, 256, 257, 700, 768, 769, swarm.store.head().seq])
      expect(await isProved(swarm, seq)).toBe(true);
    const before = await swarm.checkpoint(300);
    const { head, root } = before;
    swarm.workUntil(1_300);
    expect(await swarm.checkpoint(300)).toMatchObject({ head, root });
    const consistency = await answerProof({ type: 'consistency', from: 300 }, proofDeps(swarm));
    expect(consistency.ok).toBe(true);
    const id = swarm.twin()[100]?.subject.replace('task/', '') ?? '';
    const [task] = swarm.sql.all<{ id: string }>('SELECT id FROM task ORDER BY id LIMIT 1');
    const proof = await answerProof({ type: 'task-proof', id: task?.id ?? id }, proofDeps(swarm));
    if (!proof.ok) throw new Error(proof.error.code);
    const { events } = proof.value as unknown as { events: { type: string }[] };
    expect(events.map(({ type }) => type)).toContain('starling.task.succeeded');
    expect(events.map(({ type }) => type)).toContain('starling.transfer.settled');
  });

  test('a segment is fetched once while there is room for it, however many ask for it at once', async () => {
    const store = memoryObjectStore();
    let gets = 0;
    const counted: ObjectStore = {
      ...store,
      get: (key) => {
        gets++;
        return store.get(key);
      },
    };
    const swarm = new ArchivedSwarm({ objects: counted }).workUntil(1_200);
    await swarm.chores();
    swarm.reopen();
    gets = 0;
    await swarm.journal(1, 600);
    expect(gets).toBe(3);
    await swarm.journal(1, 600);
    expect(gets).toBe(3);
    swarm.reopen();
    await Promise.all([swarm.journal(1, 10), swarm.journal(20, 30), swarm.journal(40, 50)]);
    expect(gets).toBe(4);
  });
});

describe('what does not go well', () => {
  test('[ARCHIVE-7] what is read back and is not what was stored deletes nothing, is tried again, and is told of', async () => {
    const store = memoryObjectStore();
    let isBad = true;
    const bad: ObjectStore = {
      ...store,
      get: async (key) => {
        const bytes = await store.get(key);
        if (isBad && key.endsWith('.parquet') && bytes) bytes[100] = (bytes[100] ?? 0) ^ 1;
        return bytes;
      },
    };
    const swarm = new ArchivedSwarm({ objects: bad }).workUntil(1_200);
    await swarm.snapshots.take();
    const [archive] = swarm.archive.chores;
    for (let i = 0; i < choreTriesMax; i++) await expect(archive?.run()).rejects.toThrow('not what was stored');
    expect(swarm.hotSeqs()[0]).toBe(1);
    expect(swarm.rows('segment')).toEqual([]);
    isBad = false;
    await swarm.chores();
    expect(await swarm.faults()).toEqual([]);
    expect(swarm.hotSeqs()[0]).toBe(769);
  });

  test('[ARCHIVE-7] half a file of an earlier try is replaced by a whole one', async () => {
    const store = memoryObjectStore();
    const twin = new ArchivedSwarm({ objects: store }).workUntil(1_200);
    await twin.snapshots.take();
    const halved: ObjectStore = {
      ...store,
      put: async (key, bytes, options) => {
        const isFirst = key.endsWith('.parquet') && options.ifAbsent === true && !store.objects.has(key);
        return store.put(key, isFirst ? bytes.slice(0, bytes.length / 2) : bytes, options);
      },
    };
    const swarm = new ArchivedSwarm({ objects: halved }).workUntil(1_200);
    await swarm.chores();
    expect(swarm.rows('segment')).toHaveLength(3);
    expect(await swarm.faults()).toEqual([]);
  });

  test('[ARCHIVE-7] a row that does not hold its hash is not archived, and stays where somebody can look', async () => {
    const swarm = new ArchivedSwarm().workUntil(1_200);
    await swarm.snapshots.take();
    swarm.sql.run(`UPDATE journal SET actor = 'user/else' WHERE seq = 300`);
    await expect(swarm.archive.archive(100)).rejects.toThrow('event 300');
    expect(swarm.rows('segment').map(({ to }) => to)).toEqual([256]);
    expect(swarm.hotSeqs()[0]).toBe(257);
  });

  test('[ARCHIVE-2] nothing leaves while no snapshot can be taken', async () => {
    const store = memoryObjectStore();
    const failing: ObjectStore = {
      ...store,
      put: (key, bytes, options) =>
        key.startsWith('journal/') ? store.put(key, bytes, options) : Promise.reject(new Error('no room')),
    };
    const swarm = new ArchivedSwarm({ objects: failing }).workUntil(1_200);
    await expect(swarm.archive.archive(100)).rejects.toThrow('no room');
    expect(swarm.archive.chores[0]?.dueAt()).toBeNull();
    expect(swarm.hotSeqs()[0]).toBe(1);
  });
});

describe('retention', () => {
  /** Two stretches of work, `days` apart, all of it recorded. */
  async function twoStretches(days: number, options = {}): Promise<ArchivedSwarm> {
    const swarm = new ArchivedSwarm(options).workUntil(1_000);
    await swarm.chores();
    // After so long a pause nothing is deleted for a day.
    for (const passed of [days - 1, 0.5, 0.5]) {
      swarm.now += passed * dayMs;
      swarm.workUntil(swarm.store.head().seq + 8);
    }
    swarm.workUntil(2_000);
    await swarm.chores();
    return swarm;
  }

  test('[ARCHIVE-13] without a setting nothing expires, however old', async () => {
    const swarm = await twoStretches(3_000);
    expect(swarm.swarm.expiredTo).toBe(0);
    expect(await swarm.faults()).toEqual([]);
  });

  test('[ARCHIVE-13] [ARCHIVE-15] what is past it expires, then is deleted, and is refused with the first seq that is left', async () => {
    const swarm = await twoStretches(10);
    const store = swarm.objects as ReturnType<typeof memoryObjectStore>;
    const before = swarm.rows('segment').map(({ key }) => key);
    swarm.do({ type: 'SetRetention', days: 7 });
    await swarm.chores();
    const { expiredTo } = swarm.swarm;
    expect(expiredTo).toBeGreaterThanOrEqual(512);
    for (const { to, key, state } of swarm.rows('segment')) {
      expect(state).toBe(to <= expiredTo ? 'deleted' : 'kept');
      expect(store.objects.has(key)).toBe(to > expiredTo);
    }
    expect(before.some((key) => !store.objects.has(key))).toBe(true);
    const refused = await swarm.archive.reader.read(1, 10);
    expect(refused).toEqual({ ok: false, error: { code: 'history_expired', firstSeq: expiredTo + 1 } });
    // The journal itself says when, before and after.
    const types = swarm.twin().map(({ type }) => type);
    expect(types.lastIndexOf('segment.expired')).toBeLessThan(types.indexOf('segment.deleted'));
    expect(await swarm.faults()).toEqual([]);
  });

  test('[ARCHIVE-14] what is kept begins with a snapshot that is itself past the retention', async () => {
    const swarm = await twoStretches(10);
    swarm.do({ type: 'SetRetention', days: 7 });
    await swarm.chores();
    const before = swarm.now - 7 * dayMs;
    const kept = swarm.rows('snapshot').filter(({ state }) => state === 'kept');
    const oldest = kept[0];
    expect(oldest?.seq).toBeGreaterThanOrEqual(swarm.swarm.expiredTo);
    expect(oldest?.headAt).toBeLessThan(before);
    for (const { state, key } of swarm.rows('snapshot'))
      expect((await swarm.objects.get(key)) !== null).toBe(state === 'kept');
  });

  test('[ARCHIVE-16] checkpoints and proofs of what is left hold, and the folder says where it begins', async () => {
    const swarm = await twoStretches(10);
    const held = await swarm.checkpoint(100);
    swarm.do({ type: 'SetRetention', days: 7 });
    await swarm.chores();
    const { expiredTo } = swarm.swarm;
    expect(expiredTo).toBeGreaterThan(100);
    for (const seq of [expiredTo + 1, 1_500, swarm.store.head().seq]) expect(await isProved(swarm, seq)).toBe(true);
    expect(await swarm.checkpoint(100)).toEqual(held);
    const gone = await answerProof({ type: 'proof', seq: 5 }, proofDeps(swarm));
    expect(gone).toMatchObject({ ok: false, error: { code: 'history_expired' } });
    const store = swarm.objects as ReturnType<typeof memoryObjectStore>;
    const folder = `journal/${swarm.store.origin()}/`;
    const judged = await judgeArchive((name) => store.objects.get(folder + name) ?? null, {});
    expect(judged).toMatchObject({ what: 'archive', verdict: { ok: true } });
  });

  test('[ARCHIVE-13] a swarm of few events keeps to it too: old events leave for the archive first', async () => {
    const swarm = new ArchivedSwarm({ hotEventsMin: 16_384, segmentEvents: 8_192 }).workUntil(600);
    swarm.do({ type: 'SetRetention', days: 5 });
    // A day's work now and then: the chores wake the swarm when something is due, and not before.
    for (let day = 0; day < 8; day++) {
      await swarm.chores();
      for (let half = 0; half < 4; half++) {
        swarm.now += dayMs / 2;
        swarm.workUntil(swarm.store.head().seq + 10);
      }
    }
    await swarm.chores();
    expect(swarm.swarm.expiredTo).toBeGreaterThanOrEqual(512);
    expect(await swarm.faults()).toEqual([]);
  });

  test('[ARCHIVE-15] a deletion that fails is done again; nothing of it is read meanwhile', async () => {
    const store = memoryObjectStore();
    let isDown = true;
    const failing: ObjectStore = {
      ...store,
      delete: (keys) => (isDown ? Promise.reject(new Error('down')) : store.delete(keys)),
    };
    const swarm = await twoStretches(10, { objects: failing });
    swarm.do({ type: 'SetRetention', days: 7 });
    const retention = swarm.archive.chores.find(({ name }) => name === 'retention');
    await expect(retention?.run()).rejects.toThrow('down');
    expect(swarm.swarm.expiredTo).toBeGreaterThan(0);
    expect(await swarm.archive.reader.read(1, 1)).toMatchObject({ ok: false, error: { code: 'history_expired' } });
    expect(retention?.dueAt()).toBe(0);
    swarm.reopen();
    isDown = false;
    await swarm.chores();
    expect(swarm.rows('segment').filter(({ state }) => state === 'expired')).toEqual([]);
    expect(swarm.rows('segment').filter(({ state }) => state === 'deleted').length).toBeGreaterThan(0);
  });
});
