// What spans say: the tree that they make, what is in them, and what is not.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { newId } from '../../core/ids.ts';
import type { SwarmCommand } from '../../core/swarm/commands.ts';
import { exportRequest, spanText } from '../../core/traces/otlp.ts';
import { contextOf, entrySpanId, spanIdOf } from '../../core/traces/trace-context.ts';
import { traceparentPattern } from '../../core/wire/terms.ts';
import { runInside } from '../../durable-objects/swarm/effects.ts';
import { endedStretch } from '../../durable-objects/swarm/trace-rows.ts';
import { anOffer } from '../core/builders.ts';
import { entropyOf, SYSTEM } from '../core/memory-swarm.ts';
import { StoreSwarm } from '../core/store-swarm.ts';
import { aStoredDevice, facts } from '../core/stored-device.ts';
import { type CheckedSpan, checkRequest } from './check-otlp.ts';

const CLIENT_TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const CLIENT_SPAN = '00f067aa0ba902b7';
const traceOf = (flags: string) => `00-${CLIENT_TRACE}-${CLIENT_SPAN}-${flags}`;
/** Stands in every place that a tenant or an executor fills with words of their own. */
const PRIVATE = 'a-private-word';

/** What a stored device offers. */
const OPERATION = anOffer().name;

function aSwarm(): StoreSwarm {
  return new StoreSwarm({ supplyMicro: 1_000_000_000 });
}

const echo = (input: unknown = { text: PRIVATE }): SwarmCommand =>
  ({ type: 'RequestTask', operation: 'swarm.echo', input }) as SwarmCommand;

const ask = (): SwarmCommand =>
  ({ type: 'RequestTask', operation: OPERATION, input: { [PRIVATE]: PRIVATE } }) as SwarmCommand;

/** The swarm does what it does itself, `ms` later. */
function runOwn(swarm: StoreSwarm, ms = 40): void {
  for (let rounds = 0; rounds < 50; rounds++) {
    const [row] = swarm.outbox();
    if (row === undefined) return;
    swarm.sql.run('DELETE FROM outbox WHERE id = ?', row.id);
    swarm.now += ms;
    if (row.effect.kind === 'run')
      runInside(row.effect, { read: swarm.store.read, execute: (command) => void swarm.send(command) });
  }
}

/** Every span of what has ended, as a collector reads it. */
function spansOf(swarm: StoreSwarm): CheckedSpan[] {
  const origin = swarm.store.origin() ?? '';
  const { events } = endedStretch(swarm.sql, origin, { from: 1, to: swarm.store.head().seq, since: 0 });
  const texts = events.flatMap(({ spans }) => spans.map(spanText));
  return texts.length === 0 ? [] : checkRequest(exportRequest({ tenant: 'tnt_1', swarm: 'swm_1' }, texts));
}

const named = (spans: readonly CheckedSpan[], name: string): CheckedSpan => {
  const found = spans.find((span) => span.name === name);
  if (!found) throw new Error(`no span ${name} among ${spans.map((span) => span.name)}`);
  return found;
};
const ms = (span: CheckedSpan): number => Number((span.end - span.start) / 1_000_000n);

