// Swarms and their forks over node:sqlite: the real store, past, filler and what-if, without the objects around them. One
// clock, one object storage, one random source for all.

import { DatabaseSync } from 'node:sqlite';
import type { ForkProgress, NewFork, WhatIfWanted } from '../../core/forks/port.ts';
import type { WhatIf } from '../../core/forks/state.ts';
import type { At, HistoryPort, PastMoment, PastPort } from '../../core/history/port.ts';
import { idSource, type KeyId, newId, type SwarmId } from '../../core/ids.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { SwarmCommand } from '../../core/swarm/commands.ts';
import type { Rejection } from '../../core/swarm/rejections.ts';
import type { Execute, Executed } from '../../core/swarm/service.ts';
import { type Kind, type Rows, SELF } from '../../core/swarm/state.ts';
import { migrate } from '../../durable-objects/migrate.ts';
import { nodeSql } from '../../durable-objects/node-sql.ts';
import { createPast } from '../../durable-objects/past/past-service.ts';
import type { Sql } from '../../durable-objects/sql-port.ts';
import { createFiller, type Filler } from '../../durable-objects/swarm/fill.ts';
import { outlineOf } from '../../durable-objects/swarm/outline.ts';
import { newSigningKey } from '../../durable-objects/swarm/signing-key.ts';
import { createSnapshots } from '../../durable-objects/swarm/snapshots.ts';
import { openSwarmStore, type SwarmStore } from '../../durable-objects/swarm/swarm-store.ts';
import { beginTimers, runTimers, type TimerDeps } from '../../durable-objects/swarm/timers.ts';
import { runWhatIf } from '../../durable-objects/swarm/what-if.ts';
import { swarmMigrations } from '../../migrations/swarm/index.ts';
import { type MemoryObjectStore, memoryObjectStore } from '../contract/memory-object-store.ts';
import { entropyOf, OWNER, SYSTEM, TENANT } from '../core/memory-swarm.ts';
import { openTries } from '../core/open-tries.ts';
import { StoreSwarm } from '../core/store-swarm.ts';

/** What every swarm of the family has. */
export interface Relative {
  readonly sql: Sql;
  store: SwarmStore;
}

export class ForkObject implements Relative {
  readonly sql: Sql = nodeSql(new DatabaseSync(':memory:'));
  readonly #family: Family;
  store!: SwarmStore;
  filler!: Filler;
  #draws = 0;
  #sent = 0;
  /** The filler's clock jumps so far at each look: it stops after a step. */
  hurryMs = 0;
  /** What its database is said to hold. */
  bytes = 0;
  #hurried = 0;

  constructor(family: Family) {
    this.#family = family;
    migrate(this.sql, swarmMigrations);
    this.reopen();
  }

