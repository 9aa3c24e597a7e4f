import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { factsPerBatchMax, frameBytesMax, taskResultBytesMax } from '../../core/limits.ts';
import { type Fact, type FactBody, fact } from '../../core/wire/device.ts';
import { type DeviceDatabase, isDamaged, isDiskFault, openDatabase } from '../../edge-node/src/outbox/database.ts';
import { type Outbox, type OutboxDeps, openOutbox } from '../../edge-node/src/outbox/outbox.ts';
import { receiptsMax } from '../../edge-node/src/outbox/outbox-rows.ts';

const attempt = { attempt: `att_${'a'.repeat(26)}` as const, task: `tsk_${'a'.repeat(26)}` as const, fence: 1 };
const progress = (fraction = 0.5): FactBody => ({ type: 'attempt.progressed', ...attempt, fraction });
const result = (value: string): FactBody => ({ type: 'attempt.succeeded', ...attempt, result: value, durationMs: 1 });

let folder = '';
let opened: DeviceDatabase[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'starling-outbox-'));
});
afterEach(() => {
  for (const database of opened) database.close();
  opened = [];
  rmSync(folder, { recursive: true });
});

function open(deps: Partial<OutboxDeps> = {}, options: { pagesMax?: number } = {}) {
  const database = openDatabase(join(folder, 'device.db'), options);
  opened.push(database);
  return { database, outbox: openOutbox(database, { now: () => 1_000, ...deps }) };
}

function held(outbox: Outbox, from = 1): Fact[] {
  const facts: Fact[] = [];
  for (let batch = outbox.batch(from); batch !== null; batch = outbox.batch(batch.last + 1)) {
    facts.push(...(JSON.parse(batch.text) as unknown[]).map((value) => fact.parse(value)));
  }
  return facts;
}

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

describe('the database', () => {
  test('is in WAL mode with synchronous=FULL on every open, the second one too', () => {
    for (let i = 0; i < 2; i++) {
      const { database } = open();
      expect(database.get('PRAGMA journal_mode')).toEqual({ journal_mode: 'wal' });
      expect(database.get('PRAGMA synchronous')).toEqual({ synchronous: 2 });
      database.close();
    }
  });

  test('rolls a transaction back whole, with what the outbox holds in memory', () => {
    const { database, outbox } = open();
    outbox.append([{ body: progress() }]);
    expect(() =>
      database.transaction(() => {
        outbox.append([{ body: result('lost') }]);
        throw new Error('the test');
      }),
    ).toThrow('the test');
    expect(outbox.append([{ body: progress() }])).toBe(2);
    expect(held(outbox).map(({ seq }) => seq)).toEqual([1, 2]);
  });

  test('that is no database is told from a disk that is full', () => {
    writeFileSync(join(folder, 'device.db'), 'x'.repeat(8_192));
    let error: unknown;
    try {
      open();
    } catch (thrown) {
      error = thrown;
    }
    expect(isDamaged(error)).toBe(true);
    expect(isDiskFault(error)).toBe(false);
  });
});

