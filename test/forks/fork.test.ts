// Forks: what they begin with, what they leave alone, and that they are swarms like any other. Over lives of swarms that are
// made up from a seed; the seed is in the title.

import { describe, expect, test } from 'vitest';
import { archiveId } from '../../core/archive/state.ts';
import { LEFT_OUT } from '../../core/forks/state.ts';
import { type Entry, entriesOf, stateHash } from '../../core/history/state-tree.ts';
import { newId, type TaskId } from '../../core/ids.ts';
import { storageBytesRefuse } from '../../core/limits.ts';
import { err } from '../../core/result.ts';
import { type RowMap, replay } from '../../core/swarm/replay.ts';
import { KINDS, SELF } from '../../core/swarm/state.ts';
import { liveAttempt } from '../../core/work/state.ts';
import { checkBooks } from '../../durable-objects/swarm/conservation.ts';
import { entropyOf, START } from '../core/memory-swarm.ts';
import { World } from '../core/model-world.ts';
import { StoreSwarm } from '../core/store-swarm.ts';
import { Family, type ForkObject, fillUp, type Relative } from './a-family.ts';

/** A swarm with a past: `steps` things have happened in it. */
async function lived(seed: number, steps = 150): Promise<{ world: World; family: Family; some: number }> {
  const world = new World(seed);
  for (let n = 0; n < steps; n++) await world.step();
  // Behind the events that make a swarm.
  const some = 8 + world.dice.below(world.swarm.store.head().seq - 8);
  return { world, family: new Family(world.swarm), some };
}

function rowsOf({ sql }: Relative): RowMap {
  return new Map(
    KINDS.flatMap((kind) =>
      sql
        .all<{ id: string; body: string }>(`SELECT id, body FROM ${kind}`)
        .map(({ id, body }) => [`${kind}/${id}`, JSON.parse(body)] as const),
    ),
  );
}

/** Rows that a fork begins with, of these. */
function inherited(rows: RowMap): readonly Entry[] {
  return entriesOf(rows).filter(([key]) => !LEFT_OUT.has(key.slice(0, key.indexOf('/'))));
}

/** The parent's rows at a moment, from its events alone. */
function rowsAt(world: World, seq: number): RowMap {
  return replay(world.swarm.store.events(1, seq));
}

/** The state of a fork, made of nothing but its parent's events up to a moment and its own up to another. */
function again(world: World, at: number, fork: ForkObject, seq = fork.store.head().seq): string {
  const base: RowMap = new Map(inherited(rowsAt(world, at)).map(([key, text]) => [key, JSON.parse(text)]));
  return stateHash(replay(fork.store.events(1, seq), base));
}

const seeds = Array.from({ length: 10 }, (_, n) => 4_100 + n);

