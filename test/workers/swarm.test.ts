// The swarm's object in workerd: what only the platform can show. The rules themselves are shown in test/core.

/// <reference types="@cloudflare/vitest-plugin/types" />

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Actor } from '../../core/envelope.ts';
import { newId } from '../../core/ids.ts';
import type { SignedCheckpoint } from '../../core/journal/checkpoint.ts';
import type { CloudEvent } from '../../core/journal/cloud-event.ts';
import { verifyJournal } from '../../core/journal/verify.ts';
import { timerTriesMax } from '../../core/limits.ts';
import type { Result } from '../../core/result.ts';
import type { SwarmCommand } from '../../core/swarm/commands.ts';
import type { Rejection } from '../../core/swarm/rejections.ts';
import type { Executed, SwarmService } from '../../core/swarm/service.ts';
import type { TaskView } from '../../core/wire/tasks.ts';
import { durableSql } from '../../durable-objects/sql-port.ts';
import type { SwarmObject } from '../../durable-objects/swarm/swarm.ts';
import { openSwarmStore } from '../../durable-objects/swarm/swarm-store.ts';
import { readContract } from '../contract/read.contract.ts';
import { COMMAND_LIST_HEAD, runCommandList } from '../core/command-list.ts';
import { entropyOf, START } from '../core/memory-swarm.ts';

// The binding of the swarms, which wrangler.toml declares.
const { SWARM } = env as unknown as { SWARM: DurableObjectNamespace<SwarmObject> };

const owner: Actor = { kind: 'user', id: 'usr_owner', scopes: ['admin'] };
const echo = { type: 'RequestTask', operation: 'swarm.echo', input: { hello: 'world' } } as const;
const hold = {
  type: 'HoldTransfer',
  debit: 'tenant',
  credit: 'team/a',
  amountMicro: 5,
  reference: '',
  timeoutMs: 60_000,
} as const;
const post = { type: 'PostTransfer', debit: 'tenant', credit: 'team/a', amountMicro: 1, reference: '' } as const;

afterEach(() => {
  vi.useRealTimers();
});

function anId<P extends Parameters<typeof newId>[0]>(prefix: P) {
  return newId(prefix, Date.now(), randomBytes(10));
}

/** A stub with the object's methods as the API calls them over RPC: the class implements that interface. */
type Swarm = DurableObjectStub & Pick<SwarmService, 'create' | 'execute' | 'read' | 'waitForTask' | 'follow'>;

/** A new object, which nobody has called. */
function anObject(): Swarm {
  return SWARM.get(SWARM.idFromName(anId('swm'))) as unknown as Swarm;
}

/** A swarm that was created. */
async function aSwarm(): Promise<Swarm> {
  const swarm = anObject();
  const made = {
    tenant: anId('tnt'),
    swarm: anId('swm'),
    name: 'main',
    key: anId('key'),
    supplyMicro: 10_000,
    user: 'usr_owner',
  };
  const { result } = await swarm.create(made);
  expect(result.ok).toBe(true);
  return swarm;
}

let sent = 0;
async function tell(swarm: Swarm, command: SwarmCommand, id = `test:${++sent}`): Promise<Executed> {
  return swarm.execute({ id, actor: owner, command, remember: true });
}

async function idOf(executed: Promise<Executed>): Promise<string> {
  const { result } = await executed;
  if (!result.ok) throw new Error(result.error.code);
  return result.value.id;
}

/** A look into the object's database. */
function rows<R>(swarm: Swarm, query: string): Promise<R[]> {
  return runInDurableObject(swarm, (_, state) => state.storage.sql.exec(query).toArray() as R[]);
}

/** Moves the clock of the isolate; alarms stay where they are. */
function clockPlus(ms: number): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + ms });
}

async function value<T>(answered: Promise<Result<T, Rejection>>): Promise<T> {
  const result = await answered;
  if (!result.ok) throw new Error(result.error.code);
  return result.value;
}

async function verify(swarm: Swarm): Promise<void> {
  const checkpoint = (await value(swarm.read(owner, { type: 'checkpoint' }))) as unknown as SignedCheckpoint;
  const { data } = (await value(swarm.read(owner, { type: 'journal', from: 1, limit: 1_000 }))) as unknown as {
    data: CloudEvent[];
  };
  const verifier = verifyJournal(checkpoint);
  verifier.take(data);
  expect(verifier.finish()).toMatchObject({ ok: true, size: data.length });
}

