// A machine's clock that was wrong for a moment: what was set meanwhile is due when it should be, and the past stays ordered.

import { describe, expect, test } from 'vitest';
import type { Segment } from '../../core/archive/state.ts';
import { isUnsure } from '../../core/clock/state.ts';
import {
  clockAheadMs,
  clockBehindMs,
  cycleMs,
  deadlineMsDefault,
  enrollmentMs,
  rowsMovedAtOnce,
} from '../../core/limits.ts';
import { ok } from '../../core/result.ts';
import type { SwarmCommand } from '../../core/swarm/commands.ts';
import { replay } from '../../core/swarm/replay.ts';
import { KINDS, SELF } from '../../core/swarm/state.ts';
import { createBreaker } from '../../durable-objects/breaker.ts';
import { outlineOf } from '../../durable-objects/swarm/outline.ts';
import { START } from './memory-swarm.ts';
import { StoreSwarm } from './store-swarm.ts';

const minute = 60_000;
const day = 24 * 3_600_000;
const AHEAD = 400 * day;

const hold = (timeoutMs = 10 * minute): SwarmCommand => ({
  ...{ type: 'HoldTransfer', debit: 'tenant', credit: 'team/a', amountMicro: 5, reference: 'a hold' },
  timeoutMs,
});
const post = (): SwarmCommand => ({
  ...{ type: 'PostTransfer', debit: 'tenant', credit: 'team/a', amountMicro: 1, reference: 'a post' },
});

/** A swarm whose clock is 400 days ahead for these commands alone, and is found right a minute later. */
function wrongFor(commands: readonly SwarmCommand[], swarm = new StoreSwarm()): { swarm: StoreSwarm; ids: string[] } {
  swarm.now += AHEAD;
  const ids = commands.map((command) => swarm.do(command));
  swarm.now -= AHEAD - minute;
  swarm.do(post());
  return { swarm, ids };
}
const typesOf = (swarm: StoreSwarm): string[] => swarm.journal().map(({ type }) => type.replace('starling.', ''));

function isReplayed(swarm: StoreSwarm): void {
  const rows = replay(swarm.store.events(1, 100_000));
  for (const kind of KINDS)
    expect(swarm.stored(kind).map((row) => [`${kind}/${kind === 'swarm' ? SELF : row.id}`, row])).toEqual(
      [...rows].filter(([key]) => key.startsWith(`${kind}/`)).sort(([a], [b]) => (a < b ? -1 : 1)),
    );
}

async function seqAt(swarm: StoreSwarm, time: number): Promise<unknown> {
  const found = await outlineOf({ time }, null, {
    sql: swarm.sql,
    store: swarm.store,
    now: () => swarm.now,
    readEvents: async (from, to) => ok(swarm.store.events(from, to - from + 1)),
  });
  return found.ok ? found.value.seq : found.error.code;
}

describe('a step forward', () => {
  test('[CLOCK-1] of more than a day is recorded before what it is the time of; a shorter one is not', () => {
    const swarm = new StoreSwarm();
    swarm.now += clockAheadMs;
    swarm.do(post());
    expect(typesOf(swarm)).not.toContain('clock.stepped');
    const from = swarm.now;
    swarm.now += clockAheadMs + 1;
    swarm.do(post());
    expect(typesOf(swarm).slice(-2)).toEqual(['clock.stepped', 'transfer.posted']);
    expect(swarm.journal().at(-2)?.data).toEqual({ from, to: swarm.now });
    isReplayed(swarm);
  });

  test('[CLOCK-5] deletes nothing for a day: a wrong clock must not take what nothing brings back', () => {
    const swarm = new StoreSwarm();
    swarm.now += AHEAD;
    swarm.do(post());
    const { clock } = swarm.row('swarm', SELF);
    expect(isUnsure({ ...(clock ? { clock } : {}) }, swarm.now + clockAheadMs - 1)).toBe(true);
    expect(isUnsure({ ...(clock ? { clock } : {}) }, swarm.now + clockAheadMs)).toBe(false);
    expect(isUnsure({}, swarm.now)).toBe(false);
  });
});

