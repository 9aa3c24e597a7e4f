import { afterEach, describe, expect, test, vi } from 'vitest';
import { followersMax, outboxPerDrain, outboxTriesMax } from '../../core/limits.ts';
import type { Effect } from '../../core/swarm/react.ts';
import type { SendOutcome, WebhookCommand } from '../../core/webhooks/commands.ts';
import { runInside, sendDelivery } from '../../durable-objects/swarm/effects.ts';
import { createFollowers } from '../../durable-objects/swarm/followers.ts';
import { type DrainDeps, drain, lanesDue, nextInOutbox, outboxDue } from '../../durable-objects/swarm/outbox-drain.ts';
import { openTries } from './open-tries.ts';
import { StoreSwarm } from './store-swarm.ts';

afterEach(() => {
  vi.useRealTimers();
});

const ask = { type: 'RequestTask', operation: 'swarm.echo', input: { a: 1 } } as const;
type Order = Extract<Effect, { kind: 'order' }>;

/** Puts an order for a device of this squad into the outbox; `n` tells it from others. */
function putOrder(swarm: StoreSwarm, squad: number, n: number): void {
  const order = { id: `ord_${n}`, deliverBy: null, body: { type: 'desire', version: n, desired: {} } } as const;
  const effect: Order = { kind: 'order', squad, device: 'dev_x', order };
  swarm.sql.run('INSERT INTO outbox (effect, due) VALUES (?, ?)', JSON.stringify(effect), swarm.now);
}

const triesOf = (swarm: StoreSwarm) => openTries(swarm.sql, () => swarm.now);

/** A drain whose receivers take everything, unless told otherwise. */
function deps(swarm: StoreSwarm, more: Partial<DrainDeps> = {}): DrainDeps {
  return {
    sql: swarm.sql,
    tries: triesOf(swarm),
    now: () => swarm.now,
    toSquad: async () => {},
    run: async () => {},
    send: async () => {},
    park: () => {},
    ...more,
  };
}

