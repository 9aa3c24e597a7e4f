// The swarm: one object per swarm, one writer, one SQLite. Wiring only: the rules are in core/, the SQL in the stores beside
// this file. Every change comes in through `execute`; what follows outside leaves through the outbox.

import { DurableObject } from 'cloudflare:workers';
import { randomBytes } from 'node:crypto';
import { Fault } from '../../core/assert.ts';
import type {
  Admission,
  AdmissionRefused,
  Admitted,
  FactBatch,
  FactsAnswer,
  SquadPort,
  SwarmPort,
} from '../../core/devices/port.ts';
import { squadName } from '../../core/devices/port.ts';
import { type Actor, actorName } from '../../core/envelope.ts';
import type { DeviceId, OrderId } from '../../core/ids.ts';
import { idSource } from '../../core/ids.ts';
import type { Json } from '../../core/json.ts';
import { refuseActor } from '../../core/keys/decide.ts';
import {
  breakerWindowMs,
  commandsPerCallMax,
  storageBytesRefuse,
  storageBytesWarn,
  waitSecondsMax,
} from '../../core/limits.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Rejection } from '../../core/swarm/rejections.ts';
import type { Execute, Executed, NewSwarm, Query, SwarmService, WebhookSenderPort } from '../../core/swarm/service.ts';
import { SELF } from '../../core/swarm/state.ts';
import { isOpen } from '../../core/work/state.ts';
import { swarmMigrations } from '../../migrations/swarm/index.ts';
import { type Breaker, createBreaker } from '../breaker.ts';
import { migrate } from '../migrate.ts';
import { durableSql, first, type Sql } from '../sql-port.ts';
import { runInside, sendDelivery } from './effects.ts';
import { takeFacts } from './facts.ts';
import { createFollowers, type Followers } from './followers.ts';
import { groupCommit, type Submit } from './group-commit.ts';
import { type DrainDeps, drain, type Lane, lanesDue, nextInOutbox } from './outbox-drain.ts';
import { answer } from './queries.ts';
import { newSigningKey } from './signing-key.ts';
import { openSwarmStore, type SwarmStore } from './swarm-store.ts';
import { nextTimer, runTimers } from './timers.ts';

/** What a swarm needs of its surroundings. */
export interface SwarmEnv {
  readonly SQUAD: { idFromName(name: string): DurableObjectId; get(id: DurableObjectId): SquadPort };
  readonly WEBHOOK_SENDER: WebhookSenderPort;
}

/** A drain goes around so often before it leaves the rest to the alarm. */
const drainRoundsMax = 20;

/** A drain that was cut off is taken up by the alarm after so long. */
const drainMsMax = 2_000;
/** Alarms are set on a grid: what is due close together wakes the object once. */
const alarmGridMs = 250;

/** A swarm, named by its id. */
export class SwarmObject extends DurableObject<SwarmEnv> implements SwarmService, SwarmPort {
  readonly #sql: Sql;
  readonly #store: SwarmStore;
  readonly #breaker: Breaker;
  readonly #followers: Followers;
  readonly #submit: Submit;
  #alarmAt: number | null = null;
  #warned = false;
  /** Lanes of the outbox that are under way. */
  readonly #draining = new Set<Lane>();

