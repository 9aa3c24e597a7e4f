// The swarm: one object per swarm, one writer, one SQLite. Wiring only: the rules are in core/, the SQL in the stores beside
// this file. Every change comes in through `execute`; what follows outside leaves through the outbox.

import { DurableObject } from 'cloudflare:workers';
import { randomBytes } from 'node:crypto';
import { tenantOf } from '../../core/archive/keys.ts';
import { Fault } from '../../core/assert.ts';
import type {
  Admission,
  AdmissionRefused,
  Admitted,
  FactBatch,
  FactsAnswer,
  HistoryAnswer,
  SwarmPort,
} from '../../core/devices/port.ts';
import { type Actor, actorName } from '../../core/envelope.ts';
import type { ForkPort } from '../../core/forks/port.ts';
import type { At, HistoryPort, Outline, PastPort } from '../../core/history/port.ts';
import type { DeviceId, OrderId } from '../../core/ids.ts';
import { idSource } from '../../core/ids.ts';
import type { Imported, ImportStart } from '../../core/imports/port.ts';
import type { SignedCheckpoint } from '../../core/journal/checkpoint.ts';
import { type StoredEvent, textOf } from '../../core/journal/event.ts';
import type { Json } from '../../core/json.ts';
import { refuseActor } from '../../core/keys/decide.ts';
import { breakerWindowMs, commandsPerCallMax, exportsMax, journalPageMax, waitSecondsMax } from '../../core/limits.ts';
import type { MetricsView } from '../../core/metrics/view.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Rejection } from '../../core/swarm/rejections.ts';
import type { Execute, Executed, ExportFormat, NewSwarm, Query, SwarmService } from '../../core/swarm/service.ts';
import { SELF } from '../../core/swarm/state.ts';
import { isOpen } from '../../core/work/state.ts';
import { swarmMigrations } from '../../migrations/swarm/index.ts';
import { type Breaker, createBreaker } from '../breaker.ts';
import { eventPage } from '../event-page.ts';
import { migrate } from '../migrate.ts';
import { objectLog } from '../object-log.ts';
import { durableSql, type Sql } from '../sql-port.ts';
import { openTries, type Tries } from '../tries.ts';
import { isolateTurns, type Work, workOf } from '../turns.ts';
import { admit } from './admit.ts';
import { type AlarmClock, createAlarmClock } from './alarm-clock.ts';
import { createDeviceShares } from './device-shares.ts';
import { type Door, only, openDoor, refused } from './door.ts';
import { exportStream, readerSlots } from './export.ts';
import { takeFactsInTurns } from './fact-turns.ts';
import { takeFacts } from './facts.ts';
import { createFollowers, type Followers } from './followers.ts';
import { createForking, type Forking } from './forking.ts';
import { groupCommit, type Submit } from './group-commit.ts';
import { createImporter, type Importer } from './import.ts';
import { answerJournal } from './journal-page.ts';
import { createLoadMeter } from './load-meter.ts';
import { metricsView } from './metrics.ts';
import { nextInOutbox, type OutboxDue, outboxDue } from './outbox-drain.ts';
import { type CarryDeps, createLanes, drainDeps } from './outbox-lanes.ts';
import { outlineOf } from './outline.ts';
import { answerProof, isProofQuery } from './proofs.ts';
import { answer, rowsOfQuery } from './queries.ts';
import { openRecording, type Recording } from './recording.ts';
import { refuseReading, refuseWriting } from './seal.ts';
import { newSigningKey } from './signing-key.ts';
import { createSuspects, remainingWork, type Suspects } from './suspects.ts';
import type { SwarmEnv } from './swarm-env.ts';
import { type Committed, openSwarmStore, type SwarmStore } from './swarm-store.ts';
import { openTally, type TallyStore } from './tally-store.ts';
import { nextTimer, runDueTimers, type TimerDeps } from './timers.ts';
import { exporterOf } from './trace-chore.ts';

