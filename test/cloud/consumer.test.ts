// The Lambda's handler as Lambda calls it, between a real SQS and a real S3 of this machine, with everything going wrong that
// the two may do.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { TelemetryMessage } from '../../core/wire/telemetry.ts';
import { receivesMax } from '../../functions/cloud/stack.ts';
import { type SqsAnswer, takeSqsEvent } from '../../functions/cloud/take-sqs-event.ts';
import { sqsBody } from '../../functions/telemetry/sqs-sink.ts';
import { memoryObjectStore } from '../contract/memory-object-store.ts';
import { aMessage, aRecord, NOON, swarm, tenant } from '../telemetry/queue-batch.ts';
import { type LocalAws, startLocalAws } from './local-aws.ts';
import { askFiles, keysOf } from './rows-of-files.ts';

const QUEUE = 'starling-test-telemetry';
const DEAD = 'starling-test-telemetry-dead';

let aws: LocalAws;
/** Events that the handler was called with. */
let events: { Records: { body: string; messageId: string }[] }[] = [];

beforeAll(async () => {
  const { handler } = await import('../../functions/cloud/handler.ts');
  aws = await startLocalAws(
    (event) => {
      events.push(event as (typeof events)[number]);
      return handler(event);
    },
    { batchSize: 20 },
  );
  for (const [name, value] of Object.entries(aws.lambdaEnv)) vi.stubEnv(name, value);
});
afterAll(async () => {
  await aws.stop();
  vi.unstubAllEnvs();
});
beforeEach(() => {
  aws.fauxqs.reset();
  aws.front.fault = () => null;
  events = [];
  vi.spyOn(console, 'error').mockImplementation(() => {});
});
afterEach(() => vi.restoreAllMocks());

const send = (messages: readonly TelemetryMessage[]) => {
  for (const message of messages) aws.fauxqs.sendMessage(QUEUE, sqsBody(message));
};
const many = (count: number) =>
  Array.from({ length: count }, (_, value) => aMessage([aRecord({ value }), aRecord({ value })]));
const left = (name: string) => {
  const { ready = [], inflight = [], delayed = [] } = aws.fauxqs.inspectQueue(name)?.messages ?? {};
  return ready.length + inflight.length + delayed.length;
};
const rows = () =>
  askFiles(aws.store, 'telemetry/', 'select count(*)::int as rows, sum(value)::int as sum from telemetry');
/** The row counts of `many(count)`, each once. */
const once = (count: number) => [{ rows: 2 * count, sum: count * (count - 1) }];