describe('the outbox', () => {
  test('[P3] numbers facts from 1 without gaps, across a restart', () => {
    const first = open();
    first.outbox.append([{ body: progress(0.1) }, { body: progress(0.2), trace: TRACE }]);
    first.database.close();
    const { outbox } = open();
    outbox.append([{ body: result('done') }]);
    expect(held(outbox)).toEqual([
      { seq: 1, at: 1_000, body: progress(0.1) },
      { seq: 2, at: 1_000, trace: TRACE, body: progress(0.2) },
      { seq: 3, at: 1_000, body: result('done') },
    ]);
  });

  test('tells its listener after the transaction, once, and only when facts were added', () => {
    const { database, outbox } = open();
    const heard: number[] = [];
    outbox.onAppended(() => heard.push(outbox.pending().facts));
    database.transaction(() => {
      outbox.append([{ body: progress() }]);
      outbox.append([{ body: result('x') }]);
      expect(heard).toEqual([]);
    });
    outbox.welcome(1, 0);
    expect(heard).toEqual([2]);
  });

  test('[P15] gives batches of at most 100 facts that fit a frame, though each fact is as large as it may be', () => {
    const { outbox } = open();
    outbox.append(Array.from({ length: 250 }, (_, i) => ({ body: progress(i / 250) })));
    expect(outbox.batch(1)).toMatchObject({ first: 1, last: factsPerBatchMax });
    expect(outbox.batch(201)).toMatchObject({ first: 201, last: 250 });
    expect(outbox.batch(251)).toBeNull();
    const largest = '€'.repeat(Math.floor(taskResultBytesMax / 3));
    outbox.append(Array.from({ length: 10 }, () => ({ body: result(largest) })));
    const batch = outbox.batch(251);
    expect(batch).toMatchObject({ first: 251, last: 253 });
    expect(Buffer.byteLength(batch?.text ?? '') + 100).toBeLessThan(frameBytesMax);
  });

  test('[P1] deletes what is committed and nothing else, however often it is told', () => {
    const { outbox } = open();
    outbox.append([1, 2, 3].map((n) => ({ body: result(`${n}`) })));
    outbox.welcome(1, 0);
    expect(outbox.commit(1, 2, [])).toEqual({ kind: 'deleted', to: 2, refused: [] });
    expect(outbox.commit(1, 2, [])).toEqual({ kind: 'ignored' });
    expect(outbox.commit(1, 1, [])).toEqual({ kind: 'ignored' });
    expect(outbox.commit(7, 3, [])).toEqual({ kind: 'ignored' });
    expect(outbox.commit(1, 4, [])).toEqual({ kind: 'ahead' });
    expect(held(outbox).map(({ seq }) => seq)).toEqual([3]);
    expect(outbox.pending()).toMatchObject({ facts: 1, oldestAt: 1_000 });
  });

  test('[P11] sets a refused fact aside with its receipt and goes on', () => {
    const { database, outbox } = open();
    outbox.append([1, 2, 3].map((n) => ({ body: result(`${n}`) })));
    outbox.welcome(1, 0);
    const refusal = { seq: 2, code: 'attempt_not_current', detail: 'over' };
    expect(outbox.commit(1, 3, [refusal, { seq: 9, code: 'nonsense' }])).toEqual({
      kind: 'deleted',
      to: 3,
      refused: [{ ...refusal, body: result('2') }],
    });
    expect(database.all('SELECT epoch, seq, code, detail, fact FROM receipts')).toEqual([
      { epoch: 1, seq: 2, code: 'attempt_not_current', detail: 'over', fact: expect.stringContaining('"result":"2"') },
    ]);
    expect(outbox.pending().facts).toBe(0);
  });

  test('keeps a bounded number of receipts, the newest', () => {
    const { database, outbox } = open();
    outbox.welcome(1, 0);
    for (let round = 0; round < 11; round++) {
      const last = outbox.append(Array.from({ length: 100 }, () => ({ body: progress() })));
      outbox.commit(
        1,
        last,
        Array.from({ length: 100 }, (_, i) => ({ seq: last - i, code: 'refused' })),
      );
    }
    expect(database.get('SELECT count(*) AS n, max(seq) AS newest FROM receipts')).toEqual({
      n: receiptsMax,
      newest: 1_100,
    });
  });
});

describe('epochs', () => {
  test('a new device takes the epoch it is given and keeps its facts in order', () => {
    const { outbox } = open();
    expect(outbox.claim()).toEqual({ epoch: 0, seq: 0 });
    outbox.append([1, 2].map((n) => ({ body: result(`${n}`) })));
    expect(outbox.claim()).toEqual({ epoch: 0, seq: 0 });
    expect(outbox.welcome(1, 0)).toEqual({ kind: 'renumbered', facts: 2 });
    expect(outbox.claim()).toEqual({ epoch: 1, seq: 2 });
    expect(held(outbox).map(({ seq, body }) => [seq, body])).toEqual([
      [1, result('1')],
      [2, result('2')],
    ]);
  });

  test('a new epoch renumbers what is not committed, in order, whatever the numbers were', () => {
    fc.assert(
      fc.property(fc.nat(12), fc.nat(12), fc.nat(30), (facts, committed, base) => {
        const { outbox, database } = open();
        outbox.welcome(1, 0);
        if (facts > 0) outbox.append(Array.from({ length: facts }, (_, i) => ({ body: result(`${i}`) })));
        const gone = Math.min(committed, facts);
        if (gone > 0) outbox.commit(1, gone, []);
        expect(outbox.welcome(2, base)).toEqual({ kind: 'renumbered', facts: facts - gone });
        const kept = held(outbox, 0);
        expect(kept.map(({ seq }) => seq)).toEqual(Array.from({ length: facts - gone }, (_, i) => base + 1 + i));
        expect(kept.map(({ body }) => body)).toEqual(
          Array.from({ length: facts - gone }, (_, i) => result(`${gone + i}`)),
        );
        expect(outbox.claim()).toEqual({ epoch: 2, seq: base + facts - gone });
        database.close();
        for (const end of ['', '-wal', '-shm']) rmSync(join(folder, `device.db${end}`), { force: true });
      }),
      { numRuns: 60 },
    );
  });

  test('a lost acknowledgement is made good by the next welcome', () => {
    const { outbox } = open();
    outbox.welcome(1, 0);
    outbox.append([1, 2, 3].map((n) => ({ body: result(`${n}`) })));
    outbox.disconnected();
    expect(outbox.welcome(1, 2)).toEqual({ kind: 'resumed' });
    expect(held(outbox).map(({ seq }) => seq)).toEqual([3]);
  });

  test('[P2] a database that was rolled back, and has used as many numbers again, asks for a new epoch', () => {
    const before = open();
    before.outbox.welcome(1, 0);
    before.outbox.append([{ body: result('old') }]);
    before.database.close();
    copyFileSync(join(folder, 'device.db'), join(folder, 'copy.db'));
    const later = open();
    later.outbox.welcome(1, 0);
    later.outbox.append([2, 3].map((n) => ({ body: result(`sent ${n}`) })));
    later.outbox.commit(1, 3, []);
    later.database.close();
    copyFileSync(join(folder, 'copy.db'), join(folder, 'device.db'));

    const { outbox } = open();
    outbox.append([2, 3, 4].map((n) => ({ body: result(`new ${n}`) })));
    // By its numbers alone it looks ahead of the swarm, which has committed 3.
    expect(outbox.claim()).toEqual({ epoch: 1, seq: 4 });
    expect(outbox.welcome(1, 3)).toEqual({ kind: 'forgotten', why: 'device_rolled_back', lost: 0 });
    expect(outbox.claim()).toEqual({ epoch: 0, seq: 0 });
    expect(outbox.welcome(2, 0)).toEqual({ kind: 'renumbered', facts: 4 });
    expect(held(outbox).map(({ body }) => body)).toEqual(['old', 'new 2', 'new 3', 'new 4'].map(result));
  });

  test('a swarm that forgot what it had committed is told how many facts are gone', () => {
    const { outbox } = open();
    outbox.welcome(1, 0);
    outbox.append([1, 2, 3].map((n) => ({ body: result(`${n}`) })));
    outbox.commit(1, 2, []);
    expect(outbox.welcome(1, 0)).toEqual({ kind: 'forgotten', why: 'swarm_rolled_back', lost: 2 });
    expect(outbox.welcome(2, 0)).toEqual({ kind: 'renumbered', facts: 2 });
    expect(held(outbox).map(({ body }) => body)).toEqual([
      result('3'),
      { type: 'facts.dropped', count: 2, reason: 'the swarm no longer knew facts it had committed' },
    ]);
  });
});

