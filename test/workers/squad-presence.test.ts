import { abortAllDurableObjects, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { prove } from '../../durable-objects/squad/prove.ts';
import type { Attachment, Socket } from '../../durable-objects/squad/socket.ts';
import { patrolMs, reportTriesMax, silentMsMax, swarmCallMs } from '../../durable-objects/squad/squad-limits.ts';
import {
  AUDIENCE,
  aDevice,
  again,
  anOrder,
  aSquad,
  connect,
  dial,
  eventually,
  id,
  type Place,
  proof,
  someFacts,
} from './squad-support.ts';

afterEach(() => {
  vi.useRealTimers();
});

function clockPlus(ms: number): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + ms });
}

interface Rows {
  connections: number;
  reports: number;
  parked: number;
}

function rows(place: Place): Promise<Rows> {
  return runInDurableObject(place.squad, (_squad, state) =>
    state.storage.sql
      .exec<Rows & Record<string, number>>(
        `SELECT (SELECT count(*) FROM connections) AS connections, (SELECT count(*) FROM reports) AS reports,
           (SELECT count(*) FROM reports WHERE next_at IS NULL) AS parked`,
      )
      .one(),
  ).then(({ connections, reports, parked }) => ({ connections, reports, parked }));
}

describe('presence', () => {
  it('a device that hangs up has left, and the close is answered', async () => {
    const place = aSquad();
    const device = aDevice(place);
    const { line } = await connect(place, device);
    const connection = place.script.present.get(device.id);
    expect(await rows(place)).toEqual({ connections: 1, reports: 0, parked: 0 });
    line.hangUp();
    await eventually(() => place.script.left.length === 1);
    expect(place.script.left).toEqual([connection]);
    expect(place.script.present.size).toBe(0);
    await eventually(async () => (await rows(place)).reports === 0);
    expect(await rows(place)).toEqual({ connections: 0, reports: 0, parked: 0 });
    expect((await line.close()).code).toBe(1000);
  });

  it('a socket that never proved itself is nobody: nothing is reported', async () => {
    const place = aSquad();
    const { line } = await dial(place, aDevice(place).id);
    line.hangUp();
    await line.close();
    expect(await rows(place)).toEqual({ connections: 0, reports: 0, parked: 0 });
    expect(place.script.calls).toEqual([]);
  });

  it('a later connection replaces the earlier one, which is closed 4409', async () => {
    const place = aSquad();
    const device = aDevice(place);
    const first = await connect(place, device);
    const waiting = await dial(place, device.id);
    const second = await connect(place, device);
    expect(await first.line.close()).toEqual({ code: 4409, reason: 'replaced' });
    await eventually(() => place.script.left.length === 1);
    // The report of the first does not end the second.
    expect(place.script.present.get(device.id)).toBeDefined();
    expect(place.script.present.get(device.id)).not.toBe(place.script.left[0]);
    second.line.send({ type: 'facts', epoch: 1, facts: someFacts(1, 1) });
    expect(await second.line.frame('committed')).toMatchObject({ seq: 1 });
    await place.squad.deliver([{ device: device.id, order: anOrder(null) }]);
    expect((await second.line.frame('orders')).orders).toHaveLength(1);
    // A socket that has only been challenged may be the next one.
    waiting.line.send(proof(device, waiting.nonce, { epoch: 1, seq: 1 }));
    expect((await waiting.line.frame('welcome')).seq).toBe(1);
    expect((await second.line.close()).code).toBe(4409);
  });

  it('an earlier connection stays when the later one is refused', async () => {
    const place = aSquad();
    const device = aDevice(place);
    const first = await connect(place, device);
    place.script.mode = 'unavailable';
    const second = await dial(place, device.id);
    second.line.send(proof(device, second.nonce));
    expect((await second.line.close()).code).toBe(4503);
    place.script.mode = 'up';
    first.line.send({ type: 'facts', epoch: 1, facts: someFacts(1, 1) });
    expect(await first.line.frame('committed')).toMatchObject({ seq: 1 });
  });

  it('a device that hangs up while it is being admitted has left after it came', async () => {
    const place = aSquad();
    const device = aDevice(place);
    place.script.delayMs = 50;
    const { line, nonce } = await dial(place, device.id);
    line.send(proof(device, nonce));
    await eventually(() => place.script.calls.includes('admitDevice'));
    // What is told of the end now overtakes the admission.
    place.script.delayMs = 0;
    line.hangUp();
    await eventually(() => place.script.left.length === 1);
    await eventually(() => place.script.left.length === 2 && place.script.present.size === 0);
    await eventually(async () => (await rows(place)).reports === 0);
    expect(await rows(place)).toEqual({ connections: 0, reports: 0, parked: 0 });
    expect(place.script.present.size).toBe(0);
  });

  it('an admission that comes too late is taken back', async () => {
    vi.useFakeTimers();
    const device = aDevice(aSquad());
    let answer: (value: unknown) => void = () => undefined;
    const told: string[] = [];
    let held = {
      phase: 'challenged',
      tenant: id('tnt'),
      swarm: id('swm'),
      device: device.id,
      audience: AUDIENCE,
      connection: 'c1',
      nonce: 'n1',
      since: Date.now(),
    } as Attachment;
    const socket = {
      readyState: 1,
      serializeAttachment: (value: Attachment) => {
        held = value;
      },
      deserializeAttachment: () => held,
    } as unknown as Socket;
    // This step alone, with a swarm that hangs: the real wait is longer than a test may be.
    const proving = prove(proof(device, 'n1'), held, socket, {
      store: { openConnection: () => told.push('open'), dropConnection: () => told.push('drop') },
      swarm: { admitDevice: () => new Promise((done) => (answer = done as typeof answer)) },
      shares: new Map(),
      now: () => Date.now(),
      sockets: () => [socket],
      reportLefts: async () => undefined,
      dismiss: (_socket, reason) => told.push(`dismiss ${reason}`),
      admitted: () => told.push('admitted'),
      hasLeft: (_device, connection) => told.push(`left ${connection}`),
      fault: () => undefined,
    });
    await vi.advanceTimersByTimeAsync(swarmCallMs);
    await proving;
    expect(told).toEqual(['open', 'dismiss busy']);
    answer({ ok: true, value: { epoch: 1, seq: 0, now: 0 } });
    await vi.advanceTimersByTimeAsync(0);
    expect(told).toEqual(['open', 'dismiss busy', 'left c1']);
  });

  it('a device that is expelled is closed 4403 and its orders are gone', async () => {
    const place = aSquad();
    const [device, other] = [aDevice(place), aDevice(place)];
    const { line } = await connect(place, device);
    const stays = await connect(place, other);
    const challenged = await dial(place, device.id);
    await place.squad.deliver([
      { device: device.id, order: anOrder(null) },
      { device: other.id, order: anOrder(null) },
    ]);
    await line.frame('orders');
    place.script.revoked.add(device.id);
    await place.squad.expel(device.id);
    expect(await line.close()).toEqual({ code: 4403, reason: 'revoked' });
    expect(await challenged.line.close()).toEqual({ code: 4403, reason: 'revoked' });
    const left = await runInDurableObject(place.squad, (_squad, state) =>
      state.storage.sql.exec('SELECT device FROM orders').toArray(),
    );
    expect(left).toEqual([{ device: other.id }]);
    expect(stays.line.closed).toBeNull();
    const again = await dial(place, device.id);
    again.line.send(proof(device, again.nonce));
    expect((await again.line.close()).code).toBe(4403);
    // A repeat changes nothing.
    await place.squad.expel(device.id);
  });

  it('a device that falls silent is closed when the squad looks, one that pings is not', async () => {
    const place = aSquad();
    const [silent, lively] = [aDevice(place), aDevice(place)];
    const one = await connect(place, silent);
    const two = await connect(place, lively);
    const alarm = await runInDurableObject(place.squad, (_squad, state) => state.storage.getAlarm());
    expect((alarm ?? 0) - Date.now()).toBeLessThanOrEqual(patrolMs + 500);
    await evictDurableObject(place.squad);
    // The platform's own clock stamps the answered pings, so the wait is on this side: the connection is made older.
    two.line.send('ping');
    expect(await two.line.text()).toBe('pong');
    clockPlus(silentMsMax - 1_000);
    await runDurableObjectAlarm(place.squad);
    expect(one.line.closed).toBeNull();
    vi.useRealTimers();
    await runInDurableObject(place.squad, (_squad, state) => {
      for (const socket of state.getWebSockets()) {
        const held = socket.deserializeAttachment();
        socket.serializeAttachment({ ...held, since: held.since - silentMsMax - 1 });
      }
    });
    await runDurableObjectAlarm(place.squad);
    expect((await one.line.frame('problem')).code).toBe('silent');
    expect((await one.line.close()).code).toBe(4503);
    two.line.send({ type: 'facts', epoch: 1, facts: someFacts(1, 1) });
    expect(await two.line.frame('committed')).toMatchObject({ seq: 1 });
    await eventually(() => place.script.left.length === 1);
    expect([...place.script.present.keys()]).toEqual([lively.id]);
  });
});

