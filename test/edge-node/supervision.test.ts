// Supervision on the real database, with a clock that the test moves and operations that do what it says.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { taskResultBytesMax } from '../../core/limits.ts';
import { type Fact, fact, type OrderBody, order } from '../../core/wire/device.ts';
import { defineOperation, type Operation, OperationFailure } from '../../edge-node/src/operations/operation.ts';
import { openDatabase } from '../../edge-node/src/outbox/database.ts';
import { openOutbox } from '../../edge-node/src/outbox/outbox.ts';
import { createPermissions } from '../../edge-node/src/permissions.ts';
import { openAttemptStore } from '../../edge-node/src/supervision/attempt-store.ts';
import { createLocalRunner } from '../../edge-node/src/supervision/run-operation.ts';
import { createSupervisor } from '../../edge-node/src/supervision/supervisor.ts';
import { anId, anOffer as anyOffer, aSlowOperation, echo } from './a-device.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';

let folder = '';
let clock: FakeClock;
let close: (() => void)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'starling-supervision-'));
  clock = createFakeClock();
  close = [];
});
afterEach(() => {
  for (const fn of close) fn();
  rmSync(folder, { recursive: true });
});

const anOffer: typeof anyOffer = (over) => anyOffer({ deadline: clock.now() + 600_000, ...over });

interface Options {
  readonly operations?: readonly Operation[];
  readonly parallel?: number;
  readonly withheld?: readonly string[];
  readonly pagesMax?: number;
}

/** A supervisor over the database of this test; opening a second one is a restart. */
function start(options: Options = {}) {
  const database = openDatabase(
    join(folder, 'device.db'),
    options.pagesMax === undefined ? {} : { pagesMax: options.pagesMax },
  );
  close.push(() => database.close());
  const outbox = openOutbox(database, { now: clock.now });
  const store = openAttemptStore(database);
  const desires: [number, unknown][] = [];
  const logged: string[] = [];
  const log = (_level: string, message: string) => void logged.push(message);
  const supervisor = createSupervisor({
    ...{ database, outbox, store, clock },
    log,
    runner: createLocalRunner({ permissions: createPermissions([]), now: clock.monotonic }, log),
    swarmNow: clock.now,
    measured: () => {},
    parallel: () => options.parallel ?? 4,
    isGranted: (name) => !options.withheld?.includes(name),
    desired: (version, desired) => desires.push([version, desired]),
  });
  const deliver = async (body: OrderBody, id = anId('ord')) => {
    const taken = supervisor.take([order.parse({ id, deliverBy: null, body })]);
    await clock.advance(0);
    return taken;
  };
  const facts = () => {
    const found: Fact[] = [];
    for (let batch = outbox.batch(0); batch !== null; batch = outbox.batch(batch.last + 1)) {
      found.push(...(JSON.parse(batch.text) as unknown[]).map((value) => fact.parse(value)));
    }
    return found.map(({ body }) => body);
  };
  const said = (attempt: string) => facts().filter((body) => 'attempt' in body && body.attempt === attempt);
  const types = (attempt: string) => said(attempt).map(({ type }) => type.replace('attempt.', ''));
  const commit = (refused: { seq: number; code: string }[] = []) => {
    if (outbox.claim().epoch === 0) outbox.welcome(1, 0);
    const { epoch, seq } = outbox.claim();
    database.transaction(() => {
      const outcome = outbox.commit(epoch, seq, refused);
      if (outcome.kind === 'deleted') supervisor.committed(outcome.to, outcome.refused);
    });
    supervisor.settle();
  };
  if (options.operations) supervisor.ready(options.operations);
  return { database, outbox, store, supervisor, deliver, facts, said, types, commit, desires, logged };
}

