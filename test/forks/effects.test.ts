// What leaves a fork: nothing until its effects are switched on, and nothing old then.

import { describe, expect, test } from 'vitest';
import { OUTWARD } from '../../core/forks/state.ts';
import type { DeviceId, EnrollmentId, TaskId } from '../../core/ids.ts';
import { err } from '../../core/result.ts';
import { SELF } from '../../core/swarm/state.ts';
import { createForking, outwardExporter } from '../../durable-objects/swarm/forking.ts';
import { aDescription, anOffer } from '../core/builders.ts';
import { OWNER } from '../core/memory-swarm.ts';
import { World } from '../core/model-world.ts';
import { openTries } from '../core/open-tries.ts';
import { Family, type ForkObject } from './a-family.ts';

async function aFork(seed = 5_100): Promise<{ family: Family; fork: ForkObject }> {
  const world = new World(seed);
  for (let n = 0; n < 100; n++) await world.step();
  const family = new Family(world.swarm);
  const { fork } = await family.fork('now');
  return { family, fork };
}

/** A device of the fork's own, connected, that offers an operation. */
function join(fork: ForkObject, operation: string): DeviceId {
  const enrollment = fork.do({ type: 'OpenEnrollment' }) as EnrollmentId;
  const did = `did:key:zfork${operation}`;
  const device = fork.do({ type: 'EnrollDevice', enrollment, did, name: 'mine' }) as DeviceId;
  fork.do({ type: 'AdmitDevice', device, did, connection: 'con_fork', epoch: 0, seq: 0 });
  const description = aDescription({ operations: [anOffer({ name: operation, priceMicro: 1 })] });
  const id = `fact/${device}/1/1`;
  const { result } = fork.execute(
    { type: 'TakeFact', device, epoch: 1, seq: 1, body: { type: 'device.described', description } },
    id,
  );
  expect(result.ok).toBe(true);
  return device;
}

function outward(fork: ForkObject): readonly string[] {
  return fork.outbox().flatMap(({ kind }) => (OUTWARD.has(kind) ? [kind] : []));
}

/** The fork's own methods, as its object has them. */
function forking({ store, sql }: ForkObject, family: Family) {
  return createForking({
    sql,
    tries: openTries(sql, () => family.now()),
    store,
    past: () => family.past,
    objects: family.objects,
    execute: (command) => store.executeMany([command]).executed[0] as never,
    told: () => {},
    databaseSize: () => 0,
    durable: async () => {},
    empty: async () => {},
    now: () => family.now(),
  });
}

