import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { newId } from '../../core/ids.ts';
import { attemptsMax } from '../../core/limits.ts';
import { CLOUD_OPERATIONS, CLOUD_PARALLEL, runInProcess } from '../../core/routes/cloud.ts';
import { evolveRoute } from '../../core/routes/evolve.ts';
import { type Candidate, rank, type Wanted } from '../../core/routes/rank.ts';
import type { Route } from '../../core/routes/state.ts';
import { PRIVACY_CLASSES } from '../../core/wire/terms.ts';
import {
  aDescription,
  aDevice,
  anOffer,
  aRoute,
  attemptOf,
  fail,
  reports,
  request,
  says,
  succeed,
} from './builders.ts';
import { aSwarm, entropyOf, START } from './memory-swarm.ts';

const device = (n: number) => newId('dev', START, entropyOf(n));

function candidate(route: Partial<Route> = {}, more: Partial<Candidate> = {}): Candidate {
  return { route: aRoute(route), connected: true, free: true, ...more };
}

const anything: Wanted = { require: {}, maxCreditsMicro: null, tried: new Map() };

function order(candidates: readonly Candidate[], wanted: Partial<Wanted> = {}): string[] {
  return rank(candidates, { ...anything, ...wanted }).able.map(({ candidate: { route } }) => route.executor);
}

describe('the filter', () => {
  test.each([
    ['withdrawn', { active: false }, {}],
    ['executor', {}, { require: { executor: 'cloud' } }],
    ['executor', { executor: 'cloud' }, { require: { executor: 'device' } }],
    ['executor', {}, { require: { executor: device(2) } }],
    ['capability', { capabilities: ['gpu'] }, { require: { capability: 'npu' } }],
    ['price', { priceMicro: 101 }, { maxCreditsMicro: 100 }],
    ['tried', {}, { tried: new Map([[aRoute().id, attemptsMax]]) }],
  ] as const)('[ROUTE-1] what fails on %s is not able, however good it is', (why, route, wanted) => {
    const ranked = rank([candidate(route)], { ...anything, ...wanted });
    expect(ranked.able).toEqual([]);
    expect(ranked.unable.map((each) => each.why)).toEqual([why]);
  });

  test('[ROUTE-1] an executor does what is at most as private as its own class', () => {
    for (const [has, own] of PRIVACY_CLASSES.entries())
      for (const [needs, privacy] of PRIVACY_CLASSES.entries()) {
        const { able } = rank([candidate({ privacy: own })], { ...anything, require: { privacy } });
        expect(able.length, `${own} for ${privacy}`).toBe(has >= needs ? 1 : 0);
      }
  });

  test('[ROUTE-1] everything that is asked for at once must be met at once', () => {
    const able = candidate({ privacy: 'device-only', capabilities: ['gpu'], priceMicro: 10 });
    const require = { privacy: 'confidential', executor: 'device', capability: 'gpu' } as const;
    expect(rank([able], { ...anything, require, maxCreditsMicro: 10 }).able).toHaveLength(1);
  });
});

