// What-ifs: the record of a swarm's life, run again in a fork as it was, and otherwise.

import { describe, expect, test } from 'vitest';
import type { Comparison } from '../../core/forks/compare.ts';
import type { WhatIfWanted } from '../../core/forks/port.ts';
import { OUTWARD } from '../../core/forks/state.ts';
import type { At } from '../../core/history/port.ts';
import type { DeviceId, EnrollmentId, SwarmId, TaskId } from '../../core/ids.ts';
import type { Json } from '../../core/json.ts';
import { err } from '../../core/result.ts';
import { SELF } from '../../core/swarm/state.ts';
import type { PrivacyClass } from '../../core/wire/terms.ts';
import { liveAttempt } from '../../core/work/state.ts';
import { checkBooks } from '../../durable-objects/swarm/conservation.ts';
import { compareSwarms } from '../../functions/forks/compare.ts';
import { aDescription, anOffer } from '../core/builders.ts';
import { World } from '../core/model-world.ts';
import { StoreSwarm } from '../core/store-swarm.ts';
import { Family, type ForkObject } from './a-family.ts';

interface Lived {
  readonly family: Family;
  readonly forkedAt: number;
}

/** A life in two halves; the second is the record. */
async function lived(seed: number, first = 60, second = 240): Promise<Lived> {
  const world = new World(seed);
  for (let n = 0; n < first; n++) await world.step();
  const forkedAt = world.swarm.store.head().seq;
  for (let n = 0; n < second; n++) await world.step();
  return { family: new Family(world.swarm), forkedAt };
}

/** What is wanted of a what-if over the whole record. */
function wanted({ family }: Pick<Lived, 'family'>, over: Partial<WhatIfWanted> = {}): WhatIfWanted {
  const { store } = family.parent;
  const { seq } = store.head();
  const at = store.events(seq, 1)[0]?.at ?? 0;
  return { until: { seq, at }, routes: [], require: {}, maxCreditsMicro: null, limit: 1_000, ...over };
}

async function run(life: Lived, over: Partial<WhatIfWanted> = {}) {
  const { fork } = await life.family.fork({ seq: life.forkedAt });
  const ran = await fork.whatIf(wanted(life, over));
  if (!ran.ok) throw new Error(ran.error.code);
  return { fork, whatIf: ran.value, comparison: await compared(life, fork) };
}

async function compared(
  { family }: Pick<Lived, 'family'>,
  fork: ForkObject,
  there: { swarm: SwarmId; at: At } = { swarm: family.parentId, at: 'now' },
  page = { limit: 10_000, cursor: null as string | null },
): Promise<Comparison> {
  const { id, fork: mark } = fork.row('swarm', SELF);
  if (!mark) throw new Error();
  const result = await compareSwarms({ swarm: id, at: 'now' }, there, mark.parent, page, {
    past: (_, work) => work(family.past),
  });
  if (!result.ok) throw new Error(result.error.code);
  return result.value;
}

const seeds = Array.from({ length: 12 }, (_, n) => 6_100 + n);

/** Deadlines are not simulated: what ran out of time fails, or is cut off. */
function ending(state: string): string {
  return state === 'succeeded' ? state : 'not done';
}

describe('a what-if that wants nothing otherwise', () => {
  let compared = 0;
  test.each(seeds)('[WHATIF-1] results, costs and times come out as they are recorded (seed %i)', async (seed) => {
    const { fork, comparison } = await run(await lived(seed));
    for (const { id, here, there } of comparison.tasks) {
      if (here?.basis !== 'recorded' || there === null || here.refused !== null) continue;
      compared++;
      const figures = (of: typeof here) => [id, ending(of.state), of.resultHash, of.settledMicro, of.timeMs, of.route];
      expect(figures(here)).toEqual(figures(there));
    }
    expect(checkBooks(fork.sql)).toBeNull();
    expect(fork.stored('task').every((task) => liveAttempt(task) === null)).toBe(true);
    if (seed === seeds.at(-1)) expect(compared).toBeGreaterThan(50);
  });

  test('[WHATIF-1] a task whose end is not in the record is skipped, and counted', async () => {
    const { parent, family } = aShop();
    const { seq: forkedAt } = parent.store.head();
    ask(parent, 'a done one', 'cheap');
    parent.do({ type: 'RequestTask', operation: 'text.shop', input: 'nobody ends it' });
    const cancelled = parent.do({ type: 'RequestTask', operation: 'text.shop', input: 'cancelled' }) as TaskId;
    parent.do({ type: 'CancelTask', task: cancelled });
    const { whatIf } = await run({ family, forkedAt });
    expect(whatIf.ended).toEqual({ tasks: 1, missions: 0, skipped: 2, truncated: false });
  });
});

