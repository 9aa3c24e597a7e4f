// A world around one swarm for the model test: people who ask, devices that come, work, lie, break and go, a clock that
// jumps, an object that is evicted. Everything follows from one seed.

import type { DeviceId, EnrollmentId, MissionId, TaskId, TransferId, TriggerId, WebhookId } from '../../core/ids.ts';
import type { PlanTask } from '../../core/missions/commands.ts';
import type { SwarmCommand } from '../../core/swarm/commands.ts';
import type { Execute, Executed } from '../../core/swarm/service.ts';
import { PRIVACY_CLASSES } from '../../core/wire/terms.ts';
import { liveAttempt } from '../../core/work/state.ts';
import { runInside, sendDelivery } from '../../durable-objects/swarm/effects.ts';
import { takeFacts } from '../../durable-objects/swarm/facts.ts';
import { aDescription, anOffer } from './builders.ts';
import { StoreSwarm } from './store-swarm.ts';
import { ampleShares } from './stored-device.ts';

const OPERATIONS = ['text.a', 'text.b', 'text.c', 'swarm.echo'] as const;

/** Numbers that follow from a seed (mulberry32). */
export class Dice {
  #state: number;
  constructor(seed: number) {
    this.#state = seed;
  }
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }
  /** 0 ≤ n < most. */
  below(most: number): number {
    return Math.floor(this.next() * most);
  }
  chance(share: number): boolean {
    return this.next() < share;
  }
  pick<T>(items: readonly T[]): T | undefined {
    return items[this.below(items.length)];
  }
}

export interface Remembered {
  readonly execute: Execute;
  readonly executed: Executed;
}

export class World {
  readonly dice: Dice;
  readonly swarm: StoreSwarm;
  readonly remembered: Remembered[] = [];
  readonly dids = new Map<DeviceId, string>();
  /** How often each thing happened: a run in which one never did proves nothing about it. */
  readonly seen = new Map<string, number>();
  #count = 0;

  constructor(seed: number) {
    this.dice = new Dice(seed);
    this.swarm = new StoreSwarm({ supplyMicro: 400 + this.dice.below(1_500) });
  }

