// The past in workerd: snapshots by the swarm's own alarm into real R2, as many events apart as they are in production, with
// swarm and past evicted between any two steps. What a moment is, test/core shows; here it survives.

/// <reference types="@cloudflare/vitest-plugin/types" />

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import type { Actor } from '../../core/envelope.ts';
import type { PastMoment, PastPort } from '../../core/history/port.ts';
import { chunksOf, stateHashOf } from '../../core/history/state-tree.ts';
import { newId, type SwarmId } from '../../core/ids.ts';
import { commandsPerCallMax, snapshotEvents } from '../../core/limits.ts';
import type { Result } from '../../core/result.ts';
import type { Rejection } from '../../core/swarm/rejections.ts';
import type { Execute, SwarmService } from '../../core/swarm/service.ts';
import { KINDS } from '../../core/swarm/state.ts';
import type { PastObject } from '../../durable-objects/past/past.ts';
import { durableSql } from '../../durable-objects/sql-port.ts';
import { entriesIn } from '../../durable-objects/swarm/snapshots.ts';
import type { SwarmObject } from '../../durable-objects/swarm/swarm.ts';

// The bindings that wrangler.toml declares.
const { SWARM, PAST, ARCHIVE } = env as unknown as {
  SWARM: DurableObjectNamespace<SwarmObject>;
  PAST: DurableObjectNamespace<PastObject>;
  ARCHIVE: R2Bucket;
};

const owner: Actor = { kind: 'user', id: 'usr_owner', scopes: ['admin'] };
const id: SwarmId = anId('swm');
const tenant = anId('tnt');

function anId<P extends Parameters<typeof newId>[0]>(prefix: P) {
  return newId(prefix, Date.now(), randomBytes(10));
}

/** A stub with the object's methods as they are called over RPC. */
const swarm = () =>
  SWARM.get(SWARM.idFromName(id)) as unknown as DurableObjectStub & Pick<SwarmService, 'create' | 'executeMany'>;
const past = () => PAST.get(PAST.idFromName(id)) as unknown as DurableObjectStub & PastPort;

async function evictBoth(): Promise<void> {
  for (const stub of [swarm(), past()])
    await evictDurableObject(stub).catch((error: unknown) => {
      // Nobody has called it yet: it is as good as evicted.
      if (!String(error).includes('not currently running')) throw error;
    });
}

/** What the swarm's own tables say: its head, and the hash of all its rows. */
function live(): Promise<{ readonly seq: number; readonly stateHash: string; readonly snapshotSeq: number }> {
  return runInDurableObject(swarm(), (_, state) => {
    const sql = durableSql(state.storage);
    const entries = entriesIn(sql);
    const refs = [...KINDS].sort().flatMap((kind) => [...chunksOf(entries({ kind, from: null, until: null }))]);
    const { seq } = sql.all<{ seq: number }>('SELECT max(seq) AS seq FROM journal')[0] ?? { seq: 0 };
    const [row] = sql.all<{ body: string }>('SELECT body FROM swarm');
    return { seq, stateHash: stateHashOf(refs), snapshotSeq: JSON.parse(row?.body ?? '{}').snapshotSeq };
  });
}

/** Cheap, for whoever asks often: a snapshot gives way to each question. */
function lastSnapshot(): Promise<number> {
  return runInDurableObject(swarm(), (_, state) => {
    const [row] = durableSql(state.storage).all<{ seq: number }>("SELECT body ->> '$.snapshotSeq' AS seq FROM swarm");
    return row?.seq ?? 0;
  });
}

async function value<T>(answered: Promise<Result<T, Rejection>>): Promise<T> {
  const result = await answered;
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}

/** The state of a moment as the past rebuilds it. */
async function rebuilt(seq: number): Promise<{ readonly stateHash: string; readonly moment: PastMoment }> {
  return value(past().stateHash(id, null, { seq }));
}

/** States that were live, by their seq. */
const lived = new Map<number, string>();
let sent = 0;

/** So many events, in batches; the state is looked at after each, and everybody is evicted after some. */
async function work(events: number): Promise<void> {
  for (let done = 0; done < events; done += commandsPerCallMax) {
    const count = Math.min(commandsPerCallMax, events - done);
    const batch: Execute[] = Array.from({ length: count }, () => ({
      id: `work:${++sent}`,
      actor: owner,
      command: { type: 'PostTransfer', debit: 'tenant', credit: `team/${sent % 50}`, amountMicro: 1, reference: '' },
      remember: true,
    }));
    const executed = await swarm().executeMany(batch);
    expect(executed.every(({ result }) => result.ok)).toBe(true);
    const { seq, stateHash } = await live();
    lived.set(seq, stateHash);
    if (done % 3_000 === 0) await evictBoth();
  }
}

/** A chore that was cut off by an eviction pauses before it is tried again; here nobody waits for that. */
async function noPause(): Promise<void> {
  await runInDurableObject(swarm(), (_, state) => durableSql(state.storage).run('UPDATE trouble SET due = 0'));
  // What an object knows of its troubles it has read when it started.
  await evictDurableObject(swarm());
}

/** Runs the alarm until there is a snapshot behind `after`; answers with its seq. */
async function snapshotBehind(after: number): Promise<number> {
  await noPause();
  // It is due now: a swarm that wakes sets its alarm by itself.
  await swarm().executeMany([]);
  await runDurableObjectAlarm(swarm());
  return vi.waitFor(
    async () => {
      const snapshotSeq = await lastSnapshot();
      expect(snapshotSeq).toBeGreaterThan(after);
      return snapshotSeq;
    },
    { timeout: 25_000 },
  );
}

const snapshots: number[] = [];

