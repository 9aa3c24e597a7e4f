// What a swarm's object has signed, in workerd: by the clock, held outside, shown to devices, and never twice over.

/// <reference types="@cloudflare/vitest-plugin/types" />

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { randomBytes } from 'node:crypto';
import { afterEach, expect, test, vi } from 'vitest';
import type { HistoryAnswer, SwarmPort } from '../../core/devices/port.ts';
import type { Actor } from '../../core/envelope.ts';
import { newId } from '../../core/ids.ts';
import type { SignedCheckpoint } from '../../core/journal/checkpoint.ts';
import { judgeContinuation } from '../../core/journal/continuation.ts';
import { checkpointMs } from '../../core/limits.ts';
import type { SwarmService } from '../../core/swarm/service.ts';
import type { SwarmObject } from '../../durable-objects/swarm/swarm.ts';

// The bindings, which wrangler.toml declares.
const { SWARM, ARCHIVE } = env as unknown as { SWARM: DurableObjectNamespace<SwarmObject>; ARCHIVE: R2Bucket };

const owner: Actor = { kind: 'user', id: 'usr_owner', scopes: ['admin'] };
const post = { type: 'PostTransfer', debit: 'tenant', credit: 'team/a', amountMicro: 1, reference: '' } as const;
const device = anId('dev');

afterEach(() => {
  vi.useRealTimers();
});

function anId<P extends Parameters<typeof newId>[0]>(prefix: P) {
  return newId(prefix, Date.now(), randomBytes(10));
}

/** A stub with the object's methods as the API and the squads call them over RPC. */
type Swarm = DurableObjectStub & Pick<SwarmService, 'create' | 'execute' | 'read'> & Pick<SwarmPort, 'continueHistory'>;

async function aSwarm(): Promise<{ swarm: Swarm; origin: string }> {
  const [tenant, id] = [anId('tnt'), anId('swm')];
  const swarm = SWARM.get(SWARM.idFromName(id)) as unknown as Swarm;
  await swarm.create({ tenant, swarm: id, name: 'main', key: anId('key'), supplyMicro: 1e6, user: 'usr_owner' });
  return { swarm, origin: `${tenant}/${id}` };
}

async function grow(swarm: Swarm, events: number): Promise<void> {
  for (let n = 0; n < events; n++) {
    const { result } = await swarm.execute({ id: anId('evt'), actor: owner, command: post, remember: true });
    expect(result.ok).toBe(true);
  }
}

async function codeOf(swarm: Swarm): Promise<string | null> {
  const answer = await swarm.read(owner, { type: 'checkpoint' });
  return answer.ok ? null : answer.error.code;
}

function continued(answer: HistoryAnswer): Extract<HistoryAnswer, { kind: 'continued' }> {
  if (answer.kind !== 'continued') throw new Error(answer.kind);
  return answer;
}

/** Takes the last events away with all that was signed of them, as a storage does that was rolled back. */
async function rollBack(swarm: Swarm, to: number): Promise<void> {
  await runInDurableObject(swarm, (_swarm, state) => {
    state.storage.sql.exec('DELETE FROM journal WHERE seq > ?', to);
    state.storage.sql.exec('DELETE FROM checkpoint');
  });
  await evictDurableObject(swarm);
}

test('[JOURNAL-18] [JOURNAL-21] a checkpoint is signed by the alarm, and held in object storage', async () => {
  const { swarm, origin } = await aSwarm();
  await grow(swarm, 3);
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + checkpointMs + 1_000 });
  await vi.waitFor(async () => {
    await runDurableObjectAlarm(swarm);
    expect(await ARCHIVE.head(`checkpoints/${origin}.json`)).not.toBeNull();
  });
  const held = (await (await ARCHIVE.get(`checkpoints/${origin}.json`))?.json()) as SignedCheckpoint;
  await rollBack(swarm, 3);
  await grow(swarm, 1);
  expect(held.size).toBeGreaterThan(4);
  expect(await codeOf(swarm)).toBe('swarm_halted');
  expect((await swarm.execute({ id: anId('evt'), actor: owner, command: post, remember: true })).result).toMatchObject({
    error: { code: 'swarm_halted' },
  });
});

test('[JOURNAL-22] a device that holds another history ends all signing, and no work', async () => {
  const { swarm } = await aSwarm();
  await grow(swarm, 5);
  const first = continued(await swarm.continueHistory(device, null));
  await grow(swarm, 5);
  await swarm.read(owner, { type: 'checkpoint' });
  const second = continued(await swarm.continueHistory(device, first.checkpoint));
  expect(second.checkpoint.size).toBe(first.checkpoint.size + 5);
  expect(judgeContinuation(first.checkpoint, second.checkpoint, second.path)).toBeNull();
  await rollBack(swarm, 4);
  await grow(swarm, 20);
  expect(await swarm.continueHistory(device, second.checkpoint)).toEqual({ kind: 'conflict' });
  expect(await codeOf(swarm)).toBe('signing_halted');
  expect(await swarm.continueHistory(anId('dev'), null)).toEqual({ kind: 'unsigned' });
  await grow(swarm, 1);
  await evictDurableObject(swarm);
  expect(await codeOf(swarm)).toBe('signing_halted');
});
