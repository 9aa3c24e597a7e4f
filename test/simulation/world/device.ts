// A device: the real outbox, attempt store, supervisor and link, as edge-node/src/main.ts wires them, on a disk and a clock of its
// own. It works, lies, breaks off, loses its power, and comes back.

import { z } from 'zod';
import { UPGRADE_HEADERS } from '../../../core/devices/port.ts';
import type { DeviceId } from '../../../core/ids.ts';
import type { JsonObject } from '../../../core/json.ts';
import { type DeviceDescription, type FactBody, SUBPROTOCOL } from '../../../core/wire/device.ts';
import type { Clock } from '../../../edge-node/src/clock.ts';
import { type Link, startLink } from '../../../edge-node/src/link/link.ts';
import type { Socket, SocketEvents } from '../../../edge-node/src/link/socket.ts';
import type { Operation } from '../../../edge-node/src/operations/operation.ts';
import type { DeviceDatabase } from '../../../edge-node/src/outbox/database.ts';
import { type Outbox, openOutbox } from '../../../edge-node/src/outbox/outbox.ts';
import { openAttemptStore } from '../../../edge-node/src/supervision/attempt-store.ts';
import { createDesires } from '../../../edge-node/src/supervision/desires.ts';
import type { RunEnd } from '../../../edge-node/src/supervision/run-operation.ts';
import { createSupervisor, type Supervisor } from '../../../edge-node/src/supervision/supervisor.ts';
import { createSwarmClock } from '../../../edge-node/src/swarm-clock.ts';
import type { Told } from '../model/swarm-model.ts';
import type { Line } from '../platform/line.ts';
import type { Actor } from '../platform/virtual-time.ts';
import { type DeviceDisk, type DiskCopy, PowerLost, takeDisk } from './device-disk.ts';
import { type DeviceKey, keyOf } from './device-key.ts';
import { HOSTILE } from './hostile-frames.ts';
import type { RealmView } from './surroundings.ts';

export const OPERATIONS = ['text.a', 'text.b', 'text.c'] as const;
const HOST = 'starling.test';
const hourMs = 3_600_000;

/** One process of a device. */
interface Process {
  readonly actor: Actor;
  readonly database: DeviceDatabase;
  readonly outbox: Outbox;
  readonly supervisor: Supervisor;
  readonly link: Link;
}

export class Device {
  readonly id: DeviceId;
  readonly #realm: RealmView;
  readonly #key: DeviceKey;
  readonly #disk: DeviceDisk;
  /** The machine's clock; a process sees it through its own actor. */
  #clockOffsetMs = 0;
  #process: Process | null = null;
  #line: Line | null = null;
  #copy: DiskCopy | null = null;
  #prices: number[] = [];
  #parallel = 1;
  #isFinal = false;
  /** Told on this device under these numbers, so that they can be found in the journal. */
  #nonce = 0;

  constructor(realm: RealmView, id: DeviceId, n: number) {
    this.#realm = realm;
    this.id = id;
    this.#key = keyOf(n);
    this.#disk = takeDisk();
    const { random } = realm.world;
    this.#prices = OPERATIONS.map(() => random.between(1, 250));
    this.#parallel = random.between(1, 3);
  }