describe('a clock that is found behind', () => {
  test('[CLOCK-2] new times follow the real clock again, and one event says from when to when', () => {
    const { swarm } = wrongFor([post()]);
    const turned = swarm.journal().find(({ type }) => type === 'starling.clock.corrected');
    expect(turned?.data).toMatchObject({ from: START + AHEAD, to: START + minute });
    expect(Date.parse(turned?.time ?? '')).toBe(START + minute);
    swarm.now += 5_000;
    swarm.do(post());
    expect(Date.parse(swarm.journal().at(-1)?.time ?? '')).toBe(swarm.now);
    expect(typesOf(swarm).filter((type) => type === 'clock.corrected')).toHaveLength(1);
    isReplayed(swarm);
  });

  test('[CLOCK-2] by a little is waited for: times stand still, and nothing is moved', () => {
    const swarm = new StoreSwarm();
    swarm.do(post());
    const at = swarm.now;
    swarm.now -= clockBehindMs;
    swarm.do(post());
    expect(Date.parse(swarm.journal().at(-1)?.time ?? '')).toBe(at);
    expect(typesOf(swarm)).not.toContain('clock.corrected');
    swarm.now -= 1;
    swarm.do(post());
    expect(typesOf(swarm)).toContain('clock.corrected');
  });

  test('[CLOCK-3] holds, deadlines, leases, enrolments and the cycle that were set meanwhile end when they should', () => {
    const task = { type: 'RequestTask', operation: 'swarm.echo', input: 1 } as const;
    const { swarm, ids } = wrongFor([hold(), task, { type: 'OpenEnrollment' } as SwarmCommand]);
    const [held = '', asked = '', enrolment = ''] = ids;
    expect(swarm.row('transfer', held).expiresAt).toBe(swarm.now + 10 * minute);
    expect(swarm.row('task', asked).deadline).toBe(swarm.now + deadlineMsDefault);
    expect(swarm.row('task', asked).attempts[0]?.leaseUntil).toBeLessThan(swarm.now + 60 * minute);
    expect(swarm.row('enrollment', enrolment).expiresAt).toBe(swarm.now + enrollmentMs);
    expect(swarm.timers().every(({ due }) => due <= swarm.now + cycleMs)).toBe(true);
    swarm.runUntil(swarm.now + 10 * minute);
    expect(swarm.row('transfer', held).state).toBe('expired');
    swarm.runUntil(swarm.now + deadlineMsDefault);
    expect(swarm.row('task', asked).state).not.toBe('leased');
    expect(swarm.store.audit()).toBeNull();
    isReplayed(swarm);
  });

  test('[CLOCK-3] what was set before by a clock that was right stays when it was', () => {
    const swarm = new StoreSwarm();
    const held = swarm.do(hold(20 * day));
    const { expiresAt } = swarm.row('transfer', held);
    const { cycleEndsAt } = swarm.row('swarm', SELF);
    for (const ahead of [5 * day, AHEAD]) {
      swarm.now += ahead;
      swarm.do(post());
      swarm.now -= ahead - minute;
      swarm.do(post());
      expect(swarm.row('transfer', held).expiresAt).toBe(expiresAt);
      expect(swarm.row('swarm', SELF).cycleEndsAt).toBe(cycleEndsAt);
    }
    swarm.runUntil(expiresAt ?? 0);
    expect(swarm.row('transfer', held).state).toBe('expired');
  });

  test('[CLOCK-3] nothing moves twice, however often the clock is wrong', () => {
    const { swarm, ids } = wrongFor([hold(10 * day)]);
    const [held = ''] = ids;
    const { expiresAt } = swarm.row('transfer', held);
    for (let n = 0; n < 5; n++) wrongFor([post()], swarm);
    expect(swarm.row('transfer', held).expiresAt).toBe(expiresAt);
    isReplayed(swarm);
  });

  test('[CLOCK-4] many rows are moved a bounded number at a time, and a second step waits for them', () => {
    const many = 3 * rowsMovedAtOnce;
    const { swarm } = wrongFor(Array.from({ length: many }, () => hold()));
    const isMoving = () => swarm.row('swarm', SELF).clock?.moving !== null;
    expect(isMoving()).toBe(true);
    // Behind again before it is done: time stands still for as long.
    swarm.now -= 2 * clockBehindMs;
    swarm.do(post());
    swarm.now += 2 * clockBehindMs;
    for (let n = 0; n < 10 && isMoving(); n++) swarm.runUntil(swarm.now + 1);
    expect(isMoving()).toBe(false);
    const bodies = swarm.journal().filter(({ type }) => type === 'starling.times.moved');
    expect(bodies.every(({ data }) => (data.rows as string[]).length <= rowsMovedAtOnce)).toBe(true);
    const holds = swarm.stored('transfer').filter(({ state }) => state === 'pending');
    expect(holds).toHaveLength(many);
    for (const { expiresAt } of holds) expect(expiresAt).toBe(START + 11 * minute);
    swarm.runUntil(swarm.now + 11 * minute);
    expect(swarm.stored('transfer').filter(({ state }) => state === 'pending')).toHaveLength(0);
    isReplayed(swarm);
  });

  test('[CLOCK-6] a time means the last event at or before it, by the order of the journal', async () => {
    const swarm = new StoreSwarm();
    const before = swarm.store.head().seq;
    const { swarm: wrong } = wrongFor([post()], swarm);
    const last = wrong.store.head().seq;
    expect(await seqAt(wrong, START)).toBe(before);
    expect(await seqAt(wrong, START + minute - 1)).toBe(before);
    expect(await seqAt(wrong, START + minute)).toBe(last);
    wrong.now += minute;
    wrong.do(post());
    expect(await seqAt(wrong, wrong.now - 1)).toBe(last);
    expect(await seqAt(wrong, wrong.now)).toBe(last + 1);
    expect(await seqAt(wrong, START + AHEAD)).toBe('moment_ahead');
    // The same where the events have left for the archive.
    const events = wrong.store.events(1, 1_000);
    wrong.sql.run(
      `INSERT INTO segment (id, body) VALUES ('1', ?)`,
      segmentOf(events[0]?.at ?? 0, events.at(-1)?.at ?? 0, last + 1),
    );
    wrong.sql.run(`UPDATE swarm SET body = json_set(body, '$.archivedTo', ?)`, last + 1);
    wrong.reopen();
    expect(await seqAt(wrong, START + minute - 1)).toBe(before);
    expect(await seqAt(wrong, wrong.now - 1)).toBe(last);
  });

  test('[CLOCK-2] the outbox goes on by the machine’s clock', () => {
    const { swarm } = wrongFor([{ type: 'RequestTask', operation: 'swarm.echo', input: 1 }]);
    expect(swarm.outbox().length).toBeGreaterThan(0);
    for (const { due } of swarm.outbox()) expect(due).toBeLessThanOrEqual(swarm.now);
  });

  test('[CLOCK-2] the breaker forgets a minute that a wrong clock has begun', () => {
    const swarm = new StoreSwarm();
    swarm.now += AHEAD;
    const breaker = createBreaker(swarm.sql, () => swarm.now);
    breaker.wrote(1e9);
    expect(breaker.openFor()).toBeGreaterThan(0);
    swarm.now -= AHEAD;
    expect(breaker.openFor()).toBe(0);
  });
});

function segmentOf(fromAt: number, toAt: number, to: number): string {
  const segment: Partial<Segment> = { id: '1', state: 'kept', from: 1, to, fromAt, toAt };
  return JSON.stringify(segment);
}
