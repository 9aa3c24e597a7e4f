// Metrics: their text, and the counts behind them.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { tallyEventsMax } from '../../core/limits.ts';
import { exposition, formatOf } from '../../core/metrics/exposition.ts';
import { FAMILIES } from '../../core/metrics/families.ts';
import type { MetricsView } from '../../core/metrics/view.ts';
import type { SwarmCommand } from '../../core/swarm/commands.ts';
import type { Sql } from '../../durable-objects/sql-port.ts';
import { runInside } from '../../durable-objects/swarm/effects.ts';
import { metricsView } from '../../durable-objects/swarm/metrics.ts';
import { openTally, type TallyStore } from '../../durable-objects/swarm/tally-store.ts';
import { parseExposition } from './exposition-parser.ts';
import { SYSTEM } from './memory-swarm.ts';
import { StoreSwarm } from './store-swarm.ts';
import { aStoredDevice } from './stored-device.ts';

/** A swarm that is counted as its object does it. */
class CountedSwarm extends StoreSwarm {
  tally: TallyStore;
  constructor() {
    super({ supplyMicro: 1_000_000_000 });
    this.tally = openTally(this.sql);
  }

  override send(execute: Parameters<StoreSwarm['send']>[0]): ReturnType<StoreSwarm['send']> {
    const before = this.store.head().seq;
    const executed = super.send(execute);
    // Not there yet while the swarm is created.
    this.tally?.saw(this.store.events(before + 1, 1_000_000));
    return executed;
  }

  restart(): void {
    this.reopen();
    this.tally = openTally(this.sql);
  }

  echo(): void {
    const id = this.do({ type: 'RequestTask', operation: 'swarm.echo', input: {} } as SwarmCommand);
    const attempt = this.row('task', id).attempts[0]?.id ?? '';
    runInside(
      { kind: 'run', task: id, attempt },
      { read: this.store.read, execute: (command) => void this.send(command) },
    );
  }

  view(): MetricsView {
    const view = metricsView({
      ...{ sql: this.sql, store: this.store, tally: this.tally, now: () => this.now },
      ...{ storageBytes: 4_096, followers: 2, isBreakerOpen: false, choreFailures: { traces: 3 } },
      traces: { ...{ seq: 1, since: 0, tries: 1, notBefore: 0 }, ...{ taken: 5, rejected: 1, lost: 2, skipped: 4 } },
    });
    if (view === null) throw new Error('the swarm is there');
    return view;
  }
}

/** A number of a swarm's metrics, by the name and labels on its line. */
function numberOf(view: MetricsView, name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
  const samples = [...parseExposition(exposition(view, 'prometheus'), 'prometheus').values()].flatMap((f) => f.samples);
  return samples.find(
    (sample) => sample.name === name && Object.entries(labels).every(([label, is]) => sample.labels[label] === is),
  )?.value;
}

