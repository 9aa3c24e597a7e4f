// Work of which the process dies, on a database that loses what was not durable, as a process that is killed does.

import { afterEach, describe, expect, test } from 'vitest';
import { Fault } from '../../core/assert.ts';
import { workDeathsMax, workParkedMs } from '../../core/limits.ts';
import type { Effect } from '../../core/swarm/react.ts';
import { durableSql, type Sql, type SqlStorageLike } from '../../durable-objects/sql-port.ts';
import { type DrainDeps, drain, lanesDue, nextInOutbox, outboxDue } from '../../durable-objects/swarm/outbox-drain.ts';
import { type Chore, createRecorder, type Recorder } from '../../durable-objects/swarm/recorder.ts';
import { createSuspects, remainingWork, type Suspects } from '../../durable-objects/swarm/suspects.ts';
import { beginTimers, nextTimer, runTimers, type TimerDeps } from '../../durable-objects/swarm/timers.ts';
import { openTries, type Tries } from '../../durable-objects/tries.ts';
import { giveBack, type ObjectDatabase, takeDatabase } from '../simulation/platform/database.ts';

/** Thrown where a process would be gone. */
class Death extends Error {}

/** A swarm's object without its rules: runners, and a way to die. */
class Life {
  readonly database: ObjectDatabase = takeDatabase('swarm');
  readonly sql: Sql;
  now = 1_000_000;
  deaths = 0;
  /** What was done, each time it was done to its end. */
  readonly done: string[] = [];
  readonly parked: string[] = [];
  /** Nothing may be written just now. */
  isShut = false;
  chores: Chore[] = [];
  /** Timers' commands and effects that end the process, by their name. */
  readonly killers = new Set<string>();
  #dying: ((cause: Death) => void) | null = null;

  constructor() {
    const { database } = this;
    const exec = (query: string, ...bindings: unknown[]) => {
      const rows = database.exec(query, ...(bindings as (string | number | null)[])); // as the port has them
      return { toArray: () => rows };
    };
    this.sql = durableSql({ sql: { exec }, transactionSync: database.transaction } as SqlStorageLike);
  }

  plantTimer(key: string): void {
    const command = JSON.stringify({ type: 'RetryTask', task: key });
    this.sql.run('INSERT INTO timer (key, due, command) VALUES (?, ?, ?)', key, this.now, command);
    this.database.keep();
  }

  plantEffect(effect: Effect): void {
    this.sql.run('INSERT INTO outbox (effect, due) VALUES (?, ?)', JSON.stringify(effect), this.now);
    this.database.keep();
  }

  /** What does it ends the process, or is noted as done. Nothing after a death is real. */
  act(name: string): void {
    if (this.killers.has(name)) {
      const death = new Death(name);
      this.#dying?.(death);
      throw death;
    }
    this.done.push(name);
  }

  /** Starts it and lets it do what is due until there is nothing, or it dies. True when it lived. */
  async live(): Promise<boolean> {
    let isDead = false;
    const died = new Promise<never>((_, reject) => {
      this.#dying = (cause) => {
        isDead = true;
        // The rest of the turn runs on in here; in a process that is gone it does not.
        this.database.lose();
        this.database.beforeWrite = () => {
          throw cause;
        };
        reject(cause);
      };
    });
    died.catch(() => {});
    const started = this.#start();
    try {
      for (let round = 0; round < 20; round++) await Promise.race([this.#once(started), died]);
      this.database.keep();
      return true;
    } catch (cause) {
      if (!(cause instanceof Death)) throw cause;
      this.deaths++;
      return false;
    } finally {
      // Let what hangs on the dead instance fail before the next one starts.
      if (isDead) await new Promise((done) => setImmediate(done));
      this.database.lose();
      this.database.beforeWrite = null;
    }
  }

  #start() {
    const { sql } = this;
    const now = () => this.now;
    const tries = openTries({
      ...{ sql, now, random: () => 0.5, remaining: remainingWork(sql) },
      durable: async () => this.database.keep(),
    });
    const timers: TimerDeps = { sql, tries, now, execute: ({ command }) => this.#execute(command) };
    const outbox: DrainDeps = {
      ...{ sql, tries, now, park: () => {} },
      toSquad: async (_, effects) => {
        for (const effect of effects) this.act(effect.kind === 'order' ? effect.order.id : effect.device);
      },
      run: async ({ task }) => this.act(task),
      send: async ({ delivery }) => this.act(delivery),
    };
    const suspects = createSuspects({
      ...{ sql, tries, now, timers, outbox, isShut: () => this.isShut },
      park: (_, command) => this.#execute(command),
    });
    const recorder = createRecorder(this.chores, { tries, now, calmAt: now, park: (chore) => this.parked.push(chore) });
    return { tries, timers, outbox, suspects, recorder };
  }

  #execute(command: { readonly type: string; readonly task?: unknown }): void {
    if (this.isShut) throw new Fault('not now', { retryable: true });
    if (command.type === 'ParkTimer') this.parked.push(JSON.stringify(command));
    else this.act(String(command.task));
  }

