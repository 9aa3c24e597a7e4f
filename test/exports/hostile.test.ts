// Journals that hold by every hash and are none all the same, bodies that never end, and requests that are cut off.

import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { sha256 } from '../../core/hash.ts';
import type { ImportPort, ImportStart } from '../../core/imports/port.ts';
import { signCheckpoint } from '../../core/journal/checkpoint.ts';
import { chain, GENESIS, preimage, type StoredEvent } from '../../core/journal/event.ts';
import { eventLine, exportHeader } from '../../core/journal/export-lines.ts';
import { leafOf, rootOf } from '../../core/journal/merkle.ts';
import { canonical } from '../../core/json.ts';
import {
  attemptsMax,
  errorMessageCharsMax,
  importAbandonedMs,
  importBatchBytesMax,
  importLineBytesMax,
  importRowsCharsMax,
  importSilenceMsMax,
  rowsMovedAtOnce,
} from '../../core/limits.ts';
import { BodyBroken, unpacked } from '../../functions/imports/unpacked.ts';
import { START } from '../core/memory-swarm.ts';
import { StoreSwarm } from '../core/store-swarm.ts';
import { AnObject, exportOf, inPieces } from './an-object.ts';

const swarm = new StoreSwarm();
swarm.do({ type: 'PostTransfer', debit: 'tenant', credit: 'team/a', amountMicro: 5, reference: '' });
const checkpoint = await swarm.checkpoint();
const whole = await exportOf(checkpoint, swarm.store);
const honest = swarm.store.events(1, checkpoint.size);

/** A journal that begins as an honest one and goes on as its author likes, signed with its own key. */
function forged(
  ...more: readonly { type: string; body: object; version?: number; at?: number; subject?: string }[]
): Uint8Array {
  const events: StoredEvent[] = [...honest];
  for (const { type, body, version = 1, at = START, subject = 'x/y' } of more) {
    const last = events.at(-1);
    const context = { at, actor: 'system/x', command: 'x', trace: null };
    const said = { type, subject, body: canonical(body) };
    const event = { ...chain(checkpoint.origin, last?.hash ?? GENESIS, events.length + 1, said, context), version };
    events.push({ ...event, hash: sha256(preimage(checkpoint.origin, event)) });
  }
  return signed(events);
}

function signed(events: readonly StoredEvent[], origin = checkpoint.origin): Uint8Array {
  const reader = { leaf: (index: number) => leafOf(events[index]?.hash ?? '') };
  const root = Buffer.from(rootOf(reader, events.length)).toString('hex');
  const of = { origin, size: events.length, head: events.at(-1)?.hash ?? '', root, at: START };
  const header = exportHeader(signCheckpoint(of, swarm.keys.privateKey, swarm.keys.publicKey));
  return Buffer.from(`${[header, ...events.map((event) => eventLine(origin, event))].join('\n')}\n`);
}

async function refusal(bytes: Uint8Array | ReadableStream<Uint8Array>) {
  const object = new AnObject();
  const taken = await object.take(bytes);
  expect([taken.ok, object.rows(), object.places]).toEqual([false, 0, 0]);
  object.close();
  return taken.ok ? null : taken.error;
}

const next = checkpoint.size + 1;
const device = { device: 'dev_1', squad: 0, name: '', enrollment: 'enr_1', did: 'did:key:z1' };
const held = { debit: 'tenant', credit: 'team/a' };
const moved = { transfer: 'trf_1', debit: 'a', credit: 'b', amountMicro: 1, reference: '' };