describe('the outbox', () => {
  test('[SWARM-10] a row goes when its receiver has taken it, and stays when it has not', async () => {
    const swarm = new StoreSwarm();
    putOrder(swarm, 0, 1);
    putOrder(swarm, 1, 2);
    const toSquad = async (squad: number) => {
      if (squad === 1) throw new Error('not there');
    };
    await drain('orders', deps(swarm, { toSquad }));
    expect(swarm.outbox()).toMatchObject([{ tries: 1, due: swarm.now + 1_000, effect: { squad: 1 } }]);
    expect(nextInOutbox(outboxDue(swarm.sql, triesOf(swarm)))).toBe(swarm.now + 1_000);
  });

  test('[SWARM-10] a failure is tried again with growing pauses, then parked where it can be seen, and never again', async () => {
    const swarm = new StoreSwarm();
    putOrder(swarm, 0, 1);
    const parked: number[] = [];
    let tries = 0;
    const failing = deps(swarm, {
      toSquad: async () => {
        tries++;
        throw new Error('not there');
      },
      park: (id, _, made) => parked.push(id, made),
    });
    const pauses: number[] = [];
    for (let round = 0; round < 50; round++) {
      const due = nextInOutbox(outboxDue(swarm.sql, triesOf(swarm)));
      if (due === null) break;
      pauses.push(due - swarm.now);
      swarm.now = due;
      await drain('orders', failing);
    }
    expect(tries).toBe(outboxTriesMax);
    expect(pauses).toEqual([0, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000]);
    expect(parked).toEqual([swarm.outbox()[0]?.id, outboxTriesMax]);
    swarm.now += 1e9;
    await drain('orders', failing);
    expect(tries).toBe(outboxTriesMax);
  });

  test('[SWARM-10] the order to one squad is kept: what comes later waits for what has to be tried again', async () => {
    const swarm = new StoreSwarm();
    const taken: number[] = [];
    let up = false;
    const flaky = deps(swarm, {
      toSquad: async (squad, effects) => {
        if (squad === 0 && !up) throw new Error('not there');
        for (const effect of effects) if (effect.kind === 'order') taken.push(Number(effect.order.id.slice(4)));
      },
    });
    for (let n = 1; n <= 8; n++) {
      putOrder(swarm, 0, n);
      putOrder(swarm, 1, 100 + n);
      swarm.now += 300;
      await drain('orders', flaky);
    }
    // The other squad was not held up.
    expect(taken).toEqual([101, 102, 103, 104, 105, 106, 107, 108]);
    up = true;
    for (let round = 0; round < 20 && nextInOutbox(outboxDue(swarm.sql, triesOf(swarm))) !== null; round++) {
      swarm.now = Math.max(swarm.now, nextInOutbox(outboxDue(swarm.sql, triesOf(swarm))) ?? 0);
      await drain('orders', flaky);
    }
    expect(taken.slice(8)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(swarm.outbox()).toEqual([]);
  });

  test('[SWARM-10] a squad that is away makes no busy loop: whatever is due is due later', async () => {
    const swarm = new StoreSwarm();
    for (let n = 0; n < outboxPerDrain + 50; n++) putOrder(swarm, 0, n);
    let calls = 0;
    const away = deps(swarm, {
      toSquad: async () => {
        calls++;
        throw new Error('not there');
      },
    });
    for (
      let round = 0;
      round < 20 && (nextInOutbox(outboxDue(swarm.sql, triesOf(swarm))) ?? Number.POSITIVE_INFINITY) <= swarm.now;
      round++
    )
      await drain('orders', away);
    expect(calls).toBeLessThanOrEqual(2);
    expect(nextInOutbox(outboxDue(swarm.sql, triesOf(swarm)))).toBeGreaterThan(swarm.now);
  });

  test('[SWARM-10] at most six deliveries are under way at once, and a slow one holds up none of the others', async () => {
    const swarm = new StoreSwarm();
    for (let n = 0; n < 20; n++)
      swarm.sql.run(
        'INSERT INTO outbox (effect, due) VALUES (?, ?)',
        JSON.stringify({ kind: 'send', delivery: `dlv_${n}` }),
        swarm.now,
      );
    let underWay = 0;
    let most = 0;
    const sent: string[] = [];
    let free: () => void = () => {};
    const slow = new Promise<void>((resolve) => {
      free = resolve;
    });
    const draining = drain(
      'deliveries',
      deps(swarm, {
        send: async ({ delivery }) => {
          most = Math.max(most, ++underWay);
          if (delivery === 'dlv_0') await slow;
          else await Promise.resolve();
          underWay--;
          sent.push(delivery);
        },
      }),
    );
    await vi.waitFor(() => expect(sent).toHaveLength(19));
    expect(most).toBe(6);
    expect(swarm.outbox()).toHaveLength(1);
    free();
    await draining;
    expect(swarm.outbox()).toEqual([]);
  });
});

test('[SWARM-10] a receiver of webhooks that does not answer keeps nothing from devices', async () => {
  const swarm = new StoreSwarm();
  for (let n = 0; n < outboxPerDrain + 1; n++)
    swarm.sql.run(
      'INSERT INTO outbox (effect, due) VALUES (?, ?)',
      JSON.stringify({ kind: 'send', delivery: `dlv_${n}` }),
      swarm.now,
    );
  putOrder(swarm, 0, 1);
  expect(lanesDue(outboxDue(swarm.sql, triesOf(swarm)), swarm.now)).toEqual(['orders', 'deliveries']);
  let free: () => void = () => {};
  const never = new Promise<void>((resolve) => {
    free = resolve;
  });
  const hanging = drain('deliveries', deps(swarm, { send: () => never }));
  const taken: unknown[] = [];
  await drain('orders', deps(swarm, { toSquad: async (_, effects) => void taken.push(...effects) }));
  expect(taken).toHaveLength(1);
  expect(lanesDue(outboxDue(swarm.sql, triesOf(swarm)), swarm.now)).toEqual(['deliveries']);
  free();
  await hanging;
});

describe('effects that come back as commands', () => {
  test('[SWARM-14] an attempt of the swarm itself is done once, and only while it is in force', () => {
    const swarm = new StoreSwarm();
    const task = swarm.do(ask, { trace: 'trace-1' });
    const effect = { kind: 'run', task, attempt: swarm.row('task', task).attempts[0]?.id ?? '' } as const;
    const run = () => runInside(effect, { read: swarm.store.read, execute: (command) => void swarm.send(command) });
    run();
    expect(swarm.row('task', task)).toMatchObject({ state: 'succeeded', result: { a: 1 }, settledMicro: 100 });
    expect(swarm.journal().at(-1)).toMatchObject({ traceparent: 'trace-1' });
    const before = swarm.store.head();
    run();
    expect(swarm.store.head()).toEqual(before);
    const cancelled = swarm.do(ask);
    swarm.do({ type: 'CancelTask', task: cancelled as `tsk_${string}` });
    const late = { kind: 'run', task: cancelled, attempt: swarm.row('task', cancelled).attempts[0]?.id ?? '' } as const;
    runInside(late, { read: swarm.store.read, execute: () => expect.unreachable() });
  });

  const webhook = {
    type: 'CreateWebhook',
    webhook: 'whk_1',
    url: 'https://a.example/in',
    events: ['task.succeeded'],
    description: null,
    sealedSecret: 's0',
  } as const;

  async function deliver(answer: SendOutcome | Error, between: (swarm: StoreSwarm) => void = () => {}) {
    const swarm = new StoreSwarm();
    swarm.do(webhook as WebhookCommand);
    const task = swarm.do(ask);
    runInside(
      { kind: 'run', task, attempt: swarm.row('task', task).attempts[0]?.id ?? '' },
      { read: swarm.store.read, execute: (command) => void swarm.send(command) },
    );
    const delivery = swarm.stored('delivery')[0]?.id ?? 'dlv_';
    between(swarm);
    const sent: unknown[] = [];
    await sendDelivery(
      { kind: 'send', delivery },
      {
        store: swarm.store,
        readEvents: swarm.readEvents,
        send: async (request) => {
          sent.push(request);
          if (answer instanceof Error) throw answer;
          return answer as never;
        },
        execute: (command) => void swarm.send(command),
        now: () => swarm.now,
        random: () => 0.5,
      },
    );
    return { swarm, sent, delivery: swarm.row('delivery', delivery) };
  }

  test('[WEBHOOK-3] a delivery carries its event as an outsider would read it, and the secrets in force', async () => {
    const { swarm, sent, delivery } = await deliver({ outcome: 'delivered', status: 200 }, (before) => {
      before.do({ type: 'RotateWebhook', webhook: 'whk_1', sealedSecret: 's1', graceMs: 1_000 });
      before.do({ type: 'RotateWebhook', webhook: 'whk_1', sealedSecret: 's2', graceMs: 0 });
    });
    const event = swarm.journal().find(({ type }) => type === 'starling.task.succeeded');
    expect(sent).toHaveLength(1);
    const request = sent[0] as { body: string };
    expect(request).toMatchObject({
      url: 'https://a.example/in',
      sealedSecrets: ['s2'],
      webhook: 'whk_1',
      delivery: delivery.id,
    });
    expect(JSON.parse(request.body)).toEqual(event);
    expect(delivery).toMatchObject({ state: 'delivered', attempts: 1, lastStatus: 200, seq: event?.seq });
  });

  test('[WEBHOOK-9] a sender that does not answer is a failed attempt on the schedule, not a loop of its own', async () => {
    const { swarm, delivery } = await deliver(new Error('down'));
    expect(delivery).toMatchObject({
      state: 'waiting',
      attempts: 1,
      lastError: 'sender_unavailable',
      nextAt: swarm.now + 5_000,
    });
  });

  test('[WEBHOOK-5] a delivery of a webhook that was deleted on the way is refused, not left hanging, and not sent', async () => {
    const { sent, delivery } = await deliver({ outcome: 'delivered' }, (swarm) =>
      swarm.do({ type: 'DeleteWebhook', webhook: 'whk_1' }),
    );
    expect(sent).toEqual([]);
    expect(delivery).toMatchObject({ state: 'refused', lastError: 'webhook_not_active' });
  });
});

describe('followers', () => {
  const decoder = new TextDecoder();

  function following(swarm: StoreSwarm) {
    return createFollowers({
      events: async (from, limit) => swarm.store.events(from, limit),
      origin: () => swarm.store.origin() ?? '',
      headSeq: () => swarm.store.head().seq,
    });
  }

  /** Reads until a chunk brings events; answers with their seqs. */
  async function seqs(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<number[]> {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) throw new Error('it ended');
      const found = [...decoder.decode(value).matchAll(/^id: (\d+)$/gm)].map(([, seq]) => Number(seq));
      if (found.length > 0) return found;
    }
  }

  test('[JOURNAL-14] a follower gets every event from where it asks, in order, and goes on where it stopped', async () => {
    const swarm = new StoreSwarm();
    const followers = following(swarm);
    const first = followers.open(3).getReader();
    expect(await seqs(first)).toEqual([3, 4, 5]);
    const waiting = seqs(first);
    swarm.do(ask);
    followers.wake([]);
    expect(await waiting).toEqual([6, 7, 8]);
    await first.cancel();
    expect(followers.count).toBe(0);
    const resumed = followers.open(8).getReader();
    expect(await seqs(resumed)).toEqual([8]);
    await resumed.cancel();
  });

  test('[JOURNAL-14] a follower that asks for what is not there yet waits for it, however many events come before', async () => {
    const swarm = new StoreSwarm();
    const followers = following(swarm);
    const head = swarm.store.head().seq;
    const reader = followers.open(head + 4).getReader();
    await reader.read(); // the greeting
    const waiting = seqs(reader);
    for (let n = 0; n < 2; n++) {
      swarm.do(ask);
      followers.wake([]);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await waiting).toEqual([head + 4, head + 5, head + 6]);
    await reader.cancel();
  });

  test('[JOURNAL-14] a silent stream says now and then that it is still there', async () => {
    const swarm = new StoreSwarm();
    vi.useFakeTimers();
    const reader = following(swarm).open(99).getReader();
    await reader.read();
    for (let n = 0; n < 3; n++) {
      const next = reader.read();
      await vi.advanceTimersByTimeAsync(15_000);
      expect(decoder.decode((await next).value)).toBe(': still here\n\n');
    }
    await reader.cancel();
  });

  test('[JOURNAL-14] when there are too many followers, the one that was silent for longest is cut off', async () => {
    const swarm = new StoreSwarm();
    const followers = following(swarm);
    const head = swarm.store.head().seq;
    const readers = Array.from({ length: followersMax }, () => followers.open(head + 1).getReader());
    for (const reader of readers) await reader.read(); // the greeting
    // All but the second say something.
    const others = readers.filter((_, n) => n !== 1);
    const heard = others.map((reader) => seqs(reader));
    swarm.do(ask);
    followers.wake([]);
    await Promise.all(heard);
    followers.open(1);
    expect(followers.count).toBe(followersMax);
    expect(await readers[1]?.read()).toEqual({ done: true, value: undefined });
    await Promise.all(others.map((reader) => reader.cancel()));
  });

  test('[SWARM-12] who waits for a subject is woken by it alone, or when its time is over', async () => {
    vi.useFakeTimers();
    const followers = following(new StoreSwarm());
    const woken: string[] = [];
    void followers.next('task/a', 1_000).then(() => woken.push('a'));
    void followers.next('task/a', 60_000).then(() => woken.push('a again'));
    void followers.next('task/b', 5_000).then(() => woken.push('b'));
    followers.wake(['task/a', 'task/c']);
    await vi.advanceTimersByTimeAsync(0);
    expect(woken).toEqual(['a', 'a again']);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(woken).toEqual(['a', 'a again', 'b']);
    expect(vi.getTimerCount()).toBe(0);
  });
});
