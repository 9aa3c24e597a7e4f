// What the swarm signs, and when it signs no more: the real store and the real signer over node:sqlite.

import { describe, expect, test } from 'vitest';
import type { SignedCheckpoint } from '../../core/journal/checkpoint.ts';
import { verifyCheckpoint } from '../../core/journal/checkpoint.ts';
import { judgeContinuation } from '../../core/journal/continuation.ts';
import type { StoredEvent } from '../../core/journal/event.ts';
import { leafOf, rootOf, verifyInclusion } from '../../core/journal/merkle.ts';
import { type TaskProof, verifyTaskProof } from '../../core/journal/proof.ts';
import { checkpointEvents, checkpointMs } from '../../core/limits.ts';
import { err, ok } from '../../core/result.ts';
import { atOnce } from '../../core/steps.ts';
import { blockLeaves, cacheSubtrees, journalTree } from '../../durable-objects/swarm/merkle-tree.ts';
import { outsideCheckpoint } from '../../durable-objects/swarm/outside-checkpoint.ts';
import type { Signer } from '../../durable-objects/swarm/signer.ts';
import { faultyObjectStore } from '../contract/faulty-object-store.ts';
import { memoryObjectStore } from '../contract/memory-object-store.ts';
import { StoreSwarm } from './store-swarm.ts';

const post = { type: 'PostTransfer', debit: 'tenant', credit: 'team/a', amountMicro: 1, reference: '' } as const;

function grow(swarm: StoreSwarm, events: number): StoreSwarm {
  swarm.store.executeMany(Array.from({ length: events }, () => swarm.envelope(post)));
  return swarm;
}

async function signed(signer: Signer, size?: number): Promise<SignedCheckpoint> {
  const result = await signer.sign(size);
  if (!result.ok) throw new Error(result.error.code);
  return result.value;
}
const code = (result: { ok: boolean; error?: { code: string } }) => (result.ok ? null : result.error?.code);

/** Rewrites an event in place, as somebody with access to the database could: its hash and those after it stay. */
function tamper(swarm: StoreSwarm, seq: number): void {
  swarm.sql.run(`UPDATE journal SET hash = ? WHERE seq = ?`, 'ab'.repeat(32), seq);
}

/** Takes the last events away, as a rolled-back storage does. */
function rollBack(swarm: StoreSwarm, to: number, andCheckpoints = true): void {
  swarm.sql.run('DELETE FROM journal WHERE seq > ?', to);
  if (andCheckpoints) swarm.sql.run('DELETE FROM checkpoint WHERE size > ?', to);
  swarm.reopen();
}

