import { describe, expect, test } from 'vitest';
import {
  deviceFactsBurstMax,
  deviceFactsPerSecondMax,
  storageBytesFull,
  storageBytesRefuse,
} from '../../core/limits.ts';
import type { Execute } from '../../core/swarm/service.ts';
import { createBreaker } from '../../durable-objects/breaker.ts';
import { createDeviceShares } from '../../durable-objects/swarm/device-shares.ts';
import { openDoor } from '../../durable-objects/swarm/door.ts';
import { takeFacts } from '../../durable-objects/swarm/facts.ts';
import { aDescription, anOffer } from './builders.ts';
import { OWNER, START } from './memory-swarm.ts';
import { StoreSwarm } from './store-swarm.ts';
import { ampleShares, aStoredDevice } from './stored-device.ts';

/** A swarm behind its door, whose database is said to hold so much. */
function aDoor() {
  const swarm = new StoreSwarm();
  const device = aStoredDevice(swarm);
  const held = { bytes: 0 };
  const door = openDoor({
    store: swarm.store,
    breaker: createBreaker(swarm.sql, () => swarm.now),
    log: () => {},
    isFilling: () => false,
    databaseSize: () => held.bytes,
    committed: () => {},
  });
  let sent = 0;
  const command = (body: Execute['command']): Execute => ({
    ...{ id: `room:${++sent}`, actor: OWNER, command: body, remember: true },
  });
  const codes = (commands: readonly Execute[]) =>
    door.execute(commands).map(({ result }) => (result.ok ? 'ok' : result.error.code));
  const report = (version: number) => {
    const { epoch, seq } = swarm.row('presence', device);
    const body = { type: 'device.reported', version, reported: {} } as never;
    const batch = { device, epoch, facts: [{ seq: seq + 1, at: START, body }] };
    return takeFacts(batch, { read: swarm.store.read, shares: ampleShares, execute: (some) => door.execute(some) });
  };
  return { swarm, device, held, command, codes, report };
}

const task = { type: 'RequestTask', operation: 'text.summarize', input: 1 } as Execute['command'];

describe('room', () => {
  test('[SWARM-21] new work is refused first, and what devices say of work under way is still taken', () => {
    const { swarm, held, command, codes, report } = aDoor();
    const made = swarm.do(task) as `tsk_${string}`;
    held.bytes = storageBytesRefuse + 1;
    const cancel = command({ type: 'CancelTask', task: made });
    // Calls that share a transaction are refused each by itself.
    expect(codes([command(task), cancel, command({ type: 'IssueKey', name: 'x', scopes: [] })])).toEqual([
      'storage_full',
      'ok',
      'storage_full',
    ]);
    expect(swarm.row('task', made).state).toBe('cancelled');
    expect(report(1)).toMatchObject({ kind: 'committed' });
  });

  test('[SWARM-21] beyond that nothing is taken that grows the swarm: a fact is not acknowledged, and counts once there is room', () => {
    const { swarm, device, held, command, codes, report } = aDoor();
    held.bytes = storageBytesFull + 1;
    const before = swarm.digest();
    for (let i = 0; i < 3; i++) expect(report(7)).toEqual({ kind: 'refused', code: 'swarm_unavailable' });
    const admit = { type: 'AdmitDevice', device, did: 'x', connection: 'c2', epoch: 1, seq: 1 } as const;
    expect(codes([command(admit), command({ type: 'ChangeDevice', device, name: 'y' })])).toEqual([
      'storage_full',
      'storage_full',
    ]);
    expect(swarm.digest()).toBe(before);
    expect(codes([command({ type: 'RevokeKey', key: 'key_nothing' as never })])).toEqual(['key_not_found']);
    held.bytes = 0;
    expect(report(7)).toMatchObject({ kind: 'committed', refused: [] });
    expect(swarm.row('device', device).reported.version).toBe(7);
  });
});

describe('the share of a device', () => {
  const descriptions = (count: number, from: number) =>
    Array.from({ length: count }, (_, n) => ({
      type: 'device.described',
      description: aDescription({
        operations: Array.from({ length: 200 }, (_, i) => anOffer({ name: `op.n${i}`, priceMicro: from + n })) as never,
      }),
    }));

  test('[DEVICE-21] bounds what it makes the swarm write, whatever it says; nothing of the rest is lost', () => {
    const swarm = new StoreSwarm();
    const device = aStoredDevice(swarm);
    const shares = createDeviceShares(() => swarm.now);
    const say = (body: object) => {
      const { epoch, seq } = swarm.row('presence', device);
      const batch = { device, epoch, facts: [{ seq: seq + 1, at: START, body: body as never }] };
      const execute = (commands: readonly Execute[]) => swarm.store.executeMany(commands).executed;
      return takeFacts(batch, { read: swarm.store.read, shares, execute });
    };
    const before = swarm.store.head().seq;
    const answers = descriptions(8, 1).map(say);
    const taken = answers.filter(({ kind }) => kind === 'committed').length;
    expect([taken > 0, taken < 6]).toEqual([true, true]);
    expect(answers.at(-1)).toEqual({ kind: 'refused', code: 'too_many_facts' });
    expect(swarm.store.head().seq - before).toBeLessThanOrEqual(2 * deviceFactsBurstMax);
    // Trying as fast as it can, it gets what the time allows.
    const seconds = 12;
    const from = swarm.store.head().seq;
    for (let s = 0; s < seconds; s++) {
      swarm.now += 1_000;
      for (const description of descriptions(2, 100 + 2 * s)) say(description);
    }
    const made = swarm.store.head().seq - from;
    expect(made).toBeLessThanOrEqual(seconds * 2 * deviceFactsPerSecondMax + 2 * deviceFactsBurstMax);
    expect(made).toBeGreaterThan(200);
    // Another device has a share of its own.
    expect(shares.take('dev_other', 1)).toBe(true);
  });

  test('[DEVICE-21] a description or a report that changes nothing is no event of its own', () => {
    const swarm = new StoreSwarm();
    const device = aStoredDevice(swarm);
    const bodies = [
      { type: 'device.described', description: aDescription({ parallel: 4, operations: [anOffer()] }) },
      { type: 'device.reported', version: 0, reported: {} },
    ];
    for (const body of bodies) {
      const { epoch, seq } = swarm.row('presence', device);
      const before = swarm.store.head().seq;
      const batch = { device, epoch, facts: [{ seq: seq + 1, at: START, body: body as never }] };
      const execute = (commands: readonly Execute[]) => swarm.store.executeMany(commands).executed;
      expect(takeFacts(batch, { read: swarm.store.read, shares: ampleShares, execute })).toMatchObject({
        kind: 'committed',
        seq: seq + 1,
        refused: [],
      });
      expect(swarm.store.events(before + 1, 10).map(({ type }) => type)).toEqual(['fact.set_aside']);
    }
  });
});