  constructor(ctx: DurableObjectState, env: SwarmEnv) {
    super(ctx, env);
    this.#sql = durableSql(ctx.storage);
    migrate(this.#sql, swarmMigrations);
    this.#store = openSwarmStore(this.#sql, { now: () => Date.now(), entropy: (n) => randomBytes(n) });
    this.#breaker = createBreaker(this.#sql, () => Date.now());
    this.#followers = createFollowers({
      events: (from, limit) => this.#store.events(from, limit),
      origin: () => this.#store.origin() ?? '',
      headSeq: () => this.#store.head().seq,
    });
    this.#submit = groupCommit({
      execute: (commands) => this.#execute(commands),
      durable: () => ctx.storage.sync(),
      moment: () => scheduler.wait(0),
    });
    this.#store.audit();
    ctx.blockConcurrencyWhile(async () => {
      this.#alarmAt = await ctx.storage.getAlarm();
      this.#arm();
    });
  }

  async create({ key, user, ...swarm }: NewSwarm): Promise<Executed> {
    const row = this.#store.read.row('swarm', SELF);
    // A sign-up that is tried again finds the swarm that its first try made.
    if (row?.id === swarm.swarm && row.tenant === swarm.tenant)
      return { result: ok({ id: row.id, view: null }), replayed: true };
    const pair = newSigningKey();
    if (row === null)
      this.#sql.run(`INSERT OR REPLACE INTO meta (key, value) VALUES ('signing-key', ?)`, pair.privateKey);
    const done = this.#execute([
      {
        id: `create:${swarm.swarm}`,
        actor: { kind: 'user', id: user, scopes: ['admin'] },
        command: { type: 'CreateSwarm', ...swarm, publicKey: pair.publicKey, key },
        remember: false,
      },
    ]);
    return only(done);
  }

  async execute(command: Execute): Promise<Executed> {
    return only(await this.#submit([command]));
  }

  async executeMany(commands: readonly Execute[]): Promise<readonly Executed[]> {
    if (commands.length > commandsPerCallMax)
      return commands.map(() =>
        refused({ code: 'limit_reached', limit: 'commandsPerCallMax', most: commandsPerCallMax }),
      );
    return this.#submit(commands);
  }

  async read(actor: Actor, query: Query): Promise<Result<Json, Rejection>> {
    const moment = this.#moment(actor);
    const swarm = this.#store.read.row('swarm', SELF);
    if (swarm === null) return err({ code: 'swarm_not_found' });
    const why = refuseActor({ row: this.#store.read.row, moment });
    if (why) return err(why);
    return answer(query, { sql: this.#sql, store: this.#store, moment, signingKey: () => this.#signingKey() });
  }

  async waitForTask(actor: Actor, id: string, ms: number): Promise<Result<Json, Rejection>> {
    const until = Date.now() + Math.min(ms, waitSecondsMax * 1_000);
    for (;;) {
      const task = this.#store.read.row('task', id);
      const left = until - Date.now();
      if (task === null || !isOpen(task) || left <= 0) return this.read(actor, { type: 'task', id });
      await this.#followers.next(`task/${id}`, left);
    }
  }

  async follow(actor: Actor, from: number): Promise<Result<ReadableStream<Uint8Array>, Rejection>> {
    const allowed = await this.read(actor, { type: 'status' });
    if (!allowed.ok) return allowed;
    return ok(this.#followers.open(from));
  }

  async admitDevice(admission: Admission): Promise<Result<Admitted, AdmissionRefused>> {
    const { device, connection } = admission;
    const { result } = only(
      this.#execute([
        {
          id: `admit:${device}:${connection}`,
          actor: { kind: 'device', id: device },
          command: { type: 'AdmitDevice', ...admission },
          remember: true,
        },
      ]),
    );
    if (!result.ok)
      return err({
        code:
          result.error.code === 'device_unknown' || result.error.code === 'device_revoked'
            ? result.error.code
            : 'swarm_unavailable',
      });
    const presence = this.#store.read.row('presence', device);
    return ok({ epoch: presence?.epoch ?? 1, seq: presence?.seq ?? 0, now: Date.now() });
  }

  async reportFacts(batch: FactBatch): Promise<FactsAnswer> {
    return takeFacts(batch, { read: this.#store.read, execute: (commands) => this.#execute(commands) });
  }

  async deviceLeft(device: DeviceId, connection: string): Promise<void> {
    this.#system(`left:${device}:${connection}`, { type: 'DeviceLeft', device, connection });
  }

  async ordersUndelivered(orders: readonly OrderId[]): Promise<void> {
    for (const order of orders) {
      const attempt = `att_${order.slice('ord_'.length)}` as const;
      const task = this.#store.read.taskOfAttempt(attempt);
      if (task) this.#system(`undelivered:${order}`, { type: 'ReportUndelivered', task, attempt });
    }
  }

  override async alarm(): Promise<void> {
    this.#alarmAt = null;
    // A halted swarm writes nothing, so nothing that is due can be done: somebody looks first.
    if (this.#store.halted() !== null) return;
    // Too many alarms or rows: what is due waits until the window is over; nothing is lost, nothing runs on [P18].
    const pause = this.#breaker.alarm() ? this.#breaker.openFor() : breakerWindowMs;
    if (pause > 0) {
      this.#armAt(Date.now() + pause);
      return;
    }
    runTimers({ sql: this.#sql, now: () => Date.now(), execute: (command) => this.#must(command) });
    // Not awaited: the next alarm, with its timers, must not wait for a receiver that does not answer.
    this.#drain();
    this.#arm();
  }

  /** Once in the life of this instance: half of the room is used. */
  #warn(bytes: number): void {
    if (this.#warned) return;
    this.#warned = true;
    console.warn(JSON.stringify({ event: 'storage_half_full', origin: this.#store.origin(), bytes }));
  }

  /** The one way in for every change: one transaction, then the world is told. */
  #execute(commands: readonly Execute[]): readonly Executed[] {
    const openFor = this.#breaker.openFor();
    if (openFor > 0) return commands.map(() => refused({ code: 'breaker_open', retryAfterMs: openFor }));
    const bytes = this.ctx.storage.sql.databaseSize;
    if (bytes > storageBytesWarn) this.#warn(bytes);
    if (bytes > storageBytesRefuse && commands.some(({ command }) => GROWS.has(command.type)))
      return commands.map(() => refused({ code: 'storage_full' }));
    const committed = this.#store.executeMany(commands);
    this.#breaker.wrote(committed.written);
    if (committed.told) {
      this.#arm();
      this.#drain();
    }
    // Followers read from the journal once it is durable.
    if (committed.events.length > 0) {
      const subjects = committed.events.map(({ subject }) => subject);
      this.ctx.waitUntil(this.ctx.storage.sync().then(() => this.#followers.wake(subjects)));
    }
    return committed.executed;
  }

  #system(id: string, command: Execute['command']): void {
    this.#must({ id, actor: { kind: 'system', id: 'swarm' }, command, remember: false });
  }

  /** Whether nothing may be written just now: then nothing is sent either, because what comes of it could not be kept. */
  #mayNotWrite(): boolean {
    return this.#store.halted() !== null || this.#breaker.openFor() > 0;
  }

  /** Executes what the swarm owes itself: when it may not write just now, whoever asked must ask again. */
  #must(command: Execute): void {
    const { result } = only(this.#execute([command]));
    if (!result.ok && LATER.has(result.error.code))
      throw new Fault(`not now: ${result.error.code}`, { retryable: true });
  }

  /** Starts to carry out what is due. */
  #drain(): void {
    for (const lane of lanesDue(this.#sql, Date.now()))
      if (!this.#draining.has(lane)) this.ctx.waitUntil(this.#drainLane(lane));
  }

  async #drainLane(lane: Lane): Promise<void> {
    this.#draining.add(lane);
    try {
      for (let round = 0; round < drainRoundsMax; round++) {
        // Asked last thing before it ends: what came meanwhile is not left to the alarm.
        if (this.#mayNotWrite() || !lanesDue(this.#sql, Date.now()).includes(lane)) break;
        // An effect must not be seen before the events it follows from are durable.
        await this.ctx.storage.sync();
        await drain(lane, {
          sql: this.#sql,
          now: () => Date.now(),
          toSquad: (squad, effects) => this.#toSquad(squad, effects),
          run: async (effect) =>
            runInside(effect, { read: this.#store.read, execute: (command) => this.#must(command) }),
          send: (effect) =>
            sendDelivery(effect, {
              store: this.#store,
              send: (request) => this.env.WEBHOOK_SENDER.send(request),
              execute: (command) => this.#must(command),
              now: () => Date.now(),
              random: () => randomBytes(4).readUInt32BE() / 2 ** 32,
            }),
          park: (id, effect, tries) =>
            this.#system(`park:${id}`, { type: 'ParkTimer', timer: `outbox/${id}`, command: effect.kind, tries }),
        });
      }
    } finally {
      this.#draining.delete(lane);
      this.#arm();
    }
  }

  async #toSquad(squad: number, effects: Parameters<DrainDeps['toSquad']>[1]): Promise<void> {
    const swarm = this.#store.read.row('swarm', SELF);
    if (swarm === null) throw new Fault('a swarm without a name has no squads', { retryable: false });
    const stub = this.env.SQUAD.get(this.env.SQUAD.idFromName(squadName(swarm.id, squad)));
    const orders = effects.flatMap((effect) =>
      effect.kind === 'order' ? [{ device: effect.device, order: effect.order }] : [],
    );
    if (orders.length > 0) await stub.deliver(orders);
    for (const effect of effects) if (effect.kind === 'expel') await stub.expel(effect.device);
  }

  /** Sets the alarm for what is due first. What is due in the outbox now is under way: the alarm only makes sure of it. */
  #arm(): void {
    const now = Date.now();
    const timer = nextTimer(this.#sql) ?? Number.POSITIVE_INFINITY;
    const outbox = nextInOutbox(this.#sql) ?? Number.POSITIVE_INFINITY;
    const due = Math.min(timer, outbox <= now ? now + drainMsMax : outbox);
    if (Number.isFinite(due)) this.#armAt(Math.ceil(due / alarmGridMs) * alarmGridMs);
  }

  #armAt(due: number): void {
    if (this.#alarmAt !== null && this.#alarmAt <= due) return;
    this.#alarmAt = due;
    // Not awaited: it is written with the rows of this step, and nothing leaves before both are.
    void this.ctx.storage.setAlarm(due);
  }

  #moment(actor: Actor) {
    const at = Date.now();
    return { at, actor, ids: idSource(at, randomBytes(10)), commandId: `read:${actorName(actor)}`, trace: null };
  }

  #signingKey(): string {
    const key = first(this.#sql.all<{ value: string }>(`SELECT value FROM meta WHERE key = 'signing-key'`));
    if (!key) throw new Fault('the swarm has no signing key', { retryable: false });
    return key.value;
  }
}

/** Commands that bring new work: the ones refused when the object is nearly full. */
const GROWS: ReadonlySet<string> = new Set([
  'RequestTask',
  'StartMission',
  'FireTrigger',
  'PostTransfer',
  'HoldTransfer',
  'OpenEnrollment',
]);

/** Refusals that pass: the same command may be allowed a little later. */
const LATER: ReadonlySet<string> = new Set(['swarm_halted', 'breaker_open', 'storage_full']);

function only(executed: readonly Executed[]): Executed {
  const [one] = executed;
  if (!one) throw new Fault('a command was not answered', { retryable: true });
  return one;
}

function refused(error: Rejection): Executed {
  return { result: err(error), replayed: false };
}
