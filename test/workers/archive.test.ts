// The archive in workerd, on the real R2: what only the platform can show. Its rules are shown in test/archive.

/// <reference types="@cloudflare/vitest-plugin/types" />

import { evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Actor } from '../../core/envelope.ts';
import { newId } from '../../core/ids.ts';
import type { SignedCheckpoint } from '../../core/journal/checkpoint.ts';
import type { CloudEvent } from '../../core/journal/cloud-event.ts';
import { verifyJournal } from '../../core/journal/verify.ts';
import type { Result } from '../../core/result.ts';
import type { Rejection } from '../../core/swarm/rejections.ts';
import type { SwarmService } from '../../core/swarm/service.ts';
import { readSegment, writeSegment } from '../../durable-objects/swarm/segment-file.ts';
import type { SwarmObject } from '../../durable-objects/swarm/swarm.ts';

// The bindings that wrangler.toml declares.
const { SWARM, ARCHIVE } = env as unknown as { SWARM: DurableObjectNamespace<SwarmObject>; ARCHIVE: R2Bucket };

const owner: Actor = { kind: 'user', id: 'usr_owner', scopes: ['admin'] };
const post = { type: 'PostTransfer', debit: 'tenant', credit: 'team/a', amountMicro: 1, reference: '' } as const;

type Swarm = DurableObjectStub &
  Pick<SwarmService, 'create' | 'executeMany' | 'read' | 'archiveSegments' | 'follow' | 'execute'>;

function anId<P extends Parameters<typeof newId>[0]>(prefix: P) {
  return newId(prefix, Date.now(), randomBytes(10));
}

async function value<T>(answered: Promise<Result<T, Rejection>>): Promise<T> {
  const result = await answered;
  if (!result.ok) throw new Error(result.error.code);
  return result.value;
}

/** A swarm of some hundreds of events. */
async function aSwarm(): Promise<{ readonly swarm: Swarm; readonly origin: string }> {
  const [tenant, id] = [anId('tnt'), anId('swm')];
  // The class implements that interface; over RPC its methods are the stub's.
  const swarm = SWARM.get(SWARM.idFromName(id)) as unknown as Swarm;
  const made = { tenant, swarm: id, name: 'main', key: anId('key'), supplyMicro: 1_000_000, user: 'usr_owner' };
  await swarm.create(made);
  const commands = Array.from({ length: 700 }, (_, n) => ({
    id: `post:${n}`,
    actor: owner,
    command: post,
    remember: true,
  }));
  await swarm.executeMany(commands);
  return { swarm, origin: `${tenant}/${id}` };
}

async function journal(swarm: Swarm): Promise<CloudEvent[]> {
  const { data } = (await value(swarm.read(owner, { type: 'journal', from: 1, limit: 1_000 }))) as unknown as {
    data: CloudEvent[];
  };
  return data;
}

describe('the archive of a swarm’s object', () => {
  test('[ARCHIVE-4] events leave for R2, and the journal is the same to whoever reads, proves and follows it', async () => {
    const { swarm, origin } = await aSwarm();
    const before = await journal(swarm);
    const archived = await value(swarm.archiveSegments(owner, 100));
    expect(archived).toMatchObject({ segments: ['0000000000000001'], archivedTo: 512, isMore: false });
    const { objects } = await ARCHIVE.list({ prefix: `journal/${origin}/` });
    expect(objects.map(({ key }) => key.slice(key.lastIndexOf('/') + 1))).toEqual([
      expect.stringMatching(/^0000000000000001-0000000000000512-[0-9a-f]{16}\.parquet$/),
      'manifest.json',
    ]);
    await evictDurableObject(swarm);
    const hot = await runInDurableObject(swarm, (_, state) =>
      state.storage.sql.exec('SELECT min(seq) AS seq FROM journal').one(),
    );
    expect(hot).toEqual({ seq: 513 });
    const after = await journal(swarm);
    expect(after.slice(0, before.length)).toEqual(before);
    const checkpoint = (await value(swarm.read(owner, { type: 'checkpoint' }))) as unknown as SignedCheckpoint;
    const verifier = verifyJournal(checkpoint);
    verifier.take(after);
    expect(verifier.finish()).toMatchObject({ ok: true, size: after.length });
    const proof = await value(swarm.read(owner, { type: 'proof', seq: 300 }));
    expect(proof).toMatchObject({ index: 299 });
    const reader = (await value(swarm.follow(owner, 510))).getReader();
    let text = '';
    while (!text.includes('id: 514\n')) text += new TextDecoder().decode((await reader.read()).value);
    await reader.cancel();
    expect(text).toContain('id: 510\n');
    expect(await swarm.execute({ id: 'go-on', actor: owner, command: post, remember: true })).toMatchObject({
      result: { ok: true },
    });
  });

  test('[ARCHIVE-9] a damaged file in R2 is refused by the name of its segment, and the present goes on', async () => {
    const { swarm, origin } = await aSwarm();
    await value(swarm.archiveSegments(owner, 100));
    await evictDurableObject(swarm);
    const { objects } = await ARCHIVE.list({ prefix: `journal/${origin}/0` });
    const key = objects[0]?.key ?? '';
    const bytes = new Uint8Array((await (await ARCHIVE.get(key))?.arrayBuffer()) ?? new ArrayBuffer());
    const damaged = bytes.slice();
    damaged[200] = (damaged[200] ?? 0) ^ 4;
    await ARCHIVE.put(key, damaged);
    expect(await swarm.read(owner, { type: 'journal', from: 1, limit: 10 })).toMatchObject({
      ok: false,
      error: { code: 'history_damaged', segment: '0000000000000001', from: 1, to: 512 },
    });
    expect(await swarm.follow(owner, 1)).toMatchObject({ ok: false, error: { code: 'history_damaged' } });
    expect(await swarm.read(owner, { type: 'journal', from: 513, limit: 10 })).toMatchObject({ ok: true });
    await ARCHIVE.put(key, bytes);
    expect((await journal(swarm))[0]).toMatchObject({ seq: 1, type: 'starling.swarm.created' });
  });

  test('[ARCHIVE-5] workerd writes the bytes that it reads, and reads what it has written', async () => {
    const { swarm, origin } = await aSwarm();
    await value(swarm.archiveSegments(owner, 100));
    const { objects } = await ARCHIVE.list({ prefix: `journal/${origin}/0` });
    const bytes = new Uint8Array(
      (await (await ARCHIVE.get(objects[0]?.key ?? ''))?.arrayBuffer()) ?? new ArrayBuffer(),
    );
    const file = await readSegment(bytes);
    if (!file) throw new Error('not read');
    expect(Buffer.from(await writeSegment(file.mark, file.events)).equals(Buffer.from(bytes))).toBe(true);
  });

  test('[ARCHIVE-13] the retention is the tenant’s to set', async () => {
    const { swarm } = await aSwarm();
    const set = { id: 'retention', actor: owner, command: { type: 'SetRetention', days: 30 }, remember: true } as const;
    expect(await swarm.execute(set)).toMatchObject({
      result: { ok: true, value: { view: { days: 30, archivedTo: 0, expiredTo: 0 } } },
    });
    expect(await value(swarm.read(owner, { type: 'retention' }))).toEqual({ days: 30, archivedTo: 0, expiredTo: 0 });
  });
});
