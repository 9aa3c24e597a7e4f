// Journals that hold by every hash and were made up all the same: what is brought in reaches nothing but its own object, and
// neither does what is forked from it. Whoever signs a journal writes what they like in it, other tenants' ids too.

import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import type { ObjectStore } from '../../core/archive/port.ts';
import type { NewFork } from '../../core/forks/port.ts';
import type { HistoryPort, PastMoment, PastPort } from '../../core/history/port.ts';
import { idSource, newId } from '../../core/ids.ts';
import { type SignedCheckpoint, signCheckpoint } from '../../core/journal/checkpoint.ts';
import { chain, GENESIS, type StoredEvent } from '../../core/journal/event.ts';
import { eventLine, exportHeader } from '../../core/journal/export-lines.ts';
import { leafOf, rootOf } from '../../core/journal/merkle.ts';
import { canonical } from '../../core/json.ts';
import { ok } from '../../core/result.ts';
import type { Query } from '../../core/swarm/service.ts';
import { SELF } from '../../core/swarm/state.ts';
import { migrate } from '../../durable-objects/migrate.ts';
import { nodeSql } from '../../durable-objects/node-sql.ts';
import { createPast } from '../../durable-objects/past/past-service.ts';
import { archiveReader } from '../../durable-objects/swarm/archive.ts';
import { createFiller } from '../../durable-objects/swarm/fill.ts';
import { outlineOf } from '../../durable-objects/swarm/outline.ts';
import { outsideCheckpoint } from '../../durable-objects/swarm/outside-checkpoint.ts';
import { answer } from '../../durable-objects/swarm/queries.ts';
import { openSigner } from '../../durable-objects/swarm/signer.ts';
import { newSigningKey } from '../../durable-objects/swarm/signing-key.ts';
import { openSwarmStore } from '../../durable-objects/swarm/swarm-store.ts';
import { swarmMigrations } from '../../migrations/swarm/index.ts';
import { memoryObjectStore } from '../contract/memory-object-store.ts';
import { entropyOf, START, SYSTEM } from '../core/memory-swarm.ts';
import { openTries } from '../core/open-tries.ts';
import { StoreSwarm } from '../core/store-swarm.ts';
import { AnObject, exportOf } from '../exports/an-object.ts';

/** Somebody else's, whose ids are known to the author of a journal. */
const victim = new StoreSwarm();
victim.do({ type: 'PostTransfer', debit: 'tenant', credit: 'team/a', amountMicro: 5, reference: '' });
const early = await victim.checkpoint();
const exported = await exportOf(early, victim.store);
victim.do({ type: 'PostTransfer', debit: 'tenant', credit: 'team/a', amountMicro: 5, reference: '' });
const late = await victim.checkpoint();

interface Line {
  readonly type: string;
  readonly body: object;
  readonly command?: string;
}

/** A journal that its author wrote under a key of their own, in the name of the victim. */
function forged(created: object, ...more: readonly Line[]): Uint8Array {
  const pair = newSigningKey();
  const [first] = victim.store.events(1, 1);
  const begin = { ...JSON.parse(first?.body ?? ''), publicKey: pair.publicKey, ...created };
  const { origin } = early;
  const events: StoredEvent[] = [];
  for (const { type, body, command = 'x' } of [{ type: 'swarm.created', body: begin }, ...more]) {
    const context = { at: START, actor: 'system/x', command, trace: null };
    const said = { type, subject: 'x/y', body: canonical(body) };
    events.push(chain(origin, events.at(-1)?.hash ?? GENESIS, events.length + 1, said, context));
  }
  const root = Buffer.from(rootOf({ leaf: (i: number) => leafOf(events[i]?.hash ?? '') }, events.length));
  const of = { origin, size: events.length, head: events.at(-1)?.hash ?? '', root: root.toString('hex'), at: START };
  const header = exportHeader(signCheckpoint(of, pair.privateKey, pair.publicKey));
  return Buffer.from(`${[header, ...events.map((event) => eventLine(origin, event))].join('\n')}\n`);
}

/** An object storage that writes down which keys it was asked for. */
function watched() {
  const objects = memoryObjectStore();
  const keys: string[] = [];
  const asked = (...more: readonly string[]): ObjectStore => {
    keys.push(...more);
    return objects;
  };
  const store: ObjectStore = {
    put: (key, bytes, options) => asked(key).put(key, bytes, options),
    get: (key) => asked(key).get(key),
    list: (prefix, cursor, limit) => asked(prefix).list(prefix, cursor, limit),
    delete: (gone) => asked(...gone).delete(gone),
  };
  return { objects, store, keys };
}