describe('[P14] after the object went away', () => {
  it('with its sockets asleep, nobody has left', async () => {
    const place = aSquad();
    const device = aDevice(place);
    const { line } = await connect(place, device);
    await evictDurableObject(place.squad);
    line.send({ type: 'facts', epoch: 1, facts: someFacts(1, 1) });
    expect(await line.frame('committed')).toMatchObject({ seq: 1 });
    expect(place.script.left).toEqual([]);
  });

  it('with its sockets closed, each has left', async () => {
    const place = aSquad();
    const devices = [aDevice(place), aDevice(place)];
    for (const device of devices) await connect(place, device);
    const were = [...place.script.present.values()].toSorted();
    await evictDurableObject(place.squad, { webSockets: 'close' });
    await place.squad.deliver([]);
    await eventually(() => place.script.left.length === 2);
    expect(place.script.left.toSorted()).toEqual(were);
  });

  it('by a crash, each has left, by the next wake', async () => {
    const place = aSquad();
    const device = aDevice(place);
    await connect(place, device);
    const was = place.script.present.get(device.id);
    await abortAllDurableObjects();
    expect(place.script.left).toEqual([]);
    await again(place).deliver([]);
    await eventually(() => place.script.left.length === 1);
    expect(place.script.left).toEqual([was]);
  });
});