describe('what is signed', () => {
  test('[JOURNAL-17] every checkpoint that was signed is kept, and of one size there is one', async () => {
    const swarm = grow(new StoreSwarm(), 40);
    const signer = swarm.signer();
    const [all, first] = [await signed(signer), await signed(signer, 10)];
    swarm.now += 5_000;
    expect(await signed(signer)).toEqual(all);
    expect(await signed(signer, 10)).toEqual(first);
    grow(swarm, 3);
    const later = await signed(swarm.signer());
    expect([later.size, later.at]).toEqual([all.size + 3, swarm.now]);
    expect(swarm.signer().list(Number.MAX_SAFE_INTEGER, 10)).toEqual([later, all, first]);
    expect(swarm.signer().list(all.size, 10)).toEqual([first]);
    expect([later, all, first].every(verifyCheckpoint)).toBe(true);
  });

  test('[JOURNAL-17] the root and head of an earlier size are those of that time', async () => {
    const swarm = grow(new StoreSwarm(), 20);
    const then = swarm.checkpoint();
    grow(swarm, 600);
    const { root, head, size } = await signed(swarm.signer(), then.size);
    expect({ root, head, size }).toEqual({ root: then.root, head: then.head, size: then.size });
  });

  test('[JOURNAL-17] outsiders who ask for every earlier size get the same word each time, and fill no table', async () => {
    const swarm = grow(new StoreSwarm(), 20);
    const signer = swarm.signer();
    const sizes = Array.from({ length: 10 }, (_, i) => i + 1);
    const ask = async () => {
      const shown = await Promise.all(sizes.map((size) => signer.show(size)));
      return shown.map((answer) => (answer.ok ? answer.value : null));
    };
    const shown = await ask();
    swarm.now += 3_600_000;
    expect(await ask()).toEqual(shown);
    expect(shown.every((checkpoint) => checkpoint !== null && verifyCheckpoint(checkpoint))).toBe(true);
    expect(shown.map((checkpoint) => checkpoint?.size)).toEqual(sizes);
    expect(signer.list(Number.MAX_SAFE_INTEGER, 10)).toEqual([]);
    // What is kept of a size is what is shown of it.
    const kept = await signed(signer);
    grow(swarm, 3);
    expect(await signer.show(kept.size)).toEqual({ ok: true, value: kept });
  });

  test('[JOURNAL-17] a size that the journal does not have, or none, is refused', async () => {
    const swarm = new StoreSwarm();
    const signer = swarm.signer();
    const { seq } = swarm.store.head();
    expect(code(await signer.sign(seq + 1))).toBe('size_ahead');
    expect(code(await signer.prove(seq + 1, seq + 2))).toBe('size_ahead');
    expect(code(await signer.prove(2, 1))).toBe('sizes_reversed');
    await expect(swarm.proof({ type: 'proof', seq: 2, size: 1 })).rejects.toThrow('sizes_reversed');
    await expect(swarm.proof({ type: 'proof', seq: seq + 1 })).rejects.toThrow('event_not_found');
    await expect(swarm.proof({ type: 'task-proof', id: 'tsk_none' })).rejects.toThrow('task_not_found');
    expect(code(await new StoreSwarm({ isCreated: false }).signer().sign())).toBe('size_ahead');
  });

  test('[JOURNAL-18] by the clock: an hour after the last, at once when the journal has grown much, never while it rests', async () => {
    const swarm = new StoreSwarm();
    const signer = swarm.signer();
    const { createdAt } = swarm.row('swarm', 'self');
    expect(signer.dueAt()).toBe(createdAt + checkpointMs);
    await signer.run();
    expect(signer.dueAt()).toBeNull();
    swarm.now += 1_000;
    grow(swarm, 1);
    expect(signer.dueAt()).toBe(swarm.now - 1_000 + checkpointMs);
    grow(swarm, checkpointEvents);
    expect(signer.dueAt()).toBe(swarm.now);
    await signer.run();
    expect(signer.last()?.size).toBe(swarm.store.head().seq);
    expect(signer.dueAt()).toBeNull();
  });

  test('[JOURNAL-19] a proof leads from each checkpoint to each later one', async () => {
    const swarm = new StoreSwarm();
    const signer = swarm.signer();
    const held: SignedCheckpoint[] = [];
    for (const events of [1, 3, 200, 60, 256, 500]) {
      held.push(await signed(signer));
      grow(swarm, events);
    }
    held.push(await signed(signer));
    for (const [n, before] of held.entries())
      for (const after of held.slice(n)) {
        const path = await signer.prove(before.size, after.size);
        expect(path.ok && judgeContinuation(before, after, path.value)).toBeNull();
        const backwards = path.ok && judgeContinuation(after, before, path.value);
        expect(backwards).toBe(after.size === before.size ? null : 'shorter');
      }
  });
});