/** The past of an import, as its object has it. */
function pastOf(object: AnObject, objects: ObjectStore): PastPort {
  const { sql, store } = object;
  const reader = archiveReader(sql, store, objects);
  const readEvents = reader.read;
  const history: HistoryPort = {
    outline: async (_, at, before) => outlineOf(at, before, { sql, store, now: () => START, readEvents }),
    hotEvents: async (from, limit) => store.events(from, limit),
  };
  const momentOf = (_: unknown, at: number) => ({
    ...{ at, actor: SYSTEM, ids: idSource(at, entropyOf(0)), commandId: 'past', trace: null },
  });
  const past = createPast({ history, objects, readEvents, momentOf });
  return {
    read: (_, ...rest) => past.read(...rest),
    diff: (_, ...rest) => past.diff(...rest),
    rows: (_, ...rest) => past.rows(...rest),
    stateHash: (_, ...rest) => past.stateHash(...rest),
  };
}

const page = { limit: 100, cursor: null };
const LISTS = ['tasks', 'missions', 'devices', 'keys', 'triggers', 'webhooks', 'transfers', 'accounts'] as const;
const QUERIES: readonly Query[] = [
  ...LISTS.map((type) => ({ type, ...page })),
  { type: 'segments', ...page },
  { type: 'snapshots', ...page },
  { type: 'operations' },
  { type: 'retention' },
];

test('[EXPORT-7] [P13] an import goes by the original’s name, and asks for nothing that is held under it', async () => {
  const { objects, store, keys } = watched();
  await outsideCheckpoint(objects).write(late);
  const object = new AnObject();
  const { sql } = object;
  // As its object is made: before anything was brought in.
  const signer = openSigner({
    ...{ sql, store: object.store, outside: outsideCheckpoint(store), now: () => START },
    readEvents: async (from, to) => ok(object.store.events(from, to - from + 1)),
    signingKey: () => '',
    durable: async () => {},
    log: () => {},
  });
  expect(await object.take(exported)).toMatchObject({ ok: true });
  // The original has gone on since; that is no rewriting of its history.
  expect(await signer.sign()).toEqual({ ok: true, value: early satisfies SignedCheckpoint });
  await signer.compareOutside();
  expect([keys, object.store.halted()]).toEqual([[], null]);
  object.close();
});

/** A fork of it, of another tenant. */
function newFork(origin: string, { seq, at, hash, stateHash }: PastMoment & { readonly stateHash: string }): NewFork {
  const id = <P extends 'tnt' | 'swm' | 'key'>(prefix: P, n: number) => newId(prefix, START, entropyOf(n));
  const parent = { swarm: id('swm', 8), origin, seq, at, head: hash, stateHash };
  const names = { tenant: id('tnt', 9), swarm: id('swm', 9), key: id('key', 9) };
  return { ...names, name: 'f', scopes: [], parent, by: 'user/x' };
}

const theirs = `${early.origin}/`;
const hash = 'a'.repeat(64);
const marks = { id: '0000000000000001', from: 1, to: 9, fromAt: 1, toAt: 2, bytes: 9, rows: 1, chunks: 1, version: 1 };
const segment = { ...marks, segment: marks.id, sha256: hash, root: hash, previous: GENESIS, head: hash };
const snapshot = { ...marks, snapshot: marks.id, seq: 1, head: hash, headAt: START, stateHash: hash };
const hold = { debit: 'tenant', credit: 'a' };

/** What an author may think of. Each is refused, or stays within its object. */
const ABSURD: readonly (readonly [string, object, ...Line[]])[] = [
  ['nothing else', {}],
  ['a segment of the victim', {}, { type: 'segment.archived', body: { ...segment, key: `journal/${theirs}x` } }],
  ['a snapshot of the victim', {}, { type: 'snapshot.taken', body: { ...snapshot, key: `snapshots/${theirs}x` } }],
  ['a key that climbs', {}, { type: 'snapshot.taken', body: { ...snapshot, key: '../../state' } }],
  ['a supply that is too much', { supplyMicro: 1e300 }],
  ['a supply that is owed', { supplyMicro: -1 }],
  ['a supply that is text', { supplyMicro: 'x' }],
  ['a cycle without an end', { cycleEndsAt: 1e300 }],
  ['a retention of the past', {}, { type: 'retention.changed', body: { days: -1 } }],
  [
    'an account of nobody',
    {},
    {
      type: 'transfer.posted',
      body: { transfer: 'trf_1', debit: 'treasury', credit: '__proto__', amountMicro: 1, reference: '' },
    },
  ],
  [
    'an amount below nought',
    {},
    { type: 'transfer.posted', body: { transfer: 'trf_1', ...hold, amountMicro: -1, reference: '' } },
  ],
  [
    'a hold that ends never',
    {},
    {
      type: 'transfer.held',
      body: { transfer: 'trf_1', debit: 'treasury', credit: 'a', amountMicro: 1, reference: '', expiresAt: 1e300 },
    },
  ],
  ['a task of another form', {}, { type: 'task.requested', body: { task: '../x', deadline: 1e300, input: null } }],
  ['a task that is no text', {}, { type: 'task.requested', body: { task: { toString: 1 }, deadline: 'soon' } }],
  [
    'a webhook into a private network',
    {},
    {
      type: 'webhook.created',
      body: { webhook: 'whk_1', url: 'http://169.254.169.254/', events: ['*'], sealedSecret: 'v1.x' },
    },
  ],
  ['a device in no squad', {}, { type: 'device.disconnected', body: { device: 'dev_1', connection: '' } }],
  [
    'an operation of everything',
    {},
    { type: 'route.offered', body: { route: 'x@y', operation: '__proto__', executor: 'y' } },
  ],
  ['an archive that is ahead', {}, { type: 'segment.archived', body: { ...segment, to: 1e15, key: 'x' } }],
];