describe('journals whose hashes hold', () => {
  test('an honest one passes: what is refused below is refused for what it says', async () => {
    const object = new AnObject();
    expect(await object.take(forged({ type: 'transfer.posted', body: { ...moved, debit: 'treasury' } }))).toMatchObject(
      {
        ok: true,
      },
    );
  });

  test.each([
    ['a type that is not known here', { type: 'swarm.dreamt', body: {} }, /swarm\.dreamt/],
    ['a version that is newer', { type: 'task.requested', body: {}, version: 2 }, /task\.requested .* version 2/],
    ['a swarm that is made twice', { type: 'swarm.created', body: {} }, /once/],
    ['an event before its time', { type: 'cycle.swept', body: { cycle: 1, accounts: 0 }, at: 1 }, /before/],
    ['a task that nobody asked for', { type: 'task.succeeded', body: { task: 'tsk_1' } }, /follow/],
    ['a body without what it should have', { type: 'transfer.settled', body: {} }, /follow/],
    ['half a character in what surrounds it', { type: 'cycle.swept', body: {}, subject: 'x/\udc00' }, /well formed/],
  ] as const)('[EXPORT-5] refused by name: %s', async (_, event, reason) => {
    const error = await refusal(forged(event, { type: 'cycle.swept', body: { cycle: 1, accounts: 0 } }));
    expect(error).toMatchObject({ code: 'import_invalid', seq: next, detail: expect.stringMatching(reason) });
  });

  test('[EXPORT-5] what is unique and said twice is refused where it is said again', async () => {
    let made = 0;
    const filler = () =>
      Array.from({ length: 20 }, () => ({
        type: 'transfer.posted',
        body: { ...moved, debit: 'treasury', transfer: `trf_${++made}` },
      }));
    const error = await refusal(
      forged(
        { type: 'enrollment.opened', body: { enrollment: 'enr_1', name: null, autonomyLevel: 1, expiresAt: 1 } },
        ...filler(),
        { type: 'device.enrolled', body: device },
        ...filler(),
        { type: 'device.enrolled', body: { ...device, device: 'dev_2' } },
        ...filler(),
      ),
    );
    expect(error).toMatchObject({ code: 'import_invalid', seq: next + 42 });
  });

  /** Tasks that are large, each asked for and done. */
  const large = (tasks: readonly string[], chars: number) =>
    tasks.flatMap((task) => {
      const text = 'x'.repeat(chars);
      const asked = { operation: 'swarm.echo', require: {}, maxCreditsMicro: null, deadline: START + 1, origin: 'api' };
      const plan = { mission: null, key: null, after: [], state: 'queued' };
      return [
        { type: 'task.requested', body: { task, input: text, ...asked, ...plan } },
        { type: 'task.succeeded', body: { task, result: text, settledMicro: 0 } },
      ];
    });
  const move = (tasks: readonly string[]) => ({
    type: 'times.moved',
    body: { from: START + 9, to: START, rows: tasks.map((task) => `task/${task}`), cursor: null },
  });
  const named = (count: number) => Array.from({ length: count }, (_, n) => `tsk_${n}`);

  test('[EXPORT-5] [P15] one event changes no more than an event of a swarm does', async () => {
    const few = named(rowsMovedAtOnce);
    const object = new AnObject();
    expect(await object.take(forged(...large(few, 10), move(few)))).toMatchObject({ ok: true });
    const many = named(rowsMovedAtOnce + 1);
    const seq = next + 2 * many.length;
    const tooMany = await refusal(forged(...large(many, 10), move(many)));
    expect(tooMany).toMatchObject({ code: 'import_invalid', seq, detail: expect.stringContaining('more than') });
    const tooLarge = await refusal(forged(...large(few, 300_000), move(few)));
    expect(tooLarge).toMatchObject({ code: 'import_invalid', seq: seq - 2, detail: expect.stringContaining('follow') });
  }, 60_000);

  test('[EXPORT-5] [P15] what is asked of all tasks of a mission at once is small in each', async () => {
    const failedWith = (chars: number, tries: number) =>
      Array.from({ length: tries }, (_, n) => {
        const of = { task: 'tsk_0', attempt: `att_${n}`, executor: 'cloud' };
        const lease = { leaseMs: 1, leaseUntil: START + 1, score: 1, fallback: [], priceMicro: 1, hold: 'trf_1' };
        const error = { code: 'broke', message: 'é'.repeat(chars), retryable: true };
        return [
          { type: 'task.leased', body: { ...of, ...lease, n: n + 1, route: 'swarm.echo@cloud' } },
          { type: 'attempt.failed', body: { ...of, error, durationMs: 1 } },
        ];
      }).flat();
    const [asked] = large(['tsk_0'], 10);
    if (!asked) throw new Error('a task is asked for first');
    expect(await new AnObject().take(forged(asked, ...failedWith(errorMessageCharsMax, attemptsMax)))).toMatchObject({
      ok: true,
    });
    const error = await refusal(forged(asked, ...failedWith(20_000, attemptsMax)));
    expect(error).toMatchObject({ code: 'import_invalid', seq: next + 4 });
  });

  test('[TURN-1] small events that change large rows are stored a few at a time, and others come in between', async () => {
    const tasks = named(100);
    const expired = tasks.map((task) => ({ type: 'task.requeued', body: { task, notBefore: START } }));
    let since = 0;
    const most = { chars: 0 };
    const work = {
      spent: (_: number, chars: number) => {
        since += chars;
        most.chars = Math.max(most.chars, since);
      },
      giveWay: () => {
        since = 0;
        return null;
      },
    };
    const object = new AnObject(':memory:', work);
    expect(await object.take(forged(...large(tasks, 200_000), ...expired))).toMatchObject({ ok: true });
    // 40 MB of rows are behind a few kilobytes of events.
    expect(most.chars).toBeGreaterThan(importRowsCharsMax);
    expect(most.chars).toBeLessThan(2 * importRowsCharsMax);
  }, 60_000);

  test('[EXPORT-5] [P4] books that do not add up are refused', async () => {
    const error = await refusal(
      forged(
        { type: 'transfer.held', body: { ...moved, ...held, amountMicro: 5, expiresAt: START + 1 } },
        { type: 'transfer.voided', body: { transfer: 'trf_2', hold: 'trf_1', ...held, heldMicro: 4, amountMicro: 0 } },
      ),
    );
    expect(error).toMatchObject({ code: 'import_invalid', seq: null, detail: expect.stringContaining('hold') });
  });

  test('[EXPORT-3] the first event makes the swarm that the origin names, with the key that signs', async () => {
    const [first, ...rest] = honest;
    expect(await refusal(signed(rest))).toMatchObject({ seq: 1 });
    const body = JSON.parse(first?.body ?? '');
    for (const other of [
      { ...body, swarm: 'swm_other' },
      { ...body, publicKey: 'A'.repeat(43) },
    ]) {
      const context = { at: START, actor: 'user/x', command: 'x', trace: null };
      const said = { type: 'swarm.created', subject: 'x/y', body: canonical(other) };
      expect(await refusal(signed([chain(checkpoint.origin, GENESIS, 1, said, context)]))).toMatchObject({
        code: 'import_invalid',
        seq: 1,
      });
    }
    const context = { at: START, actor: 'user/x', command: 'x', trace: null };
    const alone = { type: 'key.revoked', subject: 'x/y', body: canonical({ key: 'key_1' }) };
    expect(await refusal(signed([chain(checkpoint.origin, GENESIS, 1, alone, context)]))).toMatchObject({
      seq: 1,
      detail: expect.stringContaining('stand by itself'),
    });
  });
});