describe('a fork and its parent', () => {
  test.each(seeds)(
    '[FORK-1] a fork never changes its parent, to the last byte of its database (seed %i)',
    async (seed) => {
      const { world, family, some } = await lived(seed);
      const before = { digest: world.swarm.digest(), head: world.swarm.store.head() };
      const { fork } = await family.fork({ seq: some });
      fork.runDue();
      fork.do({ type: 'RequestTask', operation: 'swarm.echo', input: 1 });
      expect(world.swarm.digest()).toBe(before.digest);
      expect(world.swarm.store.head()).toEqual(before.head);
      expect(checkBooks(fork.sql)).toBeNull();
    },
  );

  test.each(seeds.slice(0, 4))(
    '[FORK-1] the parent writes on while a fork is filled, and the fork has nothing of it (seed %i)',
    async (seed) => {
      const { world, family, some } = await lived(seed);
      const before = { head: world.swarm.store.head().seq, rows: rowsAt(world, some) };
      let written = 0;
      family.pageRows = 10;
      family.beforePage = () => {
        written++;
        world.swarm.do({ type: 'IssueKey', name: `written meanwhile ${written}`, scopes: ['tasks:read'] });
        world.swarm.execute({ type: 'RequestTask', operation: 'swarm.echo', input: written });
      };
      const { fork } = await family.fork({ seq: some });
      expect(written).toBeGreaterThan(2);
      expect(again(world, some, fork)).toBe(family.stateHash(fork));
      expect(stateHash(rowsAt(world, some))).toBe(stateHash(before.rows));
      expect(world.swarm.store.head().seq).toBeGreaterThan(before.head);
    },
  );

  test.each(seeds)(
    '[FORK-2] a fork begins with the rows of that moment, every one and no other (seed %i)',
    async (seed) => {
      const { world, family, some } = await lived(seed);
      const { fork, made } = await family.fork({ seq: some });
      const then = rowsAt(world, some);
      expect(made.parent.stateHash).toBe(stateHash(then));
      expect(again(world, some, fork)).toBe(family.stateHash(fork));
      expect(fork.row('swarm', SELF).fork?.parent).toEqual(made.parent);
    },
  );

  test('[FORK-2] rows that are not those of the parent’s state are not believed, and nothing of them is shown', async () => {
    const { family, some } = await lived(4_200);
    const made = await family.wanted({ seq: some });
    if (!made.ok) throw new Error();
    const fork = family.object({ ...made.value, parent: { ...made.value.parent, stateHash: '0'.repeat(64) } });
    const bad = { ...made.value, parent: { ...made.value.parent, stateHash: '0'.repeat(64) } };
    expect(await fork.filler.fill(bad)).toEqual(err({ code: 'history_damaged', seq: some }));
    expect(fork.filler.isFilling()).toBe(true);
    expect(fork.store.head().seq).toBe(0);
    expect([...rowsOf(fork)]).toEqual([]);
    // A head that is another one's is noticed before a row is taken.
    const other = family.object(made.value);
    const wrong = { ...made.value, parent: { ...made.value.parent, head: 'f'.repeat(64) } };
    expect(await other.filler.fill(wrong)).toEqual(err({ code: 'history_damaged', seq: some }));
  });
});

describe('a fork by itself', () => {
  test.each(seeds)(
    '[FORK-3] its rows are its base and its own events, at every moment of its journal (seed %i)',
    async (seed) => {
      const { world, family, some } = await lived(seed);
      const { fork } = await family.fork({ seq: some });
      fork.do({ type: 'RequestTask', operation: 'swarm.echo', input: 1 });
      const id = fork.row('swarm', SELF).id;
      expect(again(world, some, fork)).toBe(family.stateHash(fork));
      const head = fork.store.head().seq;
      for (let seq = 1; seq <= head; seq++) {
        const past = await family.past.stateHash(id, null, { seq });
        expect(past).toMatchObject({ ok: true, value: { stateHash: again(world, some, fork, seq) } });
      }
      // And from a snapshot that it takes itself.
      await family.snapshot(fork);
      family.forgetPasts();
      fork.do({ type: 'RequestTask', operation: 'swarm.echo', input: 2 });
      const now = await family.past.stateHash(id, null, { seq: fork.store.head().seq });
      expect(now).toMatchObject({
        ok: true,
        value: { stateHash: family.stateHash(fork), moment: { snapshotSeq: head } },
      });
    },
  );

  test('[FORK-4] it has an origin, a key and a first event of its own, and remembers no answer of its parent', async () => {
    const { world, family, some } = await lived(4_300);
    const { fork, made } = await family.fork({ seq: some });
    const [first] = fork.store.events(1, 1);
    expect(first).toMatchObject({ seq: 1, type: 'swarm.forked', previous: '0'.repeat(64) });
    expect(fork.store.origin()).toBe(`${made.tenant}/${made.swarm}`);
    expect(fork.row('swarm', SELF).publicKey).not.toBe(world.swarm.row('swarm', SELF).publicKey);
    expect(fork.sql.all('SELECT id FROM answer')).toEqual([]);
    expect(fork.stored('key').map(({ id }) => id)).toEqual([made.key]);
    for (const kind of ['enrollment', 'trigger', 'webhook', 'delivery', 'segment', 'rerun'] as const)
      expect(fork.stored(kind)).toEqual([]);
    const parentsKey = world.swarm.stored('key')[0]?.id ?? '';
    const asked = fork.store.executeMany([
      {
        id: 'x',
        actor: { kind: 'key', id: parentsKey, scopes: ['admin'] },
        command: { type: 'RequestTask', operation: 'swarm.echo', input: 1 },
        remember: false,
      },
    ]).executed[0]?.result;
    expect(asked).toEqual(err({ code: 'key_revoked' }));
  });

  test.each(seeds)(
    '[FORK-5] nothing that was under way in the parent is under way here, and the books add up (seed %i)',
    async (seed) => {
      const { family, some, world } = await lived(seed);
      const { fork } = await family.fork({ seq: some });
      const forkedAt = fork.row('swarm', SELF).createdAt;
      for (const task of fork.stored('task')) {
        const live = liveAttempt(task);
        // What the fork itself does in process may be under way.
        if (live) expect([live.executor, live.startedAt]).toEqual(['cloud', forkedAt]);
      }
      for (const { id, connected } of fork.stored('presence')) expect([id, connected]).toEqual([id, id === 'cloud']);
      const mine = fork.row('account', 'tenant');
      const { supplyMicro } = fork.row('swarm', SELF);
      const held = fork.stored('transfer').filter(({ state, debit }) => state === 'pending' && debit === 'tenant');
      expect(mine.postedMicro).toBeGreaterThanOrEqual(supplyMicro);
      expect(mine.heldMicro).toBe(held.reduce((sum, { amountMicro }) => sum + amountMicro, 0));
      expect(checkBooks(fork.sql)).toBeNull();
      // Credits are made by the treasury alone, under the fork's name.
      const test = fork.stored('transfer').filter(({ reference }) => reference.startsWith('fork/'));
      expect(test.length).toBeLessThanOrEqual(1);
      expect(world.swarm.stored('transfer').some(({ reference }) => reference.startsWith('fork/'))).toBe(false);
    },
  );
});

