// The chore that follows the journal: from where, how much at once, and what it does when nobody takes its spans.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  traceBatchBytesMax,
  traceBatchSpansMax,
  traceDelayMs,
  traceRetryMsMax,
  traceTriesMax,
} from '../../core/limits.ts';
import type { SwarmCommand } from '../../core/swarm/commands.ts';
import type { ExportOutcome } from '../../core/traces/port.ts';
import { runInside } from '../../durable-objects/swarm/effects.ts';
import { type TraceChore, traceChore } from '../../durable-objects/swarm/trace-chore.ts';
import { StoreSwarm } from '../core/store-swarm.ts';
import { type CheckedSpan, checkRequest } from './check-otlp.ts';

const TAKEN: ExportOutcome = { outcome: 'taken', rejected: 0 };
const BUSY: ExportOutcome = { outcome: 'retry', error: 'answered_busy', status: 503 };

/** A swarm whose traces go to a collector that a test scripts. */
class TracedSwarm extends StoreSwarm {
  readonly requests: { readonly bytes: number; readonly spans: CheckedSpan[] }[] = [];
  readonly logged: unknown[] = [];
  /** Answers to come; then `TAKEN`. An error is thrown, as RPC does. */
  answers: (ExportOutcome | Error)[] = [];
  /** Called while a request is under way. */
  meanwhile: () => void = () => {};
  isOn = true;
  random = 0.5;
  chore: TraceChore;

  constructor() {
    super({ supplyMicro: 1_000_000_000, isCreated: false });
    this.chore = this.#make();
    this.create({ supplyMicro: 1_000_000_000 });
  }

  restart(): void {
    this.reopen();
    this.chore = this.#make();
  }

  #make(): TraceChore {
    const send = async (body: string) => {
      this.meanwhile();
      this.requests.push({ bytes: Buffer.byteLength(body), spans: checkRequest(body) });
      const answer = this.answers.shift() ?? TAKEN;
      if (answer instanceof Error) throw answer;
      return answer;
    };
    return traceChore({
      sql: this.sql,
      exporter: this.isOn ? { send } : null,
      origin: () => this.store.origin(),
      headSeq: () => this.store.head().seq,
      now: () => this.now,
      random: () => this.random,
      log: (...said) => void this.logged.push(said),
    });
  }

  echo(count = 1): string[] {
    return Array.from({ length: count }, () => {
      const id = this.do({ type: 'RequestTask', operation: 'swarm.echo', input: {} } as SwarmCommand);
      const attempt = this.row('task', id).attempts[0]?.id ?? '';
      const execute = (command: Parameters<typeof this.send>[0]) => void this.send(command);
      runInside({ kind: 'run', task: id, attempt }, { read: this.store.read, execute });
      return id;
    });
  }

  /** Moves the clock to when the chore is due, and runs it, until it has nothing to do or `rounds` are over. */
  async runChore(rounds = 100): Promise<void> {
    for (let n = 0; n < rounds; n++) {
      const due = this.chore.dueAt();
      if (due === null) return;
      this.now = Math.max(this.now, due);
      await this.chore.run();
    }
  }

  get taskIds(): string[] {
    return this.requests.flatMap(({ spans }) =>
      spans
        .filter(({ name }) => name.startsWith('task '))
        .map(({ attributes }) => String(attributes['starling.task.id'])),
    );
  }
}