beforeAll(async () => {
  const made = { tenant, swarm: id, name: 'main', key: anId('key'), supplyMicro: 10_000_000, user: 'usr_owner' };
  expect((await swarm().create(made)).result.ok).toBe(true);
  for (let n = 0; n < 2; n++) {
    await work(snapshotEvents);
    snapshots.push(await snapshotBehind(snapshots.at(-1) ?? 0));
    await evictBoth();
  }
  await work(500);
}, 60_000);

/** Objects under a prefix of the bucket. */
async function keysUnder(prefix: string): Promise<string[]> {
  return (await ARCHIVE.list({ prefix })).objects.map(({ key }) => key);
}

describe('the past in workerd', () => {
  test('[HISTORY-3] the alarm has put snapshots into object storage, and what did not change is there once', async () => {
    const manifests = await keysUnder(`snapshots/${tenant}/${id}/`);
    expect(manifests).toHaveLength(snapshots.length);
    const chunks = await keysUnder(`state/${tenant}/`);
    expect(chunks.length).toBeGreaterThan(100);
    const { stateHash } = await live();
    expect([...lived.values()]).toContain(stateHash);
  });

  test('[HISTORY-2] every state that was live is rebuilt from the nearest snapshot, in any order, across evictions', async () => {
    const moments = [...lived.entries()].reverse();
    expect(moments.length).toBeGreaterThan(15);
    for (const [i, [seq, stateHash]] of moments.entries()) {
      const then = await rebuilt(seq);
      const nearest = snapshots.findLast((snapshot) => snapshot <= seq) ?? 0;
      expect([seq, then.stateHash, then.moment.snapshotSeq]).toEqual([seq, stateHash, nearest]);
      expect(then.moment.damaged).toEqual([]);
      if (i % 4 === 0) await evictBoth();
    }
  }, 60_000);

  test('[HISTORY-10] a past that is evicted in the middle of a question answers the next one, and nothing was written', async () => {
    const before = await live();
    const seq = (snapshots.at(-1) ?? 0) + 100;
    const asked = rebuilt(seq).catch(() => null);
    await evictDurableObject(past());
    await asked;
    expect((await rebuilt(seq)).moment.seq).toBe(seq);
    expect(await live()).toEqual(before);
  });

  test('[HISTORY-3] a swarm that is evicted in the middle of a snapshot takes it then', async () => {
    const last = snapshots.at(-1) ?? 0;
    await work(snapshotEvents);
    await swarm().executeMany([]);
    await runDurableObjectAlarm(swarm());
    await evictDurableObject(swarm());
    const seq = await snapshotBehind(last);
    expect((await rebuilt(seq)).moment.snapshotSeq).toBe(seq);
    snapshots.push(seq);
    await work(300);
  }, 60_000);

  test('[HISTORY-4] damaged chunks and manifests in the bucket are passed over, down to the first event', async () => {
    const [, second = 0, third = 0] = snapshots;
    const seq = [...lived.keys()].at(-1) ?? 0;
    const [manifestOfFirst = '', , manifestOfThird = ''] = await keysUnder(`snapshots/${tenant}/${id}/`);
    const isAsItWas = async (from: number, passedOver: number) => {
      await evictBoth();
      const { stateHash, moment } = await rebuilt(seq);
      expect([stateHash, moment.snapshotSeq, moment.damaged.length]).toEqual([lived.get(seq), from, passedOver]);
    };
    expect(seq).toBeGreaterThan(third);
    await isAsItWas(third, 0);
    // Another manifest in its place: well formed, and not the one that the journal speaks of.
    const foreign = await ARCHIVE.get(manifestOfFirst);
    await ARCHIVE.put(manifestOfThird, await (foreign as R2ObjectBody).arrayBuffer());
    await isAsItWas(second, 1);
    await ARCHIVE.delete(manifestOfThird);
    await isAsItWas(second, 1);
    // Rows that nobody wrote, well packed, under the key of every chunk: the hash says so.
    for (const key of await keysUnder(`state/${tenant}/`)) await ARCHIVE.put(key, gzipSync('["account/tenant",{}]\n'));
    await isAsItWas(0, 3);
  }, 60_000);

  // 50 MiB of events in fewer than a thousand: one call takes 32 MiB, and an object's memory holds 128.
  test('[HISTORY-11] a past of large events is rebuilt, from snapshots that were taken sooner', async () => {
    const last = (await live()).snapshotSeq;
    const input = { big: 'x'.repeat(180 * 1024) };
    const asked = sent;
    for (let batch = 0; batch < 6; batch++) {
      const tasks: Execute[] = Array.from({ length: 20 }, () => ({
        id: `large:${++sent}`,
        actor: owner,
        command: { type: 'RequestTask', operation: 'swarm.echo', input },
        remember: true,
      }));
      expect((await swarm().executeMany(tasks)).every(({ result }) => result.ok)).toBe(true);
    }
    await vi.waitFor(async () => expect(await succeeded()).toBe(sent - asked), { timeout: 30_000 });
    const { seq, stateHash } = await live();
    expect((await rebuilt(seq)).stateHash).toBe(stateHash);
    expect(seq - last).toBeLessThan(snapshotEvents);
    const taken = await snapshotBehind(last);
    await evictBoth();
    expect((await rebuilt(taken)).moment).toMatchObject({ snapshotSeq: taken, damaged: [] });
    expect((await rebuilt(seq)).stateHash).toBe(stateHash);
  }, 60_000);
});

/** Tasks that have succeeded. */
function succeeded(): Promise<number> {
  return runInDurableObject(swarm(), (_, state) => {
    const [row] = durableSql(state.storage).all<{ count: number }>(
      "SELECT count(*) AS count FROM task WHERE state = 'succeeded'",
    );
    return row?.count ?? 0;
  });
}