describe('a task', () => {
  test('[TRACE-1] hangs below its client, its attempt below it, with times, executor, route and price', () => {
    const swarm = aSwarm();
    const task = swarm.do(echo(), { trace: traceOf('01') });
    runOwn(swarm, 40);
    const [own, attempt] = spansOf(swarm);
    expect(own).toMatchObject({
      traceId: CLIENT_TRACE,
      parentSpanId: CLIENT_SPAN,
      name: 'task swarm.echo',
      kind: 2,
      flags: 0x301,
      status: { code: 0 },
      attributes: {
        'starling.task.id': task,
        'starling.task.state': 'succeeded',
        'starling.task.operation': 'swarm.echo',
        'starling.task.origin': 'api',
        'starling.task.attempts': 1,
        'starling.credits.settled_micro': 100,
      },
    });
    expect(attempt).toMatchObject({
      traceId: CLIENT_TRACE,
      parentSpanId: own?.spanId,
      name: 'execute_tool swarm.echo',
      kind: 1,
      flags: 0x101,
      attributes: {
        'gen_ai.operation.name': 'execute_tool',
        'gen_ai.tool.name': 'swarm.echo',
        'gen_ai.tool.type': 'function',
        'starling.attempt.n': 1,
        'starling.attempt.executor': 'cloud',
        'starling.attempt.route': 'swarm.echo@cloud',
        'starling.attempt.state': 'succeeded',
        'starling.attempt.queue_ms': 0,
        'starling.attempt.lease_ms': 10_000,
      },
    });
    expect(attempt?.events.map(({ name, attributes }) => [name, attributes['starling.credits.amount_micro']])).toEqual([
      ['transfer.held', 100],
      ['transfer.settled', 100],
    ]);
    expect(own && attempt && [ms(own), ms(attempt)]).toEqual([40, 40]);
  });

  test('[TRACE-1] without a client of its own begins its trace', () => {
    const swarm = aSwarm();
    swarm.do(echo());
    runOwn(swarm);
    const [own, attempt] = spansOf(swarm);
    expect(own).toMatchObject({ parentSpanId: null, kind: 1, flags: 0x101 });
    expect(attempt?.traceId).toBe(own?.traceId);
  });

  test('[TRACE-1] with a traceparent that we made ourselves begins its trace as well', () => {
    const swarm = aSwarm();
    swarm.do(echo(), { trace: `00-${CLIENT_TRACE}-${entrySpanId(CLIENT_TRACE)}-01` });
    runOwn(swarm);
    expect(spansOf(swarm)[0]).toMatchObject({ traceId: CLIENT_TRACE, parentSpanId: null });
  });

  test.each([
    ['cancelled', 0, (swarm: StoreSwarm, task: string) => void swarm.do({ type: 'CancelTask', task } as SwarmCommand)],
    ['expired', 2, (swarm: StoreSwarm) => swarm.runUntil(swarm.now + 3_600_000)],
  ] as const)('[TRACE-1] that is %s says so, as an error only when nobody wanted it', (state, code, end) => {
    const swarm = aSwarm();
    const device = aStoredDevice(swarm);
    swarm.do({ type: 'DeviceLeft', device, connection: 'con' });
    const task = swarm.do(ask());
    end(swarm, task);
    const [own, ...attempts] = spansOf(swarm);
    expect(attempts).toEqual([]);
    expect(own?.attributes['starling.task.state']).toBe(state);
    expect(own?.status.code).toBe(code);
    expect(own?.attributes['error.type']).toBe(code === 2 ? state : undefined);
  });

  test('[TRACE-1] that is done by a device names it as the agent, and each of its tries with its error', () => {
    const swarm = aSwarm();
    const device = aStoredDevice(swarm);
    const task = swarm.do({ type: 'RequestTask', operation: OPERATION, input: { text: PRIVATE } } as SwarmCommand, {
      trace: traceOf('01'),
    });
    const failed = swarm.row('task', task).attempts[0];
    swarm.now += 250;
    report(swarm, task, {
      type: 'attempt.failed',
      error: { code: 'tool_broken', message: PRIVATE, retryable: true },
      durationMs: 250,
    });
    swarm.runUntil(swarm.now + 60_000);
    swarm.now += 30;
    report(swarm, task, { type: 'attempt.succeeded', result: { words: PRIVATE }, durationMs: 30 });
    const spans = spansOf(swarm);
    expect(spans.map(({ name }) => name)).toEqual([
      `task ${OPERATION}`,
      `execute_tool ${OPERATION}`,
      `execute_tool ${OPERATION}`,
    ]);
    const [own, first, second] = spans;
    expect(first).toMatchObject({
      spanId: spanIdOf(swarm.store.origin() ?? '', failed?.id ?? ''),
      status: { code: 2, message: 'tool_broken' },
      attributes: { 'error.type': 'tool_broken', 'gen_ai.agent.id': device, 'gen_ai.tool.call.id': failed?.id },
    });
    expect(first?.events.map(({ name }) => name)).toEqual(['transfer.held', 'transfer.voided']);
    expect(second).toMatchObject({ status: { code: 0 }, attributes: { 'starling.attempt.n': 2 } });
    // It waited between its tries.
    expect(second?.attributes['starling.attempt.queue_ms']).toBeGreaterThanOrEqual(1_000);
    expect(own).toMatchObject({ status: { code: 0 }, attributes: { 'starling.task.attempts': 2 } });
  });

  test('[TRACE-1] tells nothing of what was asked, answered or said on the way', () => {
    const swarm = aSwarm();
    aStoredDevice(swarm);
    for (const type of ['attempt.failed', 'attempt.declined', 'attempt.succeeded'] as const) {
      const task = swarm.do(ask());
      const said = { code: 'no', message: PRIVATE, error: { code: 'no', message: PRIVATE, retryable: false } };
      report(swarm, task, { type, ...said, result: PRIVATE, durationMs: 1 });
    }
    const spans = spansOf(swarm);
    expect(spans.length).toBeGreaterThan(5);
    expect(JSON.stringify(spans, (_, value) => (typeof value === 'bigint' ? String(value) : value))).not.toContain(
      PRIVATE,
    );
  });

  test('[TRACE-8] is not exported when its client says that nobody records the trace', () => {
    const swarm = aSwarm();
    swarm.do(echo(), { trace: traceOf('00') });
    swarm.do(echo(), { trace: traceOf('03') });
    runOwn(swarm);
    expect(spansOf(swarm)).toHaveLength(2);
  });
});