describe('the consumer on Lambda', () => {
  test('[TELEMETRY-11] batches become files, and the queue is empty', async () => {
    send(many(45));
    await aws.drain();
    expect(await rows()).toEqual(once(45));
    expect([left(QUEUE), left(DEAD)]).toEqual([0, 0]);
    expect(events.map(({ Records }) => Records.length)).toEqual([20, 20, 5]);
  });

  test('[TELEMETRY-11] a message that is there twice, with two ids, is one file', async () => {
    send([...many(10), ...many(10), ...many(5)]);
    await aws.drain();
    expect(await rows()).toEqual(once(10));
    expect((await keysOf(aws.store, 'telemetry/')).length).toBe(10);
  });

  test('[TELEMETRY-11] of a batch that failed in part, that part comes again and no more', {
    timeout: 30_000,
  }, async () => {
    send(many(20));
    const refused = new Set<string>();
    // Every third file is denied the first time: the client does not try it again by itself.
    aws.front.fault = (method, path) => {
      if (method !== 'PUT' || refused.has(path)) return null;
      refused.add(path);
      return refused.size % 3 === 0 ? 'denied' : null;
    };
    await aws.drain();
    expect(events.map(({ Records }) => Records.length)).toEqual([20, 6]);
    const first = new Set(events[0]?.Records.map(({ messageId }) => messageId));
    expect(events[1]?.Records.every(({ messageId }) => first.has(messageId))).toBe(true);
    expect(await rows()).toEqual(once(20));
    expect([left(QUEUE), left(DEAD)]).toEqual([0, 0]);
  });

  test('[TELEMETRY-11] whatever is lost, throttled or stored unheard of, each row is there once', {
    timeout: 60_000,
  }, async () => {
    let seed = 20_261_120;
    const next = () => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return seed / 2 ** 32;
    };
    const counts: Record<string, number> = {};
    aws.front.fault = (method) => {
      const chance = next();
      const fault = chance < 0.08 ? 'done-but-cut' : chance < 0.12 ? 'denied' : chance < 0.2 ? 'failing' : null;
      if (method !== 'PUT' || fault === null) return null;
      counts[fault] = (counts[fault] ?? 0) + 1;
      return fault;
    };
    const messages = many(60);
    send([...messages, ...messages.slice(0, 20)]);
    await aws.drain();
    aws.front.fault = () => null;
    expect(Object.keys(counts).toSorted()).toEqual(['denied', 'done-but-cut', 'failing']);
    expect(left(QUEUE)).toBe(0);
    // One that was denied five times running is a dead letter, and counted as such.
    const letters = (await keysOf(aws.store, 'dead-letters/')).length;
    expect(letters).toBe(0);
    expect(await rows()).toEqual(once(60));
  });

  test('[TELEMETRY-11] what cannot be read, or not stored so often, is a dead letter with its reason', async () => {
    send(many(3));
    const poison = ['no JSON', '{"anything":1}', sqsBody(aMessage([aRecord({ name: 'not a name' })]))];
    for (const body of poison) aws.fauxqs.sendMessage(QUEUE, body);
    const unlucky = aMessage([aRecord({ value: 1 })], { swarm: swarm(2) });
    send([unlucky]);
    aws.front.fault = (method, path) =>
      method === 'PUT' && path.includes(`telemetry/tenant=${tenant()}/swarm=${swarm(2)}/`) ? 'denied' : null;
    await aws.drain();
    expect(await rows()).toEqual(once(3));
    expect([left(QUEUE), left(DEAD)]).toEqual([0, 0]);
    const keys = await keysOf(aws.store, 'dead-letters/');
    const letters = await Promise.all(
      keys.map(async (key) => JSON.parse(new TextDecoder().decode((await aws.store.get(key)) ?? undefined))),
    );
    const short = letters.map(({ tenant: owner, reason, body }) => ({ owner, reason, body }));
    expect(short).toHaveLength(4);
    expect(short).toEqual(
      expect.arrayContaining([
        { owner: 'unknown', reason: expect.stringMatching(/^message: /), body: 'no JSON' },
        { owner: 'unknown', reason: expect.stringMatching(/^message: /), body: { anything: 1 } },
        { owner: tenant(), reason: expect.stringMatching(/^batch: records\/0\/name/), body: expect.anything() },
        { owner: tenant(), reason: null, body: unlucky },
      ]),
    );
    // Each was given out so often before it was given up.
    const given = events.flatMap(({ Records }) => Records).filter(({ body }) => body === 'no JSON');
    expect(given).toHaveLength(receivesMax + 1);
  });

  test('[TELEMETRY-11] a dead letter that cannot be stored stays in its queue', async () => {
    aws.fauxqs.sendMessage(DEAD, 'no JSON');
    let denied = 0;
    aws.front.fault = (method) => (method === 'PUT' && denied++ < 3 ? 'denied' : null);
    await aws.drain();
    expect(denied).toBe(4);
    expect((await keysOf(aws.store, 'dead-letters/tenant=unknown/')).length).toBe(1);
    expect(left(DEAD)).toBe(0);
  });

  test('[TELEMETRY-11] what was not stored is said in one line, with counts and without the message', async () => {
    const said = vi.mocked(console.error);
    send([aMessage([aRecord({ name: 'a secret name' })])]);
    await aws.drain();
    const lines = said.mock.calls.map(([line]) => String(line));
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ event: 'telemetry', poison: 1, files: 0 });
    expect(lines.join('\n')).not.toContain('a secret name');
    expect(lines.join('\n')).not.toContain(tenant());
  });
});

describe('an event of SQS', () => {
  const record = (messageId: string, body: string, change: object = {}) => ({
    messageId,
    body,
    attributes: { ApproximateReceiveCount: '2', SentTimestamp: String(NOON) },
    eventSourceARN: 'arn:aws:sqs:eu-central-1:1:starling-production-telemetry',
    ...change,
  });
  const take = async (records: readonly object[], store = memoryObjectStore()): Promise<SqsAnswer> =>
    takeSqsEvent({ Records: records }, { store, now: () => NOON, report: () => {} });

  test('[TELEMETRY-12] the answer names exactly the messages that must come again', async () => {
    const good = JSON.stringify(aMessage([aRecord()]));
    expect(await take([record('a', good), record('b', '{'), record('c', good), record('d', '')])).toEqual({
      batchItemFailures: [{ itemIdentifier: 'b' }, { itemIdentifier: 'd' }],
    });
    expect(await take([record('a', good)])).toEqual({ batchItemFailures: [] });
  });

  test('[TELEMETRY-12] a store that fails makes every message of it come again', async () => {
    const store = { ...memoryObjectStore(), put: async () => Promise.reject(new Error('no room')) };
    const answer = await take([record('a', JSON.stringify(aMessage([aRecord()])))], store);
    expect(answer).toEqual({ batchItemFailures: [{ itemIdentifier: 'a' }] });
  });

  test('[TELEMETRY-12] the queue of the dead letters is known by its name', async () => {
    const store = memoryObjectStore();
    const eventSourceARN = 'arn:aws:sqs:eu-central-1:1:starling-production-telemetry-dead';
    expect(await take([record('a', 'x', { eventSourceARN })], store)).toEqual({ batchItemFailures: [] });
    expect([...store.objects.keys()]).toEqual(['dead-letters/tenant=unknown/date=2026-11-20/a.json']);
  });

  test.each([
    ['nothing', undefined],
    ['no records', { Records: [] }],
    ['another event', { Records: [{ eventSource: 'aws:s3' }] }],
  ])('[TELEMETRY-12] %s is no event, and is thrown back', async (_, event) => {
    const deps = { store: memoryObjectStore(), now: () => NOON, report: () => {} };
    await expect(takeSqsEvent(event, deps)).rejects.toThrow();
  });
});
