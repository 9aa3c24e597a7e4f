// One Durable Object as the platform runs it: storage that outlives its instances, one instance at a time, an output gate (nothing
// leaves before what was written is durable), one alarm that rings at least once, sockets that sleep with it.

import { Defect } from '../../../core/assert.ts';
import type { SqlValue } from '../../../durable-objects/sql-port.ts';
import { type DatabaseKind, giveBack, type ObjectDatabase, takeDatabase } from './database.ts';
import type { SocketEnd } from './socket-pair.ts';
import type { Actor, Timeline } from './virtual-time.ts';

/** The instance is gone: what it was doing ends here. */
export class InstanceLost extends Error {}

/** An object's class, as far as the platform calls it. */
export interface ObjectClass {
  new (ctx: never, env: never): object;
}
type Methods = Record<string, (...args: unknown[]) => unknown>;

/** How a call ended. */
export type Outcome = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: unknown };

/** What the host asks of whoever plans faults, and tells whoever watches. */
export interface HostWatcher {
  /** How long it takes until what was written is durable. */
  commitMs(): number;
  /** What becomes of what was written: durable; not durable after all; durable, and the object crashes before anybody is told. */
  commit(host: ObjectHost): 'durable' | 'lost' | 'crash';
  /** How late an alarm will ring, and how often. */
  alarm(host: ObjectHost): { readonly lateMs: number; readonly rings: number };
  /** Whether the object goes away under an alarm before its handler has begun: this time, or six times one after the other. */
  alarmFails(host: ObjectHost): 'no' | 'once' | 'always';
  /** Before a statement that writes: whether the object crashes there, with or without what it wrote before. */
  crashesAt(host: ObjectHost, query: string): 'lost' | 'kept' | null;
  /** All that was written up to now is durable. */
  durable(host: ObjectHost): void;
  /** The instance is gone, with or without what it had written. */
  crashed(host: ObjectHost, kept: boolean): void;
  /** An alarm was given up by the platform. */
  alarmLost(host: ObjectHost): void;
  /** Code of the object has thrown what nobody may catch. */
  defect(host: ObjectHost, cause: unknown): void;
  /** What a planted bug has changed; nothing in an honest run (tiers/planted-bugs.ts). */
  readonly plant: HostPlant;
}

/** Ways in which a platform, or code that uses it wrongly, would break its promises. */
export interface HostPlant {
  /** Carries out a statement in another way; undefined: as it is. */
  exec?(host: ObjectHost, query: string, bindings: readonly SqlValue[]): unknown[] | undefined;
  /** True: answers leave before what was written is durable. */
  readonly isUngated?: boolean;
  /** True: an instance goes on when what it had written is lost. */
  readonly survivesLoss?: boolean;
  /** An instance has started. */
  started?(host: ObjectHost): void;
  /** True: it is not asked for its alarm when it starts. */
  readonly forgetsAlarm?: boolean;
}

/** What must hear that its sockets are gone. */
interface Lost {
  lostBySquad(): void;
}

interface Instance {
  readonly actor: Actor;
  readonly object: Methods;
  ready: Promise<unknown>;
}

const alarmTriesMax = 6;

export class ObjectHost {
  readonly kind: DatabaseKind;
  readonly name: string;
  /** The platform's side: it never dies. Its clock is the one that instances see. */
  readonly actor: Actor = { isAlive: true, clockOffsetMs: 0 };
  readonly database: ObjectDatabase;
  /** Sockets that the platform holds for it. */
  readonly sockets = new Map<SocketEnd, { readonly line: Lost; readonly tags: readonly string[] }>();
  /** Counts instances. */
  starts = 0;
  readonly #timeline: Timeline;
  readonly #watcher: HostWatcher;
  readonly #make: (ctx: never) => object;
  #instance: Instance | null = null;
  #doomed: { readonly kept: boolean } | null = null;
  #alarm: number | null = null;
  #alarmKept: number | null = null;
  #isAlarmNew = false;
  #ringing = 0;
  #isCommitting = false;
  #gated: (() => void)[] = [];
  #synced: (() => void)[] = [];
  readonly #calls = new Set<{ fail(): void }>();

