// The swarm: one object per swarm, one writer, one SQLite. Wiring only: the rules are in core/, the SQL in the stores beside
// this file. Every change comes in through `execute`; what follows outside leaves through the outbox.

import { DurableObject } from 'cloudflare:workers';
import { randomBytes } from 'node:crypto';
import type { ObjectStore } from '../../core/archive/port.ts';
import { Fault } from '../../core/assert.ts';
import type {
  Admission,
  AdmissionRefused,
  Admitted,
  FactBatch,
  FactsAnswer,
  HistoryAnswer,
  SquadPort,
  SwarmPort,
} from '../../core/devices/port.ts';
import { squadName } from '../../core/devices/port.ts';
import { type Actor, actorName } from '../../core/envelope.ts';
import type { ForkPort } from '../../core/forks/port.ts';
import type { At, HistoryPort, Outline, PastPort } from '../../core/history/port.ts';
import type { DeviceId, OrderId } from '../../core/ids.ts';
import { idSource } from '../../core/ids.ts';
import type { Imported, ImportStart } from '../../core/imports/port.ts';
import type { SignedCheckpoint } from '../../core/journal/checkpoint.ts';
import type { StoredEvent } from '../../core/journal/event.ts';
import type { Json } from '../../core/json.ts';
import { refuseActor } from '../../core/keys/decide.ts';
import {
  breakerWindowMs,
  commandsPerCallMax,
  journalPageMax,
  storageBytesRefuse,
  storageBytesWarn,
  waitSecondsMax,
} from '../../core/limits.ts';
import type { Log } from '../../core/log-line.ts';
import type { MetricsView } from '../../core/metrics/view.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Rejection } from '../../core/swarm/rejections.ts';
import type {
  Execute,
  Executed,
  ExportFormat,
  NewSwarm,
  Query,
  SwarmService,
  WebhookSenderPort,
} from '../../core/swarm/service.ts';
import { SELF } from '../../core/swarm/state.ts';
import { isOpen } from '../../core/work/state.ts';
import { swarmMigrations } from '../../migrations/swarm/index.ts';
import { type Breaker, createBreaker } from '../breaker.ts';
import { eventPage } from '../event-page.ts';
import { migrate } from '../migrate.ts';
import { type LogEnv, objectLog } from '../object-log.ts';
import { durableSql, first, type Sql } from '../sql-port.ts';
import { type Archive, archiveReader, openArchive } from './archive.ts';
import { runInside, sendDelivery } from './effects.ts';
import type { EventReader } from './event-reader.ts';
import { exportStream } from './export.ts';
import { takeFacts } from './facts.ts';
import { createFollowers, type Followers } from './followers.ts';
import { createForking, type Forking, outwardExporter } from './forking.ts';
import { groupCommit, type Submit } from './group-commit.ts';
import { createImporter, type Importer } from './import.ts';
import { answerJournal } from './journal-page.ts';
import type { ReadEvents } from './merkle-tree.ts';
import { metricsView } from './metrics.ts';
import { type DrainDeps, drain, type Lane, lanesDue, nextInOutbox } from './outbox-drain.ts';
import { outlineOf } from './outline.ts';
import { outsideCheckpoint } from './outside-checkpoint.ts';
import { answerProof, isProofQuery } from './proofs.ts';
import { answer } from './queries.ts';
import { type Chore, createRecorder, type Recorder } from './recorder.ts';
import { refuseReading, refuseWriting } from './seal.ts';
import { checkpointChore, openSigner, type Signer } from './signer.ts';
import { newSigningKey } from './signing-key.ts';
import { createSnapshots, type Snapshots } from './snapshots.ts';
import { openSwarmStore, type SwarmStore } from './swarm-store.ts';
import { openTally, type TallyStore } from './tally-store.ts';
import { nextTimer, runTimers } from './timers.ts';
import { exporterOf, type TraceChore, type TraceEnv, traceChore } from './trace-chore.ts';