  /** What an eviction does. */
  reopen(): void {
    const now = (): number => this.#family.now();
    this.store = openSwarmStore(this.sql, { now, entropy: () => entropyOf(1_000_000 + ++this.#draws) });
    this.store.audit();
    this.filler = createFiller({
      sql: this.sql,
      tries: openTries(this.sql, now),
      past: () => this.#family.past,
      objects: this.#family.objects,
      execute: (commands) => this.store.executeMany(commands).executed,
      told: () => {},
      newKey: newSigningKey,
      databaseSize: () => this.bytes,
      now: () => {
        this.#hurried += this.hurryMs;
        return now() + this.#hurried;
      },
    });
  }

  send(execute: Execute): Executed {
    const [executed] = this.store.executeMany([execute]).executed;
    if (!executed) throw new Error('not answered');
    return executed;
  }

  execute(command: SwarmCommand, id = `fork-test:${++this.#sent}`): Executed {
    return this.send({ id, actor: OWNER, command, remember: true });
  }

  do(command: SwarmCommand): string {
    const { result } = this.execute(command);
    if (!result.ok) throw new Error(`${command.type}: ${JSON.stringify(result.error)}`);
    return result.value.id;
  }

  code(command: SwarmCommand): string | null {
    const { result } = this.execute(command);
    return result.ok ? null : result.error.code;
  }

  /** @param most commands that are executed before it is cut off */
  whatIf(wanted: WhatIfWanted, most = Number.POSITIVE_INFINITY): Promise<Result<WhatIf, Rejection>> {
    let left = most;
    return runWhatIf(OWNER, wanted, {
      read: this.store.read,
      past: () => this.#family.past,
      execute: (execute) => {
        if (left-- <= 0) throw new Error('cut off');
        return this.send(execute);
      },
    });
  }

  runDue(): void {
    const now = () => this.#family.now();
    const { sql } = this;
    const timers: TimerDeps = { sql, tries: openTries(sql, now), now, execute: (command) => void this.send(command) };
    runTimers(beginTimers(timers), timers);
  }

  row<K extends Kind>(kind: K, id: string): Rows[K] {
    const row = this.store.read.row(kind, id);
    if (row === null) throw new Error(`no ${kind} ${id}`);
    return row;
  }

  stored<K extends Kind>(kind: K): Rows[K][] {
    return storedIn(this.sql, kind);
  }

  outbox(): { kind: string }[] {
    return this.sql
      .all<{ effect: string }>('SELECT effect FROM outbox ORDER BY id')
      .map(({ effect }) => JSON.parse(effect));
  }

  timers(): { key: string; due: number; command: string }[] {
    return this.sql.all('SELECT key, due, command FROM timer ORDER BY key');
  }
}

export function storedIn<K extends Kind>(sql: Sql, kind: K): Rows[K][] {
  return sql
    .all<{ body: string }>(`SELECT body FROM ${kind} ORDER BY id`)
    .map(({ body }) => JSON.parse(body) as Rows[K]);
}

export class Family {
  readonly parent: StoreSwarm;
  readonly objects: MemoryObjectStore = memoryObjectStore();
  readonly #members = new Map<string, Relative>();
  readonly #pasts = new Map<string, ReturnType<typeof createPast>>();
  /** Rows in a page: the real limit is in characters, and no test's swarm comes near it. */
  pageRows = Number.POSITIVE_INFINITY;
  /** Called before each page of rows that a fork takes. */
  beforePage: (() => void) | null = null;
  #forks = 0;

  constructor(parent = new StoreSwarm({ supplyMicro: 100_000 })) {
    this.parent = parent;
    this.#members.set(this.parentId, parent);
  }

  get parentId(): SwarmId {
    return this.parent.row('swarm', SELF).id;
  }

  now(): number {
    return this.parent.now;
  }

  /** The pasts of all of them, as the platform has them. */
  readonly past: PastPort = {
    read: (swarm, ...rest) => this.#pastOf(swarm).read(...rest),
    diff: (swarm, ...rest) => this.#pastOf(swarm).diff(...rest),
    rows: async (swarm, ...rest) => {
      this.beforePage?.();
      const page = await this.#pastOf(swarm).rows(...rest);
      const entries = page.ok ? page.value.entries.slice(0, this.pageRows) : [];
      if (!page.ok || entries.length === page.value.entries.length) return page;
      return ok({ ...page.value, entries, next: entries.at(-1)?.[0] ?? null });
    },
    stateHash: (swarm, ...rest) => this.#pastOf(swarm).stateHash(...rest),
  };

  #pastOf(id: string): ReturnType<typeof createPast> {
    const known = this.#pasts.get(id);
    if (known) return known;
    const member = this.#members.get(id);
    if (!member) throw new Error(`no swarm ${id}`);
    const readEvents = async (from: number, to: number) => ok(member.store.events(from, to - from + 1));
    const { sql } = member;
    const history: HistoryPort = {
      outline: async (_, at, before) =>
        outlineOf(at, before, { sql, store: member.store, now: () => this.now(), readEvents }),
      hotEvents: async (from, limit) => member.store.events(from, limit),
    };
    const momentOf = (_: unknown, at: number) => ({
      at,
      actor: SYSTEM,
      ids: idSource(at, entropyOf(0)),
      commandId: 'past',
      trace: null,
    });
    const past = createPast({ history, objects: this.objects, readEvents, momentOf });
    this.#pasts.set(id, past);
    return past;
  }

  /** What an eviction of the pasts does. */
  forgetPasts(): void {
    this.#pasts.clear();
  }

  /** Takes a snapshot of a member. */
  async snapshot(member: Relative): Promise<number> {
    const execute = (id: string, command: SwarmCommand): void => {
      const { result } = member.store.executeMany([{ id, command, actor: SYSTEM, remember: false }]).executed[0] ?? {};
      if (!result?.ok) throw new Error(result?.error.code);
    };
    return createSnapshots({ sql: member.sql, store: member.store, objects: this.objects, execute }).take();
  }

  stateHash(member: Relative): string {
    const deps = { sql: member.sql, store: member.store, objects: this.objects, execute: () => {} };
    return createSnapshots(deps).stateHash().stateHash;
  }

  /** A fork that is to be. */
  async wanted(at: At, of: string = this.parentId): Promise<Result<NewFork, Rejection>> {
    const found = await this.past.stateHash(of, null, at);
    if (!found.ok) return found;
    const { moment, stateHash } = found.value;
    const n = ++this.#forks;
    return ok({
      tenant: TENANT,
      swarm: newId('swm', this.now(), entropyOf(500 + n)),
      name: `fork ${n}`,
      key: newId('key', this.now(), entropyOf(500 + n)) as KeyId,
      scopes: ['admin'],
      parent: parentOf(of as SwarmId, moment, stateHash),
      by: 'user/usr_owner',
    });
  }

  /** An empty object for it. */
  object(fork: NewFork): ForkObject {
    const object = new ForkObject(this);
    this.#members.set(fork.swarm, object);
    return object;
  }

  /** Forks, and fills until it is ready. */
  async fork(at: At, of: string = this.parentId): Promise<{ fork: ForkObject; made: NewFork }> {
    const made = await this.wanted(at, of);
    if (!made.ok) throw new Error(made.error.code);
    const fork = this.object(made.value);
    const filled = await fillUp(fork, made.value);
    if (!filled.ok) throw new Error(filled.error.code);
    return { fork, made: made.value };
  }
}

/** Calls again until it is ready, as the object's chores do. */
export async function fillUp(fork: ForkObject, made: NewFork): Promise<Result<ForkProgress, Rejection>> {
  for (let calls = 0; calls < 1_000; calls++) {
    const went = await fork.filler.fill(made);
    if (!went.ok || went.value === 'ready') return went;
  }
  return err({ code: 'swarm_filling' });
}

function parentOf(swarm: SwarmId, moment: PastMoment, stateHash: string): NewFork['parent'] {
  return { swarm, origin: `${TENANT}/${swarm}`, seq: moment.seq, at: moment.at, head: moment.hash, stateHash };
}