describe('a swarm that would sign another history', () => {
  test.each([
    ['an event under the last checkpoint is another', (swarm: StoreSwarm) => tamper(swarm, 7)],
    ['the journal is shorter than what was signed', (swarm: StoreSwarm) => rollBack(swarm, 30, false)],
    [
      'the journal grew again after it was cut',
      (swarm: StoreSwarm) => {
        rollBack(swarm, 30, false);
        grow(swarm, 100);
      },
    ],
  ])('[JOURNAL-20] halts when %s, and says why', async (_, rewrite) => {
    const swarm = grow(new StoreSwarm(), 50);
    const before = await signed(swarm.signer());
    rewrite(swarm);
    const signer = swarm.signer();
    for (const size of [undefined, 5, before.size]) expect(code(await signer.sign(size))).toBe('swarm_halted');
    expect(swarm.store.halted()).toContain('history_rewritten');
    expect(swarm.code(post)).toBe('swarm_halted');
    expect(signer.dueAt()).toBeNull();
    swarm.reopen();
    expect(code(await swarm.signer().sign())).toBe('swarm_halted');
    expect(swarm.signer().last()).toEqual(before);
  });

  test('[JOURNAL-21] is found out by the checkpoint in object storage when its own record was rolled back as well', async () => {
    const objects = memoryObjectStore();
    const outside = outsideCheckpoint(objects);
    const swarm = grow(new StoreSwarm(), 50);
    const { createdAt } = swarm.row('swarm', 'self');
    swarm.now = createdAt + checkpointMs;
    await swarm.signer({ outside }).run();
    const [key] = objects.objects.keys();
    expect(key).toBe(`checkpoints/${swarm.store.origin()}.json`);
    rollBack(swarm, 30);
    grow(swarm, 100);
    // Without it nothing is noticed: that is why it is held outside.
    expect(code(await swarm.signer().sign(31))).toBeNull();
    const held = objects.objects.get(key ?? '');
    const signer = swarm.signer({ outside });
    await signer.compareOutside();
    expect(swarm.store.halted()).toContain('object storage');
    expect(code(await signer.sign())).toBe('swarm_halted');
    expect(objects.objects.get(key ?? '')).toEqual(held);
  });

  test('[JOURNAL-21] goes on when object storage cannot be reached, says so, and overwrites nothing there unread', async () => {
    const objects = memoryObjectStore();
    let fails = true;
    const faulty = faultyObjectStore(objects, {
      choose: () => (fails ? 'failing' : null),
      below: () => 0,
      pause: async () => {},
    });
    const swarm = grow(new StoreSwarm(), 50);
    const logged: string[] = [];
    const signer = swarm.signer({
      outside: outsideCheckpoint(faulty),
      log: (_level, event) => logged.push(event),
    });
    expect((await signed(signer)).size).toBe(swarm.store.head().seq);
    await expect(signer.run()).rejects.toThrow('cannot be read');
    expect(new Set(logged)).toEqual(new Set(['checkpoint_outside_unreachable']));
    expect(objects.objects.size).toBe(0);
    // It is due until it is held there, though nothing is left to sign.
    expect(signer.dueAt()).toBe(swarm.now);
    fails = false;
    await signer.run();
    expect([objects.objects.size, signer.dueAt()]).toEqual([1, null]);
    expect(swarm.store.halted()).toBeNull();
  });

  test('[JOURNAL-21] begins to hold outside what it signs, though it was opened before the swarm was created', async () => {
    const objects = memoryObjectStore();
    const swarm = new StoreSwarm({ isCreated: false });
    const signer = swarm.signer({ outside: outsideCheckpoint(objects) });
    await signer.compareOutside();
    swarm.create();
    await signer.run();
    expect([...objects.objects.keys()]).toEqual([`checkpoints/${swarm.store.origin()}.json`]);
  });

  test('[JOURNAL-21] takes something that nobody signed for what it is: said, not believed', async () => {
    const objects = memoryObjectStore();
    const swarm = grow(new StoreSwarm(), 50);
    const other = new StoreSwarm();
    const key = `checkpoints/${swarm.store.origin()}.json`;
    const lies = [
      'not JSON',
      '{}',
      JSON.stringify(other.checkpoint()),
      JSON.stringify({ ...swarm.checkpoint(), size: 9_999 }),
    ];
    for (const lie of lies) {
      objects.objects.set(key, new TextEncoder().encode(lie));
      const logged: string[] = [];
      const signer = swarm.signer({ outside: outsideCheckpoint(objects), log: (_level, event) => logged.push(event) });
      expect(code(await signer.sign())).toBeNull();
      expect(logged).toEqual(['checkpoint_outside_invalid']);
    }
  });

  test('[JOURNAL-22] signs no more when a device shows its own signature under another history, and goes on working', async () => {
    const swarm = grow(new StoreSwarm(), 50);
    const held = await signed(swarm.signer());
    rollBack(swarm, 30);
    grow(swarm, 100);
    const signer = swarm.signer();
    await signed(signer);
    expect(code(await signer.continueFrom(held, 'device/dev_1'))).toBe('signing_halted');
    expect(signer.halted()).toContain(held.signature);
    expect(swarm.code(post)).toBeNull();
    expect(signer.dueAt()).toBeNull();
    swarm.reopen();
    for (const size of [undefined, 5]) expect(code(await swarm.signer().sign(size))).toBe('signing_halted');
    expect(code(await swarm.signer().continueFrom(null, 'device/dev_2'))).toBe('signing_halted');
  });

  test('[JOURNAL-22] does not stop for what it never signed', async () => {
    const swarm = grow(new StoreSwarm(), 50);
    const signer = swarm.signer();
    const own = await signed(signer);
    const others = [
      new StoreSwarm().checkpoint(),
      { ...own, size: own.size + 9 },
      { ...own, signature: `${own.signature.slice(0, -2)}AA` },
    ];
    for (const held of others) {
      const shown = await signer.continueFrom(held, 'device/dev_1');
      expect(shown.ok && shown.value.checkpoint).toEqual(own);
    }
    // Whoever holds them finds out alone: an empty proof goes on from nothing but what it was made for.
    for (const held of others.slice(0, 2)) expect(judgeContinuation(held, own, [])).not.toBeNull();
    expect(signer.halted()).toBeNull();
    expect(await signer.continueFrom(null, 'device/dev_1')).toEqual(ok({ checkpoint: own, path: [] }));
  });
});