describe('the text', () => {
  test('[METRICS-1] is what both formats allow and nothing else, with help, type and unit of every metric', () => {
    const swarm = new CountedSwarm();
    swarm.echo();
    const text = parseExposition(exposition(swarm.view(), 'prometheus'), 'prometheus');
    const open = parseExposition(exposition(swarm.view(), 'openmetrics'), 'openmetrics');
    const shown = FAMILIES.filter((family) => family.read(swarm.view()).length > 0);
    // No checkpoint was signed yet.
    expect(FAMILIES.length - shown.length).toBe(2);
    expect([...open.values()].map(({ name, type, help, unit }) => ({ name, type, help, unit }))).toEqual(
      shown.map(({ name, type, help, unit = null }) => ({ name, type, help, unit })),
    );
    expect([...text.keys()]).toEqual(shown.map(({ name, type }) => (type === 'counter' ? `${name}_total` : name)));
    const samples = (parsed: typeof text) => [...parsed.values()].flatMap((family) => family.samples);
    expect(samples(text)).toEqual(samples(open));
    for (const { labels } of samples(text)) expect(labels.swarm).toBe(swarm.view().swarm);
  });

  test('[METRICS-1] holds any words and numbers', () => {
    const base = new CountedSwarm().view();
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.double({ min: 0, noNaN: true }), (word, value) => {
        const view = { ...base, choreFailures: { [`${word}"\\\n`]: value } };
        for (const format of ['prometheus', 'openmetrics'] as const) {
          const [sample] =
            parseExposition(exposition(view, format), format).get('starling_chore_failures')?.samples ?? [];
          expect(sample).toMatchObject({ labels: { chore: `${word}"\\\n` }, value });
        }
      }),
      { numRuns: 500 },
    );
  });

  test('[METRICS-1] names are stable in form: ours, in base units, no counter that could fall', () => {
    const names = FAMILIES.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { name, type, unit, help } of FAMILIES) {
      expect(name).toMatch(/^starling_[a-z][a-z_]*[a-z]$/);
      expect(name).not.toMatch(/_(total|count|sum|bucket|ms|micro|milliseconds)$/);
      if (unit !== undefined) expect(name.endsWith(`_${unit}`)).toBe(true);
      expect(['gauge', 'counter']).toContain(type);
      expect(help).toMatch(/^[A-Z0-9].*\.$/);
    }
  });

  test.each([
    [null, 'prometheus'],
    ['*/*', 'prometheus'],
    ['text/plain', 'prometheus'],
    ['application/openmetrics-text', 'openmetrics'],
    // As Prometheus 2 and 3 ask.
    [
      'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
      'openmetrics',
    ],
    [
      'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=1.0.0;q=0.4,*/*;q=0.2',
      'openmetrics',
    ],
    ['application/openmetrics-text;version=2.0.0,text/plain;q=0.1', 'prometheus'],
    ['application/openmetrics-text;q=0,*/*', 'prometheus'],
    ['application/openmetrics-text;q=0.2,text/plain;q=0.9', 'prometheus'],
    ['text/html;q=x,,;;', 'prometheus'],
    [','.repeat(100_000), 'prometheus'],
  ])('[METRICS-4] for Accept %j is %s', (accept, format) => {
    expect(formatOf(accept)).toBe(format);
  });
});

