import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { TransferId } from '../../core/ids.ts';
import type { LedgerCommand } from '../../core/ledger/commands.ts';
import { TENANT_ACCOUNT, TREASURY } from '../../core/ledger/state.ts';
import { amountMicroMax } from '../../core/limits.ts';
import { sweptAtOnce } from '../../core/swarm/read.ts';
import { aDevice, anOffer, attemptOf, request, succeed } from './builders.ts';
import { aSwarm, type MemorySwarm, SYSTEM } from './memory-swarm.ts';

function post(amountMicro: number, more: Partial<Extract<LedgerCommand, { type: 'PostTransfer' }>> = {}) {
  const command = {
    type: 'PostTransfer',
    debit: TENANT_ACCOUNT,
    credit: 'team/a',
    amountMicro,
    reference: '',
  } as const;
  return { ...command, ...more };
}

function hold(amountMicro: number, more: Partial<Extract<LedgerCommand, { type: 'HoldTransfer' }>> = {}) {
  return { ...post(amountMicro), type: 'HoldTransfer', timeoutMs: 60_000, ...more } as const;
}

/** Adds up everything; throws where the books do not. */
function checkBooks(swarm: MemorySwarm): void {
  const accounts = swarm.all('account');
  expect(accounts.reduce((sum, { postedMicro }) => sum + postedMicro, 0)).toBe(0);
  for (const { id, postedMicro, heldMicro } of accounts) {
    expect(heldMicro).toBeGreaterThanOrEqual(0);
    if (id !== TREASURY) expect(postedMicro - heldMicro).toBeGreaterThanOrEqual(0);
    const pending = swarm.all('transfer').filter((transfer) => transfer.state === 'pending' && transfer.debit === id);
    expect(heldMicro).toBe(pending.reduce((sum, { amountMicro }) => sum + amountMicro, 0));
  }
}

describe('moving credits', () => {
  test('[LEDGER-1] a transfer takes from one account what it gives to another', () => {
    const swarm = aSwarm({ supplyMicro: 1_000 });
    const { events, view } = swarm.when(post(300, { reference: 'lunch' }));
    expect(events).toMatchObject([{ type: 'transfer.posted', body: { amountMicro: 300, reference: 'lunch' } }]);
    expect(view).toMatchObject({
      state: 'posted',
      debit: 'tenant',
      credit: 'team/a',
      amountMicro: 300,
      expiresAt: null,
    });
    expect([swarm.available(TENANT_ACCOUNT), swarm.available('team/a')]).toEqual([700, 300]);
    checkBooks(swarm);
  });

  test.each([
    ['account_reserved', post(1, { debit: TREASURY })],
    ['account_reserved', post(1, { credit: TREASURY })],
    ['account_reserved', hold(1, { credit: TREASURY, reference: 'task/x' })],
    ['transfer_to_itself', post(1, { credit: TENANT_ACCOUNT })],
    ['transfer_to_itself', post(0, { credit: TENANT_ACCOUNT })],
    ['amount_invalid', post(0)],
    ['amount_invalid', post(-1)],
    ['amount_invalid', post(0.5)],
    ['amount_invalid', post(Number.NaN)],
    ['amount_invalid', post(amountMicroMax + 1)],
    ['credits_insufficient', post(1_001)],
    ['credits_insufficient', hold(1_001)],
    ['credits_insufficient', post(1, { debit: 'team/nobody' })],
  ] as const)('[LEDGER-1] a transfer that may not be is refused as %s and changes nothing', (code, command) => {
    expect(aSwarm({ supplyMicro: 1_000 }).refusal(command)).toBe(code);
  });

  test('[LEDGER-3] what is held counts as spent, and is not the receiver’s yet', () => {
    const swarm = aSwarm({ supplyMicro: 1_000 });
    swarm.do(hold(600));
    expect(swarm.row('account', TENANT_ACCOUNT)).toEqual({ id: 'tenant', postedMicro: 1_000, heldMicro: 600 });
    expect(swarm.available('team/a')).toBe(0);
    expect(swarm.refusal(post(401))).toBe('credits_insufficient');
    expect(swarm.refusal(post(400))).toBeNull();
  });
});