describe('a swarm', () => {
  test('[SWARM-1] it is created once, by whoever signs up, however often they try', async () => {
    const swarm = anObject();
    expect(await tell(swarm, echo)).toMatchObject({ result: { ok: false, error: { code: 'swarm_not_found' } } });
    const made = {
      tenant: anId('tnt'),
      swarm: anId('swm'),
      name: 'main',
      key: anId('key'),
      supplyMicro: 5,
      user: 'usr_a',
    };
    expect(await swarm.create(made)).toMatchObject({ replayed: false, result: { ok: true } });
    await evictDurableObject(swarm);
    expect(await swarm.create(made)).toMatchObject({ replayed: true, result: { ok: true } });
    expect(await swarm.create({ ...made, swarm: anId('swm') })).toMatchObject({
      result: { error: { code: 'swarm_exists' } },
    });
    await verify(swarm);
  });

  test('[SWARM-14] a task that the swarm does itself is done before anyone looks again, and whoever waits is told', async () => {
    const swarm = await aSwarm();
    const task = await idOf(tell(swarm, echo));
    const view = (await value(swarm.waitForTask(owner, task, 5_000))) as unknown as TaskView;
    expect(view).toMatchObject({
      state: 'succeeded',
      result: { hello: 'world' },
      cost: { heldMicro: 0, settledMicro: 100 },
    });
    expect(await rows(swarm, 'SELECT * FROM outbox')).toEqual([]);
    expect(await rows(swarm, 'SELECT key FROM timer')).toEqual([{ key: 'cycle' }]);
    await verify(swarm);
  });

  test('[SWARM-12] waiting for a task ends with the task, or with its time, and asks who waits', async () => {
    const swarm = await aSwarm();
    expect(await swarm.waitForTask(owner, 'tsk_none', 1_000)).toEqual({ ok: false, error: { code: 'task_not_found' } });
    const stranger: Actor = { kind: 'key', id: 'key_none', scopes: ['admin'] };
    const task = await idOf(tell(swarm, echo));
    expect(await swarm.waitForTask(stranger, task, 1_000)).toMatchObject({ ok: false, error: { code: 'key_revoked' } });
    // A task that nobody does: it stays as it is, and the answer comes in time.
    await runInDurableObject(swarm, (_, state) =>
      state.storage.sql.exec(`UPDATE presence SET body = json_set(body, '$.parallel', 0) WHERE id = 'cloud'`),
    );
    await evictDurableObject(swarm);
    const queued = await idOf(tell(swarm, echo));
    const asked = Date.now();
    expect(await value(swarm.waitForTask(owner, queued, 300))).toMatchObject({ state: 'queued' });
    expect(Date.now() - asked).toBeLessThan(5_000);
  });

  test('[SWARM-2] the same id gets the same answer after an eviction, and nothing is done twice', async () => {
    const swarm = await aSwarm();
    const first = await tell(swarm, post, 'idem:1');
    const refused = await tell(swarm, { ...post, amountMicro: 1e9 }, 'idem:2');
    await evictDurableObject(swarm);
    expect(await tell(swarm, post, 'idem:1')).toEqual({ ...first, replayed: true });
    expect(await tell(swarm, { ...post, amountMicro: 1e9 }, 'idem:2')).toEqual({ ...refused, replayed: true });
    expect(await tell(swarm, { ...post, amountMicro: 2 }, 'idem:1')).toMatchObject({
      result: { error: { code: 'idempotency_key_reused' } },
    });
    expect(await rows(swarm, `SELECT body ->> '$.postedMicro' AS posted FROM account WHERE id = 'team/a'`)).toEqual([
      { posted: 1 },
    ]);
  });

  test('[LEDGER-11] books that do not add up stop the object when it starts', async () => {
    const swarm = await aSwarm();
    await runInDurableObject(swarm, (_, state) =>
      state.storage.sql.exec(`UPDATE account SET body = json_set(body, '$.postedMicro', 10001) WHERE id = 'tenant'`),
    );
    await evictDurableObject(swarm);
    expect(await tell(swarm, post)).toMatchObject({ result: { error: { code: 'swarm_halted' } } });
    // It can still be read, and says why.
    expect(await value(swarm.read(owner, { type: 'status' }))).toMatchObject({
      halted: 'the sum of all accounts is not nought',
    });
  });
});

