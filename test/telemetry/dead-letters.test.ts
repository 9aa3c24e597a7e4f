import { expect, test } from 'vitest';
import {
  consumeDeadLetters,
  type DeadLetter,
  deadLetterDays,
  deadLettersPerDayMax,
} from '../../functions/telemetry/dead-letters.ts';
import { sweepDeadLetters } from '../../functions/telemetry/sweep-dead-letters.ts';
import { memoryObjectStore } from '../contract/memory-object-store.ts';
import { aMessage, answersOf, aRecord, Delivered, device, NOON, swarm, tenant } from './queue-batch.ts';

const LATER = NOON + 60_000;

/** Buries these messages and gives what was written, by key. */
async function bury(messages: readonly Delivered[], isFull = (_key: string) => false) {
  const written = new Map<string, DeadLetter>();
  const result = await consumeDeadLetters(
    { messages },
    {
      store: {
        async put(key, bytes, { contentType }) {
          if (isFull(key)) throw new Error('no room');
          expect(contentType).toBe('application/json');
          written.set(key, JSON.parse(new TextDecoder().decode(bytes)));
          return 'stored';
        },
      },
      now: () => LATER,
    },
  );
  return { written, result };
}

test('[DEAD-4] a letter keeps the message as it was, whose it is, when it came and why it could not be read', async () => {
  const body = aMessage([{ name: 'é', at: 1 }]);
  const message = new Delivered('ab12', body);
  const { written, result } = await bury([message]);
  expect(result).toEqual({ stored: 1, failed: 0, dropped: 0 });
  expect(message.answers).toEqual(['ack']);
  const reason = 'batch: records/0/name: expected a name such as battery.voltage';
  expect([...written]).toEqual([
    [
      `dead-letters/tenant=${tenant()}/date=2026-11-20/ab12.json`,
      {
        id: '2026-11-20_ab12',
        messageId: 'ab12',
        tenant: tenant(),
        swarm: swarm(),
        device: device(),
        sentAt: '2026-11-20T12:34:56.789Z',
        deadAt: '2026-11-20T12:35:56.789Z',
        reason,
        body,
      },
    ],
  ]);
});

test('[DEAD-4] a message that could be read but not stored has no reason', async () => {
  const { written } = await bury([new Delivered('ab12', aMessage([aRecord()]))]);
  expect([...written.values()]).toMatchObject([{ reason: null, tenant: tenant(), swarm: swarm() }]);
});

test.each([
  ['nothing', undefined, { unsayable: 'undefined' }],
  ['null', null, null],
  ['a text', 'abc', 'abc'],
  ['bytes', new Uint8Array([1, 2, 255]).buffer, { base64: 'AQL/' }],
  ['a view of bytes', new Uint8Array([0, 1, 2, 255]).subarray(1), { base64: 'AQL/' }],
  ['a BigInt', { n: 1n }, { unsayable: 'object' }],
  ['a function of a symbol', Symbol('x'), { unsayable: 'symbol' }],
])('[DEAD-5] %s is kept as far as it can be said', async (_, body, said) => {
  const { written } = await bury([new Delivered('ab12', body)]);
  expect([...written]).toMatchObject([
    ['dead-letters/tenant=unknown/date=2026-11-20/ab12.json', { body: said, tenant: 'unknown' }],
  ]);
});

test('[DEAD-5] a message in a circle is a letter too', async () => {
  const circle: { self?: unknown } = {};
  circle.self = circle;
  const { written } = await bury([new Delivered('ab12', circle)]);
  expect([...written.values()]).toMatchObject([{ body: { unsayable: 'object' } }]);
});

test.each([
  [tenant(), tenant()],
  ['../other', 'unknown'],
  [swarm(), 'unknown'],
  [7, 'unknown'],
  [`${tenant()}/x`, 'unknown'],
])('[DEAD-6] a broken envelope with the tenant %j is a letter of %s', async (named, owner) => {
  const { written } = await bury([new Delivered('ab12', { tenant: named })]);
  expect([...written.keys()]).toEqual([`dead-letters/tenant=${owner}/date=2026-11-20/ab12.json`]);
});

test('[DEAD-6] an id that would leave the folder becomes its hash', async () => {
  const { written } = await bury([new Delivered('../../x', null)]);
  expect([...written.keys()]).toEqual([
    expect.stringMatching(/^dead-letters\/tenant=unknown\/date=2026-11-20\/[0-9a-f]{64}\.json$/),
  ]);
});

test('[DEAD-7] a letter is acknowledged only when it was written; one that failed comes again later, the others do not', async () => {
  const messages = [new Delivered('a', null), new Delivered('b', null, 2), new Delivered('c', null)];
  const { written, result } = await bury(messages, (key) => key.endsWith('/b.json'));
  expect(result).toEqual({ stored: 2, failed: 1, dropped: 0, fault: new Error('no room') });
  expect(answersOf(messages)).toEqual(['ack', 'retry in 10 s', 'ack']);
  expect(written.size).toBe(2);
});

test('[DEAD-7] the same letter delivered again is the same object', async () => {
  const once = await bury([new Delivered('a', null)]);
  const again = await bury([new Delivered('a', null, 2)]);
  expect([...again.written]).toEqual([...once.written]);
});

test('[DEAD-9] a tenant has so many letters a day: what is more is let go, and said', async () => {
  const store = memoryObjectStore();
  const messages = Array.from({ length: deadLettersPerDayMax + 3 }, (_, n) => new Delivered(`m${n}`, aMessage(['x'])));
  const deps = { store, list: store.list, now: () => LATER };
  expect(await consumeDeadLetters({ messages: messages.slice(0, 500) }, deps)).toMatchObject({
    stored: 500,
    dropped: 0,
  });
  expect(await consumeDeadLetters({ messages: messages.slice(500) }, deps)).toMatchObject({ stored: 500, dropped: 3 });
  expect(messages.every(({ answers }) => answers.join() === 'ack')).toBe(true);
  const other = [new Delivered('o', aMessage(['x'], { tenant: tenant(2) }))];
  expect(await consumeDeadLetters({ messages: other }, deps)).toMatchObject({ stored: 1, dropped: 0 });
});

test('[DEAD-10] letters end after so many days, a bounded number of them in a sweep, whoever they are of', async () => {
  const store = memoryObjectStore();
  const day = (ago: number) => new Date(LATER - ago * 24 * 3_600_000).toISOString().slice(0, 10);
  const ages = [deadLetterDays + 30, deadLetterDays + 1, deadLetterDays - 1, 0];
  for (let n = 1; n <= 20; n++)
    for (const ago of ages)
      for (const name of ['a', 'b'])
        await store.put(`dead-letters/tenant=${tenant(n)}/date=${day(ago)}/${name}.json`, new Uint8Array(1), {
          contentType: 'application/json',
        });
  await store.put(`dead-letters/tenant=unknown/date=${day(400)}/a.json`, new Uint8Array(1), { contentType: 'a/b' });
  const sweep = (chance: number) =>
    sweepDeadLetters({ store, now: () => LATER, chance: () => chance, entropy: (count) => new Uint8Array(count) });
  expect((await sweep(0)) + (await sweep(0.5)) + (await sweep(0.999))).toBe(20 * 4 + 1);
  const { objects } = await store.list('dead-letters/tenant=', null, 1_000);
  expect(objects.length).toBe(20 * 4);
  expect(objects.every(({ key }) => key.includes(day(0)) || key.includes(day(deadLetterDays - 1)))).toBe(true);
});