describe('a mission', () => {
  test('[TRACE-1] stands between its client and its tasks', () => {
    const swarm = aSwarm();
    const mission = swarm.do(
      {
        type: 'StartMission',
        name: PRIVATE,
        plan: {
          tasks: [
            { key: 'a', operation: 'swarm.echo', input: {} },
            { key: 'b', operation: 'swarm.echo', input: {}, after: ['a'] },
          ],
        },
      },
      { trace: traceOf('01') },
    );
    runOwn(swarm, 10);
    const spans = spansOf(swarm);
    const own = named(spans, 'mission');
    expect(own).toMatchObject({ traceId: CLIENT_TRACE, parentSpanId: CLIENT_SPAN, kind: 2, status: { code: 0 } });
    expect(own.attributes).toMatchObject({ 'starling.mission.id': mission, 'starling.mission.state': 'succeeded' });
    const tasks = spans.filter(({ name }) => name.startsWith('task '));
    expect(tasks.map(({ parentSpanId, attributes }) => [parentSpanId, attributes['starling.mission.key']])).toEqual([
      [own.spanId, 'a'],
      [own.spanId, 'b'],
    ]);
    expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([CLIENT_TRACE]));
  });

  test('[TRACE-1] without a client shares one trace with its tasks all the same', () => {
    const swarm = aSwarm();
    const tasks = [{ key: 'a', operation: 'swarm.echo', input: {} }];
    swarm.do({ type: 'StartMission', plan: { tasks } });
    runOwn(swarm);
    const spans = spansOf(swarm);
    expect(spans).toHaveLength(3);
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
    expect(named(spans, 'mission').parentSpanId).toBeNull();
  });
});

describe('a delivery', () => {
  test.each([
    ['delivered', { outcome: 'delivered', status: 204 }, 0, undefined],
    ['refused', { outcome: 'refused', error: 'address_private' }, 2, 'address_private'],
  ] as const)('[TRACE-1] that is %s hangs below the task that it tells of', (state, outcome, code, error) => {
    const swarm = aSwarm();
    swarm.do({
      type: 'CreateWebhook',
      webhook: newId('whk', swarm.now, entropyOf(1)),
      url: `https://example.com/in?token=${PRIVATE}`,
      events: ['task.succeeded'],
      description: PRIVATE,
      sealedSecret: PRIVATE,
    } as SwarmCommand);
    swarm.do(echo(), { trace: traceOf('01') });
    runOwn(swarm);
    const [delivery] = swarm.stored('delivery');
    swarm.now += 70;
    swarm.do({ type: 'RecordDelivery', delivery: delivery?.id, attempt: 1, outcome, entropy: 0.5 } as SwarmCommand, {
      actor: SYSTEM,
    });
    const spans = spansOf(swarm);
    const own = named(spans, 'webhook task.succeeded');
    expect(own).toMatchObject({
      traceId: CLIENT_TRACE,
      parentSpanId: named(spans, 'task swarm.echo').spanId,
      kind: 3,
      status: { code },
      attributes: { 'starling.delivery.state': state, 'starling.delivery.attempts': 1, 'http.request.method': 'POST' },
    });
    expect(own.attributes['error.type']).toBe(error);
    expect(ms(own)).toBeGreaterThanOrEqual(70);
    expect(JSON.stringify(own.attributes)).not.toContain(PRIVATE);
  });
});

describe('ids', () => {
  test('[TRACE-2] follow from who they are of: spans that are made again are the same to the byte', () => {
    const swarm = aSwarm();
    for (let n = 0; n < 20; n++) swarm.do(echo(), n % 2 === 0 ? {} : { trace: traceOf('01') });
    runOwn(swarm);
    const once = spansOf(swarm);
    swarm.reopen();
    swarm.now += 3_600_000;
    expect(spansOf(swarm)).toEqual(once);
    expect(new Set(once.map(({ spanId }) => spanId)).size).toBe(40);
  });

  test('[TRACE-2] differ from one swarm to another, for the same work', () => {
    expect(spanIdOf('tnt_1/swm_1', 'tsk_1')).not.toBe(spanIdOf('tnt_1/swm_2', 'tsk_1'));
    expect(contextOf(null, 'tnt_1/swm_1', 'tsk_1').traceId).not.toBe(contextOf(null, 'tnt_1/swm_2', 'tsk_1').traceId);
  });

  test('[TRACE-2] are well formed for any traceparent; one that is none is left aside', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 80 }), fc.string({ minLength: 1 }), (text, id) => {
        const { traceId, parentSpanId, isSampled } = contextOf(text, 'tnt_1/swm_1', id);
        expect(traceId).toMatch(/^[0-9a-f]{32}$/);
        if (traceparentPattern.test(text)) return;
        expect([parentSpanId, isSampled]).toEqual([null, true]);
      }),
      { numRuns: 1_000 },
    );
  });
});

/** What the device says of its attempt at a task. */
function report(swarm: StoreSwarm, task: string, said: object): void {
  const attempt = swarm.row('task', task).attempts.at(-1);
  if (attempt === undefined || attempt.executor === 'cloud') throw new Error('no device is at it');
  facts(swarm, attempt.executor, [{ task, attempt: attempt.id, fence: attempt.n, ...said }]);
}