describe('following the journal', () => {
  test('[TRACE-3] is due a little after something happened, and not at all when nothing did', async () => {
    const swarm = new TracedSwarm();
    await swarm.runChore();
    expect(swarm.chore.dueAt()).toBeNull();
    swarm.echo();
    expect(swarm.chore.dueAt()).toBe(swarm.now + traceDelayMs);
    const tasks = [...swarm.echo(2)];
    await swarm.runChore();
    expect(swarm.requests).toHaveLength(1);
    expect(swarm.taskIds).toEqual(expect.arrayContaining(tasks));
    expect(swarm.chore.dueAt()).toBeNull();
    expect(swarm.chore.progress()).toMatchObject({ seq: swarm.store.head().seq, taken: 6, lost: 0 });
  });

  test('[TRACE-3] what ends while a request is under way goes with the next', async () => {
    const swarm = new TracedSwarm();
    const first = swarm.echo();
    let second: string[] = [];
    swarm.meanwhile = () => {
      if (second.length === 0) second = swarm.echo();
    };
    await swarm.runChore();
    expect(swarm.taskIds).toEqual([...first, ...second]);
  });

  test('[TRACE-3] a restart goes on where it was: each span once, however often it restarts between requests', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom('task', 'run', 'restart'), { maxLength: 25 }), async (steps) => {
        const swarm = new TracedSwarm();
        const tasks: string[] = [];
        for (const step of steps) {
          if (step === 'task') tasks.push(...swarm.echo());
          else if (step === 'run') await swarm.runChore(1);
          else swarm.restart();
        }
        await swarm.runChore();
        expect(swarm.taskIds).toEqual(tasks);
      }),
      { numRuns: 60 },
    );
  });

  test('[TRACE-3] a restart before the answer was kept sends the same spans again, with the same ids', async () => {
    const swarm = new TracedSwarm();
    swarm.echo(3);
    const kept = swarm.sql.all<{ value: string }>(`SELECT value FROM meta WHERE key = 'traced'`)[0]?.value ?? '';
    await swarm.runChore();
    swarm.sql.run(`UPDATE meta SET value = ? WHERE key = 'traced'`, kept);
    swarm.restart();
    await swarm.runChore();
    expect(swarm.requests).toHaveLength(2);
    expect(swarm.requests[1]?.spans).toEqual(swarm.requests[0]?.spans);
  });

  test('[TRACE-3] what happened before it was turned on, or while it was off, is not exported', async () => {
    const swarm = new TracedSwarm();
    swarm.isOn = false;
    swarm.restart();
    swarm.echo();
    expect([swarm.chore.dueAt(), swarm.chore.progress()]).toEqual([null, null]);
    expect(swarm.sql.all(`SELECT * FROM meta WHERE key = 'traced'`)).toEqual([]);
    swarm.isOn = true;
    swarm.restart();
    const tasks = swarm.echo();
    await swarm.runChore();
    expect(swarm.taskIds).toEqual(tasks);
  });

  test('[TRACE-3] the past that a fork or an import brings in is not exported', async () => {
    const swarm = new TracedSwarm();
    swarm.echo(5);
    // As it is right after the journal was brought in: the object has begun since, and its count of events is behind.
    swarm.now += 60_000;
    const begun = { ...swarm.chore.progress(), seq: 0, since: swarm.now };
    swarm.sql.run(`UPDATE meta SET value = ? WHERE key = 'traced'`, JSON.stringify(begun));
    swarm.restart();
    const tasks = swarm.echo();
    await swarm.runChore();
    expect(swarm.taskIds).toEqual(tasks);
  });

  test('[TRACE-3] events that went to the archive meanwhile are skipped, and counted', async () => {
    const swarm = new TracedSwarm();
    swarm.echo(10);
    const cut = swarm.store.head().seq;
    swarm.sql.run('DELETE FROM journal WHERE seq <= ?', cut);
    const tasks = swarm.echo();
    await swarm.runChore();
    expect(swarm.taskIds).toEqual(tasks);
    expect(swarm.chore.progress()).toMatchObject({ skipped: cut, taken: 2 });
  });
});

describe('requests', () => {
  test('[TRACE-4] are bounded in spans and bytes, and hold every span once', async () => {
    const swarm = new TracedSwarm();
    const tasks = swarm.echo(1_200);
    await swarm.runChore();
    expect(swarm.taskIds).toEqual(tasks);
    expect(swarm.requests.length).toBeGreaterThan(4);
    for (const { spans, bytes } of swarm.requests) {
      expect(spans.length).toBeLessThanOrEqual(traceBatchSpansMax);
      expect(bytes).toBeLessThanOrEqual(traceBatchBytesMax);
    }
  });

  test('[TRACE-4] are cut by their bytes before they are too large', async () => {
    const swarm = new TracedSwarm();
    // As long as attributes get: names that devices may choose.
    const long = 'x'.repeat(400);
    const ids = swarm.echo(600);
    for (const id of ids) {
      const task = swarm.row('task', id);
      const body = {
        ...task,
        attempts: task.attempts.map((a) => ({ ...a, route: long, executor: long, id: long })),
        origin: long,
        key: long,
        mission: long,
      };
      swarm.sql.run('UPDATE task SET body = ? WHERE id = ?', JSON.stringify(body), id);
    }
    await swarm.runChore();
    expect(swarm.taskIds).toHaveLength(600);
    expect(Math.max(...swarm.requests.map(({ bytes }) => bytes))).toBeLessThanOrEqual(traceBatchBytesMax);
    expect(Math.max(...swarm.requests.map(({ spans }) => spans.length))).toBeLessThan(traceBatchSpansMax);
  });
});