  isRunning(): boolean {
    return this.#process !== null;
  }
  isLive(): boolean {
    return this.#process?.link.isLive() ?? false;
  }
  /** Nothing of what it has to say is still only here. */
  hasSaidAll(): boolean {
    if (this.#isFinal) return true;
    return this.#process?.actor.isAlive === true && this.#process.outbox.pending().facts === 0;
  }

  start(): void {
    if (this.#process !== null || this.#isFinal) return;
    const { world } = this.#realm;
    const device = this;
    const actor: Actor = {
      isAlive: true,
      get clockOffsetMs() {
        return device.#clockOffsetMs;
      },
    };
    world.timeline.become(actor);
    try {
      this.#process = this.#wire(actor);
    } catch (error) {
      if (!(error instanceof PowerLost)) throw error;
      actor.isAlive = false;
      world.later(1_000, () => this.start());
    }
  }

  /** The process ends without a word; a new one starts after so long. */
  kill(restartMs: number): void {
    const process = this.#process;
    if (process === null) return;
    process.actor.isAlive = false;
    this.#process = null;
    this.#line?.cut(null, this.#realm.world.network.delayMs());
    this.#line = null;
    this.#realm.world.later(restartMs, () => this.start());
  }

  /** Switched off, for good. */
  retire(): void {
    this.#isFinal = true;
    this.kill(0);
  }

  /** Something that may happen to a device at any time. */
  suffer(): void {
    const { faults, random } = this.#realm.world;
    if (faults.strikes('device-clock-wrong')) this.#clockOffsetMs += random.chance(0.5) ? hourMs : -hourMs;
    if (this.#process === null) return;
    if (faults.strikes('device-killed')) {
      if (this.#copy !== null && faults.tempts('disk-rolled-back')) this.#rollBack();
      this.kill(random.chance(0.8) ? random.between(50, 1_000) : random.between(1_000, 20_000));
      return;
    }
    if (this.#line !== null && this.isLive()) {
      if (faults.strikes('line-cut')) {
        this.#line.cut(random.between(1, 500), random.between(1, 500));
        this.#line = null;
      } else if (faults.strikes('line-half-open')) {
        const hears = random.chance(0.5);
        this.#line.cut(hears ? random.between(1, 500) : null, hears ? null : random.between(1, 500));
        this.#line = null;
      }
    }
    if (random.chance(0.3)) this.#copy = this.#disk.copy();
    if (random.chance(0.6)) this.#measure();
    if (faults.tempts('price-changed')) this.#changePrices();
  }

  close(): void {
    if (this.#process !== null) this.#process.actor.isAlive = false;
    this.#disk.giveBack();
  }

  /** Says what it measures, where anybody listens. */
  #measure(): void {
    const { world, queue } = this.#realm;
    const process = this.#process;
    if (process === null || !queue.isUsed || !this.isLive()) return;
    const at = world.timeline.now();
    this.#asProcess(process, () => {
      process.link.telemetry({ records: [{ name: 'battery.voltage', at, value: world.random.between(1, 12) }] });
    });
  }

  #rollBack(): void {
    if (this.#copy === null) return;
    const before = this.#process?.outbox.claim().seq ?? 0;
    this.#disk.restore(this.#copy);
    const held = this.#copy.get('outbox_state')?.[0]?.used;
    if (Number(held) < before) this.#realm.world.faults.count('disk-rolled-back');
  }

  #changePrices(): void {
    const { world } = this.#realm;
    const process = this.#process;
    if (process === null || process.outbox.claim().epoch === 0) return;
    if (process.supervisor.running() > 0) world.faults.count('price-changed');
    this.#prices = OPERATIONS.map(() => world.random.between(1, 250));
    this.#asProcess(process, () => this.#describe(process, true));
    this.#asProcess(process, () => process.supervisor.ready(this.#operations()));
  }

  /** Runs what belongs to a process; its end by a lost power is no error of ours. */
  #asProcess(process: Process, work: () => void): void {
    this.#realm.world.timeline.become(process.actor);
    try {
      work();
    } catch (error) {
      if (!(error instanceof PowerLost)) throw error;
    }
  }