  async #once(life: {
    tries: Tries;
    timers: TimerDeps;
    outbox: DrainDeps;
    suspects: Suspects;
    recorder: Recorder;
  }): Promise<void> {
    const { tries, timers, outbox, suspects, recorder } = life;
    const begun = beginTimers(timers);
    await tries.durable();
    runTimers(begun, timers);
    for (const lane of lanesDue(outboxDue(this.sql, tries), this.now)) await drain(lane, outbox);
    await suspects.runDue();
    await recorder.runDue();
    const due = [
      nextTimer(this.sql, tries),
      nextInOutbox(outboxDue(this.sql, tries)),
      suspects.nextDue(),
      recorder.nextDue(),
    ];
    const next = Math.min(...due.map((at) => at ?? Number.POSITIVE_INFINITY));
    // The alarm rings; what is parked for a day waits for a test that moves the clock so far.
    if (next < this.now + 3_600_000) this.now = Math.max(this.now, next);
  }

  /** Starts it again until it lives. */
  async liveOn(most = 20): Promise<void> {
    for (let life = 0; life < most; life++) if (await this.live()) return;
    throw new Error(`it died ${most} times`);
  }
}

const lives: Life[] = [];
function aLife(): Life {
  const life = new Life();
  lives.push(life);
  return life;
}
afterEach(() => {
  for (const { database } of lives.splice(0)) giveBack('swarm', database);
});

function order(squad: number, n: number): Effect {
  const body = { type: 'desire', version: n, desired: {} } as const;
  return { kind: 'order', squad, device: 'dev_x', order: { id: `ord_${n}`, deliverBy: null, body } };
}

const spoken = (timer: string, command: string): string =>
  JSON.stringify({ type: 'ParkTimer', tries: workDeathsMax, timer, command });