describe('filling', () => {
  test.each([1, 2, 3])(
    '[FORK-8] cut off after every step, it goes on where it stood and comes out the same (seed %i)',
    async (n) => {
      const { family, some, world } = await lived(4_400 + n, 120);
      const made = await family.wanted({ seq: some });
      if (!made.ok) throw new Error();
      const straight = (await family.fork({ seq: some })).fork;
      const fork = family.object(made.value);
      fork.hurryMs = 30_000;
      family.pageRows = 10;
      let cuts = 0;
      for (; cuts < 200; cuts++) {
        const went = await fork.filler.fill(made.value);
        if (!went.ok) throw new Error(went.error.code);
        if (went.value === 'ready') break;
        expect(fork.filler.isFilling()).toBe(true);
        fork.reopen();
      }
      expect(cuts).toBeGreaterThan(3);
      expect(
        inherited(rowsOf(fork))
          .map(([key]) => key)
          .filter((key) => !key.startsWith('transfer/')),
      ).toEqual(
        inherited(rowsOf(straight))
          .map(([key]) => key)
          .filter((key) => !key.startsWith('transfer/')),
      );
      expect(fork.sql.all('SELECT n FROM base')).toEqual([]);
      expect(checkBooks(fork.sql)).toBeNull();
      // Asked again, it is there already; as another fork it is not.
      expect(await fork.filler.fill(made.value)).toMatchObject({ ok: true, value: 'ready' });
      const other = { ...made.value, swarm: newId('swm', START, entropyOf(9)) };
      expect(await fork.filler.fill(other)).toEqual(err({ code: 'swarm_exists' }));
      expect(world.swarm.store.halted()).toBeNull();
    },
  );

  test('[FORK-8] storage that fails in the middle leaves nothing half begun', async () => {
    const { family, some } = await lived(4_500, 120);
    const made = await family.wanted({ seq: some });
    if (!made.ok) throw new Error();
    const fork = family.object(made.value);
    const put = family.objects.put;
    let left = 2;
    family.objects.put = async (...args) => {
      if (left-- <= 0) throw new Error('the storage is gone');
      return put(...args);
    };
    await expect(fork.filler.fill(made.value)).rejects.toThrow('the storage is gone');
    expect(fork.store.head().seq).toBe(0);
    family.objects.put = put;
    fork.reopen();
    expect(await fillUp(fork, made.value)).toMatchObject({ ok: true, value: 'ready' });
  });

  test('[FORK-10] deleted while it is filled, nothing of it comes back', async () => {
    const { family, some } = await lived(4_520, 60);
    const made = await family.wanted({ seq: some });
    if (!made.ok) throw new Error();
    const fork = family.object(made.value);
    family.pageRows = 5;
    let pages = 0;
    family.beforePage = () => {
      if (++pages !== 3) return;
      fork.filler.forget();
      fork.sql.run('DELETE FROM base');
      fork.sql.run('DELETE FROM meta');
    };
    expect(await fork.filler.fill(made.value)).toEqual(err({ code: 'swarm_not_found' }));
    expect(fork.sql.all('SELECT * FROM base')).toEqual([]);
    expect(fork.sql.all('SELECT * FROM meta')).toEqual([]);
    expect(fork.filler.isFilling()).toBe(false);
  });

  test('[FORK-8] a parent that does not fit is refused before the object is full', async () => {
    const { family, some } = await lived(4_510, 60);
    const made = await family.wanted({ seq: some });
    if (!made.ok) throw new Error();
    const fork = family.object(made.value);
    fork.bytes = storageBytesRefuse + 1;
    expect(await fork.filler.fill(made.value)).toEqual(err({ code: 'storage_full' }));
    expect(fork.store.head().seq).toBe(0);
  });
});