describe('an offer', () => {
  test('is stored, then acknowledged, then done, and its result is a fact', async () => {
    const { supervisor, said, store } = start({ operations: [echo] });
    const offer = anOffer();
    const { attempt, task, fence } = offer;
    const id = anId('ord');
    expect(
      supervisor.take([
        order.parse({
          id,
          deliverBy: null,
          trace: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
          body: offer,
        }),
      ]),
    ).toEqual([id]);
    // Acknowledged and durable, not begun: that comes after the caller has had its turn.
    expect(store.find(attempt)).toMatchObject({
      state: 'taken',
      trace: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    });
    expect(said(attempt)).toEqual([]);
    await clock.advance(0);
    expect(said(attempt)).toEqual([
      { type: 'attempt.started', attempt, task, fence },
      { type: 'attempt.succeeded', attempt, task, fence, result: { text: 'hello' }, durationMs: 0 },
    ]);
    expect(store.find(attempt)).toBeNull();
  });

  test('[P2] delivered again under the same order, or another, is acknowledged and not done again', async () => {
    const { deliver, types } = start({ operations: [echo] });
    const offer = anOffer();
    const id = anId('ord');
    expect(await deliver(offer, id)).toEqual([id]);
    expect(await deliver(offer, id)).toEqual([id]);
    const other = anId('ord');
    expect(await deliver(offer, other)).toEqual([other]);
    expect(types(offer.attempt)).toEqual(['started', 'succeeded']);
  });

  test('delivered again after a restart is not done again', async () => {
    const offer = anOffer();
    const id = anId('ord');
    const first = start({ operations: [echo] });
    await first.deliver(offer, id);
    first.database.close();
    const { deliver, types } = start({ operations: [echo] });
    expect(await deliver(offer, id)).toEqual([id]);
    expect(types(offer.attempt)).toEqual(['started', 'succeeded']);
  });

  const refusals: [
    string,
    string,
    (offer: ReturnType<typeof anOffer>) => Partial<ReturnType<typeof anOffer>>,
    Options?,
  ][] = [
    ['operation_unknown', 'an operation that it does not have', () => ({ operation: 'text.unknown' })],
    ['operation_not_granted', 'an operation that its owner withholds', () => ({}), { withheld: ['test.echo'] }],
    ['input_invalid', 'an input that the schema refuses', () => ({ input: { text: 7 } })],
    ['input_invalid', 'an input with unknown members', () => ({ input: { text: 'a', more: 1 } })],
    ['deadline_passed', 'a deadline that is over', () => ({ deadline: clock.now() })],
    ['price_too_low', 'less than its price', () => ({ priceMicro: 9 })],
  ];
  test.each(refusals)('is declined with %s for %s, and never begun', async (code, _what, change, options = {}) => {
    const { deliver, said } = start({ operations: [echo], ...options });
    const offer = anOffer();
    Object.assign(offer, change(offer));
    expect(await deliver(offer)).toHaveLength(1);
    const { attempt, task, fence } = offer;
    expect(said(attempt)).toEqual([
      { type: 'attempt.declined', attempt, task, fence, code, message: expect.any(String) },
    ]);
  });

  test('past the number that is done at once is declined as busy, and taken again when one has ended', async () => {
    const slow = aSlowOperation();
    const { deliver, said, types } = start({ operations: [slow.operation], parallel: 1 });
    const first = anOffer({ operation: 'test.slow' });
    const second = anOffer({ operation: 'test.slow' });
    const third = anOffer({ operation: 'test.slow' });
    await deliver(first);
    await deliver(second);
    expect(said(second.attempt)).toMatchObject([{ type: 'attempt.declined', code: 'busy' }]);
    slow.runs[0]?.finish('done');
    await clock.advance(0);
    await deliver(third);
    expect(types(first.attempt)).toEqual(['started', 'succeeded']);
    expect(types(third.attempt)).toEqual(['started']);
  });

  test('waits for the operations to be loaded', async () => {
    const { deliver, types, supervisor } = start();
    const offer = anOffer();
    await deliver(offer);
    expect(types(offer.attempt)).toEqual([]);
    supervisor.ready([echo]);
    await clock.advance(0);
    expect(types(offer.attempt)).toEqual(['started', 'succeeded']);
  });

  test('whose words hold a value of the input does not repeat it when declined', async () => {
    const { deliver, said } = start({ operations: [echo] });
    const offer = anOffer({ input: { text: 'fine', 'a-secret-key': 's3cret' } });
    await deliver(offer);
    expect(JSON.stringify(said(offer.attempt))).not.toContain('s3cret');
  });
});

describe('fences', () => {
  test('a higher fence replaces the running attempt of the task, without a word about the lower', async () => {
    const slow = aSlowOperation();
    const { deliver, types, store } = start({ operations: [slow.operation], parallel: 1 });
    const lower = anOffer({ operation: 'test.slow' });
    const higher = anOffer({ operation: 'test.slow', task: lower.task, fence: 2 });
    await deliver(lower);
    await deliver(higher);
    expect(slow.runs[0]?.signal.aborted).toBe(true);
    expect(types(lower.attempt)).toEqual(['started']);
    expect(store.find(lower.attempt)).toBeNull();
    slow.runs[1]?.finish('second');
    await clock.advance(0);
    expect(types(higher.attempt)).toEqual(['started', 'succeeded']);
  });

  test.each([1, 2])('fence %i after fence 2 is declined as stale', async (fence) => {
    const { deliver, said } = start({ operations: [echo] });
    const first = anOffer({ fence: 2 });
    const late = anOffer({ task: first.task, fence });
    await deliver(first);
    await deliver(late);
    expect(said(late.attempt)).toMatchObject([{ type: 'attempt.declined', code: 'fence_stale' }]);
  });
});