describe('the score', () => {
  test.each([
    ['price', { priceMicro: 50 }, { priceMicro: 51 }],
    [
      'latency',
      { measured: { successes: 1, failures: 0, latencyMs: 10, success: 1 } },
      { measured: { successes: 1, failures: 0, latencyMs: 20, success: 1 } },
    ],
    [
      'success',
      { measured: { successes: 9, failures: 0, latencyMs: 10, success: 1 } },
      { measured: { successes: 9, failures: 1, latencyMs: 10, success: 0.8 } },
    ],
  ] as const)('[ROUTE-2] the better %s wins where the rest is equal', (_, better, worse) => {
    expect(
      order([candidate({ executor: device(1), ...worse }), candidate({ executor: device(2), ...better })]),
    ).toEqual([device(2), device(1)]);
  });

  test('[ROUTE-2] a price half as high outweighs a success share of three quarters', () => {
    const good = candidate({ executor: device(1), priceMicro: 100 });
    const cheap = candidate({
      executor: device(2),
      priceMicro: 50,
      measured: { successes: 3, failures: 1, latencyMs: null, success: 0.75 },
    });
    expect(order([good, cheap])).toEqual([device(2), device(1)]);
  });

  test('[ROUTE-3] who is connected comes before who is not, whatever the score', () => {
    const away = candidate({ executor: device(1), priceMicro: 1 }, { connected: false, free: false });
    expect(order([away, candidate({ executor: device(2), priceMicro: 1_000 })])).toEqual([device(2), device(1)]);
  });

  test('[ROUTE-4] a route that was tried for this task counts half for each try', () => {
    const ranked = rank([candidate()], { ...anything, tried: new Map([[aRoute().id, 2]]) });
    expect(ranked.able[0]?.score).toBe(0.25);
  });

  const candidates = fc.uniqueArray(
    fc.record({
      n: fc.nat(50),
      priceMicro: fc.integer({ min: 1, max: 1_000 }),
      latencyMs: fc.option(fc.nat(5_000)),
      success: fc.double({ min: 0, max: 1, noNaN: true }),
      connected: fc.boolean(),
      active: fc.boolean(),
      privacy: fc.constantFrom(...PRIVACY_CLASSES),
    }),
    { minLength: 1, maxLength: 12, selector: ({ n }) => n },
  );

  test('[ROUTE-2] the order is the same however the candidates come in, and every candidate is in it or refused', () => {
    fc.assert(
      fc.property(
        candidates,
        fc.constantFrom(...PRIVACY_CLASSES),
        fc.integer({ min: 1, max: 1_000 }),
        fc.nat(),
        (given, privacy, maxCreditsMicro, turn) => {
          const all = given.map(({ n, latencyMs, success, connected, ...route }) =>
            candidate(
              { executor: device(n), ...route, measured: { successes: 1, failures: 1, latencyMs, success } },
              { connected },
            ),
          );
          const turned = all.map((_, index) => all[(index + turn) % all.length] ?? candidate());
          const wanted = { ...anything, require: { privacy }, maxCreditsMicro };
          const ranked = rank(all, wanted);
          expect(rank(turned.reverse(), wanted).able).toEqual(ranked.able);
          expect(ranked.able.length + ranked.unable.length).toBe(all.length);
          for (const {
            candidate: { route },
            score,
          } of ranked.able) {
            expect(route.active && route.priceMicro <= maxCreditsMicro).toBe(true);
            expect(PRIVACY_CLASSES.indexOf(route.privacy)).toBeGreaterThanOrEqual(PRIVACY_CLASSES.indexOf(privacy));
            expect(score).toBeGreaterThanOrEqual(0);
            expect(score).toBeLessThanOrEqual(1);
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });
});

describe('measuring', () => {
  test('[ROUTE-5] the newest attempt counts a fifth: success from 1, latency from the first success', () => {
    const swarm = aSwarm({ supplyMicro: 1e6 });
    const executor = aDevice(swarm);
    const measured = () => swarm.all('route').find((route) => route.executor === executor)?.measured;
    expect(measured()).toEqual({ successes: 0, failures: 0, latencyMs: null, success: 1 });
    fail(swarm, request(swarm), false);
    expect(measured()).toEqual({ successes: 0, failures: 1, latencyMs: null, success: 0.8 });
    succeed(swarm, request(swarm));
    expect(measured()).toEqual({ successes: 1, failures: 1, latencyMs: 10, success: 0.84 });
  });

  test('[ROUTE-5] an attempt that was lost counts against its route, one that was cancelled or declined says nothing of it', () => {
    const swarm = aSwarm({ supplyMicro: 1e6 });
    const executor = aDevice(swarm);
    const measured = () => swarm.all('route').find((route) => route.executor === executor)?.measured;
    swarm.do({ type: 'CancelTask', task: request(swarm) });
    reports(swarm, request(swarm), { type: 'attempt.declined', code: 'too_hot', message: '' });
    expect(measured()).toMatchObject({ successes: 0, failures: 0 });
    const lost = request(swarm);
    swarm.fire(`lease/${lost}`);
    expect(measured()).toMatchObject({ successes: 0, failures: 1, success: 0.8 });
  });

  test('[ROUTE-5] whatever is measured, shares stay between nought and one and texts stay short', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(1e9)), { maxLength: 60 }), (attempts) => {
        let route = aRoute();
        for (const [succeeded, durationMs] of attempts) {
          route = evolveRoute(route, {
            type: 'route.measured',
            subject: '',
            body: { route: route.id, succeeded, durationMs },
          });
          expect(route.measured.success).toBeGreaterThanOrEqual(0);
          expect(route.measured.success).toBeLessThanOrEqual(1);
          expect(String(route.measured.success).length).toBeLessThanOrEqual(8);
        }
        expect(route.measured.successes + route.measured.failures).toBe(attempts.length);
      }),
      { numRuns: 1_000 },
    );
  });

  test('[ROUTE-6] a route that is withdrawn and offered again remembers what was measured of it', () => {
    const swarm = aSwarm();
    const executor = aDevice(swarm);
    fail(swarm, request(swarm), false);
    const describe = (operations: ReturnType<typeof anOffer>[]) =>
      says(swarm, executor, { type: 'device.described', description: aDescription({ operations }) });
    describe([]);
    expect(swarm.all('route').find((route) => route.executor === executor)?.active).toBe(false);
    describe([anOffer()]);
    expect(swarm.all('route').find((route) => route.executor === executor)).toMatchObject({
      active: true,
      measured: { failures: 1 },
    });
  });
});

describe('the swarm itself', () => {
  test('[ROUTE-7] what the swarm offers it does in process, and declines what it does not know', () => {
    for (const { name } of CLOUD_OPERATIONS)
      expect(runInProcess(name, { any: ['thing'] })).toEqual({
        type: 'attempt.succeeded',
        result: { any: ['thing'] },
        durationMs: 0,
      });
    expect(runInProcess('no.such', null)).toMatchObject({ type: 'attempt.declined', code: 'operation_unknown' });
  });

  test('[ROUTE-7] it is an executor like any other, at a price and with a limit', () => {
    const swarm = aSwarm();
    const task = request(swarm, { operation: 'swarm.echo' });
    expect(attemptOf(swarm, task)).toMatchObject({ executor: 'cloud', priceMicro: 100 });
    expect(swarm.row('presence', 'cloud')).toMatchObject({ busy: 1, parallel: CLOUD_PARALLEL, connected: true });
    succeed(swarm, task, 'echo');
    expect(swarm.row('task', task)).toMatchObject({ state: 'succeeded', result: 'echo' });
    expect(swarm.available('executor/cloud')).toBe(100);
  });
});