describe('a journal that was made up', () => {
  test.each(ABSURD.map(([about, created, ...more]) => [about, created, more] as const))(
    '[EXPORT-7] [P13] reaches nothing but its own object, nor does its fork: %s',
    async (_, created, more) => {
      const { store, keys } = watched();
      const object = new AnObject();
      const taken = await object.take(forged(created, ...more));
      if (!taken.ok) {
        expect(taken.error.code).toBe('import_invalid');
        expect([object.rows(), object.places]).toEqual([0, 0]);
        return;
      }
      const past = pastOf(object, store);
      const deps = {
        sql: object.sql,
        store: object.store,
        moment: { at: START, actor: SYSTEM, ids: idSource(START, entropyOf(0)), commandId: 'x', trace: null },
      };
      for (const query of QUERIES) {
        const shown = answer(query as Parameters<typeof answer>[0], deps);
        expect(shown.ok, query.type).toBe(true);
        if (query.type !== 'retention') expect((await past.read('x', SYSTEM, 'now', query)).ok, query.type).toBe(true);
      }
      expect((await past.diff('x', SYSTEM, { seq: 1 }, 'now', page)).ok).toBe(true);
      const found = await past.stateHash('x', null, 'now');
      if (!found.ok) throw new Error(found.error.code);
      expect(found.value.stateHash).toBe(taken.value.imported.stateHash);
      for (const table of ['outbox', 'timer', 'answer'])
        expect(object.sql.all(`SELECT * FROM ${table}`), table).toEqual([]);
      const done = object.store.executeMany([
        {
          id: 'x',
          actor: SYSTEM,
          command: { type: 'PostTransfer', debit: 'treasury', credit: 'a', amountMicro: 1, reference: '' },
          remember: true,
        },
      ]);
      expect(done.executed[0]?.result).toMatchObject({ ok: false, error: { code: 'swarm_sealed' } });
      expect(keys).toEqual([]);

      // Its fork is one like any other, of the tenant that asked.
      const sql = nodeSql(new DatabaseSync(':memory:'));
      migrate(sql, swarmMigrations);
      const fork = openSwarmStore(sql, { now: () => START, entropy: () => entropyOf(7) });
      const { moment, stateHash } = found.value;
      const filler = createFiller({
        ...{
          sql,
          tries: openTries(sql, () => START),
          past: () => past,
          objects: store,
          told: () => {},
          newKey: newSigningKey,
        },
        execute: (commands) => fork.executeMany(commands).executed,
        databaseSize: () => 0,
        now: () => START,
      });
      const wanted = newFork(early.origin, { ...moment, stateHash });
      const { tenant, swarm } = wanted;
      expect(await filler.fill(wanted)).toEqual({ ok: true, value: 'ready' });
      expect(fork.read.row('swarm', SELF)).toMatchObject({ id: swarm, tenant });
      for (const key of keys) expect(key.split('/')[1], key).toBe(tenant);
      expect(sql.all('SELECT * FROM outbox')).toEqual([]);
      expect(fork.audit()).toBeNull();
    },
  );
});

test('[FORK-8] a fork that could not begin is not ready, and begins when it is asked for again', async () => {
  const object = new AnObject();
  await object.take(exported);
  const past = pastOf(object, memoryObjectStore());
  const found = await past.stateHash('x', null, 'now');
  if (!found.ok) throw new Error(found.error.code);
  const { moment, stateHash } = found.value;
  const sql = nodeSql(new DatabaseSync(':memory:'));
  migrate(sql, swarmMigrations);
  const fork = openSwarmStore(sql, { now: () => START, entropy: () => entropyOf(7) });
  let isBroken = true;
  const filler = createFiller({
    ...{
      sql,
      tries: openTries(sql, () => START),
      past: () => past,
      objects: memoryObjectStore(),
      told: () => {},
      newKey: newSigningKey,
    },
    execute(commands) {
      if (isBroken) throw new Error('it cannot begin');
      return fork.executeMany(commands).executed;
    },
    databaseSize: () => 0,
    now: () => START,
  });
  const wanted = newFork(early.origin, { ...moment, stateHash });
  await expect(filler.fill(wanted)).rejects.toThrow('it cannot begin');
  expect([filler.isFilling(), sql.all('SELECT * FROM swarm'), sql.all('SELECT * FROM account')]).toEqual([
    true,
    [],
    [],
  ]);
  await expect(filler.run()).rejects.toThrow('it cannot begin');
  isBroken = false;
  expect(await filler.fill(wanted)).toEqual({ ok: true, value: 'ready' });
  expect(fork.read.row('swarm', SELF)?.id).toBe(wanted.swarm);
});