/** What a swarm needs of its surroundings. */
export interface SwarmEnv extends LogEnv, TraceEnv {
  readonly SQUAD: { idFromName(name: string): DurableObjectId; get(id: DurableObjectId): SquadPort };
  readonly WEBHOOK_SENDER: WebhookSenderPort;
  /** The pasts of swarms: a fork is filled from its parent's. */
  readonly PAST: { idFromName(name: string): DurableObjectId; get(id: DurableObjectId): unknown };
  /** Where checkpoints are held outside of this object. */
  readonly ARCHIVE_STORE?: ObjectStore;
}

/** A drain goes around so often before it leaves the rest to the alarm. */
const drainRoundsMax = 20;

/** A drain that was cut off is taken up by the alarm after so long. */
const drainMsMax = 2_000;
/** Alarms are set on a grid: what is due close together wakes the object once. */
const alarmGridMs = 250;

/** A swarm, named by its id. */
export class SwarmObject extends DurableObject<SwarmEnv> implements SwarmService, SwarmPort, HistoryPort, ForkPort {
  readonly #log: Log;
  readonly #sql: Sql;
  readonly #store: SwarmStore;
  readonly #breaker: Breaker;
  readonly #followers: Followers;
  readonly #submit: Submit;
  readonly #signer: Signer;
  /** Null without object storage. */
  readonly #snapshots: Snapshots | null;
  readonly #archive: Archive | null;
  readonly #reader: EventReader;
  readonly #traces: TraceChore;
  readonly #recorder: Recorder;
  readonly #tally: TallyStore;
  readonly #importer: Importer;
  readonly #forking: Forking;
  #alarmAt: number | null = null;
  #warned = false;
  /** Lanes of the outbox that are under way. */
  readonly #draining = new Set<Lane>();