describe('names of an origin', () => {
  test.each(['tnt_a/swm/b', 'tnt_a/', '/swm_b', 'tnt_a/swm_b\n\u001b[8m', 'tnt_a/..', 'tnt_ä/swm_b'])(
    '[EXPORT-5] [DOOR-2] %j, which could be neither proved nor brought in again, is refused',
    async (origin) => {
      const [tenant = '', ...more] = origin.split('/');
      const body = { ...JSON.parse(honest[0]?.body ?? ''), tenant, swarm: more.join('/') };
      const context = { at: START, actor: 'user/x', command: 'x', trace: null };
      const said = { type: 'swarm.created', subject: 'x/y', body: canonical(body) };
      const error = await refusal(signed([chain(origin, GENESIS, 1, said, context)], origin));
      expect(error).toMatchObject({ code: 'import_invalid', seq: 1, detail: expect.stringContaining('name') });
    },
  );
});

describe('bodies', () => {
  /** Endless bytes that count how many were asked for. */
  function endless(first: Uint8Array, filler: Uint8Array) {
    const sent = { bytes: 0, isCancelled: false };
    const stream = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          const chunk = sent.bytes === 0 ? first : filler;
          sent.bytes += chunk.length;
          controller.enqueue(chunk);
        },
        cancel() {
          sent.isCancelled = true;
        },
      },
      { highWaterMark: 0 },
    );
    return { stream, sent };
  }

  const header = Buffer.from(`${exportHeader(checkpoint)}\n`);

  test('[EXPORT-5] [P15] a line that never ends is read to its limit and no further', async () => {
    const { stream, sent } = endless(header, new Uint8Array(65_536).fill(0x61));
    expect(await refusal(stream)).toMatchObject({ code: 'import_invalid', seq: 1 });
    expect(sent.isCancelled).toBe(true);
    expect(sent.bytes).toBeLessThan(importLineBytesMax + 3 * 65_536);
  });

  test('[EXPORT-5] [P15] a bomb is unpacked to its first bad line and no further', async () => {
    for (const filler of [0x61, 0x0a]) {
      const bomb = gzipSync(Buffer.concat([header, Buffer.alloc(200_000_000, filler)]));
      const before = process.memoryUsage().arrayBuffers;
      expect(await refusal(inPieces(bomb, 65_536))).toMatchObject({ code: 'import_invalid', seq: 1 });
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50_000_000);
    }
  });

  test('[EXPORT-4] a sender is not read ahead of what was taken', async () => {
    const big = forged(
      ...Array.from({ length: 200 }, (_, i) => ({
        type: 'transfer.posted',
        body: { ...moved, debit: 'treasury', transfer: `trf_${i}`, reference: 'x'.repeat(20_000) },
      })),
    );
    let sent = 0;
    let taken = 0;
    let ahead = 0;
    const object = new AnObject();
    const port: ImportPort = {
      ...object.importer,
      async takeLines(run, from, lines) {
        ahead = Math.max(ahead, sent - taken);
        const answer = await object.importer.takeLines(run, from, lines);
        taken += lines.reduce((sum, line) => sum + line.length + 1, 0);
        return answer;
      },
    };
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          if (sent >= big.length) return controller.close();
          controller.enqueue(big.subarray(sent, sent + 16_384));
          sent += 16_384;
        },
      },
      { highWaterMark: 0 },
    );
    expect(await object.take(body, { object: port })).toMatchObject({ ok: true });
    expect(big.length).toBeGreaterThan(5 * importBatchBytesMax);
    expect(ahead).toBeLessThan(importBatchBytesMax + importLineBytesMax + 2 * 16_384);
  });

  test('[EXPORT-5] a sender that falls silent is left, one that is only slow is not', async () => {
    const silences: (() => void)[] = [];
    const pause = (ms: number) => {
      expect(ms).toBe(importSilenceMsMax);
      return new Promise<void>((resolve) => silences.push(resolve));
    };
    const pending: ((chunk: Uint8Array) => void)[] = [];
    const stream = new ReadableStream<Uint8Array>(
      { pull: (controller) => new Promise((done) => pending.push((chunk) => done(controller.enqueue(chunk)))) },
      { highWaterMark: 0 },
    );
    const turn = () => new Promise((done) => setImmediate(done));
    const reading = unpacked(stream, { pause });
    for (let n = 0; n < 4; n++) {
      const next = reading.next();
      await turn();
      pending[n]?.(Buffer.from('{"'));
      expect((await next).value).toHaveLength(2);
      // The pause is over, and something came within it.
      silences.at(-1)?.();
    }
    const failed = expect(reading.next()).rejects.toThrow(BodyBroken);
    await turn();
    silences.at(-1)?.();
    await failed;
    expect(silences).toHaveLength(5);
  });

  test('[EXPORT-5] a body that breaks off is not the sender’s last word, and leaves nothing behind', async () => {
    let at = 0;
    const broken = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (at > 3_000) return controller.error(new Error('the line is gone'));
        controller.enqueue(whole.subarray(at, at + 1_000));
        at += 1_000;
      },
    });
    expect(await refusal(broken)).toEqual({ code: 'body_incomplete' });
    const packed = gzipSync(whole);
    expect(await refusal(packed.subarray(0, -10))).toEqual({ code: 'body_incomplete' });
    const flipped = Uint8Array.from(packed);
    flipped[200] = (flipped[200] ?? 0) ^ 0xff;
    expect(await refusal(flipped)).toMatchObject({ code: expect.stringMatching(/body_incomplete|import_invalid/) });
  });
});