describe('a what-if', () => {
  test('[WHATIF-2] another price is another cost, and may be another route', async () => {
    const { parent, family, cheap, dear } = aShop();
    const { seq: forkedAt } = parent.store.head();
    for (const n of [1, 2, 3]) ask(parent, n, 'cheap');
    const cheaper = await run({ family, forkedAt }, { routes: [{ route: `text.shop@${cheap}`, priceMicro: 90 }] });
    expect(cheaper.comparison.totals).toMatchObject({
      matched: 3,
      sameResults: 3,
      estimated: 0,
      settledMicro: { here: 270, there: 300, difference: -30 },
      timeMs: { difference: 0 },
    });
    const muchDearer = await run(
      { family, forkedAt },
      { routes: [{ route: `text.shop@${cheap}`, priceMicro: 90_000 }] },
    );
    for (const { here } of muchDearer.comparison.tasks)
      expect(here).toMatchObject({ route: `text.shop@${dear}`, settledMicro: 200, basis: 'estimated', timeMs: 50 });
    expect(muchDearer.comparison.totals).toMatchObject({ sameResults: 3, estimated: 3 });
  });

  test('[WHATIF-2] without a route its work goes over another, or nobody does it', async () => {
    const { parent, family, cheap, dear } = aShop();
    const { seq: forkedAt } = parent.store.head();
    ask(parent, 1, 'cheap');
    const off = (route: string) => ({ route, active: false });
    const without = await run({ family, forkedAt }, { routes: [off(`text.shop@${cheap}`)] });
    expect(without.comparison.tasks[0]?.here).toMatchObject({ route: `text.shop@${dear}`, state: 'succeeded' });
    const alone = await run({ family, forkedAt }, { routes: [off(`text.shop@${cheap}`), off(`text.shop@${dear}`)] });
    expect(alone.comparison.tasks[0]?.here).toMatchObject({ task: null, state: 'refused', operation: 'text.shop' });
  });

  test('[WHATIF-2] a requirement and a budget count as they would have', async () => {
    const { parent, family, dear } = aShop();
    const { seq: forkedAt } = parent.store.head();
    ask(parent, 1, 'cheap');
    const strict = await run({ family, forkedAt }, { require: { privacy: 'device-only' } });
    expect(strict.comparison.tasks[0]?.here).toMatchObject({ route: `text.shop@${dear}`, settledMicro: 200 });
    const poor = await run({ family, forkedAt }, { maxCreditsMicro: 10 });
    expect(poor.comparison.tasks[0]?.here).toMatchObject({ state: 'refused', refused: 'budget_too_small' });
    expect(poor.comparison.totals.succeeded).toEqual({ here: 0, there: 1, difference: -1 });
  });

  test('[WHATIF-2] missions are run again whole, in their order', async () => {
    const { parent, family } = aShop();
    const { seq: forkedAt } = parent.store.head();
    const mission = parent.do({
      type: 'StartMission',
      name: 'two steps',
      plan: {
        tasks: [
          { key: 'first', operation: 'text.shop', input: 'x' },
          {
            key: 'second',
            operation: 'text.shop',
            input: { of: { $result: 'first', path: '/said' } },
            after: ['first'],
          },
        ],
      },
    });
    finish(parent, 'cheap');
    finish(parent, 'cheap');
    expect(parent.row('mission', mission).state).toBe('succeeded');
    const { whatIf, comparison, fork } = await run({ family, forkedAt });
    expect(whatIf.ended).toMatchObject({ tasks: 2, missions: 1, skipped: 0 });
    expect(comparison.missions).toMatchObject([
      { id: mission, here: { state: 'succeeded' }, there: { state: 'succeeded' } },
    ]);
    expect(comparison.totals).toMatchObject({ matched: 2, sameResults: 2, settledMicro: { difference: 0 } });
    expect(fork.stored('mission')[0]?.origin).toBe(`what-if/${mission}`);
  });

  test('[WHATIF-2] a route that came after the fork point comes too; one that never was is refused', async () => {
    const { parent, family } = aShop();
    const { seq: forkedAt } = parent.store.head();
    const late = aDevice(parent, 'late', { name: 'text.late', priceMicro: 70 }, 'public');
    const task = parent.do({ type: 'RequestTask', operation: 'text.late', input: 1 }) as TaskId;
    finish(parent, 'late');
    const { comparison } = await run({ family, forkedAt });
    expect(comparison.tasks[0]).toMatchObject({
      id: task,
      here: { state: 'succeeded', route: `text.late@${late}`, settledMicro: 70, basis: 'recorded' },
      sameResult: true,
    });
    const { fork } = await family.fork({ seq: forkedAt });
    const head = fork.store.head();
    const routes = [{ route: 'text.none@dev_none', priceMicro: 1 }];
    expect(await fork.whatIf(wanted({ family }, { routes }))).toEqual(
      err({ code: 'route_not_found', route: 'text.none@dev_none' }),
    );
    expect(fork.store.head()).toEqual(head);
  });

  test.each(seeds.slice(0, 3))(
    '[WHATIF-3] the same what-if comes out the same in every fork (seed %i)',
    async (seed) => {
      const life = await lived(seed);
      const over = { require: { privacy: 'internal' as const } };
      const [one, two] = [await run(life, over), await run(life, over)];
      const figures = ({ comparison }: typeof one) =>
        comparison.tasks.map(({ id, here }) => [id, here && { ...here, task: null }]);
      expect(figures(one)).toEqual(figures(two));
      expect(one.comparison.totals).toEqual(two.comparison.totals);
      // And beside each other they differ in nothing.
      const { id } = two.fork.row('swarm', SELF);
      const beside = await compared(life, one.fork, { swarm: id, at: 'now' });
      expect(beside.totals).toMatchObject({
        onlyHere: 0,
        onlyThere: 0,
        otherResults: 0,
        settledMicro: { difference: 0 },
      });
    },
  );

  test('[WHATIF-3] cut off at any command, it goes on where it stood', async () => {
    const life = await lived(6_102);
    const whole = await run(life);
    const { fork } = await life.family.fork({ seq: life.forkedAt });
    let cuts = 0;
    for (let most = 7; ; most += 7) {
      const result = await fork.whatIf(wanted(life), most).catch((cause: Error) => cause.message);
      if (typeof result !== 'string') break;
      expect(result).toBe('cut off');
      fork.reopen();
      cuts++;
    }
    expect(cuts).toBeGreaterThan(3);
    const comparison = await compared(life, fork);
    expect(comparison.totals).toEqual(whole.comparison.totals);
    expect(fork.stored('rerun').map(({ id, basis, timeMs }) => [id, basis, timeMs])).toEqual(
      whole.fork.stored('rerun').map(({ id, basis, timeMs }) => [id, basis, timeMs]),
    );
  });

  test('[WHATIF-4] a fork has one, while its effects are off; a swarm that is none has none', async () => {
    const { parent, family } = aShop();
    const { seq: forkedAt } = parent.store.head();
    ask(parent, 1, 'cheap');
    const { fork } = await run({ family, forkedAt });
    expect(await fork.whatIf(wanted({ family }, { maxCreditsMicro: 7 }))).toEqual(err({ code: 'what_if_done' }));
    const again = await fork.whatIf(wanted({ family }));
    expect(again).toMatchObject({ ok: true, value: { ended: { tasks: 1 } } });
    const other = (await family.fork({ seq: forkedAt })).fork;
    other.do({ type: 'SetEffects', effects: 'on' });
    expect(await other.whatIf(wanted({ family }))).toEqual(err({ code: 'effects_on' }));
    expect(parent.code({ type: 'BeginWhatIf', ...wanted({ family }) })).toBe('not_a_fork');
    expect(other.code({ type: 'PlaceRerun', task: 'tsk_none', standIns: [] })).toBe('what_if_done');
  });

  test('[WHATIF-4] it stops at its limit, and says so', async () => {
    const { parent, family } = aShop();
    const { seq: forkedAt } = parent.store.head();
    for (const n of [1, 2, 3, 4]) ask(parent, n, 'cheap');
    const { whatIf } = await run({ family, forkedAt }, { limit: 2 });
    expect(whatIf.ended).toEqual({ tasks: 2, missions: 0, skipped: 0, truncated: true });
  });

  test.each(seeds.slice(0, 3))(
    '[WHATIF-5] the parent is as it was, and nothing has left the fork (seed %i)',
    async (seed) => {
      const life = await lived(seed);
      const before = life.family.parent.digest();
      const { fork } = await run(life, { require: { privacy: 'public' } });
      expect(life.family.parent.digest()).toBe(before);
      expect(fork.outbox().filter(({ kind }) => OUTWARD.has(kind))).toEqual([]);
      expect(fork.store.halted()).toBeNull();
      // Nobody was ever there: the executors are as absent as before.
      for (const { id, connected, busy } of fork.stored('presence'))
        expect([id, connected, busy]).toEqual([id, id === 'cloud', 0]);
    },
  );
});