describe('moments to fork at', () => {
  test('[FORK-9] the first event, the head, a fork, a fork’s past', async () => {
    const { world, family } = await lived(4_600, 80);
    const genesis = await family.fork({ seq: 1 });
    expect(genesis.fork.stored('task')).toEqual([]);
    const head = await family.fork('now');
    expect(head.made.parent.seq).toBe(world.swarm.store.head().seq);
    const before = head.fork.store.head();
    head.fork.do({ type: 'RequestTask', operation: 'swarm.echo', input: 'in the fork' });
    const task = head.fork.do({ type: 'RequestTask', operation: 'swarm.echo', input: 'later' }) as TaskId;
    const digest = family.stateHash(head.fork);
    const second = await family.fork('now', head.made.swarm);
    const earlier = await family.fork({ seq: before.seq }, head.made.swarm);
    expect(second.fork.row('task', task).input).toBe('later');
    expect(earlier.fork.store.read.row('task', task)).toBeNull();
    expect(second.fork.row('swarm', SELF).fork?.parent.swarm).toBe(head.made.swarm);
    expect(family.stateHash(head.fork)).toBe(digest);
    for (const { fork } of [genesis, head, second, earlier]) expect(checkBooks(fork.sql)).toBeNull();
  });

  test('[FORK-9] a moment that has not been, or was before the first event, is refused', async () => {
    const { world, family } = await lived(4_700, 20);
    const head = world.swarm.store.head().seq;
    expect(await family.wanted({ seq: head + 1 })).toMatchObject({ ok: false, error: { code: 'moment_ahead' } });
    expect(await family.wanted({ time: START - 1 })).toMatchObject({
      ok: false,
      error: { code: 'moment_before_genesis' },
    });
    expect(await family.wanted({ time: world.swarm.now })).toMatchObject({
      ok: true,
      value: { parent: { seq: head } },
    });
  });

  test('[FORK-9] a moment past its retention is refused', async () => {
    const family = new Family(new StoreSwarm());
    const { parent } = family;
    for (let n = 0; n < 40; n++) parent.do({ type: 'RequestTask', operation: 'swarm.echo', input: n });
    await family.snapshot(parent);
    parent.do({ type: 'RequestTask', operation: 'swarm.echo', input: 'behind the snapshot' });
    const { snapshotSeq: to } = parent.row('swarm', SELF);
    const of = {
      head: parent.store.events(to, 1)[0]?.hash ?? '',
      previous: '0'.repeat(64),
      root: '',
      key: 'k',
      sha256: '',
    };
    parent.do({ type: 'RecordSegment', from: 1, to, fromAt: START, toAt: START, bytes: 1, ...of });
    parent.do({ type: 'SetRetention', days: 1 });
    parent.now += 3 * 24 * 3_600_000;
    // After so long a pause nothing is deleted for a day.
    parent.do({ type: 'SetRetention', days: 2 });
    parent.now += 24 * 3_600_000;
    parent.do({ type: 'ExpireHistory', behind: archiveId(to), segments: [archiveId(1)], snapshots: [] });
    expect(await family.wanted({ seq: 5 })).toMatchObject({ ok: false, error: { code: 'history_expired' } });
    const { fork } = await family.fork('now');
    expect(fork.stored('task')).toHaveLength(41);
    expect(fork.row('swarm', SELF)).toMatchObject({ archivedTo: 0, expiredTo: 0, retentionDays: null, snapshotSeq: 0 });
  });
});
