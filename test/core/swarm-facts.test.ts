import { describe, expect, test } from 'vitest';
import { Defect, Fault } from '../../core/assert.ts';
import { takeFactsInTurns } from '../../durable-objects/swarm/fact-turns.ts';
import { takeFacts } from '../../durable-objects/swarm/facts.ts';
import { START } from './memory-swarm.ts';
import { StoreSwarm } from './store-swarm.ts';
import { ampleShares, aStoredDevice, checkConsistent, facts } from './stored-device.ts';

describe('facts', () => {
  const reported = (version: number) => ({ type: 'device.reported', version, reported: { n: version } });

  test('[DEVICE-6] a fact counts once, however often its batch comes and however the batches are cut', () => {
    const swarm = new StoreSwarm();
    const device = aStoredDevice(swarm);
    const bodies = [reported(1), reported(2), reported(3), reported(4)];
    expect(facts(swarm, device, bodies.slice(0, 2), 2)).toEqual({ kind: 'committed', epoch: 1, seq: 3, refused: [] });
    const before = swarm.store.head();
    expect(facts(swarm, device, bodies.slice(0, 2), 2)).toMatchObject({ kind: 'committed', seq: 3 });
    expect(swarm.store.head()).toEqual(before);
    // One that is known, and one that is new.
    expect(facts(swarm, device, bodies.slice(1, 3), 3)).toMatchObject({ kind: 'committed', seq: 4 });
    expect(swarm.store.head().seq).toBe(before.seq + 1);
    swarm.now += 40 * 24 * 3_600_000;
    swarm.reopen();
    expect(facts(swarm, device, bodies, 2)).toMatchObject({ kind: 'committed', seq: 5, refused: [] });
    expect(swarm.store.events(1, 1_000).filter(({ type }) => type === 'device.reported')).toHaveLength(4);
  });

  test('[DEVICE-6] a fact that says something else under a number that is used is refused with a receipt, and changes nothing', () => {
    const swarm = new StoreSwarm();
    const device = aStoredDevice(swarm);
    facts(swarm, device, [reported(1)], 2);
    const before = swarm.store.head();
    expect(facts(swarm, device, [reported(9)], 2)).toEqual({
      kind: 'committed',
      epoch: 1,
      seq: 2,
      refused: [{ seq: 2, code: 'fact_conflict' }],
    });
    expect(swarm.store.head()).toEqual(before);
    expect(swarm.row('device', device).reported.version).toBe(1);
  });

  test('[DEVICE-5] a batch with a gap is not looked at, and says which fact is expected', () => {
    const swarm = new StoreSwarm();
    const device = aStoredDevice(swarm);
    const before = swarm.digest();
    expect(facts(swarm, device, [reported(1)], 3)).toEqual({ kind: 'expected', epoch: 1, seq: 2 });
    const deps = { read: swarm.store.read, shares: ampleShares, execute: () => [] };
    const gap = [2, 4].map((seq) => ({ seq, at: START, body: reported(1) as never }));
    expect(takeFacts({ device, epoch: 1, facts: gap }, deps)).toEqual({ kind: 'expected', epoch: 1, seq: 2 });
    expect(takeFacts({ device, epoch: 2, facts: [] }, deps)).toEqual({ kind: 'refused', code: 'epoch_stale' });
    expect(takeFacts({ device: 'dev_nothing', epoch: 1, facts: [] }, deps)).toEqual({
      kind: 'refused',
      code: 'device_unknown',
    });
    expect(swarm.digest()).toBe(before);
    swarm.do({ type: 'RevokeDevice', device });
    expect(takeFacts({ device, epoch: 1, facts: [] }, deps)).toEqual({ kind: 'refused', code: 'device_revoked' });
  });

  test('[DEVICE-7] a fact that the swarm’s own code cannot take is set aside, and the rest counts', () => {
    const swarm = new StoreSwarm();
    const device = aStoredDevice(swarm);
    const bodies = [2, 3, 4].map((seq) => ({ seq, at: START, body: reported(seq) as never }));
    const answer = takeFacts(
      { device, epoch: 1, facts: bodies },
      {
        read: swarm.store.read,
        shares: ampleShares,
        execute(commands) {
          const fails = commands.some(
            ({ command }) => command.type === 'TakeFact' && command.seq === 3 && command.body.type !== 'poison',
          );
          if (fails) throw new Defect('what cannot be');
          return swarm.store.executeMany(commands).executed;
        },
      },
    );
    expect(answer).toEqual({ kind: 'committed', epoch: 1, seq: 4, refused: [{ seq: 3, code: 'fact_invalid' }] });
    expect(swarm.row('device', device).reported.version).toBe(4);
    const fault = () => {
      throw new Fault('the disk is away', { retryable: true });
    };
    // A fault is no fact's own: everything is asked for again.
    expect(() =>
      takeFacts(
        { device, epoch: 1, facts: [{ seq: 5, at: START, body: reported(5) as never }] },
        { read: swarm.store.read, shares: ampleShares, execute: fault },
      ),
    ).toThrow(Fault);
  });

  test('[DEVICE-7] poison in the middle of a batch is set aside, and the rest counts', () => {
    const swarm = new StoreSwarm();
    const device = aStoredDevice(swarm);
    const batch = {
      device,
      epoch: 1,
      facts: [
        { seq: 2, at: START, body: reported(1) as never },
        { seq: 3, poison: 'nested too deeply' },
        { seq: 4, at: START, body: { type: 'attempt.started', task: 'tsk_x', attempt: 'att_x', fence: 1 } as never },
        { seq: 5, at: START, body: reported(2) as never },
      ],
    };
    const answered = takeFacts(batch, {
      read: swarm.store.read,
      shares: ampleShares,
      execute: (commands) => swarm.store.executeMany(commands).executed,
    });
    expect(answered).toEqual({
      kind: 'committed',
      epoch: 1,
      seq: 5,
      refused: [
        { seq: 3, code: 'fact_invalid' },
        { seq: 4, code: 'attempt_not_current' },
      ],
    });
    expect(swarm.row('device', device).reported.version).toBe(2);
    checkConsistent(swarm);
  });

  test('[TURN-3] a batch that is more than a turn’s worth is committed in parts, in order, each fact once, also when it comes again in between', async () => {
    const swarm = new StoreSwarm();
    const device = aStoredDevice(swarm);
    const bodies = Array.from({ length: 100 }, (_, n) => ({
      ...reported(n),
      reported: { text: 'x'.repeat(20_000), n },
    }));
    const batch = {
      device,
      epoch: 1,
      facts: bodies.map((body, n) => ({ seq: n + 2, at: START, body: body as never })),
    };
    const parts: number[] = [];
    const deps = {
      take: (part: typeof batch) => {
        parts.push(part.facts.length);
        return takeFacts(part, {
          read: swarm.store.read,
          shares: ampleShares,
          execute: (commands) => swarm.store.executeMany(commands).executed,
        });
      },
      giveWay: () => null,
    };
    // The squad, which has heard nothing for long, sends it once more while the first is under way.
    const both = await Promise.all([takeFactsInTurns(batch, deps), takeFactsInTurns(batch, deps)]);
    for (const answer of both) expect(answer).toEqual({ kind: 'committed', epoch: 1, seq: 101, refused: [] });
    expect(Math.max(...parts)).toBeLessThan(30);
    expect(swarm.store.events(1, 1_000).filter(({ type }) => type === 'device.reported')).toHaveLength(100);
    checkConsistent(swarm);
  });

  test('[TURN-3] a part that is not taken ends the batch: what was committed before it is answered again', async () => {
    const take = (batch: { facts: readonly { seq: number }[] }) =>
      batch.facts[0]?.seq === 2
        ? ({ kind: 'committed', epoch: 1, seq: 2, refused: [{ seq: 2, code: 'fact_invalid' }] } as const)
        : ({ kind: 'refused', code: 'swarm_unavailable' } as const);
    const large = { type: 'device.reported', version: 1, reported: { text: 'x'.repeat(600_000) } } as never;
    const facts = [2, 3].map((seq) => ({ seq, at: START, body: large }));
    const answer = await takeFactsInTurns({ device: 'dev_a', epoch: 1, facts }, { take, giveWay: () => null });
    expect(answer).toEqual({ kind: 'refused', code: 'swarm_unavailable' });
  });
});