describe('a collector that does not take them', () => {
  test('[TRACE-5] is asked again with growing pauses, spread, and no sooner than it wishes', async () => {
    const swarm = new TracedSwarm();
    swarm.echo();
    swarm.answers = [BUSY, BUSY, { ...BUSY, retryAfterMs: 30_000 }, { ...BUSY, retryAfterMs: 10 * traceRetryMsMax }];
    const pauses: number[] = [];
    for (let n = 0; n < 4; n++) {
      await swarm.runChore(1);
      pauses.push((swarm.chore.dueAt() ?? 0) - swarm.now);
    }
    expect(pauses).toEqual([traceDelayMs, traceDelayMs, 30_000, traceRetryMsMax]);
    const [early, late] = [0, 0.999].map((random) => {
      const other = new TracedSwarm();
      other.random = random;
      other.echo();
      other.answers = Array.from({ length: 6 }, () => BUSY);
      return other;
    });
    for (const other of [early, late]) await other?.runChore(6);
    expect([early, late].map((other) => (other?.chore.dueAt() ?? 0) - (other?.now ?? 0))).toEqual([16_000, 31_984]);
  });

  test('[TRACE-5] a restart does not forget how often it was asked, nor when it may be asked again', async () => {
    const swarm = new TracedSwarm();
    swarm.echo();
    swarm.answers = [{ ...BUSY, retryAfterMs: 60_000 }];
    await swarm.runChore(1);
    const due = swarm.chore.dueAt();
    swarm.restart();
    await swarm.chore.run();
    expect(swarm.requests).toHaveLength(1);
    expect([swarm.chore.progress()?.tries, swarm.chore.dueAt()]).toEqual([1, due]);
  });

  test('[TRACE-5] is given up after so many tries, with a count, and the next spans go on', async () => {
    const swarm = new TracedSwarm();
    swarm.echo();
    swarm.answers = Array.from({ length: traceTriesMax }, (_, n) => (n % 2 ? BUSY : new Error('RPC')));
    await swarm.runChore();
    expect(swarm.requests).toHaveLength(traceTriesMax);
    expect(swarm.chore.progress()).toMatchObject({ lost: 2, taken: 0, tries: 0, seq: swarm.store.head().seq });
    expect(swarm.logged).toEqual([
      ['error', 'traces_given_up', { spans: 2, tries: traceTriesMax, error: 'answered_busy', status: 503 }],
    ]);
    const tasks = swarm.echo();
    await swarm.runChore();
    expect(swarm.taskIds.slice(-1)).toEqual(tasks);
    expect(swarm.chore.progress()).toMatchObject({ lost: 2, taken: 2 });
  });

  test('[TRACE-5] what it refuses for good is not sent again; what it rejects of a request is counted', async () => {
    const swarm = new TracedSwarm();
    swarm.echo();
    swarm.answers = [{ outcome: 'refused', error: 'answered_error', status: 400 }];
    await swarm.runChore();
    swarm.echo(2);
    swarm.answers = [{ outcome: 'taken', rejected: 3 }];
    await swarm.runChore();
    swarm.echo();
    // More than there were: it cannot be.
    swarm.answers = [{ outcome: 'taken', rejected: 1_000 }];
    await swarm.runChore();
    expect(swarm.requests).toHaveLength(3);
    expect(swarm.chore.progress()).toMatchObject({ lost: 2, taken: 1, rejected: 5 });
  });

  test('[TRACE-5] keeps nothing else waiting: a turn ends early when it answers slowly', async () => {
    const swarm = new TracedSwarm();
    swarm.echo(2_000);
    swarm.meanwhile = () => {
      swarm.now += 4_000;
    };
    await swarm.runChore(1);
    expect(swarm.requests).toHaveLength(2);
    await swarm.runChore();
    expect(swarm.taskIds).toHaveLength(2_000);
  });

  test('[TRACE-5] writes nothing to the journal, whatever becomes of it', async () => {
    const swarm = new TracedSwarm();
    swarm.echo();
    const { hash } = swarm.store.head();
    swarm.answers = Array.from({ length: traceTriesMax }, () => BUSY);
    await swarm.runChore();
    expect(swarm.store.head().hash).toBe(hash);
  });
});