describe('holds', () => {
  test('[LEDGER-5] a hold settles at most at what was held, and the rest is the payer’s again', () => {
    const swarm = aSwarm({ supplyMicro: 1_000 });
    const held = swarm.do(hold(600)) as TransferId;
    expect(swarm.refusal({ type: 'SettleTransfer', hold: held, amountMicro: 601 })).toBe('hold_exceeded');
    const { view } = swarm.when({ type: 'SettleTransfer', hold: held, amountMicro: 250 });
    expect(view).toMatchObject({ state: 'settled', amountMicro: 600, settledMicro: 250 });
    expect([swarm.available(TENANT_ACCOUNT), swarm.available('team/a')]).toEqual([750, 250]);
    checkBooks(swarm);
  });

  test.each([-1, -600, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])(
    '[LEDGER-5] a settlement at %d is no amount, and takes nothing from the receiver',
    (amountMicro) => {
      const swarm = aSwarm({ supplyMicro: 1_000 });
      swarm.do(post(100));
      const held = swarm.do(hold(600)) as TransferId;
      expect(swarm.refusal({ type: 'SettleTransfer', hold: held, amountMicro })).toMatch(
        /amount_invalid|hold_exceeded/,
      );
      expect(swarm.available('team/a')).toBe(100);
    },
  );

  test('[LEDGER-4] settle, void and expiry in every order: the first ends the hold, the others change nothing', () => {
    const ends = {
      settle: (held: TransferId) => ({ type: 'SettleTransfer', hold: held, amountMicro: 200 }) as const,
      void: (held: TransferId) => ({ type: 'VoidTransfer', hold: held }) as const,
      expire: (held: TransferId) => ({ type: 'ExpireTransfer', hold: held }) as const,
    };
    const state = { settle: 'settled', void: 'voided', expire: 'expired' } as const;
    for (const order of permutations(['settle', 'void', 'expire'] as const)) {
      const swarm = aSwarm({ supplyMicro: 1_000 });
      const held = swarm.do(hold(600)) as TransferId;
      swarm.at += 60_000;
      const [first, ...others] = order;
      expect(swarm.when(ends[first](held)).types).toEqual([`transfer.${state[first]}`]);
      const after = JSON.stringify([...swarm.rows]);
      for (const other of others) {
        const { result, events } = swarm.when(ends[other](held));
        expect(events).toEqual([]);
        // A timer that comes late is no error: it finds that there is nothing to do.
        if (other === 'expire') expect(result.ok).toBe(true);
        else expect(result).toEqual({ ok: false, error: { code: 'hold_already_resolved', state: state[first] } });
      }
      expect(JSON.stringify([...swarm.rows])).toBe(after);
      expect(swarm.available(TENANT_ACCOUNT)).toBe(first === 'settle' ? 800 : 1_000);
      checkBooks(swarm);
    }
  });

  test('[LEDGER-6] a hold expires at its time by the swarm’s clock, not before, and never by a client’s', () => {
    const swarm = aSwarm();
    const held = swarm.do(hold(600, { timeoutMs: 5_000 })) as TransferId;
    expect(swarm.timers.get(`hold/${held}`)?.at).toBe(swarm.at + 5_000);
    swarm.at += 4_999;
    expect(swarm.when({ type: 'ExpireTransfer', hold: held }).types).toEqual([]);
    expect(swarm.fire(`hold/${held}`).types).toEqual(['transfer.expired']);
    expect(swarm.row('transfer', held)).toMatchObject({ state: 'expired', resolvedAt: swarm.at });
  });

  test('[LEDGER-6] a hold that has ended has no timer left', () => {
    for (const end of ['VoidTransfer', 'SettleTransfer'] as const) {
      const swarm = aSwarm();
      const held = swarm.do(hold(600)) as TransferId;
      swarm.do({ type: end, hold: held, amountMicro: 600 });
      expect([...swarm.timers.keys()]).toEqual(['cycle']);
    }
  });

  test('[LEDGER-9] the hold of a task is ended by that task alone', () => {
    const swarm = aSwarm();
    aDevice(swarm);
    const task = request(swarm);
    const { hold: held } = attemptOf(swarm, task);
    expect(swarm.refusal({ type: 'SettleTransfer', hold: held, amountMicro: 1 })).toBe('transfer_reserved');
    expect(swarm.refusal({ type: 'VoidTransfer', hold: held })).toBe('transfer_reserved');
    swarm.at += 3_600_000;
    expect(swarm.when({ type: 'ExpireTransfer', hold: held }).types).toEqual([]);
    expect(swarm.timers.has(`hold/${held}`)).toBe(false);
  });

  test.each(['task/tsk_1', 'cycle/1'])('[LEDGER-8] a client may not speak in the name of %s', (reference) => {
    expect(aSwarm().refusal(post(1, { reference }))).toBe('reference_reserved');
    expect(aSwarm().refusal(hold(1, { reference }))).toBe('reference_reserved');
  });

  test('[LEDGER-4] what never was a hold cannot be ended', () => {
    const swarm = aSwarm();
    const posted = swarm.do(post(1)) as TransferId;
    for (const held of [posted, 'trf_nothing' as TransferId]) {
      expect(swarm.refusal({ type: 'VoidTransfer', hold: held })).toBe('hold_not_found');
      expect(swarm.refusal({ type: 'SettleTransfer', hold: held, amountMicro: 1 })).toBe('hold_not_found');
    }
  });
});