describe('[P18] reports', () => {
  it('are tried with back-off, then parked, and told when the swarm is heard of again', async () => {
    const place = aSquad();
    const device = aDevice(place);
    const { line } = await connect(place, device);
    const connection = place.script.present.get(device.id);
    place.script.mode = 'throws';
    line.hangUp();
    await eventually(() => place.script.calls.filter((call) => call === 'deviceLeft').length === 1);
    for (let tries = 0; tries < 3 * reportTriesMax; tries++) {
      clockPlus(6 * 60_000);
      await runDurableObjectAlarm(place.squad);
    }
    expect(place.script.calls.filter((call) => call === 'deviceLeft')).toHaveLength(reportTriesMax);
    expect(await rows(place)).toEqual({ connections: 0, reports: 1, parked: 1 });
    expect(await runInDurableObject(place.squad, (_squad, state) => state.storage.getAlarm())).toBeNull();

    place.script.mode = 'up';
    await evictDurableObject(place.squad);
    await place.squad.deliver([]);
    await eventually(() => place.script.left.length === 1);
    expect(place.script.left).toEqual([connection]);
    await eventually(async () => (await rows(place)).reports === 0);
  });

  it('of a device go before its next admission, so a swarm that is down gathers no more of them', async () => {
    const place = aSquad();
    const device = aDevice(place);
    const { line } = await connect(place, device);
    place.script.mode = 'throws';
    line.hangUp();
    await eventually(async () => (await rows(place)).reports === 1);
    for (let n = 0; n < 5; n++) {
      const { line: next, nonce } = await dial(place, device.id);
      next.send(proof(device, nonce));
      expect((await next.close()).code).toBe(4503);
    }
    expect(await rows(place)).toEqual({ connections: 0, reports: 1, parked: 0 });
    place.script.mode = 'up';
    place.script.calls.length = 0;
    await connect(place, device);
    expect(place.script.calls).toEqual(['deviceLeft', 'admitDevice']);
    expect(place.script.present.size).toBe(1);
  });

  it('of many devices do not wait for one another', async () => {
    const place = aSquad();
    for (let n = 0; n < 10; n++) await connect(place, aDevice(place));
    place.script.delayMs = 200;
    await evictDurableObject(place.squad, { webSockets: 'close' });
    const start = performance.now();
    await place.squad.deliver([]);
    await eventually(() => place.script.left.length === 10);
    // One after the other they would take two seconds.
    expect(performance.now() - start).toBeLessThan(1_500);
  });
});