describe('a comparison', () => {
  test('[COMPARE-1] what had ended before the fork is not looked at; what was open is matched with itself', async () => {
    const { parent, family } = aShop();
    ask(parent, 'before', 'cheap');
    const open = parent.do({ type: 'RequestTask', operation: 'text.shop', input: 'open' }) as TaskId;
    const { seq: forkedAt } = parent.store.head();
    finish(parent, 'cheap');
    const there = ask(parent, 'there alone', 'cheap');
    const { fork } = await family.fork({ seq: forkedAt });
    const here = fork.do({ type: 'RequestTask', operation: 'text.shop', input: 'here alone' });
    const { tasks, totals } = await compared({ family }, fork);
    expect(tasks.map(({ id }) => id)).toEqual([here, there, open].toSorted().reverse());
    expect(tasks.find(({ id }) => id === open)).toMatchObject({
      here: { state: 'queued', settledMicro: 0, wallMs: null, basis: null },
      there: { state: 'succeeded', settledMicro: 100 },
      sameResult: null,
    });
    expect(totals).toMatchObject({ matched: 1, onlyHere: 1, onlyThere: 1, settledMicro: { here: 0, there: 100 } });
  });

  test('[COMPARE-1] also when all of it was in one millisecond', async () => {
    const { parent, family } = aShop();
    const before = ask(parent, 'before', 'cheap', 0);
    const { seq: forkedAt } = parent.store.head();
    const after = ask(parent, 'after', 'cheap', 0);
    const { comparison } = await run({ family, forkedAt });
    expect(comparison.tasks.map(({ id }) => id)).toEqual([after]);
    expect(comparison.totals).toMatchObject({ matched: 1, onlyHere: 0, onlyThere: 0 });
    expect(comparison.tasks.map(({ id }) => id)).not.toContain(before);
  });

  test('[COMPARE-2] pages together are the whole, and each says the same totals', async () => {
    const life = await lived(6_100);
    const { fork, comparison } = await run(life);
    const ids: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Comparison = await compared(life, fork, undefined, { limit: 7, cursor });
      ids.push(...page.tasks.map(({ id }) => id));
      expect(page.totals).toEqual(comparison.totals);
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(ids).toEqual(comparison.tasks.map(({ id }) => id));
    expect(ids).toEqual(ids.toSorted().reverse());
  });
});