describe('a running attempt', () => {
  test('is cancelled by an order, says so once, and its late result counts for nothing', async () => {
    const slow = aSlowOperation();
    const { deliver, said } = start({ operations: [slow.operation] });
    const offer = anOffer({ operation: 'test.slow' });
    const { attempt, task, fence } = offer;
    await deliver(offer);
    await clock.advance(70);
    await deliver({ type: 'cancel', attempt, task, fence });
    await deliver({ type: 'cancel', attempt, task, fence });
    slow.runs[0]?.finish('too late');
    await clock.advance(0);
    expect(slow.runs[0]?.signal.reason).toMatchObject({ reason: 'cancelled' });
    expect(said(attempt).slice(1)).toMatchObject([
      { type: 'attempt.failed', error: { code: 'cancelled', retryable: false }, durationMs: 70 },
    ]);
  });

  test('ends with its deadline, by the monotonic clock, whatever happens to the wall clock', async () => {
    const slow = aSlowOperation();
    const { deliver, said, commit } = start({ operations: [slow.operation] });
    const offer = anOffer({ operation: 'test.slow', deadline: clock.now() + 30_000 });
    await deliver(offer);
    clock.setWall(clock.now() - 3_600_000);
    await clock.advance(29_999);
    commit();
    expect(slow.runs[0]?.signal.aborted).toBe(false);
    await clock.advance(2);
    expect(slow.runs[0]?.signal.reason).toMatchObject({ reason: 'deadline_passed' });
    expect(said(offer.attempt)).toMatchObject([
      { type: 'attempt.failed', error: { code: 'deadline_passed', retryable: false } },
    ]);
  });

  test('[P16] ends with its lease when nothing renews it', async () => {
    const slow = aSlowOperation();
    const { deliver, said } = start({ operations: [slow.operation] });
    const offer = anOffer({ operation: 'test.slow', leaseMs: 30_000 });
    await deliver(offer);
    await clock.advance(29_999);
    expect(slow.runs[0]?.signal.aborted).toBe(false);
    await clock.advance(2);
    expect(slow.runs[0]?.signal.reason).toMatchObject({ reason: 'lease_expired' });
    expect(said(offer.attempt).at(-1)).toMatchObject({
      type: 'attempt.failed',
      error: { code: 'lease_expired', retryable: true },
    });
  });

  test('tells the swarm every third of its lease, and committed heartbeats renew it from when they were made', async () => {
    const slow = aSlowOperation();
    const { deliver, types, commit, outbox } = start({ operations: [slow.operation] });
    const offer = anOffer({ operation: 'test.slow', leaseMs: 30_000 });
    await deliver(offer);
    for (let second = 0; second < 90; second += 10) {
      await clock.advance(10_001);
      expect(types(offer.attempt).at(-1)).toBe('progressed');
      commit();
    }
    expect(slow.runs[0]?.signal.aborted).toBe(false);
    // The last heartbeat that was committed was made just now; the ones after it are not.
    await clock.advance(29_990);
    expect(slow.runs[0]?.signal.aborted).toBe(false);
    await clock.advance(20);
    expect(slow.runs[0]?.signal.aborted).toBe(true);
    expect(outbox.pending().facts).toBeLessThanOrEqual(4);
  });

  test('tells of its progress at most once a second, with the newest figure, never falling', async () => {
    const slow = aSlowOperation();
    const { deliver, said } = start({ operations: [slow.operation] });
    const offer = anOffer({ operation: 'test.slow' });
    await deliver(offer);
    for (let i = 1; i <= 50; i++) {
      slow.runs[0]?.progress(i / 100, `step ${i}`);
      await clock.advance(100);
    }
    slow.runs[0]?.progress(0.2);
    slow.runs[0]?.progress(Number.NaN);
    slow.runs[0]?.progress(7);
    await clock.advance(1_001);
    const told = said(offer.attempt).flatMap((body) => (body.type === 'attempt.progressed' ? [body.fraction] : []));
    expect(told.length).toBeGreaterThanOrEqual(5);
    expect(told.length).toBeLessThanOrEqual(6);
    expect(told).toEqual([...told].sort((a, b) => a - b));
    expect(told.at(-1)).toBe(1);
  });

  test('is given up when the swarm refuses its progress: it is another executor’s now', async () => {
    const slow = aSlowOperation();
    const { deliver, commit, outbox, store, types } = start({ operations: [slow.operation] });
    const offer = anOffer({ operation: 'test.slow' });
    await deliver(offer);
    commit();
    await clock.advance(20_001);
    commit([{ seq: outbox.claim().seq, code: 'attempt_not_current' }]);
    expect(slow.runs[0]?.signal.reason).toMatchObject({ reason: 'lost' });
    expect(store.find(offer.attempt)).toBeNull();
    await clock.advance(60_000);
    expect(types(offer.attempt)).toEqual([]);
  });
});