describe('its alarm', () => {
  test('[SWARM-7] what is due is done by the alarm, also after an eviction', async () => {
    const swarm = await aSwarm();
    const held = await idOf(tell(swarm, hold));
    const alarm = await runInDurableObject(swarm, (_, state) => state.storage.getAlarm());
    expect(alarm).toBeGreaterThan(Date.now() + 59_000);
    expect(alarm).toBeLessThan(Date.now() + 61_000);
    await runDurableObjectAlarm(swarm);
    expect(await value(swarm.read(owner, { type: 'transfer', id: held }))).toMatchObject({ state: 'pending' });
    await evictDurableObject(swarm);
    clockPlus(60_500);
    expect(await runDurableObjectAlarm(swarm)).toBe(true);
    expect(await value(swarm.read(owner, { type: 'transfer', id: held }))).toMatchObject({ state: 'expired' });
  });

  test('[SWARM-11] an object that lost its alarm sets it anew when it starts', async () => {
    const swarm = await aSwarm();
    await idOf(tell(swarm, hold));
    await runInDurableObject(swarm, (_, state) => state.storage.deleteAlarm());
    await evictDurableObject(swarm);
    await swarm.read(owner, { type: 'status' });
    expect(await runInDurableObject(swarm, (_, state) => state.storage.getAlarm())).not.toBeNull();
  });

  test('[SWARM-8] a timer that always throws is parked, and from then on the object writes nothing', async () => {
    const swarm = await aSwarm();
    await runInDurableObject(swarm, (_, state) => {
      state.storage.sql.exec(
        `INSERT INTO timer (key, due, command) VALUES ('broken', ?, '{"type":"NoSuchCommand"}')`,
        Date.now(),
      );
      return state.storage.setAlarm(Date.now() + 60_000);
    });
    for (let n = 0; n < timerTriesMax + 2; n++) {
      await runDurableObjectAlarm(swarm);
      clockPlus(60_000);
    }
    const parked = await rows<{ body: string }>(swarm, `SELECT body FROM journal WHERE type = 'timer.parked'`);
    expect(parked.map(({ body }) => JSON.parse(body))).toEqual([
      { timer: 'broken', command: 'NoSuchCommand', tries: timerTriesMax },
    ]);
    const count = () =>
      rows(
        swarm,
        'SELECT (SELECT count(*) FROM journal) AS events, (SELECT count(*) FROM timer) AS timers, (SELECT count(*) FROM outbox) AS effects',
      );
    const before = await count();
    const size = await runInDurableObject(swarm, (_, state) => state.storage.sql.databaseSize);
    for (let n = 0; n < 20; n++) {
      await runDurableObjectAlarm(swarm);
      clockPlus(60_000);
    }
    expect(await count()).toEqual(before);
    expect(await runInDurableObject(swarm, (_, state) => state.storage.sql.databaseSize)).toBe(size);
  });
});

describe('following', () => {
  const decoder = new TextDecoder();

  async function seqsFrom(reader: ReadableStreamDefaultReader<Uint8Array>, upTo: number): Promise<number[]> {
    const seqs: number[] = [];
    while ((seqs.at(-1) ?? 0) < upTo) {
      const { value: chunk, done } = await reader.read();
      if (done) throw new Error('it ended');
      seqs.push(...[...decoder.decode(chunk).matchAll(/^id: (\d+)$/gm)].map(([, seq]) => Number(seq)));
    }
    return seqs;
  }

  async function follow(swarm: Swarm, from: number): Promise<ReadableStreamDefaultReader<Uint8Array>> {
    return (await value(swarm.follow(owner, from))).getReader();
  }

  test('[JOURNAL-14] a follower gets every event once, live, and goes on where it stopped when its stream was cut', async () => {
    const swarm = await aSwarm();
    const reader = await follow(swarm, 1);
    const created = await seqsFrom(reader, 5);
    expect(created).toEqual([1, 2, 3, 4, 5]);
    const live = seqsFrom(reader, 7);
    await tell(swarm, post);
    await tell(swarm, post);
    expect(await live).toEqual([6, 7]);
    await reader.cancel();
    await tell(swarm, post);
    const resumed = await follow(swarm, 8);
    expect(await seqsFrom(resumed, 8)).toEqual([8]);
    const more = seqsFrom(resumed, 9);
    await tell(swarm, post);
    expect(await more).toEqual([9]);
    await resumed.cancel();
  });

  test('[READER-3] the stream of a person ends when they would have to be asked for anew, and says nothing more', async () => {
    const swarm = await aSwarm();
    const over = (await value(swarm.follow(owner, 1, 0, Date.now() - 1))).getReader();
    let text = '';
    for (;;) {
      const { value: chunk, done } = await over.read();
      if (done) break;
      text += new TextDecoder().decode(chunk);
    }
    expect(text).toBe(': follows\n\n');
    const open = (await value(swarm.follow(owner, 1, 0, Date.now() + 60_000))).getReader();
    expect(await seqsFrom(open, 1)).toContain(1);
    await open.cancel();
  });
});

describe('the same everywhere', () => {
  test('[JOURNAL-15] the list of commands gives the same head in workerd as in Node', async () => {
    const head = await runInDurableObject(anObject(), (_, state) => runCommandList(durableSql(state.storage)));
    expect(head).toEqual(COMMAND_LIST_HEAD);
  });

  test('[SWARM-11] a store that is opened anew after every command of the list goes on where it was', async () => {
    const head = await runInDurableObject(anObject(), (_, state) =>
      runCommandList(durableSql(state.storage), (reopen) => reopen()),
    );
    expect(head).toEqual(COMMAND_LIST_HEAD);
  });
});

describe('[SWARM-17] tables of workerd', () => {
  readContract((rows, look) =>
    runInDurableObject(anObject(), (_, { storage }) => {
      storage.transactionSync(() => {
        for (const [key, row] of rows) {
          const slash = key.indexOf('/');
          storage.sql.exec(
            `INSERT INTO ${key.slice(0, slash)} (id, body) VALUES (?, ?)`,
            key.slice(slash + 1),
            JSON.stringify(row),
          );
        }
      });
      look(openSwarmStore(durableSql(storage), { now: () => START, entropy: () => entropyOf(1) }).read);
    }),
  );
});