/** A swarm with two devices that do the same, at two prices; the dear one is quick and private. */
function aShop() {
  const parent = new StoreSwarm({ supplyMicro: 100_000 });
  const cheap = aDevice(parent, 'cheap', { name: 'text.shop', priceMicro: 100 }, 'internal');
  const dear = aDevice(parent, 'dear', { name: 'text.shop', priceMicro: 200 }, 'device-only');
  // The dear one has done one, in 50 ms.
  parent.do({ type: 'RequestTask', operation: 'text.shop', input: 0, require: { executor: dear } });
  finish(parent, 'dear', 50);
  return { parent, family: new Family(parent), cheap, dear };
}

function aDevice(
  swarm: StoreSwarm,
  name: string,
  offer: Parameters<typeof anOffer>[0],
  privacy: PrivacyClass,
): DeviceId {
  const enrollment = swarm.do({ type: 'OpenEnrollment', name }) as EnrollmentId;
  const did = `did:key:z${name}`;
  const device = swarm.do({ type: 'EnrollDevice', enrollment, did, name }) as DeviceId;
  swarm.do({ type: 'AdmitDevice', device, did, connection: `con_${name}`, epoch: 0, seq: 0 });
  tellFact(swarm, device, {
    type: 'device.described',
    description: aDescription({ operations: [anOffer(offer)], privacy, parallel: 4 }),
  });
  return device;
}

function tellFact(swarm: StoreSwarm, device: DeviceId, body: object): void {
  const { epoch, seq } = swarm.row('presence', device);
  swarm.do(
    { type: 'TakeFact', device, epoch, seq: seq + 1, body: body as never },
    { id: `fact/${device}/${epoch}/${seq + 1}` },
  );
}

/** The device of this name ends what it has, a little later. */
function finish(swarm: StoreSwarm, name: string, durationMs = 120): void {
  const device = swarm.stored('device').find((row) => row.name === name)?.id;
  const task = swarm.stored('task').find((row) => liveAttempt(row)?.executor === device);
  const attempt = task && liveAttempt(task);
  if (!device || !task || !attempt) throw new Error(`${name} has nothing to do`);
  swarm.now += durationMs;
  const of = { task: task.id, attempt: attempt.id, fence: attempt.n };
  tellFact(swarm, device, { type: 'attempt.succeeded', ...of, result: { said: task.input }, durationMs });
}

function ask(swarm: StoreSwarm, input: Json, name: string, durationMs = 120): TaskId {
  const task = swarm.do({ type: 'RequestTask', operation: 'text.shop', input }) as TaskId;
  finish(swarm, name, durationMs);
  return task;
}