  /** One thing happens. Answers with its name. */
  async step(): Promise<string> {
    const actions: readonly (readonly [number, string, () => void | Promise<void>])[] = [
      [14, 'ask', () => this.#ask()],
      [4, 'mission', () => this.#startMission()],
      [22, 'report', () => this.#report()],
      [3, 'lie', () => this.#lie()],
      [3, 'cancel', () => this.#cancel()],
      [5, 'come', () => this.#come()],
      [4, 'leave', () => this.#leave()],
      [5, 'return', () => this.#return()],
      [4, 'describe', () => this.#describe(this.dice.pick(this.#devices(true)))],
      [1, 'revoke', () => this.#revoke()],
      [2, 'undelivered', () => this.#undelivered()],
      [9, 'money', () => this.#money()],
      [2, 'hook', () => this.#hook()],
      [10, 'drain', () => this.#drain()],
      [8, 'wait', () => this.#wait()],
      [3, 'evict', () => this.swarm.reopen()],
      [4, 'repeat', () => this.#repeat()],
    ];
    let at = this.dice.below(actions.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, name, act] of actions) {
      at -= weight;
      if (at >= 0) continue;
      await act();
      // The clock goes on a little, and what is due happens.
      this.swarm.now += this.dice.below(300);
      this.swarm.runDue();
      return name;
    }
    return '';
  }

  #tell(command: SwarmCommand): Executed {
    const execute = this.swarm.envelope(command, { id: `idem:${++this.#count}` });
    const executed = this.swarm.send(execute);
    this.remembered.push({ execute, executed });
    this.#note(executed.result.ok ? command.type : executed.result.error.code);
    return executed;
  }

  #note(what: string): void {
    this.seen.set(what, (this.seen.get(what) ?? 0) + 1);
  }

  #devices(connected: boolean): DeviceId[] {
    return this.swarm
      .stored('presence')
      .filter((presence) => presence.id !== 'cloud' && presence.connected === connected)
      .map(({ id }) => id as DeviceId)
      .filter((id) => this.swarm.row('device', id).state === 'enrolled');
  }

  #facts(device: DeviceId, ...bodies: object[]): void {
    const { epoch, seq } = this.swarm.row('presence', device);
    // Now and then the last ones come again.
    const again = this.dice.chance(0.1) ? Math.min(seq, 1) : 0;
    const known = this.#said.get(`${device}/${epoch}`) ?? [];
    this.#said.set(`${device}/${epoch}`, [...known, ...bodies]);
    const from = seq + 1 - again;
    const facts = [...known, ...bodies]
      .slice(from - 1)
      .map((body, n) => ({ seq: from + n, at: 0, body: body as never }));
    const answered = takeFacts(
      { device, epoch, facts },
      {
        read: this.swarm.store.read,
        shares: ampleShares,
        execute: (commands) => {
          const { executed } = this.swarm.store.executeMany(commands);
          for (const [n, each] of executed.entries()) {
            const execute = commands[n];
            if (execute && !each.replayed) this.remembered.push({ execute, executed: each });
          }
          return executed;
        },
      },
    );
    if (answered.kind !== 'committed' || answered.seq !== seq + bodies.length)
      throw new Error(JSON.stringify(answered));
    this.#note('facts');
  }
  readonly #said = new Map<string, object[]>();

  #ask(): void {
    const { dice, swarm } = this;
    this.#tell({
      type: 'RequestTask',
      operation: dice.pick(OPERATIONS) ?? 'text.a',
      input: { n: dice.below(1_000) },
      ...(dice.chance(0.3) ? { require: this.#requirements() } : {}),
      ...(dice.chance(0.3) ? { maxCreditsMicro: 1 + dice.below(200) } : {}),
      ...(dice.chance(0.5) ? { deadline: swarm.now + 500 + dice.below(30_000) } : {}),
    });
  }

  #requirements(): object {
    const { dice } = this;
    return {
      ...(dice.chance(0.4) ? { executor: dice.pick([...this.dids.keys(), 'device', 'cloud']) } : {}),
      ...(dice.chance(0.4) ? { privacy: dice.pick(PRIVACY_CLASSES) } : {}),
      ...(dice.chance(0.3) ? { capability: 'gpu' } : {}),
    };
  }

  #startMission(): void {
    const { dice } = this;
    const tasks: PlanTask[] = Array.from({ length: 1 + dice.below(7) }, (_, n) => {
      const after = Array.from({ length: n > 0 ? dice.below(3) : 0 }, () => `k${dice.below(n)}`);
      const awaited = [...new Set(after)];
      const input =
        awaited[0] !== undefined && dice.chance(0.5) ? { from: { $result: awaited[0], path: '/n' } } : { n };
      return { key: `k${n}`, operation: dice.pick(OPERATIONS) ?? 'text.a', input, after: awaited };
    });
    this.#tell({ type: 'StartMission', plan: { tasks }, deadline: this.swarm.now + 1_000 + dice.below(60_000) });
  }

  /** A device says something of an attempt that it has. */
  #report(): void {
    const { dice, swarm } = this;
    const leased = swarm.stored('task').filter((task) => {
      const executor = liveAttempt(task)?.executor;
      return executor !== undefined && executor !== 'cloud' && swarm.row('device', executor).state === 'enrolled';
    });
    const task = dice.pick(leased);
    const attempt = task && liveAttempt(task);
    if (!task || !attempt || attempt.executor === 'cloud') return;
    const of = { task: task.id, attempt: attempt.id, fence: attempt.n };
    const error = { code: 'it_broke', message: '', retryable: dice.chance(0.7) };
    const reports = [
      { type: 'attempt.started', ...of },
      { type: 'attempt.progressed', ...of, fraction: dice.next() },
      { type: 'attempt.succeeded', ...of, result: { n: dice.below(9) }, durationMs: dice.below(5_000) },
      { type: 'attempt.succeeded', ...of, result: [], durationMs: dice.below(5_000) },
      { type: 'attempt.failed', ...of, error, durationMs: dice.below(5_000) },
      { type: 'attempt.declined', ...of, code: dice.pick(['busy', 'input_invalid']) ?? 'busy', message: '' },
    ];
    // Now and then several at once, of which the later ones may come too late.
    const bodies = Array.from({ length: dice.chance(0.2) ? 3 : 1 }, () => dice.pick(reports) ?? {});
    this.#facts(attempt.executor, ...bodies);
  }

  /** A device says what is not so. */
  #lie(): void {
    const { dice, swarm } = this;
    const device = dice.pick([...this.#devices(true), ...this.#devices(false)]);
    const attempt = dice.pick(
      swarm.stored('task').flatMap((task) => task.attempts.map((each) => ({ task: task.id, ...each }))),
    );
    if (!device || swarm.row('presence', device).epoch === 0) return;
    if (!attempt || dice.chance(0.3)) this.#facts(device, { type: 'poison', reason: 'x' });
    else {
      const fence = attempt.n + dice.below(2);
      this.#facts(device, {
        type: 'attempt.succeeded',
        task: attempt.task,
        attempt: attempt.id,
        fence,
        result: 1,
        durationMs: 1,
      });
    }
  }

  #cancel(): void {
    const task = this.dice.pick(this.swarm.stored('task'))?.id as TaskId | undefined;
    const mission = this.dice.pick(this.swarm.stored('mission'))?.id as MissionId | undefined;
    if (mission && this.dice.chance(0.4)) this.#tell({ type: 'CancelMission', mission });
    else if (task) this.#tell({ type: 'CancelTask', task });
  }

  #come(): void {
    if (this.dids.size >= 6) return;
    const enrollment = this.#tell({ type: 'OpenEnrollment' });
    if (!enrollment.result.ok) return;
    const did = `did:key:z${this.#count}`;
    const enrolled = this.#tell({
      type: 'EnrollDevice',
      enrollment: enrollment.result.value.id as EnrollmentId,
      did,
      name: 'x',
    });
    if (!enrolled.result.ok) return;
    const device = enrolled.result.value.id as DeviceId;
    this.dids.set(device, did);
    this.#admit(device, 0, 0);
    this.#describe(device);
  }

  #admit(device: DeviceId, epoch: number, seq: number): void {
    const did = this.dids.get(device) ?? '';
    this.#tell({ type: 'AdmitDevice', device, did, connection: `con_${++this.#count}`, epoch, seq });
  }

  #describe(device: DeviceId | undefined): void {
    const { dice } = this;
    if (!device) return;
    const names = OPERATIONS.filter((name) => name !== 'swarm.echo' && dice.chance(0.7));
    const operations = names.map((name) =>
      anOffer({ name, priceMicro: 1 + dice.below(250), leaseMs: 5_000 + dice.below(20_000) }),
    );
    const description = aDescription({
      operations,
      parallel: 1 + dice.below(3),
      privacy: dice.pick(PRIVACY_CLASSES) ?? 'public',
      capabilities: dice.chance(0.5) ? ['gpu'] : [],
    });
    this.#facts(device, { type: 'device.described', description });
  }