describe('events that have left for the archive', () => {
  /** Moves all events but the last `kept` or more into an archive, as the recorder does. */
  function archive(swarm: StoreSwarm, kept: number) {
    const upTo = Math.floor((swarm.store.head().seq - kept) / blockLeaves) * blockLeaves;
    const archived = new Map(swarm.store.events(1, upTo).map((event) => [event.seq, event]));
    atOnce(cacheSubtrees(swarm.sql, upTo));
    swarm.sql.run('DELETE FROM journal WHERE seq <= ?', upTo);
    const reads: [number, number][] = [];
    const readEvents = async (from: number, to: number) => {
      reads.push([from, to]);
      const events: StoredEvent[] = [];
      for (let seq = from; seq <= to; seq++) {
        const event = archived.get(seq) ?? swarm.store.events(seq, 1)[0];
        if (event) events.push(event);
      }
      return ok(events);
    };
    return { upTo, archived, reads, readEvents };
  }

  test('[JOURNAL-23] are proved as before: each by its path, each size by its root', async () => {
    const swarm = grow(new StoreSwarm(), 2_000);
    const leaves = swarm.journal().map(({ hash }) => leafOf(hash));
    const plain = { leaf: (index: number) => leaves[index] ?? new Uint8Array() };
    const { upTo, reads, readEvents } = archive(swarm, 300);
    expect(upTo).toBe(1_536);
    for (const seq of [1, 2, 256, 257, 1_000, upTo, upTo + 1, leaves.length]) {
      const { path, checkpoint } = (await swarm.proof({ type: 'proof', seq }, { readEvents })) as {
        path: string[];
        checkpoint: SignedCheckpoint;
      };
      const nodes = path.map((node) => Buffer.from(node, 'hex'));
      const root = rootOf(plain, leaves.length);
      expect(checkpoint.root).toBe(Buffer.from(root).toString('hex'));
      expect(verifyInclusion(plain.leaf(seq - 1), seq - 1, leaves.length, nodes, root)).toBe(true);
    }
    for (const size of [1, 100, 256, 1_300]) {
      const { root } = (await swarm.proof({ type: 'checkpoint', size }, { readEvents })) as SignedCheckpoint;
      expect(root).toBe(Buffer.from(rootOf(plain, size)).toString('hex'));
    }
    // Never more than the event itself and the one block around it.
    for (const [from, to] of reads) expect(to - from).toBeLessThan(blockLeaves);
  });

  test('[JOURNAL-23] are not proved from a damaged archive, and not after they are gone', async () => {
    const swarm = grow(new StoreSwarm(), 1_000);
    const { archived, readEvents } = archive(swarm, 300);
    const event = archived.get(200);
    archived.set(200, { ...(event as StoredEvent), hash: 'cd'.repeat(32) });
    await expect(swarm.proof({ type: 'proof', seq: 190 }, { readEvents })).rejects.toThrow('history_damaged');
    archived.clear();
    await expect(swarm.proof({ type: 'proof', seq: 190 }, { readEvents })).rejects.toThrow('history_expired');
    const gone = async () => err({ code: 'history_expired' as const });
    await expect(swarm.proof({ type: 'proof', seq: 190 }, { readEvents: gone })).rejects.toThrow('history_expired');
    // The whole tree needs none of them.
    const { size } = (await swarm.proof({ type: 'checkpoint' }, { readEvents: gone })) as SignedCheckpoint;
    expect(size).toBe(swarm.store.head().seq);
  });

  test('[JOURNAL-23] are found for the proof of their task, as long as it did not take days', async () => {
    const swarm = new StoreSwarm();
    const task = swarm.do({ type: 'RequestTask', operation: 'swarm.echo', input: 1 });
    swarm.now += 1_000;
    swarm.do({ type: 'CancelTask', task: task as `tsk_${string}` });
    swarm.now += 1_000;
    grow(swarm, 1_000);
    const query = { type: 'task-proof', id: task } as const;
    const before = (await swarm.proof(query)) as TaskProof;
    expect(before.transfers).toMatchObject([{ state: 'voided' }]);
    const { upTo, readEvents } = archive(swarm, 300);
    const { createdAt } = swarm.row('swarm', 'self');
    const segment = (n: number) => ({ from: 1, to: upTo, state: 'kept', fromAt: createdAt, toAt: swarm.now, n });
    const insert = (n: number) =>
      swarm.sql.run('INSERT INTO segment (id, body) VALUES (?, ?)', String(n), JSON.stringify(segment(n)));
    insert(1);
    swarm.sql.run(`UPDATE swarm SET body = json_set(body, '$.archivedTo', ?)`, upTo);
    swarm.reopen();
    const after = (await swarm.proof(query, { readEvents })) as TaskProof;
    expect(after).toEqual(before);
    expect(verifyTaskProof(after, swarm.keys.publicKey)).toMatchObject({ ok: true });
    for (const n of [2, 3, 4, 5]) insert(n);
    await expect(swarm.proof(query, { readEvents })).rejects.toThrow('range_too_large');
  });

  test('[JOURNAL-23] need a few dozen kept roots, however long the journal is', () => {
    const swarm = grow(new StoreSwarm(), 9_000);
    let reads = 0;
    const counting = {
      ...swarm.sql,
      all<R>(query: string, ...bindings: never[]) {
        reads++;
        return swarm.sql.all<R>(query, ...bindings);
      },
    };
    atOnce(cacheSubtrees(swarm.sql, swarm.store.head().seq));
    const size = swarm.store.head().seq;
    rootOf(journalTree(counting, swarm.readEvents), size);
    // 2 of 4,096, 3 of 256, and the leaves of the last block in one query.
    expect(reads).toBeLessThan(20);
  });
});