  constructor(ctx: DurableObjectState, env: SwarmEnv) {
    super(ctx, env);
    this.#log = objectLog(env);
    this.#sql = durableSql(ctx.storage);
    migrate(this.#sql, swarmMigrations);
    this.#store = openSwarmStore(this.#sql, { now: () => Date.now(), entropy: (n) => randomBytes(n) });
    this.#breaker = createBreaker(this.#sql, () => Date.now());
    this.#followers = createFollowers({
      events: async (from, limit) => {
        const page = await this.#reader.page(from, limit);
        if (!page.ok) throw new Fault(`events cannot be read: ${page.error.code}`, { retryable: true });
        return page.value;
      },
      origin: () => this.#store.origin() ?? '',
      headSeq: () => this.#store.head().seq,
    });
    this.#submit = groupCommit({
      execute: (commands) => this.#execute(commands),
      durable: () => ctx.storage.sync(),
      moment: () => scheduler.wait(0),
    });
    this.#signer = openSigner({
      sql: this.#sql,
      store: this.#store,
      readEvents: (from, to) => this.#readEvents(from, to),
      outside:
        env.ARCHIVE_STORE === undefined || this.#store.seal() !== null ? null : outsideCheckpoint(env.ARCHIVE_STORE),
      signingKey: () => this.#signingKey(),
      now: () => Date.now(),
      durable: () => ctx.storage.sync(),
      log: this.#log,
    });
    this.#snapshots =
      env.ARCHIVE_STORE === undefined
        ? null
        : createSnapshots({
            sql: this.#sql,
            store: this.#store,
            objects: env.ARCHIVE_STORE,
            execute: (id, command) => this.#system(id, command),
          });
    this.#reader = archiveReader(this.#sql, this.#store, env.ARCHIVE_STORE ?? null);
    this.#archive = this.#snapshots && env.ARCHIVE_STORE ? this.#openArchive(this.#snapshots, env.ARCHIVE_STORE) : null;
    this.#traces = traceChore({
      sql: this.#sql,
      exporter: outwardExporter(exporterOf(env), this.#store.read),
      origin: () => this.#store.origin(),
      headSeq: () => this.#store.head().seq,
      now: () => Date.now(),
      random: () => randomBytes(4).readUInt32BE() / 2 ** 32,
      log: this.#log,
    });
    this.#tally = openTally(this.#sql);
    this.#forking = createForking({
      sql: this.#sql,
      store: this.#store,
      past: (swarm) => env.PAST.get(env.PAST.idFromName(swarm)) as PastPort,
      objects: env.ARCHIVE_STORE ?? null,
      execute: (command) => only(this.#execute([command])),
      told: () => {
        this.#arm();
        this.#drain();
      },
      databaseSize: () => ctx.storage.sql.databaseSize,
      durable: () => ctx.storage.sync(),
      empty: async () => {
        await this.#empty();
        this.#store.reload();
      },
      now: () => Date.now(),
    });
    this.#recorder = createRecorder(this.#chores(), {
      now: () => Date.now(),
      park: (chore, tries) =>
        this.#system(`park:recorder/${chore}/${Date.now()}`, {
          type: 'ParkTimer',
          timer: `recorder/${chore}`,
          command: chore,
          tries,
        }),
    });
    this.#importer = createImporter({
      sql: this.#sql,
      now: () => Date.now(),
      databaseSize: () => ctx.storage.sql.databaseSize,
      empty: () => this.#empty(),
      abandonAt: (at) => this.#abandonAt(at),
      changed: () => this.#store.reload(),
    });
    if (this.#store.seal() === null) this.#store.audit();
    // Not awaited: a storage that does not answer must not keep the swarm from starting.
    ctx.waitUntil(this.#signer.compareOutside());
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
    if (this.#forking.chore.isFilling()) return err({ code: 'swarm_filling' });
    const moment = this.#moment(actor);
    const swarm = this.#store.read.row('swarm', SELF);
    if (swarm === null) return err({ code: 'swarm_not_found' });
    const why = refuseActor({ row: this.#store.read.row, moment }) ?? refuseReading(this.#store.seal(), query);
    if (why) return err(why);
    const deps = { sql: this.#sql, store: this.#store, moment };
    const readEvents: ReadEvents = (from, to) => this.#readEvents(from, to);
    const originAt = () => this.#store.origin() ?? '';
    if (query.type === 'journal') return answerJournal(query, { store: this.#store, readEvents, originAt });
    if (!isProofQuery(query)) return answer(query, deps);
    return answerProof(query, { ...deps, signer: this.#signer, readEvents, originAt });
  }

  async archiveSegments(actor: Actor, keepEvents: number | undefined): Promise<Result<Json, Rejection>> {
    const allowed = await this.read(actor, { type: 'retention' });
    if (!allowed.ok) return allowed;
    const why = refuseWriting(this.#store.seal());
    if (why) return err(why);
    if (this.#store.halted() !== null) return err({ code: 'swarm_halted' });
    if (this.#archive === null) throw new Fault('there is no object storage', { retryable: false });
    const archived = await this.#archive.archive(keepEvents);
    return ok({ ...archived, segments: [...archived.segments] });
  }

  async metrics(actor: Actor): Promise<Result<MetricsView, Rejection>> {
    const why = refuseActor({ row: this.#store.read.row, moment: this.#moment(actor) });
    if (why) return err(why);
    const view = metricsView({
      sql: this.#sql,
      store: this.#store,
      tally: this.#tally,
      now: () => Date.now(),
      storageBytes: this.ctx.storage.sql.databaseSize,
      followers: this.#followers.count,
      isBreakerOpen: this.#breaker.openFor() > 0,
      choreFailures: this.#recorder.failures(),
      traces: this.#traces.progress(),
    });
    return view === null ? err({ code: 'swarm_not_found' }) : ok(view);
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
    const first = from > this.#store.head().seq ? ok([]) : await this.#reader.page(Math.max(1, from), 1);
    return first.ok ? ok(this.#followers.open(from)) : first;
  }

  async exportJournal(actor: Actor, format: ExportFormat): Promise<Result<ReadableStream<Uint8Array>, Rejection>> {
    const signed = await this.read(actor, { type: 'checkpoint' });
    if (!signed.ok) return signed;
    const checkpoint = signed.value as unknown as SignedCheckpoint; // as it was asked for
    return exportStream(format, checkpoint, {
      store: this.#store,
      readEvents: (from, to) => this.#readEvents(from, to),
    });
  }

  async beginImport(start: ImportStart): Promise<Result<Imported | null, Rejection>> {
    return this.#importer.beginImport(start);
  }

  async takeLines(run: string, from: number, lines: readonly string[]): Promise<Result<null, Rejection>> {
    return this.#importer.takeLines(run, from, lines);
  }

  async finishImport(run: string, digest: string): Promise<Result<Imported, Rejection>> {
    return this.#importer.finishImport(run, digest);
  }

  async discardImport(run: string | null): Promise<void> {
    await this.#importer.discardImport(run);
  }

  forkFrom(...asked: Parameters<ForkPort['forkFrom']>): ReturnType<ForkPort['forkFrom']> {
    return this.#forking.forkFrom(...asked);
  }

  runWhatIf(...asked: Parameters<ForkPort['runWhatIf']>): ReturnType<ForkPort['runWhatIf']> {
    return this.#forking.runWhatIf(...asked);
  }

  switchEffects(...asked: Parameters<ForkPort['switchEffects']>): ReturnType<ForkPort['switchEffects']> {
    return this.#forking.switchEffects(...asked);
  }

  discardFork(): Promise<void> {
    return this.#forking.discardFork();
  }

  async outline(actor: Actor | null, at: At, before: number | null): Promise<Result<Outline, Rejection>> {
    if (actor !== null) {
      const allowed = await this.read(actor, { type: 'status' });
      if (!allowed.ok) return allowed;
    }
    return outlineOf(at, before, {
      sql: this.#sql,
      store: this.#store,
      now: () => Date.now(),
      readEvents: (from, to) => this.#readEvents(from, to),
    });
  }

  async hotEvents(from: number, limit: number): Promise<readonly StoredEvent[]> {
    const to = from + Math.min(limit, journalPageMax) - 1;
    const page = await eventPage(from, to, async (from, to) => ok(this.#store.events(from, to - from + 1)));
    return page.ok ? page.value : [];
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

  async continueHistory(device: DeviceId, held: SignedCheckpoint | null): Promise<HistoryAnswer> {
    const answer = await this.#signer.continueFrom(held, `device/${device}`);
    if (answer.ok) return { kind: 'continued', ...answer.value };
    return { kind: answer.error.code === 'signing_halted' && answer.error.conflict === true ? 'conflict' : 'unsigned' };
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
    if (this.#store.seal() !== null) return this.#importer.abandoned();
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
    this.ctx.waitUntil(this.#recorder.runDue().then(() => this.#arm()));
    this.#arm();
  }

  /** What is done with the journal beside the work, in the order in which it is done when all of it is due. */
  #chores(): readonly Chore[] {
    const archive = this.#archive?.chores ?? [];
    return [this.#forking.chore, checkpointChore(this.#signer), this.#snapshots, ...archive, this.#traces].filter(
      (chore) => chore !== null,
    );
  }

  /** Once in the life of this instance: half of the room is used. */
  #warn(bytes: number): void {
    if (this.#warned) return;
    this.#warned = true;
    this.#log('warn', 'storage_half_full', { origin: this.#store.origin(), bytes });
  }

  #openArchive(snapshots: Snapshots, objects: ObjectStore): Archive {
    return openArchive({
      sql: this.#sql,
      store: this.#store,
      objects,
      snapshots,
      execute: (id, command, within) => {
        const sent = { id, actor: { kind: 'system', id: 'swarm' }, command, remember: false } as const;
        const { result } = only(this.#execute([sent], (executed) => (only(executed).result.ok ? within() : null)));
        if (!result.ok) throw new Fault(`the archive waits: ${result.error.code}`, { retryable: true });
      },
      checkpoint: async (size) => {
        const signed = await this.#signer.sign(size);
        return signed.ok ? signed.value : null;
      },
      signAll: async () => {
        await this.#signer.run();
        return this.#signer.halted() === null ? (this.#signer.last()?.size ?? 0) : 0;
      },
      durable: () => this.ctx.storage.sync(),
      originAt: () => this.#store.origin() ?? '',
      now: () => Date.now(),
    });
  }

  /** The one way in for every change: one transaction, then the world is told. `within` runs at its end, as part of it. */
  #execute(commands: readonly Execute[], within?: (executed: readonly Executed[]) => void): readonly Executed[] {
    if (this.#forking.chore.isFilling()) return commands.map(() => refused({ code: 'swarm_filling' }));
    const openFor = this.#breaker.openFor();
    if (openFor > 0) return commands.map(() => refused({ code: 'breaker_open', retryAfterMs: openFor }));
    const bytes = this.ctx.storage.sql.databaseSize;
    if (bytes > storageBytesWarn) this.#warn(bytes);
    if (bytes > storageBytesRefuse && commands.some(({ command }) => GROWS.has(command.type)))
      return commands.map(() => refused({ code: 'storage_full' }));
    const committed = this.#store.executeMany(commands, within);
    this.#breaker.wrote(committed.written);
    if (committed.told) {
      this.#arm();
      this.#drain();
    }
    // Followers read from the journal once it is durable.
    if (committed.events.length > 0) {
      this.#tally.saw(committed.events);
      if (!committed.told && this.#recorder.nextDue() !== null) this.#arm();
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
              readEvents: (from, to) => this.#readEvents(from, to),
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
    // Nothing happens in a sealed swarm; what its rows would have timers for is the original's.
    if (this.#store.seal() !== null) return;
    const now = Date.now();
    const timer = nextTimer(this.#sql) ?? Number.POSITIVE_INFINITY;
    const outbox = nextInOutbox(this.#sql) ?? Number.POSITIVE_INFINITY;
    const chore = this.#recorder.nextDue() ?? Number.POSITIVE_INFINITY;
    const due = Math.min(timer, outbox <= now ? now + drainMsMax : outbox, Math.max(chore, now));
    if (Number.isFinite(due)) this.#armAt(Math.ceil(due / alarmGridMs) * alarmGridMs);
  }

  #armAt(due: number): void {
    if (!Number.isFinite(due)) return;
    if (this.#alarmAt !== null && this.#alarmAt <= due) return;
    this.#alarmAt = due;
    // Not awaited: it is written with the rows of this step, and nothing leaves before both are.
    void this.ctx.storage.setAlarm(due);
  }

  /** Everything goes, the tables too; they are made again at once, for whoever comes next. */
  async #empty(): Promise<void> {
    await this.ctx.storage.deleteAll();
    migrate(this.#sql, swarmMigrations);
  }

  #abandonAt(at: number | null): void {
    this.#alarmAt = at;
    void (at === null ? this.ctx.storage.deleteAlarm() : this.ctx.storage.setAlarm(at));
  }

  #moment(actor: Actor) {
    const at = Date.now();
    return { at, actor, ids: idSource(at, randomBytes(10)), commandId: `read:${actorName(actor)}`, trace: null };
  }

  /** Events `from`–`to`, wherever they are. */
  async #readEvents(from: number, to: number): Promise<Result<readonly StoredEvent[], Rejection>> {
    return this.#reader.read(from, to);
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
const LATER: ReadonlySet<string> = new Set(['swarm_filling', 'swarm_halted', 'breaker_open', 'storage_full']);

function only(executed: readonly Executed[]): Executed {
  const [one] = executed;
  if (!one) throw new Fault('a command was not answered', { retryable: true });
  return one;
}

function refused(error: Rejection): Executed {
  return { result: err(error), replayed: false };
}