describe('what comes of a run', () => {
  const throws = (error: unknown) =>
    defineOperation({ ...echo, output: z.unknown(), run: () => Promise.reject(error) });
  const answers = (value: unknown, output: z.ZodType = z.unknown()) =>
    defineOperation({ ...echo, output, run: async () => value });
  const deep = (depth: number): unknown => (depth === 0 ? 1 : [deep(depth - 1)]);
  const cases: [string, Operation, object][] = [
    [
      'its own failure',
      throws(new OperationFailure('too_big', 'It is too big.', { retryable: true })),
      { code: 'too_big', message: 'It is too big.', retryable: true },
    ],
    [
      'a failure with a code that cannot travel',
      throws(new OperationFailure('Not A Code', 'x')),
      { code: 'operation_failed', message: 'x', retryable: false },
    ],
    [
      'an error that nobody foresaw',
      throws(new TypeError('/home/me/secret is undefined')),
      { code: 'operation_crashed', message: expect.not.stringContaining('secret'), retryable: false },
    ],
    ['something that is no error', throws(null), { code: 'operation_crashed' }],
    [
      'a result that the schema refuses',
      answers({ text: 7 }, z.strictObject({ text: z.string() })),
      { code: 'result_invalid' },
    ],
    ['a result that nests too deep', answers(deep(70)), { code: 'result_invalid' }],
    ['a result that is too large', answers('x'.repeat(taskResultBytesMax)), { code: 'result_too_large' }],
  ];
  test.each(cases)('%s becomes attempt.failed', async (_what, operation, error) => {
    const { deliver, said } = start({ operations: [operation] });
    const offer = anOffer();
    await deliver(offer);
    expect(said(offer.attempt)).toMatchObject([{ type: 'attempt.started' }, { type: 'attempt.failed', error }]);
  });

  test('a result of just the allowed size succeeds', async () => {
    const { deliver, types } = start({ operations: [answers('x'.repeat(taskResultBytesMax - 2))] });
    const offer = anOffer();
    await deliver(offer);
    expect(types(offer.attempt)).toEqual(['started', 'succeeded']);
  });

  test('a path outside the granted folders becomes attempt.declined: another device may have it', async () => {
    const { deliver, types, said } = start({ operations: [throws(new OperationFailure('path_not_granted', 'no'))] });
    const offer = anOffer();
    await deliver(offer);
    expect(types(offer.attempt)).toEqual(['started', 'declined']);
    expect(said(offer.attempt)[1]).toMatchObject({ code: 'path_not_granted' });
  });
});