describe('outward effects', () => {
  test('[FORK-7] off, no order and no delivery is made, and none is kept for later', async () => {
    const { family, fork } = await aFork();
    expect(outward(fork)).toEqual([]);
    const hook = {
      webhook: 'whk_fork',
      url: 'https://a',
      events: ['*'],
      description: null,
      sealedSecret: 's',
    } as const;
    fork.do({ type: 'CreateWebhook', ...hook });
    const device = join(fork, 'text.fork');
    fork.do({ type: 'ChangeDevice', device, desired: { parallel: 2 } });
    const task = fork.do({ type: 'RequestTask', operation: 'text.fork', input: 1 }) as TaskId;
    fork.do({ type: 'RequestTask', operation: 'swarm.echo', input: 1 });
    fork.do({ type: 'RevokeDevice', device: join(fork, 'text.gone') });
    expect(outward(fork)).toEqual([]);
    expect(fork.stored('delivery')).toEqual([]);
    // Nobody is given what nobody would be told of; what the fork does itself, it does.
    expect(fork.row('task', task)).toMatchObject({ state: 'queued', attempts: [] });
    expect(fork.outbox().map(({ kind }) => kind)).toContain('run');
    expect(fork.code({ type: 'ReplayDelivery', webhook: 'whk_fork', delivery: 'dlv_1' })).toBe('effects_off');

    const { switchEffects } = forking(fork, family);
    expect(await switchEffects(OWNER, 'on')).toEqual({ ok: true, value: 'on' });
    // The work that waits is given out; the desired state of then is not sent, nor is anything told of then.
    expect(outward(fork).filter((kind) => kind === 'order')).toHaveLength(1);
    expect(fork.row('task', task)).toMatchObject({ state: 'leased', attempts: [{ executor: device }] });
    const told = fork.stored('delivery').map(({ seq }) => seq);
    const switched = fork.store.events(1, 10_000).find(({ type }) => type === 'effects.changed');
    expect(told.length).toBeGreaterThan(0);
    expect(Math.min(...told)).toBe(switched?.seq);
    fork.do({ type: 'ChangeDevice', device, desired: { parallel: 3 } });
    expect(outward(fork).filter((kind) => kind === 'order')).toHaveLength(2);
  });

  test('[FORK-7] switched off again, what waits to be told ends', async () => {
    const { family, fork } = await aFork(5_101);
    const { switchEffects } = forking(fork, family);
    await switchEffects(OWNER, 'on');
    const hook = {
      webhook: 'whk_fork',
      url: 'https://a',
      events: ['task.*'],
      description: null,
      sealedSecret: 's',
    } as const;
    fork.do({ type: 'CreateWebhook', ...hook });
    fork.do({ type: 'RequestTask', operation: 'swarm.echo', input: 1 });
    const [delivery] = fork.stored('delivery');
    if (!delivery) throw new Error();
    const outcome = { outcome: 'retry', status: 503 } as const;
    fork.do({ type: 'RecordDelivery', delivery: delivery.id, attempt: 1, outcome, entropy: 0 });
    expect(fork.row('delivery', delivery.id).state).toBe('waiting');
    await switchEffects(OWNER, 'off');
    fork.do({ type: 'RetryDelivery', delivery: delivery.id });
    expect(fork.row('delivery', delivery.id)).toMatchObject({ state: 'given_up', lastError: 'effects_off' });
    const before = fork.stored('delivery').length;
    fork.do({ type: 'RequestTask', operation: 'swarm.echo', input: 2 });
    expect(fork.stored('delivery')).toHaveLength(before);
  });

  test('[FORK-7] spans of what happened while they were off are dropped', async () => {
    const { family, fork } = await aFork(5_103);
    const sent: string[] = [];
    const exporter = {
      async send(body: string) {
        sent.push(body);
        return { outcome: 'taken', rejected: 0 } as const;
      },
    };
    const taken = { outcome: 'taken' };
    expect(await outwardExporter(exporter, fork.store.read)?.send('off')).toMatchObject(taken);
    expect(await outwardExporter(exporter, family.parent.store.read)?.send('the parent’s')).toMatchObject(taken);
    await forking(fork, family).switchEffects(OWNER, 'on');
    expect(await outwardExporter(exporter, fork.store.read)?.send('on')).toMatchObject(taken);
    expect(sent).toEqual(['the parent’s', 'on']);
    expect(outwardExporter(null, fork.store.read)).toBeNull();
  });

  test('[FORK-7] only a fork has effects to switch', async () => {
    const { family, fork } = await aFork(5_102);
    expect(family.parent.code({ type: 'SetEffects', effects: 'off' })).toBe('not_a_fork');
    const { switchEffects } = forking(fork, family);
    await switchEffects(OWNER, 'off');
    expect(fork.store.events(1, 10_000).some(({ type }) => type === 'effects.changed')).toBe(false);
    const parent = forking(family.parent as never, family);
    expect(await parent.switchEffects(OWNER, 'off')).toEqual(err({ code: 'not_a_fork' }));
    await parent.discardFork();
    expect(family.parent.row('swarm', SELF).fork).toBeUndefined();
  });

  test.each([5_110, 5_111, 5_112])('[FORK-7] whatever time brings, nothing leaves (seed %i)', async (seed) => {
    const { family, fork } = await aFork(seed);
    for (let hours = 0; hours < 50; hours++) {
      family.parent.now += 3_600_000;
      fork.runDue();
    }
    expect(outward(fork)).toEqual([]);
    expect(fork.store.halted()).toBeNull();
  });
});