describe('what ends the process', () => {
  test('[SWARM-29] a timer by itself is parked after two deaths, and an event names it', async () => {
    const life = aLife();
    life.plantTimer('t/bad');
    life.killers.add('t/bad');
    await life.liveOn();
    expect(life.deaths).toBe(workDeathsMax);
    expect(life.parked).toEqual([spoken('t/bad', 'RetryTask')]);
  });

  test('[SWARM-29] among others it is found: each is tried alone, and all but the one are done', async () => {
    const life = aLife();
    for (let n = 0; n < 50; n++) life.plantTimer(`t/${n}`);
    life.killers.add('t/25');
    await life.liveOn();
    // Once with all of them, then alone.
    expect(life.deaths).toBe(1 + workDeathsMax);
    expect(life.parked).toEqual([spoken('t/25', 'RetryTask')]);
    const others = Array.from({ length: 50 }, (_, n) => `t/${n}`).filter((key) => key !== 't/25');
    expect(new Set(life.done)).toEqual(new Set(others));
  });

  test('[SWARM-29] an order that kills holds up its squad until it is parked, and the order of the rest is kept', async () => {
    const life = aLife();
    for (let n = 1; n <= 6; n++) life.plantEffect(order(0, n));
    for (let n = 11; n <= 13; n++) life.plantEffect(order(1, n));
    life.killers.add('ord_3');
    await life.live();
    // What comes later must not overtake.
    life.plantEffect(order(0, 7));
    await life.liveOn();
    expect(life.parked).toEqual([spoken('outbox/3', 'order')]);
    // An order may come twice, when the process died after it was taken: the last time counts.
    const last = [...new Map(life.done.map((id, at) => [id, at]))].sort(([, a], [, b]) => a - b).map(([id]) => id);
    expect(last.filter((id) => id.length === 5)).toEqual(['ord_1', 'ord_2', 'ord_4', 'ord_5', 'ord_6', 'ord_7']);
    expect(last).toEqual(expect.arrayContaining(['ord_11', 'ord_12', 'ord_13']));
  });

  test('[SWARM-29] every kind of effect and a chore are found in the same way, and what is new goes on beside them', async () => {
    const life = aLife();
    life.killers.add('tsk_bad').add('dlv_bad').add('archive');
    life.chores = ['checkpoint', 'archive'].map((name) => {
      let isDue = true;
      return {
        name,
        dueAt: () => (isDue ? 0 : null),
        async run() {
          life.act(name);
          isDue = false;
        },
      };
    });
    life.plantEffect({ kind: 'run', task: 'tsk_bad', attempt: 'att_1' });
    life.plantEffect({ kind: 'run', task: 'tsk_good', attempt: 'att_1' });
    life.plantEffect({ kind: 'send', delivery: 'dlv_bad' });
    life.plantEffect({ kind: 'send', delivery: 'dlv_good' });
    await life.liveOn();
    expect(life.parked.toSorted()).toEqual(
      [spoken('outbox/1', 'run'), spoken('outbox/3', 'send'), spoken('recorder/archive', 'archive')].toSorted(),
    );
    expect(life.done).toEqual(expect.arrayContaining(['tsk_good', 'dlv_good', 'checkpoint']));
  });

  test('[SWARM-30] while nothing may be written it is neither tried nor forgotten, and told of when it may', async () => {
    const life = aLife();
    life.plantTimer('t/bad');
    life.killers.add('t/bad');
    while (life.deaths < workDeathsMax) await life.live();
    life.isShut = true;
    await life.live();
    expect([life.deaths, life.parked]).toEqual([workDeathsMax, []]);
    expect(life.sql.all('SELECT key FROM timer')).toEqual([{ key: 't/bad' }]);
    life.isShut = false;
    life.now += 60_000;
    await life.live();
    expect(life.parked).toEqual([spoken('t/bad', 'RetryTask')]);
  });

  test('[SWARM-30] what is parked is not lost: it is tried after a day, alone, and twice as late each time', async () => {
    const life = aLife();
    life.plantTimer('t/bad');
    life.killers.add('t/bad');
    await life.liveOn();
    life.now += workParkedMs - 3_600_000;
    await life.live();
    expect(life.deaths).toBe(workDeathsMax);
    life.now += 3_600_000;
    await life.live();
    expect(life.deaths).toBe(workDeathsMax + 1);
    await life.live();
    life.killers.clear();
    life.now += workParkedMs;
    await life.live();
    expect(life.done).toEqual([]);
    life.now += workParkedMs;
    await life.live();
    expect(life.done).toEqual(['t/bad']);
    expect(life.sql.all('SELECT key FROM timer')).toEqual([]);
    expect(life.sql.all('SELECT work FROM trouble')).toEqual([]);
  });

  test('[SWARM-30] what was only under way when something else died is done, and leaves nothing behind', async () => {
    const life = aLife();
    for (let n = 0; n < 5; n++) life.plantTimer(`t/${n}`);
    life.killers.add('t/3');
    await life.live();
    life.killers.clear();
    await life.live();
    expect(new Set(life.done)).toEqual(new Set(['t/0', 't/1', 't/2', 't/3', 't/4']));
    expect([life.deaths, life.parked]).toEqual([1, []]);
    expect(life.sql.all('SELECT * FROM trouble')).toEqual([]);
  });
});
