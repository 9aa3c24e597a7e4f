import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { DeviceId } from '../../core/ids.ts';
import { frameBytesMax, ordersInFlightMax, taskInputBytesMax } from '../../core/limits.ts';
import type { Order } from '../../core/wire/device.ts';
import { ordersPerDeviceMax } from '../../durable-objects/squad/squad-limits.ts';
import { aDevice, anOrder, aSquad, connect, eventually, type Line, type Place } from './squad-support.ts';

afterEach(() => {
  vi.useRealTimers();
});

function clockPlus(ms: number): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + ms });
}

const soon = () => Date.now() + 15_000;

function stored(place: Place): Promise<string[]> {
  return runInDurableObject(place.squad, (_squad, state) => {
    const rows = state.storage.sql.exec<{ id: string }>('SELECT id FROM orders ORDER BY position').toArray();
    return rows.map((row) => row.id);
  });
}

/** The next orders that come down, as many as `count`. */
async function orders(line: Line, count: number): Promise<Order[]> {
  const got: Order[] = [];
  while (got.length < count) got.push(...(await line.frame('orders')).orders);
  return got;
}

const idsOf = (list: readonly Order[]) => list.map((order) => order.id);
const to = (device: DeviceId) => (order: Order) => ({ device, order });

describe('orders', () => {
  it('come down at once to a device that is there, as they were given', async () => {
    const place = aSquad();
    const device = aDevice(place);
    const { line } = await connect(place, device);
    const order = { ...anOrder(soon(), { text: 'Größe "x" €' }), trace: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01` };
    await place.squad.deliver([to(device.id)(order)]);
    expect(await line.frame('orders')).toEqual({ type: 'orders', orders: [order] });
    expect(await stored(place)).toEqual([order.id]);
  });

  it('wait for a device that is away, and come down in their order after its welcome', async () => {
    const place = aSquad();
    const device = aDevice(place);
    const other = aDevice(place);
    const given = [anOrder(soon()), anOrder(null), anOrder(soon())];
    await place.squad.deliver([...given.map(to(device.id)), to(other.id)(anOrder(soon()))]);
    await evictDurableObject(place.squad);
    const { line } = await connect(place, device);
    expect(await orders(line, 3)).toEqual(given);
    expect(line.pending).toEqual([]);
  });

  it('that were taken are gone; those that were not come again', async () => {
    const place = aSquad();
    const device = aDevice(place);
    const given = [anOrder(soon()), anOrder(soon()), anOrder(null)];
    const first = await connect(place, device);
    await place.squad.deliver(given.map(to(device.id)));
    await orders(first.line, 3);
    first.line.send({ type: 'taken', orders: [given[1]?.id] });
    // A second time, and an order that never was: nothing happens.
    first.line.send({ type: 'taken', orders: [given[1]?.id, anOrder(null).id] });
    await eventually(async () => (await stored(place)).length === 2);
    const second = await connect(place, device);
    expect(await orders(second.line, 2)).toEqual([given[0], given[2]]);
  });

  it('of another device cannot be taken away', async () => {
    const place = aSquad();
    const [device, thief] = [aDevice(place), aDevice(place)];
    const order = anOrder(soon());
    await place.squad.deliver([to(device.id)(order)]);
    const { line } = await connect(place, thief);
    line.send({ type: 'taken', orders: [order.id] });
    line.send({
      type: 'facts',
      epoch: 1,
      facts: [{ seq: 1, at: 1, body: { type: 'facts.dropped', count: 1, reason: 'full' } }],
    });
    await line.frame('committed');
    expect(await stored(place)).toEqual([order.id]);
  });

  it('[P2] delivered twice come down once', async () => {
    const place = aSquad();
    const device = aDevice(place);
    const { line } = await connect(place, device);
    const [one, two] = [anOrder(soon()), anOrder(soon())];
    await place.squad.deliver([to(device.id)(one)]);
    await place.squad.deliver([to(device.id)(one), to(device.id)(two), to(device.id)(two)]);
    expect(idsOf(await orders(line, 2))).toEqual([one.id, two.id]);
    expect(line.pending).toEqual([]);
    expect(await stored(place)).toEqual([one.id, two.id]);
  });

  it('are in flight in a limited number; each one taken lets the next come', async () => {
    const place = aSquad();
    const device = aDevice(place);
    const { line } = await connect(place, device);
    const given = Array.from({ length: ordersInFlightMax + 3 }, () => anOrder(soon()));
    await place.squad.deliver(given.map(to(device.id)));
    expect(idsOf(await orders(line, ordersInFlightMax))).toEqual(idsOf(given.slice(0, ordersInFlightMax)));
    expect(line.pending).toEqual([]);
    line.send({ type: 'taken', orders: idsOf(given.slice(0, 2)) });
    expect(idsOf(await orders(line, 2))).toEqual(idsOf(given.slice(ordersInFlightMax, ordersInFlightMax + 2)));
    line.send({ type: 'taken', orders: idsOf(given.slice(2, 60)) });
    expect(idsOf(await orders(line, 1))).toEqual(idsOf(given.slice(-1)));
  });

  it('[P15] that are large come in frames within the limit', async () => {
    const place = aSquad();
    const device = aDevice(place);
    const given = Array.from({ length: 8 }, () =>
      anOrder(soon(), { text: '€'.repeat(Math.floor(taskInputBytesMax / 3) - 50) }),
    );
    for (const order of given) await place.squad.deliver([to(device.id)(order)]);
    const { line } = await connect(place, device);
    const got: Order[] = [];
    while (got.length < given.length) {
      const text = await line.text();
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(frameBytesMax);
      got.push(...JSON.parse(text).orders);
    }
    expect(idsOf(got)).toEqual(idsOf(given));
  });

  it('[P15] that are too large or too many are reported undelivered at once', async () => {
    const place = aSquad();
    const device = aDevice(place);
    const huge = anOrder(null, { text: 'x'.repeat(frameBytesMax) });
    const given = Array.from({ length: ordersPerDeviceMax + 1 }, () => anOrder(null));
    await place.squad.deliver([huge, ...given].map(to(device.id)));
    await runDurableObjectAlarm(place.squad);
    await eventually(() => place.script.undelivered.length === 2);
    expect(place.script.undelivered).toEqual([huge.id, given.at(-1)?.id]);
    expect(await stored(place)).toHaveLength(ordersPerDeviceMax);
  });
});

describe('orders whose time is over', () => {
  it('are reported undelivered once, whether their device was away or did not take them', async () => {
    const place = aSquad();
    const [away, idle] = [aDevice(place), aDevice(place)];
    const { line } = await connect(place, idle);
    const [one, two, kept] = [anOrder(soon()), anOrder(soon()), anOrder(null)];
    await place.squad.deliver([to(away.id)(one), to(idle.id)(two), to(away.id)(kept)]);
    await line.frame('orders');
    expect(place.script.undelivered).toEqual([]);
    await evictDurableObject(place.squad);
    clockPlus(15_001);
    await runDurableObjectAlarm(place.squad);
    await eventually(() => place.script.undelivered.length > 0);
    expect(place.script.undelivered).toEqual([one.id, two.id]);
    expect(await stored(place)).toEqual([kept.id]);
    // Too late: it has been given back.
    line.send({ type: 'taken', orders: [two.id] });
    clockPlus(60_000);
    await runDurableObjectAlarm(place.squad);
    expect(place.script.undelivered).toEqual([one.id, two.id]);
  });

  it('do not come down any more', async () => {
    const place = aSquad();
    const device = aDevice(place);
    const [late, kept] = [anOrder(soon()), anOrder(null)];
    await place.squad.deliver([late, kept].map(to(device.id)));
    clockPlus(15_001);
    const { line } = await connect(place, device);
    expect(idsOf(await orders(line, 1))).toEqual([kept.id]);
    expect(line.pending).toEqual([]);
  });

  it('that were taken in time are not reported', async () => {
    const place = aSquad();
    const device = aDevice(place);
    const { line } = await connect(place, device);
    const order = anOrder(soon());
    await place.squad.deliver([to(device.id)(order)]);
    await line.frame('orders');
    line.send({ type: 'taken', orders: [order.id] });
    await eventually(async () => (await stored(place)).length === 0);
    clockPlus(15_001);
    await runDurableObjectAlarm(place.squad);
    expect(place.script.undelivered).toEqual([]);
  });

  it('the alarm is set for the earliest, and for nothing when nothing waits', async () => {
    const place = aSquad();
    const device = aDevice(place);
    const alarm = () => runInDurableObject(place.squad, (_squad, state) => state.storage.getAlarm());
    expect(await alarm()).toBeNull();
    const now = Date.now();
    await place.squad.deliver([to(device.id)(anOrder(now + 60_000)), to(device.id)(anOrder(now + 30_000))]);
    expect(((await alarm()) ?? 0) - now - 30_000).toBeGreaterThanOrEqual(0);
    expect(((await alarm()) ?? 0) - now - 30_000).toBeLessThanOrEqual(500);
    clockPlus(60_001);
    await runDurableObjectAlarm(place.squad);
    await eventually(() => place.script.undelivered.length === 2);
    expect(await alarm()).toBeNull();
  });
});