describe('an import that is cut off', () => {
  test('[EXPORT-8] at any batch, with the object evicted, the same request again goes from the beginning to the end', async () => {
    for (let cut = 0; cut < 6; cut++) {
      const object = new AnObject();
      let calls = 0;
      const failing: ImportPort = {
        ...object.importer,
        beginImport: (start) => once(() => object.importer.beginImport(start)),
        takeLines: (run, from, lines) => once(() => object.importer.takeLines(run, from, lines)),
        finishImport: (run, digest) => once(() => object.importer.finishImport(run, digest)),
      };
      /** Fails before or after it was done. */
      async function once<T>(work: () => Promise<T>): Promise<T> {
        calls++;
        if (calls - 1 === cut >> 1 && cut % 2 === 0) throw new Error('cut before');
        const answer = await work();
        if (calls - 1 === cut >> 1) throw new Error('cut after');
        return answer;
      }
      await expect(object.take(whole, { object: failing })).rejects.toThrow('cut');
      object.evict();
      const isDone = object.store.seal()?.state === 'sealed';
      if (!isDone) expect(object.store.seal()?.state ?? 'nothing').toMatch(/filling|nothing/);
      const again = await object.take(whole);
      expect(again).toMatchObject({ ok: true, value: { replayed: isDone } });
      expect(Buffer.compare(await object.export(), whole)).toBe(0);
      object.close();
    }
  });

  test('[EXPORT-8] what nobody goes on with is thrown away after its time, and a sealed one never', async () => {
    const object = new AnObject();
    const port: ImportPort = {
      ...object.importer,
      finishImport: async () => {
        throw new Error('gone');
      },
    };
    await expect(object.take(whole, { object: port })).rejects.toThrow('gone');
    expect(object.abandonAt).toBe(START + importAbandonedMs);
    expect(object.store.executeMany([]).executed).toEqual([]);
    await object.importer.abandoned();
    expect([object.rows(), object.abandonAt, object.store.seal()]).toEqual([0, null, null]);
    expect(await object.take(whole)).toMatchObject({ ok: true });
    await object.importer.abandoned();
    expect(object.store.seal()?.state).toBe('sealed');
    expect(object.abandonAt).toBeNull();
  });

  test('[EXPORT-8] a later request takes over, and the earlier one is told so and harms nothing', async () => {
    const object = new AnObject();
    const lines = new TextDecoder().decode(whole).split('\n').slice(0, -1);
    const start = {
      ...{ id: 'swm_import', tenant: 'tnt_import', name: 'import', by: 'user/x', header: lines[0] ?? '' },
      key: { id: 'key_import', scopes: [] },
    } as const satisfies Omit<ImportStart, 'run'>;
    const { importer } = object;
    await importer.beginImport({ ...start, run: 'first' });
    expect(await importer.takeLines('first', 1, lines.slice(1, 3))).toEqual({ ok: true, value: null });
    expect(await object.take(whole)).toMatchObject({ ok: true });
    const superseded = { ok: false, error: { code: 'import_superseded' } };
    expect(await importer.takeLines('first', 3, lines.slice(3))).toEqual(superseded);
    expect(await importer.finishImport('first', '')).toEqual(superseded);
    await importer.discardImport('first');
    expect(Buffer.compare(await object.export(), whole)).toBe(0);
  });

  test('[EXPORT-8] lines that come twice are taken once, and none are left out', async () => {
    const object = new AnObject();
    const repeating: ImportPort = {
      ...object.importer,
      async takeLines(run, from, lines) {
        await object.importer.takeLines(run, from, lines.slice(0, 2));
        await object.importer.takeLines(run, from, lines);
        return object.importer.takeLines(run, from, lines);
      },
    };
    expect(await object.take(whole, { object: repeating })).toMatchObject({ ok: true });
    const left = new AnObject();
    const leaving: ImportPort = {
      ...left.importer,
      takeLines: (run, from, lines) => left.importer.takeLines(run, from + 1, lines.slice(1)),
    };
    expect(await left.take(whole, { object: leaving })).toMatchObject({ ok: false });
  });

  test('[EXPORT-7] a swarm of its own is never filled', async () => {
    const importer = new AnObject();
    importer.store.executeMany([
      {
        id: 'create',
        actor: { kind: 'system', id: 'x' },
        remember: false,
        command: { type: 'CreateSwarm', ...JSON.parse(honest[0]?.body ?? ''), key: 'key_1' },
      },
    ]);
    const before = importer.rows();
    expect(await importer.take(whole)).toMatchObject({ ok: false, error: { code: 'swarm_exists' } });
    await importer.importer.discardImport(null);
    expect(importer.rows()).toBe(before);
  });
});