describe('a restart in the middle of an attempt', () => {
  test('runs it again when its lease is not over, without saying twice that it started', async () => {
    const slow = aSlowOperation();
    const offer = anOffer({ operation: 'test.slow' });
    const first = start({ operations: [slow.operation] });
    await first.deliver(offer);
    first.database.close();
    await clock.advance(5_000);
    const { types } = start({ operations: [slow.operation] });
    await clock.advance(0);
    slow.runs[1]?.finish('again');
    await clock.advance(0);
    expect(types(offer.attempt)).toEqual(['started', 'succeeded']);
  });

  test('reports it as interrupted, retryable, when its lease is over', async () => {
    const slow = aSlowOperation();
    const offer = anOffer({ operation: 'test.slow' });
    const first = start({ operations: [slow.operation] });
    await first.deliver(offer);
    first.database.close();
    clock.setWall(clock.now() + 60_001);
    const { said } = start({ operations: [slow.operation] });
    expect(said(offer.attempt).at(-1)).toMatchObject({
      type: 'attempt.failed',
      error: { code: 'interrupted', retryable: true },
    });
    expect(slow.runs).toHaveLength(1);
  });

  test('a renewed lease holds across the restart', async () => {
    const slow = aSlowOperation();
    const offer = anOffer({ operation: 'test.slow', leaseMs: 30_000 });
    const first = start({ operations: [slow.operation] });
    await first.deliver(offer);
    await clock.advance(20_002);
    first.commit();
    first.database.close();
    clock.setWall(clock.now() + 15_000); // 35 s after the offer, 15 s after the last renewal
    const { supervisor } = start({ operations: [slow.operation] });
    expect(supervisor.running()).toBe(1);
  });

  test('[P18] an attempt that takes the process down each time is not begun for ever', async () => {
    const slow = aSlowOperation();
    const offer = anOffer({ operation: 'test.slow' });
    const first = start({ operations: [slow.operation] });
    await first.deliver(offer);
    first.database.close();
    for (let restart = 2; restart <= 3; restart++) start({ operations: [slow.operation] }).database.close();
    expect(slow.runs).toHaveLength(3);
    const { said } = start({ operations: [slow.operation] });
    expect(slow.runs).toHaveLength(3);
    expect(said(offer.attempt).at(-1)).toMatchObject({ type: 'attempt.failed', error: { code: 'interrupted' } });
  });

  test('an offer that was stored and not judged is judged then', async () => {
    const offer = anOffer();
    const first = start();
    await first.deliver(offer);
    first.database.close();
    const { types } = start({ operations: [echo] });
    await clock.advance(0);
    expect(types(offer.attempt)).toEqual(['started', 'succeeded']);
  });

  test('a cancellation that was stored holds', async () => {
    const slow = aSlowOperation();
    const offer = anOffer({ operation: 'test.slow' });
    const first = start();
    await first.deliver(offer);
    await first.deliver({ type: 'cancel', attempt: offer.attempt, task: offer.task, fence: 1 });
    first.database.close();
    start({ operations: [slow.operation] });
    await clock.advance(0);
    expect(slow.runs).toHaveLength(0);
  });
});

describe('a clean stop', () => {
  test('takes no more orders, lets work end, and reports the rest as interrupted', async () => {
    const slow = aSlowOperation();
    const { deliver, types, said, supervisor } = start({ operations: [slow.operation] });
    const [ends, stays] = [anOffer({ operation: 'test.slow' }), anOffer({ operation: 'test.slow' })];
    await deliver(ends);
    await deliver(stays);
    const stopped = supervisor.stop(1_000);
    expect(await deliver(anOffer())).toEqual([]);
    slow.runs[0]?.finish('in time');
    await clock.advance(1_001);
    await stopped;
    expect(types(ends.attempt)).toEqual(['started', 'succeeded']);
    expect(said(stays.attempt).at(-1)).toMatchObject({
      type: 'attempt.failed',
      error: { code: 'interrupted', retryable: true },
    });
  });

  test('does not wait when nothing runs', async () => {
    await start({ operations: [echo] }).supervisor.stop(1_000_000);
  });
});

describe('a full disk', () => {
  test('stores no order and acknowledges none', async () => {
    start().database.close();
    const { deliver, outbox, store } = start({ operations: [echo], pagesMax: 40 });
    const big = anOffer({ input: { text: 'x'.repeat(150_000) } });
    expect(await deliver(big)).toEqual([]);
    expect(store.open()).toEqual([]);
    expect(outbox.pending().facts).toBe(0);
  });

  test('keeps a result until there is room, and then it is told once', async () => {
    start().database.close();
    const slow = aSlowOperation();
    const { deliver, types, outbox, database, supervisor } = start({ operations: [slow.operation], pagesMax: 60 });
    const offer = anOffer({ operation: 'test.slow', input: {} });
    await deliver(offer);
    database.run("INSERT INTO memory (name, value) VALUES ('filler', ?)", 'x'.repeat(60_000));
    slow.runs[0]?.finish('y'.repeat(200_000));
    await clock.advance(3_000);
    expect(types(offer.attempt)).toEqual(['started']);
    database.run('PRAGMA max_page_count = 10000');
    await clock.advance(1_000);
    expect(types(offer.attempt)).toEqual(['started', 'succeeded']);
    await clock.advance(10_000);
    expect(types(offer.attempt)).toEqual(['started', 'succeeded']);
    expect(supervisor.running()).toBe(0);
    expect(outbox.pending().facts).toBe(2);
  });
});

test('a desired state reaches its keeper once for each order', async () => {
  const { deliver, desires } = start();
  const id = anId('ord');
  await deliver({ type: 'desire', version: 3, desired: { parallel: 2 } }, id);
  await deliver({ type: 'desire', version: 3, desired: { parallel: 2 } }, id);
  expect(desires).toEqual([[3, { parallel: 2 }]]);
});