describe('want of room', () => {
  test('[P11] a full outbox drops progress, counts it, and says so before the next fact; results are kept', () => {
    const { outbox } = open({ factsMax: 2 });
    expect(outbox.appendExpendable([{ body: progress(0.1) }, { body: progress(0.2) }])).toBe(2);
    expect(outbox.isFull()).toBe(true);
    expect(outbox.appendExpendable([{ body: progress(0.3) }, { body: progress(0.4) }])).toBeNull();
    expect(outbox.appendExpendable([{ body: progress(0.5) }])).toBeNull();
    outbox.append([{ body: result('kept') }]);
    expect(held(outbox).map(({ body }) => body)).toEqual([
      progress(0.1),
      progress(0.2),
      { type: 'facts.dropped', count: 3, reason: 'the outbox was full' },
      result('kept'),
    ]);
    outbox.append([{ body: result('kept too') }]);
    expect(held(outbox).filter(({ body }) => body.type === 'facts.dropped')).toHaveLength(1);
  });

  test('bytes count as well as facts, and room comes back with what is committed', () => {
    const { outbox } = open({ bytesMax: 1_000 });
    outbox.welcome(1, 0);
    outbox.append([{ body: result('x'.repeat(2_000)) }]);
    expect(outbox.isFull()).toBe(true);
    outbox.commit(1, 1, []);
    expect(outbox.isFull()).toBe(false);
    expect(outbox.pending()).toEqual({ facts: 0, bytes: 0, oldestAt: null });
  });

  test('[P11] a full disk refuses results with a fault, drops progress with a count, and works again when there is room', () => {
    open().database.close();
    const { outbox, database } = open({}, { pagesMax: 40 });
    const big = 'x'.repeat(50_000);
    outbox.append([{ body: result(big) }]);
    let fault: unknown;
    try {
      for (let i = 0; i < 10; i++) outbox.append([{ body: result(big) }]);
    } catch (thrown) {
      fault = thrown;
    }
    expect(isDiskFault(fault)).toBe(true);
    expect(database.inTransaction()).toBe(false);
    const before = outbox.pending().facts;
    const filler = { body: { ...progress(), note: 'y'.repeat(300) } as FactBody };
    expect(outbox.appendExpendable(Array.from({ length: 100 }, () => filler))).toBeNull();
    expect(outbox.pending().facts).toBe(before);

    outbox.welcome(1, 0);
    outbox.commit(1, before, []);
    outbox.append([{ body: result('after') }]);
    expect(held(outbox).map(({ body }) => body)).toEqual([
      { type: 'facts.dropped', count: 100, reason: 'the disk was full' },
      result('after'),
    ]);
  });
});