  #wire(actor: Actor): Process {
    const { world } = this.#realm;
    const clock: Clock = {
      now: () => world.timeline.now() + this.#clockOffsetMs,
      monotonic: () => world.timeline.now(),
      after: (ms, fn) => world.timeline.after(ms, actor, () => this.#guarded(fn)),
    };
    const log = (): void => {};
    const database = this.#disk.mount({
      isAlive: () => actor.isAlive,
      cuts: () => {
        if (!world.crashes('device-write') && !world.faults.strikes('power-cut')) return false;
        this.#powerLost(actor);
        return true;
      },
    });
    const honest = openOutbox(database, { now: clock.now });
    const outbox = world.plant.outbox?.(honest) ?? honest;
    const store = openAttemptStore(database);
    const swarmClock = createSwarmClock(store, clock);
    const settings = {
      grants: [],
      parallel: this.#parallel,
      privacy: 'confidential' as const,
      capabilities: [],
      telemetry: false,
      withheld: [],
    };
    const desires = createDesires({ store, outbox, settings });
    const supervisor = createSupervisor({
      ...{ database, outbox, store, clock, log },
      runner: { run: (operation, input, control) => this.#run(actor, operation, input, control), close: () => {} },
      swarmNow: swarmClock.now,
      measured: () => {},
      parallel: desires.parallel,
      isGranted: () => true,
      desired: (version, desired) => desires.take(version, desired as JsonObject), // a record of JSON by its schema
    });
    const options = { connectUrl: `wss://${HOST}/v1/devices/connect`, credential: 'dvc', device: this.id };
    let link: Link | null = null;
    const process = (): Process => this.#process ?? { actor, database, outbox, supervisor, link: link as Link }; // while it starts
    link = startLink(options, this.#key, {
      ...{ clock, log, outbox },
      openSocket: (_url, _credential, events) => this.#connect(actor, events),
      random: world.random.next,
      takeOrders: supervisor.take,
      commit: (epoch, seq, refused) => {
        const told = database.all('SELECT seq, body FROM outbox WHERE seq <= ?', seq);
        const outcome = database.transaction(() => {
          const answer = outbox.commit(epoch, seq, refused);
          if (answer.kind === 'deleted') supervisor.committed(answer.to, answer.refused);
          return answer.kind;
        });
        supervisor.settle();
        if (outcome === 'deleted') this.#realm.model.factsAcknowledged(this.id, epoch, seq, told as unknown as Told[]); // the columns asked for
        return outcome === 'ahead' ? 'ahead' : 'fine';
      },
      welcomed: (now, isNewEpoch) => {
        swarmClock.set(now);
        if (isNewEpoch) supervisor.renumbered();
        this.#describe(process(), isNewEpoch);
      },
      changed: () => {},
      final: () => {
        this.#isFinal = true;
        this.#powerLost(actor);
      },
    });
    const pump = link.pump;
    outbox.onAppended(() => this.#guarded(pump));
    supervisor.ready(this.#operations());
    return { actor, database, outbox, supervisor, link };
  }

  #guarded(fn: () => void): void {
    try {
      fn();
    } catch (error) {
      if (!(error instanceof PowerLost)) throw error;
    }
  }

  #powerLost(actor: Actor): void {
    if (!actor.isAlive) return;
    actor.isAlive = false;
    const { world } = this.#realm;
    const line = this.#line;
    // The code that met it is still on the stack: what belongs to the process goes when it has come back.
    world.later(0, () => {
      if (this.#process?.actor === actor) this.#process = null;
      line?.cut(null, world.network.delayMs());
      if (!this.#isFinal) world.later(world.random.between(50, 3_000), () => this.start());
    });
  }

  #operations(): readonly Operation[] {
    return OPERATIONS.map((name, index) => ({
      ...{ name, version: '1.0.0', summary: '', input: z.unknown(), output: z.unknown() },
      priceMicro: this.#prices[index] ?? 1,
      leaseMs: 10_000,
      run: async () => null,
    }));
  }

  /** As supervision/describe.ts does it, with a runtime that is the same on every machine. */
  #describe({ outbox, database }: Process, again: boolean): void {
    const description: DeviceDescription = {
      ...{ runtime: 'simulated', platform: 'none', privacy: 'confidential', parallel: this.#parallel },
      capabilities: [],
      operations: this.#operations().map(({ name, version, summary, priceMicro, leaseMs }) => ({
        ...{ name, version, summary, priceMicro, leaseMs },
        input: {},
        output: {},
      })),
    };
    const told = database.get("SELECT value FROM memory WHERE name = 'described'")?.value;
    const digest = JSON.stringify(description);
    if (told === digest && !again) return;
    database.transaction(() => {
      database.run(
        "INSERT INTO memory (name, value) VALUES ('described', ?) ON CONFLICT DO UPDATE SET value = excluded.value",
        digest,
      );
      outbox.append([{ body: { type: 'device.described', description } }]);
    });
  }

  /** Does an attempt, or does not. */
  #run(
    actor: Actor,
    _operation: Operation,
    _input: unknown,
    { signal, progress }: { readonly signal: AbortSignal; progress(fraction: number, note?: string): void },
  ): Promise<RunEnd> {
    const { random, timeline } = this.#realm.world;
    const { promise, resolve } = Promise.withResolvers<RunEnd>();
    const error = (code: string, retryable: boolean): RunEnd => ({
      type: 'failed',
      error: { code, message: '', retryable },
    });
    const stopped = (): void => void timeline.after(1, actor, () => resolve(error('stopped', false)));
    signal.addEventListener('abort', stopped, { once: true });
    // One that never ends: its lease does.
    if (random.chance(0.05)) return promise;
    const ms = random.chance(0.1) ? random.between(1_000, 40_000) : random.between(5, 800);
    if (ms > 1_000) timeline.after(ms / 2, actor, () => this.#guarded(() => progress(0.5)));
    timeline.after(ms, actor, () => {
      const dice = random.next();
      if (dice < 0.1) resolve(error('it_broke', true));
      else if (dice < 0.13) resolve(error('it_broke', false));
      else resolve({ type: 'succeeded', result: { by: this.id, n: ++this.#nonce } });
    });
    return promise;
  }

  #connect(actor: Actor, events: SocketEvents): Socket {
    const { world, squad, tenant, swarmId } = this.#realm;
    let opened: Line | null = null;
    let gaveUp = false;
    const headers = new Map([
      ['upgrade', 'websocket'],
      ['sec-websocket-protocol', SUBPROTOCOL],
      [UPGRADE_HEADERS.tenant, tenant],
      [UPGRADE_HEADERS.swarm, swarmId],
      [UPGRADE_HEADERS.device, this.id],
      [UPGRADE_HEADERS.audience, HOST],
    ]);
    const request = { headers: { get: (name: string) => headers.get(name) ?? null } };
    const guardedEvents: SocketEvents = {
      opened: () => this.#guarded(events.opened),
      received: (text) => this.#guarded(() => events.received(text)),
      ended: (end) => this.#guarded(() => events.ended(end)),
    };
    world.network.ask(actor, squad, 'fetch', [request], (outcome) => {
      // As the platform answers: the other end of the pair comes with a 101.
      const answer = outcome.ok ? (outcome.value as { status: number; webSocket: object | null }) : null;
      const line = answer?.webSocket ? world.lines.get(answer.webSocket) : undefined;
      if (gaveUp || !line) {
        line?.cut(null, 1);
        if (!gaveUp) guardedEvents.ended({ code: null, status: answer?.status ?? 502, reason: '' });
        return;
      }
      opened = line;
      this.#line = line;
      line.open(actor, guardedEvents);
    });
    return {
      send: (text) => opened?.socket.send(this.#perhapsHostile(text)),
      close: (code, reason) => {
        gaveUp = true;
        opened?.socket.close(code, reason);
      },
      terminate: (why) => {
        gaveUp = true;
        if (opened) opened.socket.terminate(why);
        else guardedEvents.ended({ code: null, status: null, reason: why });
      },
    };
  }

  /** What goes over the line, or what no device sends in its place. */
  #perhapsHostile(text: string): string {
    const { faults, random } = this.#realm.world;
    if (!this.isLive() || !text.startsWith('{') || !faults.strikes('hostile-frame')) return text;
    return random.pick(HOSTILE)(text);
  }

  /** The device says what is not so: an attempt that is not its own, or something that cannot be read. */
  lie(): void {
    const process = this.#process;
    const { world, model } = this.#realm;
    if (process === null || process.outbox.claim().epoch === 0) return;
    const facts: { body: FactBody }[] = [];
    if (world.faults.strikes('poison-fact'))
      facts.push({ body: { type: 'attempt.started', attempt: 'att_none', task: 'tsk_none', fence: 0 } });
    const [attempt, task] = world.random.among(model.attempts()) ?? [];
    if (attempt !== undefined && task !== undefined && world.faults.strikes('false-report')) {
      const ref = { attempt, task, fence: world.random.between(1, 3) } as {
        attempt: `att_${string}`;
        task: `tsk_${string}`;
        fence: number;
      }; // ids of the journal
      facts.push({ body: { type: 'attempt.succeeded', ...ref, result: 'stolen', durationMs: 1 } });
    }
    if (facts.length > 0) this.#asProcess(process, () => void process.outbox.append(facts));
  }
}
