import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { afterEach, expect, it, vi } from 'vitest';
import type { Order } from '../../core/wire/device.ts';
import { challengeMs, patrolMs } from '../../durable-objects/squad/squad-limits.ts';
import {
  aDevice,
  anOrder,
  aSquad,
  dial,
  eventually,
  type Line,
  type Place,
  proof,
  someFacts,
  type TestDevice,
} from './squad-support.ts';

afterEach(() => {
  vi.useRealTimers();
});

interface Scene {
  readonly place: Place;
  readonly device: TestDevice;
  readonly now: number;
  readonly orders: readonly Order[];
  /** What the device saw, without what differs from run to run. */
  readonly seen: unknown[];
  line: Line;
  nonce: string;
}

type Step = (scene: Scene) => Promise<void>;

/** A device's day: in, facts, orders down and taken, replaced, more orders, one of them late, out. */
const STEPS: readonly Step[] = [
  async (scene) => Object.assign(scene, await dial(scene.place, scene.device.id)) && undefined,
  async ({ line, nonce, device, seen }) => {
    line.send(proof(device, nonce));
    const { epoch, seq } = await line.frame('welcome');
    seen.push({ epoch, seq });
  },
  async ({ line, seen }) => {
    line.send({ type: 'facts', epoch: 1, facts: someFacts(1, 3) });
    seen.push(await line.frame('committed'));
  },
  async (scene) => deliver(scene, 0, 2),
  async ({ line, orders, seen }) => {
    seen.push((await line.frame('orders')).orders.map((order) => orders.findIndex((given) => given.id === order.id)));
    line.send({ type: 'taken', orders: [orders[0]?.id] });
  },
  async ({ line, seen }) => {
    line.send({ type: 'facts', epoch: 1, facts: [...someFacts(2, 4), { seq: 5, body: null }] });
    seen.push(await line.frame('committed'));
  },
  async (scene) => {
    const next = await dial(scene.place, scene.device.id);
    next.line.send(proof(scene.device, next.nonce, { epoch: 1, seq: 5 }));
    const { epoch, seq } = await next.line.frame('welcome');
    scene.seen.push({ epoch, seq }, await scene.line.close());
    scene.line = next.line;
    await eventually(() => scene.place.script.left.length === 1);
  },
  async ({ line, orders, seen }) => {
    seen.push((await line.frame('orders')).orders.map((order) => orders.findIndex((given) => given.id === order.id)));
  },
  async (scene) => deliver(scene, 1, 4),
  async ({ line, orders, seen }) => {
    const ids = (await line.frame('orders')).orders.map((order) => order.id);
    seen.push(ids.map((id) => orders.findIndex((given) => given.id === id)));
    line.send({ type: 'taken', orders: ids.slice(1) });
  },
  async ({ line, seen }) => {
    line.send('ping');
    seen.push(await line.text());
  },
  async ({ line, place }) => {
    line.hangUp();
    await eventually(() => place.script.left.length === 2);
  },
  async ({ place, now }) => {
    vi.useFakeTimers({ toFake: ['Date'], now: now + 15_001 });
    await runDurableObjectAlarm(place.squad);
    await eventually(() => place.script.undelivered.length > 0);
  },
];

async function deliver({ place, device, orders }: Scene, from: number, to: number): Promise<void> {
  await place.squad.deliver(orders.slice(from, to).map((order) => ({ device: device.id, order })));
}

/** Plays the day, evicting the squad before each step that `evicted` names. */
async function play(evicted: (step: number) => boolean): Promise<unknown> {
  const place = aSquad();
  const device = aDevice(place);
  const now = Date.now();
  const orders = [anOrder(now + 15_000), anOrder(now + 15_000), anOrder(null), anOrder(now + 15_000)];
  // The first step gives it its line.
  const scene = { place, device, now, orders, seen: [] } as unknown as Scene;
  for (const [number, step] of STEPS.entries()) {
    if (number > 0 && evicted(number)) await evict(place);
    await step(scene);
  }
  vi.useRealTimers();
  await eventually(() => runInDurableObject(place.squad, (_squad, state) => count(state, 'reports') === 0));
  return {
    seen: scene.seen,
    facts: place.script.committed.get(`${device.id}/1`),
    undelivered: place.script.undelivered.map((id) => orders.findIndex((order) => order.id === id)),
    left: place.script.left.length,
    present: place.script.present.size,
    orders: await runInDurableObject(place.squad, (_squad, state) => count(state, 'orders')),
    connections: await runInDurableObject(place.squad, (_squad, state) => count(state, 'connections')),
  };
}

/** Evicts the squad, which may be away already: a ping, answered for it, has not woken it. */
async function evict(place: Place): Promise<void> {
  await evictDurableObject(place.squad).catch((error: unknown) => {
    if (!String(error).includes('not currently running')) throw error;
  });
}

function count(state: DurableObjectState, table: string): number {
  return Number(state.storage.sql.exec(`SELECT count(*) AS n FROM ${table}`).one().n);
}

it('[P14] eviction between any two steps, or all, changes nothing', async () => {
  const undisturbed = await play(() => false);
  expect(undisturbed).toMatchObject({
    seen: [
      { epoch: 1, seq: 0 },
      { type: 'committed', seq: 3 },
      [0, 1],
      { type: 'committed', seq: 5 },
      { epoch: 1, seq: 5 },
      { code: 4409 },
      [1],
      [2, 3],
      'pong',
    ],
    undelivered: [1],
    left: 2,
    present: 0,
    orders: 1,
    connections: 0,
  });
  for (let number = 1; number < STEPS.length; number++) {
    expect(await play((step) => step === number), `evicted before step ${number}`).toEqual(undisturbed);
  }
  expect(await play(() => true)).toEqual(undisturbed);
});

it('[P14] the alarm is set again at the start when the platform has lost it', async () => {
  const place = aSquad();
  const device = aDevice(place);
  await place.squad.deliver([{ device: device.id, order: anOrder(Date.now() + 15_000) }]);
  const alarm = () => runInDurableObject(place.squad, (_squad, state) => state.storage.getAlarm());
  const first = await alarm();
  await runInDurableObject(place.squad, (_squad, state) => state.storage.deleteAlarm());
  expect(await alarm()).toBeNull();
  await evictDurableObject(place.squad);
  expect(await alarm()).toBe(first);
});

it('the alarm is set for the challenge, then for the patrol, then for nothing', async () => {
  const place = aSquad();
  const device = aDevice(place);
  const inMs = () =>
    runInDurableObject(place.squad, async (_squad, state) => {
      const at = await state.storage.getAlarm();
      return at === null ? null : Math.round((at - Date.now()) / 1_000);
    });
  const { line, nonce } = await dial(place, device.id);
  expect(await inMs()).toBe(challengeMs / 1_000);
  line.send(proof(device, nonce));
  await line.frame('welcome');
  await runDurableObjectAlarm(place.squad);
  expect(await inMs()).toBe(patrolMs / 1_000);
  line.hangUp();
  await eventually(() => place.script.left.length === 1);
  await eventually(() => runInDurableObject(place.squad, (_squad, state) => count(state, 'reports') === 0));
  await runDurableObjectAlarm(place.squad);
  expect(await inMs()).toBeNull();
});