  constructor(
    kind: DatabaseKind,
    name: string,
    make: (ctx: never) => object,
    { timeline, watcher }: { readonly timeline: Timeline; readonly watcher: HostWatcher },
  ) {
    this.kind = kind;
    this.name = name;
    this.#make = make;
    this.#timeline = timeline;
    this.#watcher = watcher;
    this.database = takeDatabase(kind);
    this.database.dirtied = () => this.#commitSoon();
    this.database.beforeWrite = (query) => {
      if (this.#doomed !== null) throw new InstanceLost();
      const fate = watcher.crashesAt(this, query);
      if (fate === null) return;
      this.crash(fate === 'kept');
      throw new InstanceLost();
    };
  }

  /** Calls the object; `done` hears of it when everything that it wrote is durable, or that nobody will ever know. */
  call(method: string, args: readonly unknown[], done: (outcome: Outcome) => void): void {
    this.run((object) => {
      const fn = object[method];
      if (fn === undefined) throw new TypeError(`${this.kind} has no method ${method}`);
      return fn.apply(object, args as unknown[]); // copied by nobody: what crosses RPC here is never changed
    }, done);
  }

  /** The same for anything that an event makes the object do. */
  run(work: (object: Methods) => unknown, done: (outcome: Outcome) => void): void {
    const instance = this.#awake();
    if (instance === null) {
      done({ ok: false, error: new InstanceLost() });
      return;
    }
    this.#timeline.become(instance.actor);
    const call = {
      fail: () => done({ ok: false, error: new InstanceLost() }),
    };
    this.#calls.add(call);
    const end = (outcome: Outcome) => {
      if (!instance.actor.isAlive || !this.#calls.has(call)) return;
      this.gate(() => {
        this.#calls.delete(call);
        done(outcome);
      });
    };
    instance.ready
      .then(() => work(instance.object))
      .then(
        (value) => end({ ok: true, value }),
        (error: unknown) => {
          this.#watch(error);
          end({ ok: false, error });
        },
      );
  }

  /** Lets something out when all that was written before it is durable. */
  gate(out: () => void): void {
    if (this.#isDirty() && !this.#watcher.plant.isUngated) this.#gated.push(out);
    else out();
  }

  /** True when nothing is under way: the platform may put it away. */
  isIdle(): boolean {
    return this.#instance !== null && this.#calls.size === 0 && !this.#isDirty();
  }
  isAwake(): boolean {
    return this.#instance !== null;
  }
  alarmAt(): number | null {
    return this.#alarm;
  }
  now(): number {
    return this.#timeline.now();
  }

  /** Puts an idle object away: its memory is gone, its sockets sleep. */
  evict(): void {
    if (!this.isIdle() || this.#instance === null) return;
    this.#instance.actor.isAlive = false;
    this.#instance = null;
  }

  /** Ends the instance. `kept`: what it had written was durable, though nobody was told. */
  crash(kept: boolean): void {
    if (this.#instance === null) return;
    this.#instance.actor.isAlive = false;
    this.#doomed = { kept };
  }

  /** Called at the end of each step: whatever code was running has ended now. */
  settle(): void {
    if (this.#doomed === null) return;
    const { kept } = this.#doomed;
    this.#doomed = null;
    this.#instance = null;
    if (kept) {
      this.database.keep();
      this.#alarmKept = this.#alarm;
    } else {
      this.database.lose();
      this.#alarm = this.#alarmKept;
    }
    this.#isAlarmNew = false;
    this.#gated = [];
    this.#synced = [];
    if (kept) this.#watcher.durable(this);
    this.#watcher.crashed(this, kept);
    for (const call of [...this.#calls]) call.fail();
    this.#calls.clear();
    for (const { line } of [...this.sockets.values()]) line.lostBySquad();
    this.sockets.clear();
    if (this.#ringing > 0) this.#ringAgain();
    else if (this.#alarm !== null) this.#planAlarm(this.#alarm);
  }

  close(): void {
    if (this.#instance !== null) this.#instance.actor.isAlive = false;
    this.actor.isAlive = false;
    giveBack(this.kind, this.database);
  }

  #isDirty(): boolean {
    return this.database.isDirty() || this.#isAlarmNew;
  }

  #commitSoon(): void {
    if (this.#isCommitting) return;
    this.#isCommitting = true;
    this.#timeline.after(this.#watcher.commitMs(), this.actor, () => this.#commit());
  }

  #commit(): void {
    this.#isCommitting = false;
    if (!this.#isDirty()) return;
    const fate = this.#instance === null ? 'durable' : this.#watcher.commit(this);
    if (fate === 'lost' && this.#watcher.plant.survivesLoss) this.database.lose();
    else if (fate !== 'durable') {
      this.crash(fate === 'crash');
      return;
    }
    this.database.keep();
    this.#alarmKept = this.#alarm;
    this.#isAlarmNew = false;
    this.#watcher.durable(this);
    const [gated, synced] = [this.#gated, this.#synced];
    this.#gated = [];
    this.#synced = [];
    for (const out of gated) out();
    if (this.#instance !== null) this.#timeline.become(this.#instance.actor);
    for (const resolve of synced) resolve();
  }

  #awake(): Instance | null {
    if (this.#doomed !== null) return null;
    if (this.#instance !== null) return this.#instance;
    this.starts++;
    const host = this;
    const actor: Actor = {
      isAlive: true,
      get clockOffsetMs() {
        return host.actor.clockOffsetMs;
      },
    };
    this.#timeline.become(actor);
    const instance = { actor, object: {} as Methods, ready: Promise.resolve() as Promise<unknown> }; // filled below
    this.#instance = instance;
    this.#watcher.plant.started?.(this);
    try {
      // A class's instance is called by the names of its methods.
      Object.assign(instance, { object: this.#make(this.#context(instance) as never) as Methods });
    } catch (error) {
      this.#instance = null;
      actor.isAlive = false;
      this.#watch(error);
      return null;
    }
    return instance;
  }

  /** What the platform gives an instance: `ctx`. */
  #context(instance: Instance): object {
    const live = () => {
      if (!instance.actor.isAlive) throw new InstanceLost();
    };
    const { database } = this;
    const storage = {
      sql: {
        exec: (query: string, ...bindings: SqlValue[]) => {
          live();
          const rows = this.#watcher.plant.exec?.(this, query, bindings) ?? database.exec(query, ...bindings);
          return { toArray: () => rows };
        },
        databaseSize: 100_000,
      },
      transactionSync: <T>(fn: () => T): T => {
        live();
        return database.transaction(fn);
      },
      deleteAlarm: async () => {
        live();
        this.#alarm = null;
        this.#isAlarmNew = true;
        this.#commitSoon();
      },
      deleteAll: async () => {
        live();
        database.deleteAll();
        this.#alarm = null;
        this.#isAlarmNew = true;
        this.#commitSoon();
      },
      sync: () => (this.#isDirty() ? new Promise<void>((done) => this.#synced.push(done)) : Promise.resolve()),
      getAlarm: async () => (this.#watcher.plant.forgetsAlarm ? 0 : this.#alarm),
      setAlarm: async (at: number) => {
        live();
        this.#alarm = at;
        this.#isAlarmNew = true;
        this.#commitSoon();
        this.#planAlarm(at);
      },
    };
    return {
      id: { name: this.name, toString: () => this.name },
      storage,
      blockConcurrencyWhile: (fn: () => Promise<unknown>) => {
        instance.ready = instance.ready.then(fn);
        return instance.ready;
      },
      waitUntil: (work: Promise<unknown>) => {
        work.catch((error: unknown) => this.#watch(error));
      },
      acceptWebSocket: (end: SocketEnd, tags: readonly string[]) => this.accept(end, tags),
      getWebSockets: (tag?: string) =>
        [...this.sockets].filter(([, { tags }]) => tag === undefined || tags.includes(tag)).map(([end]) => end),
      setWebSocketAutoResponse: () => {},
      getWebSocketAutoResponseTimestamp: (end: SocketEnd) => (end.pingedAt === null ? null : new Date(end.pingedAt)),
    };
  }

  /** Set by whoever carries frames. */
  accept: (end: SocketEnd, tags: readonly string[]) => void = () => {};

  #planAlarm(at: number): void {
    const { lateMs, rings } = this.#watcher.alarm(this);
    this.#timeline.after(at - this.#timeline.now() - this.actor.clockOffsetMs + lateMs, this.actor, () => {
      if (this.#alarm === at && this.#ringing === 0) this.#ring(1, rings);
    });
  }

  #ring(tries: number, rings: number): void {
    this.#alarm = null;
    this.#isAlarmNew = true;
    this.#commitSoon();
    this.#ringing = tries;
    const fails = this.#watcher.alarmFails(this);
    if (fails !== 'no') {
      if (fails === 'always') this.#ringing = alarmTriesMax;
      // Nothing of the handler has run: the instance went away under it.
      if (this.#instance === null) this.#ringAgain();
      else this.crash(true);
      return;
    }
    this.run(
      (object) => object.alarm?.(),
      ({ ok }) => {
        if (this.#ringing === 0) return;
        if (!ok) return this.#ringAgain();
        this.#ringing = 0;
        if (rings > 1) this.#ring(1, rings - 1);
        // Set anew meanwhile, and perhaps due meanwhile.
        else if (this.#alarm !== null) this.#planAlarm(this.#alarm);
      },
    );
  }

  /** At least once: a handler that has failed is called again, six times, and then no more until it is set anew. */
  #ringAgain(): void {
    const tries = this.#ringing + 1;
    this.#ringing = 0;
    if (this.#alarm !== null && this.#alarm > this.#timeline.now()) {
      this.#planAlarm(this.#alarm);
      return;
    }
    if (tries > alarmTriesMax) {
      this.#alarm = null;
      this.#watcher.alarmLost(this);
      return;
    }
    this.#ringing = tries - 1;
    this.#timeline.after(1_000 * 2 ** tries, this.actor, () => this.#ring(tries, 1));
  }

  #watch(error: unknown): void {
    if (error instanceof Defect) this.#watcher.defect(this, error);
  }
}