describe('the numbers', () => {
  test('[METRICS-2] say what is there: tasks, credits, devices, timers, outbox, checkpoints, chores, traces', () => {
    const swarm = new CountedSwarm();
    const device = aStoredDevice(swarm);
    for (let n = 0; n < 3; n++) swarm.echo();
    // One that is leased, and four that wait for the same device.
    for (let n = 0; n < 5; n++)
      swarm.do({ type: 'RequestTask', operation: 'text.summarize', input: {} } as SwarmCommand);
    swarm.sql.run('INSERT INTO checkpoint (size, body) VALUES (?, ?)', 7, JSON.stringify({ at: swarm.now }));
    swarm.sql.run(`INSERT INTO outbox (effect, due, parked) VALUES ('{}', 0, 1)`);
    const view = swarm.view();
    expect(numberOf(view, 'starling_journal_head_seq')).toBe(swarm.store.head().seq);
    expect(numberOf(view, 'starling_tasks_open', { state: 'leased' })).toBe(4);
    expect(numberOf(view, 'starling_tasks_open', { state: 'queued' })).toBe(1);
    expect(numberOf(view, 'starling_tasks_open', { state: 'waiting' })).toBe(0);
    expect(numberOf(view, 'starling_tasks_ended_total', { outcome: 'succeeded' })).toBe(3);
    expect(numberOf(view, 'starling_tasks_ended_total', { outcome: 'expired' })).toBe(0);
    expect(numberOf(view, 'starling_attempts_leased_total')).toBe(7);
    expect(numberOf(view, 'starling_events_total', { type: 'task.requested' })).toBe(8);
    expect(numberOf(view, 'starling_settled_credits_total')).toBe(0.0003);
    expect(numberOf(view, 'starling_held_credits')).toBe(0.0004);
    expect(numberOf(view, 'starling_available_credits')).toBe(1_000 - 0.0007);
    expect([numberOf(view, 'starling_devices_enrolled'), numberOf(view, 'starling_devices_connected')]).toEqual([1, 1]);
    expect(numberOf(view, 'starling_outbox_parked')).toBe(1);
    expect(numberOf(view, 'starling_halted')).toBe(0);
    expect(numberOf(view, 'starling_checkpoint_seq')).toBe(7);
    expect(numberOf(view, 'starling_checkpoint_timestamp_seconds')).toBe(swarm.now / 1_000);
    expect(numberOf(view, 'starling_chore_failures', { chore: 'traces' })).toBe(3);
    expect(numberOf(view, 'starling_trace_backlog_events')).toBe(swarm.store.head().seq - 1);
    expect(numberOf(view, 'starling_trace_spans_lost_total')).toBe(2);
    // Timers that nobody runs are late, and say how much.
    swarm.now += 20 * 60_000;
    expect(numberOf(swarm.view(), 'starling_timers_due')).toBeGreaterThan(4);
    expect(numberOf(swarm.view(), 'starling_timers_late_seconds')).toBeGreaterThan(60);
    swarm.do({ type: 'DeviceLeft', device, connection: 'con' }, { actor: SYSTEM });
    expect(numberOf(swarm.view(), 'starling_devices_connected')).toBe(0);
    swarm.do({ type: 'RevokeDevice', device });
    expect(numberOf(swarm.view(), 'starling_devices_enrolled')).toBe(0);
    swarm.store.halt('a test');
    expect(numberOf(swarm.view(), 'starling_halted')).toBe(1);
    expect(numberOf({ ...swarm.view(), traces: null }, 'starling_trace_backlog_events')).toBeUndefined();
  });

  test('[METRICS-2] counters are what stands in the journal, through any number of restarts', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('echo', 'restart', 'scrape', 'device'), { maxLength: 25 }), (steps) => {
        const swarm = new CountedSwarm();
        for (const step of steps) {
          if (step === 'echo') swarm.echo();
          else if (step === 'restart') swarm.restart();
          else if (step === 'device') aStoredDevice(swarm);
          else swarm.view();
        }
        const { events, settledMicro, devicesConnected, devicesEnrolled } = swarm.view();
        const counted = swarm.sql.all<{ type: string; n: number }>(
          'SELECT type, count(*) AS n FROM journal GROUP BY type',
        );
        expect(events).toEqual(Object.fromEntries(counted.map(({ type, n }) => [type, n])));
        const devices = steps.filter((step) => step === 'device').length;
        expect([settledMicro, devicesConnected, devicesEnrolled]).toEqual([
          100 * steps.filter((step) => step === 'echo').length,
          devices,
          devices,
        ]);
      }),
      { numRuns: 60 },
    );
  });

  test('[METRICS-2] counting goes on when the events that were counted are in the archive', () => {
    const swarm = new CountedSwarm();
    for (let n = 0; n < 5; n++) swarm.echo();
    // It is stored when events went by unseen, or were many: sooner than they are archived.
    swarm.restart();
    const { events } = swarm.view();
    swarm.sql.run('DELETE FROM journal WHERE seq <= ?', swarm.store.head().seq - 1);
    swarm.restart();
    expect(swarm.view().events).toEqual(events);
    swarm.echo();
    expect(swarm.view().events['task.succeeded']).toBe(6);
  });

  test('[METRICS-2] a journal that was brought in beside the count is counted from its beginning', () => {
    const swarm = new CountedSwarm();
    for (let n = 0; n < 5; n++) swarm.echo();
    swarm.view();
    const other = new CountedSwarm();
    other.echo();
    const { tally } = swarm;
    expect(tally.tally(other.store.head().seq).seq).toBe(other.store.head().seq);
  });

  test('[METRICS-3] what a restart counts again is bounded: the count is stored every so many events', () => {
    const swarm = new CountedSwarm();
    while (swarm.store.head().seq < 2 * tallyEventsMax) swarm.echo();
    const stored = swarm.sql.all<{ value: string }>(`SELECT value FROM meta WHERE key = 'tally'`)[0]?.value ?? '{}';
    expect(swarm.store.head().seq - JSON.parse(stored).seq).toBeLessThan(tallyEventsMax);
  });

  test('[METRICS-3] no question of a scrape walks over tasks that have ended, or over the journal', () => {
    const swarm = new CountedSwarm();
    swarm.echo();
    swarm.view();
    const asked: string[] = [];
    const all: Sql['all'] = (query, ...bindings) => {
      asked.push(query);
      return swarm.sql.all(query, ...bindings);
    };
    const sql = { ...swarm.sql, all };
    metricsView({
      ...{ sql, store: swarm.store, tally: swarm.tally, now: () => swarm.now, traces: null },
      ...{ storageBytes: 0, followers: 0, isBreakerOpen: false, choreFailures: {} },
    });
    expect(asked.length).toBeGreaterThan(3);
    for (const query of asked) {
      const plan = swarm.sql
        .all<{ detail: string }>(`EXPLAIN QUERY PLAN ${query.replaceAll('?', '1')}`)
        .map(({ detail }) => detail)
        .join('; ');
      if (/\b(task|mission)\b/.test(query)) expect(plan).toMatch(/USING (COVERING )?INDEX (task_open|mission_open)/);
      expect(plan).not.toMatch(/SCAN (journal|transfer|account|delivery|answer)\b/);
    }
  });
});