/** A swarm, named by its id. */
export class SwarmObject extends DurableObject<SwarmEnv> implements SwarmService, SwarmPort, HistoryPort, ForkPort {
  readonly #sql: Sql;
  readonly #store: SwarmStore;
  readonly #tries: Tries;
  readonly #suspects: Suspects;
  readonly #timers: TimerDeps;
  readonly #breaker: Breaker;
  readonly #door: Door;
  readonly #followers: Followers;
  readonly #submit: Submit;
  readonly #recording: Recording;
  readonly #exports = readerSlots(exportsMax);
  readonly #load = createLoadMeter(() => Date.now());
  readonly #tally: TallyStore;
  readonly #shares = createDeviceShares(() => Date.now());
  readonly #importer: Importer;
  readonly #forking: Forking;
  readonly #clock: AlarmClock;
  /** Starts to carry out what the outbox holds. */
  readonly #drain: (outbox: OutboxDue) => void;
  /** An imported journal may speak of another tenant; what is not created yet is nobody's, and shares with all of that kind. */
  readonly #work: Work = workOf(
    isolateTurns,
    () => this.#store.seal()?.start.tenant ?? tenantOf(this.#store.origin() ?? '/'),
  );

  constructor(ctx: DurableObjectState, env: SwarmEnv) {
    super(ctx, env);
    const now = (): number => Date.now();
    const durable = (): Promise<void> => ctx.storage.sync();
    const databaseSize = (): number => ctx.storage.sql.databaseSize;
    const log = objectLog(env);
    const objects = env.ARCHIVE_STORE ?? null;
    const sql = durableSql(ctx.storage);
    this.#sql = sql;
    migrate(sql, swarmMigrations);
    const tries = openTries({ sql, now, durable, random: () => Math.random(), remaining: remainingWork(sql) });
    this.#tries = tries;
    const store = openSwarmStore(sql, { now, entropy: (n) => randomBytes(n) });
    this.#store = store;
    this.#breaker = createBreaker(sql, now);
    this.#tally = openTally(sql);
    const door = openDoor({
      ...{ store, log, databaseSize, breaker: this.#breaker },
      isFilling: () => this.#forking.chore.isFilling(),
      committed: (committed) => this.#committed(committed),
    });
    this.#door = door;
    this.#submit = groupCommit({
      execute: (commands) => door.execute(commands),
      durable,
      moment: () => scheduler.wait(0),
      giveWay: this.#work.giveWay,
    });
    this.#forking = createForking({
      ...{ sql, tries, store, objects, databaseSize, durable, now, told: () => this.#tell(), work: this.#work },
      past: (swarm) => env.PAST.get(env.PAST.idFromName(swarm)) as PastPort,
      execute: door.executeOne,
      empty: async () => {
        await this.#empty();
        store.reload();
      },
    });
    this.#recording = openRecording({
      ...{ sql, tries, store, door, objects, log, durable, work: this.#work },
      exporter: exporterOf(env),
      calmAt: () => this.#load.calmAt(),
      firstChores: [this.#forking.chore],
    });
    const { reader, recorder, signer } = this.#recording;
    this.#followers = createFollowers({
      events: async (from, limit) => {
        const page = await reader.page(from, limit);
        if (!page.ok) throw new Fault(`events cannot be read: ${page.error.code}`, { retryable: true });
        // A reader asks when it likes, also between a commit and the disk: what is not durable is told to nobody [P1].
        await durable();
        return page.value;
      },
      origin: () => store.origin() ?? '',
      headSeq: () => store.head().seq,
    });
    this.#clock = createAlarmClock({
      ...{ storage: ctx.storage, now },
      timer: () => nextTimer(sql, tries),
      outbox: (known) => nextInOutbox(known ?? outboxDue(sql, tries)),
      chore: () => recorder.nextDue(),
      suspect: () => this.#suspects.nextDue(),
      isSealed: () => store.seal() !== null,
    });
    const carry: CarryDeps = {
      ...{ sql, tries, store, door, readEvents: reader.read, giveWay: this.#work.giveWay },
      squad: (name) => env.SQUAD.get(env.SQUAD.idFromName(name)),
      send: (request) => env.WEBHOOK_SENDER.send(request),
    };
    this.#timers = { sql, tries, now, execute: door.must };
    this.#suspects = createSuspects({
      ...{ sql, tries, now, isShut: door.isShut, park: door.system, outbox: drainDeps(carry), timers: this.#timers },
    });
    this.#drain = createLanes({
      ...carry,
      waitUntil: (work) => ctx.waitUntil(work),
      ended: () => this.#clock.arm(),
    });
    this.#importer = createImporter({
      ...{ sql, now, databaseSize, work: this.#work },
      empty: () => this.#empty(),
      abandonAt: (at) => this.#clock.force(at),
      changed: () => store.reload(),
    });
    if (store.seal() === null) store.audit();
    // Not awaited: a storage that does not answer must not keep the swarm from starting.
    ctx.waitUntil(signer.compareOutside());
    ctx.blockConcurrencyWhile(async () => {
      this.#clock.knows(await ctx.storage.getAlarm());
      this.#clock.arm();
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
    return this.#door.executeOne({
      id: `create:${swarm.swarm}`,
      actor: { kind: 'user', id: user, scopes: ['admin'] },
      command: { type: 'CreateSwarm', ...swarm, publicKey: pair.publicKey, key },
      remember: false,
    });
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
    const turn = this.#work.giveWay();
    if (turn) await turn;
    this.#work.spent(rowsOfQuery(query), 0);
    const deps = { sql: this.#sql, store: this.#store, moment };
    const { signer, reader } = this.#recording;
    const readEvents = reader.read;
    const originAt = () => this.#store.origin() ?? '';
    if (query.type === 'journal') return answerJournal(query, { store: this.#store, readEvents, originAt });
    if (!isProofQuery(query)) return answer(query, deps);
    return answerProof(query, { ...deps, signer, readEvents, originAt });
  }

  async archiveSegments(actor: Actor, keepEvents: number | undefined): Promise<Result<Json, Rejection>> {
    const allowed = await this.read(actor, { type: 'retention' });
    if (!allowed.ok) return allowed;
    const why = refuseWriting(this.#store.seal());
    if (why) return err(why);
    if (this.#store.halted() !== null) return err({ code: 'swarm_halted' });
    const { archive } = this.#recording;
    if (archive === null) throw new Fault('there is no object storage', { retryable: false });
    const archived = await archive.archive(keepEvents);
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
      choreFailures: this.#recording.recorder.failures(),
      traces: this.#recording.traces.progress(),
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

  async follow(
    actor: Actor,
    from: number,
    seen = 0,
    until: number | null = null,
  ): Promise<Result<ReadableStream<Uint8Array>, Rejection>> {
    const allowed = await this.read(actor, { type: 'status' });
    if (!allowed.ok) return allowed;
    const { seq: size } = this.#store.head();
    if (seen > size) return err({ code: 'size_ahead', size });
    const first = from > this.#store.head().seq ? ok([]) : await this.#recording.reader.page(Math.max(1, from), 1);
    return first.ok ? ok(this.#followers.open(from, this.#allows(actor, until))) : first;
  }

  async exportJournal(actor: Actor, format: ExportFormat): Promise<Result<ReadableStream<Uint8Array>, Rejection>> {
    const signed = await this.read(actor, { type: 'checkpoint' });
    if (!signed.ok) return signed;
    const checkpoint = signed.value as unknown as SignedCheckpoint; // as it was asked for
    return exportStream(format, checkpoint, {
      store: this.#store,
      readEvents: this.#recording.reader.read,
      work: this.#work,
      slots: this.#exports,
      isAllowed: this.#allows(actor),
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
      readEvents: this.#recording.reader.read,
    });
  }

  async hotEvents(from: number, limit: number): Promise<readonly StoredEvent[]> {
    const to = from + Math.min(limit, journalPageMax) - 1;
    const page = await eventPage(from, to, async (from, to) => {
      await this.#work.giveWay();
      const events = this.#store.events(from, to - from + 1);
      this.#work.spent(events.length / eventsReadInOne, textOf(events));
      return ok(events);
    });
    return page.ok ? page.value : [];
  }

  async admitDevice(admission: Admission): Promise<Result<Admitted, AdmissionRefused>> {
    return admit(admission, { door: this.#door, read: this.#store.read });
  }

  async reportFacts(batch: FactBatch): Promise<FactsAnswer> {
    const execute = (commands: readonly Execute[]) => this.#door.execute(commands);
    const deps = { read: this.#store.read, shares: this.#shares, execute };
    return takeFactsInTurns(batch, { take: (facts) => takeFacts(facts, deps), giveWay: this.#work.giveWay });
  }

  async continueHistory(device: DeviceId, held: SignedCheckpoint | null): Promise<HistoryAnswer> {
    const answer = await this.#recording.signer.continueFrom(held, `device/${device}`);
    if (answer.ok) return { kind: 'continued', ...answer.value };
    return { kind: answer.error.code === 'signing_halted' && answer.error.conflict === true ? 'conflict' : 'unsigned' };
  }

  async deviceLeft(device: DeviceId, connection: string): Promise<void> {
    this.#door.system(`left:${device}:${connection}`, { type: 'DeviceLeft', device, connection });
  }

  async ordersUndelivered(orders: readonly OrderId[]): Promise<void> {
    for (const order of orders) {
      await this.#work.giveWay();
      const attempt = `att_${order.slice('ord_'.length)}` as const;
      const task = this.#store.read.taskOfAttempt(attempt);
      if (task) this.#door.system(`undelivered:${order}`, { type: 'ReportUndelivered', task, attempt });
    }
  }

  override async alarm(): Promise<void> {
    this.#clock.knows(null);
    if (this.#store.seal() !== null) return this.#importer.abandoned();
    // A halted swarm writes nothing, so nothing that is due can be done: somebody looks first.
    if (this.#store.halted() !== null) return;
    // Too many alarms or rows: what is due waits until the window is over; nothing is lost, nothing runs on [P18].
    const pause = this.#breaker.alarm() ? this.#breaker.openFor() : breakerWindowMs;
    if (pause > 0) {
      this.#clock.armAt(Date.now() + pause);
      return;
    }
    await runDueTimers(this.#timers, { durable: () => this.ctx.storage.sync(), giveWay: this.#work.giveWay });
    // Not awaited: the next alarm, with its timers, must not wait for a receiver that does not answer.
    this.#drain(outboxDue(this.#sql, this.#tries));
    this.ctx.waitUntil(this.#recording.recorder.runDue().then(() => this.#clock.arm()));
    this.ctx.waitUntil(this.#suspects.runDue().then(() => this.#clock.arm()));
    this.#clock.arm();
  }

  /** Sees to what may be due now. */
  #tell(): void {
    const outbox = outboxDue(this.#sql, this.#tries);
    this.#clock.arm(outbox);
    this.#drain(outbox);
  }

  /** Tells of what was written: executors, receivers and timers at once, followers when it is durable. */
  #committed({ told, events }: Committed): void {
    if (told) this.#tell();
    if (events.length === 0) return;
    this.#load.saw(events.length);
    this.#work.spent(events.length, textOf(events));
    this.#tally.saw(events);
    if (!told && this.#recording.recorder.nextDue() !== null) this.#clock.arm();
    const subjects = events.map(({ subject }) => subject);
    this.ctx.waitUntil(this.ctx.storage.sync().then(() => this.#followers.wake(subjects)));
  }

  /** Everything goes, the tables too; they are made again at once, for whoever comes next. */
  async #empty(): Promise<void> {
    await this.ctx.storage.deleteAll();
    migrate(this.#sql, swarmMigrations);
    this.#tries.reload();
  }

  /** Whether an actor may go on reading; cheap: its key is kept at hand. Who has none may until then. */
  #allows(actor: Actor, until: number | null = null): () => boolean {
    return () =>
      (until === null || Date.now() < until) &&
      refuseActor({ row: this.#store.read.row, moment: this.#moment(actor) }) === null;
  }

  #moment(actor: Actor) {
    const at = Date.now();
    return { at, actor, ids: idSource(at, randomBytes(10)), commandId: `read:${actorName(actor)}`, trace: null };
  }
}

/** An event that is only read costs as much as a part of one that is decided. */
const eventsReadInOne = 8;
