import { describe, expect, test } from 'vitest';
import { Fault } from '../../core/assert.ts';
import {
  breakerAlarmsMax,
  breakerRowsWrittenMax,
  breakerWindowMs,
  timersPerAlarm,
  timerTriesMax,
} from '../../core/limits.ts';
import type { Execute } from '../../core/swarm/service.ts';
import { createBreaker } from '../../durable-objects/breaker.ts';
import { beginTimers, nextTimer, runTimers, type TimerDeps } from '../../durable-objects/swarm/timers.ts';
import { openTries } from './open-tries.ts';
import { StoreSwarm } from './store-swarm.ts';

const hold = {
  type: 'HoldTransfer',
  debit: 'tenant',
  credit: 'team/a',
  amountMicro: 1,
  reference: '',
  timeoutMs: 5_000,
} as const;

function plant(swarm: StoreSwarm, key: string, due: number, command: object): void {
  swarm.sql.run('INSERT INTO timer (key, due, command) VALUES (?, ?, ?)', key, due, JSON.stringify(command));
}

function run(swarm: StoreSwarm, execute: TimerDeps['execute']): void {
  const now = () => swarm.now;
  const deps = { sql: swarm.sql, tries: openTries(swarm.sql, now), now, execute };
  runTimers(beginTimers(deps), deps);
}

describe('timers', () => {
  test('[SWARM-7] what is due becomes its command, at its time and not before, and is gone', () => {
    const swarm = new StoreSwarm();
    const held = swarm.do(hold);
    expect(
      nextTimer(
        swarm.sql,
        openTries(swarm.sql, () => swarm.now),
      ),
    ).toBe(swarm.now + 5_000);
    swarm.now += 4_999;
    swarm.runDue();
    expect(swarm.row('transfer', held).state).toBe('pending');
    swarm.now += 1;
    swarm.runDue();
    expect(swarm.row('transfer', held).state).toBe('expired');
    expect(swarm.timers().map(({ key }) => key)).toEqual(['cycle']);
    expect(swarm.journal().at(-1)).toMatchObject({ actor: 'system/timer', type: 'starling.transfer.expired' });
  });

  test('[SWARM-7] a timer that its own command sets anew stays', () => {
    const swarm = new StoreSwarm();
    const [{ due = 0 } = {}] = swarm.timers();
    swarm.now = due;
    swarm.runDue();
    expect(swarm.row('swarm', 'self').cycle).toBe(2);
    expect(swarm.timers()).toMatchObject([
      { key: 'cycle', due: due + (due - swarm.row('swarm', 'self').createdAt), tries: 0 },
    ]);
  });

  test('[SWARM-7] they run in the order of their times, so many in one alarm, and the rest in the next', () => {
    const swarm = new StoreSwarm();
    for (let n = timersPerAlarm + 20; n > 0; n--)
      plant(swarm, `t/${String(n).padStart(3, '0')}`, swarm.now + n, { type: 'RetryTask', task: 'tsk_none' });
    swarm.now += 1_000;
    const ran: string[] = [];
    const runDue = () => run(swarm, ({ id }) => ran.push(id.split('/')[2] ?? ''));
    runDue();
    expect(ran).toHaveLength(timersPerAlarm);
    runDue();
    expect(ran).toEqual([...ran].sort());
    expect(ran).toHaveLength(timersPerAlarm + 20);
  });

  test('[SWARM-8] a timer that always throws is tried three times, then parked with an event that says so, and writes no more', () => {
    const swarm = new StoreSwarm();
    plant(swarm, 'broken', swarm.now, { type: 'NoSuchCommand' });
    const held = swarm.do(hold);
    const due: number[] = [];
    for (let round = 0; round < 50; round++) {
      const broken = swarm.timers().find(({ key }) => key === 'broken');
      if (broken) due.push(broken.due);
      swarm.now = broken ? Math.max(swarm.now, broken.due) : swarm.now + 60_000;
      swarm.runDue();
    }
    expect(due).toHaveLength(timerTriesMax);
    expect(due.slice(1).map((at, n) => at - (due[n] ?? 0))).toEqual([10_000, 20_000]);
    const parked = swarm.journal().filter(({ type }) => type === 'starling.timer.parked');
    expect(parked).toMatchObject([
      { subject: 'timer/broken', data: { timer: 'broken', command: 'NoSuchCommand', tries: timerTriesMax } },
    ]);
    // It held nothing up, and afterwards nothing is written any more.
    expect(swarm.row('transfer', held).state).toBe('expired');
    const before = swarm.digest();
    for (let round = 0; round < 50; round++) {
      swarm.now += 1_000;
      swarm.runDue();
    }
    expect(swarm.digest()).toBe(before);
  });

  test('[SWARM-9] when nothing may be written just now, what is due keeps its turn, without a strike', () => {
    const swarm = new StoreSwarm();
    swarm.do(hold);
    plant(swarm, 'other', swarm.now + 1, { type: 'RetryTask', task: 'tsk_none' });
    swarm.now += 6_000;
    const before = swarm.timers();
    let asked = 0;
    for (let round = 0; round < 10; round++)
      run(swarm, () => {
        asked++;
        throw new Fault('not now', { retryable: true });
      });
    expect(swarm.timers()).toEqual(before);
    // One question each time: the others would have been answered alike.
    expect(asked).toBe(10);
    swarm.runDue();
    expect(swarm.timers().map(({ key }) => key)).toEqual(['cycle']);
  });

  test('[SWARM-9] a halted swarm keeps its timers', () => {
    const swarm = new StoreSwarm();
    swarm.do(hold);
    swarm.sql.run(`UPDATE account SET body = json_set(body, '$.postedMicro', 1) WHERE id = 'tenant'`);
    swarm.reopen();
    expect(swarm.store.audit()).not.toBeNull();
    swarm.now += 60_000;
    const before = swarm.timers();
    swarm.runDue();
    expect(swarm.timers()).toEqual(before);
  });
});

describe('the breaker', () => {
  test('[SWARM-13] beyond so many rows in a minute nothing is written until the minute is over', () => {
    const swarm = new StoreSwarm();
    const breaker = createBreaker(swarm.sql, () => swarm.now);
    breaker.wrote(breakerRowsWrittenMax);
    expect(breaker.openFor()).toBe(0);
    swarm.now += 1_000;
    breaker.wrote(1);
    expect(breaker.openFor()).toBe(breakerWindowMs - 1_000);
    swarm.now += breakerWindowMs - 1_000;
    expect(breaker.openFor()).toBe(0);
    breaker.wrote(1);
    expect(breaker.openFor()).toBe(0);
  });

  test('[SWARM-13] alarms are counted as well, and a crash does not forget the count', () => {
    const swarm = new StoreSwarm();
    for (let n = 0; n < breakerAlarmsMax; n++) {
      // A new one each time, as after a crash.
      expect(createBreaker(swarm.sql, () => swarm.now).alarm()).toBe(true);
    }
    expect(createBreaker(swarm.sql, () => swarm.now).alarm()).toBe(false);
    swarm.now += breakerWindowMs;
    expect(createBreaker(swarm.sql, () => swarm.now).alarm()).toBe(true);
  });
});

test('[SWARM-7] a command of a timer is not kept as an answer', () => {
  const swarm = new StoreSwarm();
  swarm.do(hold, { remember: false });
  const sent: Execute[] = [];
  swarm.now += 5_000;
  run(swarm, (command) => sent.push(command));
  expect(sent).toMatchObject([{ remember: false, actor: { kind: 'system', id: 'timer' } }]);
});