describe('any order of things', () => {
  type Step = {
    readonly pick: number;
    readonly amount: number;
    readonly from: number;
    readonly to: number;
    readonly do: number;
  };
  const step: fc.Arbitrary<Step> = fc.record({
    pick: fc.nat(20),
    // Mostly what may succeed, now and then what never may.
    amount: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 1, max: 400 }) }, fc.integer({ min: -5, max: 2_000 })),
    from: fc.nat(3),
    to: fc.nat(3),
    do: fc.nat(5),
  });
  const ACCOUNTS = [TENANT_ACCOUNT, 'team/a', 'team/b', 'executor/dev_x'] as const;

  function commandOf(swarm: MemorySwarm, { pick, amount, from, to, do: what }: Step): LedgerCommand {
    // Three times of four a hold that is still open, else one that may have ended.
    const holds = swarm
      .all('transfer')
      .filter(({ state }) => state === 'pending' || (state !== 'posted' && pick % 4 === 0));
    const picked = holds[pick % Math.max(1, holds.length)];
    const held = picked?.id ?? ('trf_none' as TransferId);
    const [debit = TENANT_ACCOUNT, credit = 'team/a'] = [ACCOUNTS[from], ACCOUNTS[to]];
    switch (what) {
      case 0:
        return post(amount, { debit, credit });
      case 1:
      case 2:
        return hold(amount, { debit, credit, timeoutMs: pick * 10 });
      case 3:
        return { type: 'SettleTransfer', hold: held, amountMicro: Math.min(amount, (picked?.amountMicro ?? 0) + 1) };
      case 4:
        return { type: 'VoidTransfer', hold: held };
      default:
        return { type: 'ExpireTransfer', hold: held };
    }
  }

  test('[LEDGER-2] credits are conserved and every account stays within its bound, whatever comes after what', () => {
    let refused = 0;
    let ended = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 10, maxLength: 25 }), (steps) => {
        const swarm = aSwarm({ supplyMicro: 3_000 });
        for (const each of steps) {
          swarm.at += 10;
          const { result, types } = swarm.when(commandOf(swarm, each));
          if (!result.ok) refused++;
          if (types.some((type) => /settled|voided|expired/.test(type))) ended++;
          checkBooks(swarm);
        }
        expect(swarm.row('account', TREASURY).postedMicro).toBe(-3_000);
      }),
      { numRuns: 1_000 },
    );
    // The property is about something: both happened often.
    expect(refused).toBeGreaterThan(500);
    expect(ended).toBeGreaterThan(500);
  });

  test('[LEDGER-7] of any number that race for the last credit exactly one wins', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 12 }),
        fc.integer({ min: 1, max: 500 }),
        fc.boolean(),
        (racers, price, byHold) => {
          const swarm = aSwarm({ supplyMicro: price });
          const won = Array.from({ length: racers }, (_, n) =>
            swarm.when(byHold ? hold(price, { credit: `team/${n}` }) : post(price, { credit: `team/${n}` })),
          ).filter(({ result }) => result.ok);
          expect(won).toHaveLength(1);
          checkBooks(swarm);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  test('[LEDGER-7] of any number of tasks that race for the last credit exactly one is leased', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 6 }), (racers) => {
        const swarm = aSwarm({ supplyMicro: 100 });
        aDevice(swarm, { parallel: racers, operations: [anOffer({ priceMicro: 100 })] });
        const answers = Array.from({ length: racers }, () =>
          swarm.when({ type: 'RequestTask', operation: 'text.summarize', input: null }),
        );
        expect(answers.filter(({ result }) => result.ok)).toHaveLength(1);
        expect(swarm.all('task').filter(({ state }) => state === 'leased')).toHaveLength(1);
        checkBooks(swarm);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('cycles', () => {
  test('[LEDGER-10] a cycle takes back what executors earned, and brings the tenant up to the supply', () => {
    const swarm = aSwarm({ supplyMicro: 1_000 });
    const device = aDevice(swarm, { parallel: 2 });
    const done = request(swarm);
    const running = request(swarm);
    succeed(swarm, done);
    swarm.do(post(50));
    expect(swarm.available(`executor/${device}`)).toBe(100);
    const { types } = swarm.fire('cycle');
    expect(types).toEqual(['transfer.posted', 'transfer.posted', 'cycle.closed']);
    expect(swarm.available(`executor/${device}`)).toBe(0);
    // What clients moved about stays where they put it, and holds stay with their tasks.
    expect(swarm.available('team/a')).toBe(50);
    expect(swarm.row('account', TENANT_ACCOUNT)).toMatchObject({ postedMicro: 950, heldMicro: 100 });
    expect(swarm.row('account', TREASURY).postedMicro).toBe(-1_000);
    expect(swarm.row('swarm', 'self').cycle).toBe(2);
    expect(attemptOf(swarm, running).state).toBe('offered');
    checkBooks(swarm);
  });

  test('[LEDGER-10] a cycle is closed once, and the next one ends a cycle later', () => {
    const swarm = aSwarm();
    const ends = swarm.row('swarm', 'self').cycleEndsAt;
    expect(swarm.timers.get('cycle')?.at).toBe(ends);
    swarm.fire('cycle');
    expect(swarm.when({ type: 'CloseCycle', cycle: 1 }, { actor: SYSTEM }).types).toEqual([]);
    expect(swarm.timers.get('cycle')).toMatchObject({ at: ends * 2 - swarm.row('swarm', 'self').createdAt });
  });

  test('[LEDGER-10] more executors than one decision can see are swept in several, and the cycle closes after the last', () => {
    const swarm = aSwarm({ supplyMicro: 10_000 });
    const earners = sweptAtOnce + 5;
    for (let n = 0; n < earners; n++) swarm.do(post(1, { credit: `executor/dev_${String(n).padStart(5, '0')}` }));
    const first = swarm.fire('cycle');
    expect(first.types.at(-1)).toBe('cycle.swept');
    expect(swarm.row('swarm', 'self').cycle).toBe(1);
    expect(swarm.fire('cycle').types.at(-1)).toBe('cycle.closed');
    expect(swarm.all('account').filter(({ id, postedMicro }) => id.startsWith('executor/') && postedMicro > 0)).toEqual(
      [],
    );
    expect(swarm.available(TENANT_ACCOUNT)).toBe(10_000);
    checkBooks(swarm);
  });
});

function permutations<T>(items: readonly [T, ...T[]]): [T, ...T[]][] {
  const [only, ...rest] = items;
  if (rest.length === 0) return [[only]];
  return items.flatMap((item) =>
    permutations(items.filter((other) => other !== item) as unknown as [T, ...T[]]).map((order): [T, ...T[]] => [
      item,
      ...order,
    ]),
  );
}