  #leave(): void {
    const device = this.dice.pick(this.#devices(true));
    if (!device) return;
    const { connection } = this.swarm.row('presence', device);
    this.#tell({ type: 'DeviceLeft', device, connection: this.dice.chance(0.8) ? (connection ?? '') : 'con_old' });
  }

  #return(): void {
    const device = this.dice.pick(this.#devices(false));
    if (!device) return;
    const { epoch, seq } = this.swarm.row('presence', device);
    // Sometimes with an older disk.
    this.#admit(
      device,
      epoch,
      this.dice.chance(0.2) ? Math.max(0, seq - 1 - this.dice.below(3)) : seq + this.dice.below(3),
    );
  }

  #revoke(): void {
    const device = this.dice.pick([...this.dids.keys()]);
    if (device && this.dids.size > 2) this.#tell({ type: 'RevokeDevice', device });
  }

  #undelivered(): void {
    const task = this.dice.pick(this.swarm.stored('task').filter(({ state }) => state === 'leased'));
    const attempt = task && liveAttempt(task);
    if (task && attempt) this.#tell({ type: 'ReportUndelivered', task: task.id, attempt: attempt.id });
  }

  #money(): void {
    const { dice, swarm } = this;
    const accounts = ['tenant', 'team/a', ...[...this.dids.keys()].map((id) => `executor/${id}`)];
    const [debit = 'tenant', credit = 'team/a'] = [dice.pick(accounts), dice.pick(accounts)];
    const movement = { debit, credit, amountMicro: dice.below(300), reference: '' };
    const held =
      dice.pick(swarm.stored('transfer').filter(({ state }) => state === 'pending'))?.id ?? ('trf_none' as TransferId);
    const commands: readonly SwarmCommand[] = [
      { type: 'PostTransfer', ...movement },
      { type: 'HoldTransfer', ...movement, timeoutMs: 1 + dice.below(20_000) },
      { type: 'SettleTransfer', hold: held, amountMicro: dice.below(200) },
      { type: 'VoidTransfer', hold: held },
      { type: 'PostTransfer', ...movement, debit: 'team/a', credit: 'tenant' },
    ];
    const command = dice.pick(commands);
    if (command) this.#tell(command);
  }

  #hook(): void {
    const { dice, swarm } = this;
    const trigger = dice.pick(swarm.stored('trigger'))?.id as TriggerId | undefined;
    const webhook = dice.pick(swarm.stored('webhook'))?.id as WebhookId | undefined;
    const n = ++this.#count;
    if (!trigger || dice.chance(0.1)) {
      const task = { operation: 'text.a', input: { text: '{{/text}}' } };
      const made = {
        trigger: `trg_${n}`,
        name: 't',
        preset: 'github',
        sealedSecret: 's',
        events: null,
        task,
        mission: null,
        mapping: null,
        generic: null,
      } as const;
      this.#tell({ type: 'CreateTrigger', ...made });
    } else if (!webhook || dice.chance(0.1)) {
      const events = [dice.pick(['*', 'task.*', 'mission.*']) ?? '*'];
      this.#tell({
        type: 'CreateWebhook',
        webhook: `whk_${n}`,
        url: 'https://a',
        events,
        description: null,
        sealedSecret: 's',
      });
    } else if (dice.chance(0.2)) {
      this.#tell({ type: dice.chance(0.5) ? 'DeleteWebhook' : 'EnableWebhook', webhook });
    } else {
      this.#tell({ type: 'FireTrigger', trigger, delivery: `d${n}`, eventType: 'push', payload: { text: `n${n}` } });
    }
  }

  /** Carries out the outbox: own attempts are done, orders are taken, deliveries arrive or do not. */
  async #drain(): Promise<void> {
    const { dice, swarm } = this;
    for (const { id, effect } of swarm.outbox()) {
      const execute = (command: Execute) => void swarm.send(command);
      if (effect.kind === 'run') runInside(effect, { read: swarm.store.read, execute });
      if (effect.kind === 'send') {
        const outcome = dice.pick(['delivered', 'delivered', 'retry', 'refused', 'disabled'] as const) ?? 'retry';
        const send = async () => ({ outcome });
        await sendDelivery(effect, {
          store: swarm.store,
          readEvents: swarm.readEvents,
          send,
          execute,
          now: () => swarm.now,
          random: () => dice.next(),
        });
      }
      swarm.sql.run('DELETE FROM outbox WHERE id = ?', id);
    }
    this.#note('drain');
  }

  /** A longer time passes, timer by timer. */
  #wait(): void {
    const { dice, swarm } = this;
    swarm.runUntil(
      swarm.now + (dice.chance(0.03) ? 31 * 24 * 3_600_000 : dice.below(dice.chance(0.2) ? 60_000 : 5_000)),
    );
  }

  /** Something that was sent before is sent again, as it was. */
  #repeat(): void {
    const before = this.dice.pick(this.remembered);
    if (before) this.check(before);
  }

  /** The same id gets the same bytes [P6]. */
  check({ execute, executed }: Remembered): void {
    const again = this.swarm.send(execute);
    const [is, was] = [JSON.stringify(again), JSON.stringify({ ...executed, replayed: true })];
    if (is !== was) throw new Error(`another answer to ${execute.id}: ${is} was ${was}`);
    this.#note('repeated');
  }
}
