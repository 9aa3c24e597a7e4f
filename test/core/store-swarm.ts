// A swarm over node:sqlite with a clock that a test moves: the real store, timers and outbox, without the object around them.

import { DatabaseSync } from 'node:sqlite';
import { Fault } from '../../core/assert.ts';
import type { Actor } from '../../core/envelope.ts';
import { sha256 } from '../../core/hash.ts';
import { idSource } from '../../core/ids.ts';
import { type SignedCheckpoint, signCheckpoint } from '../../core/journal/checkpoint.ts';
import { type CloudEvent, toCloudEvent } from '../../core/journal/cloud-event.ts';
import { rootOf } from '../../core/journal/merkle.ts';
import { ok } from '../../core/result.ts';
import type { SwarmCommand } from '../../core/swarm/commands.ts';
import type { Effect } from '../../core/swarm/react.ts';
import type { Execute, Executed, JournalQuery, ProofQuery, Query } from '../../core/swarm/service.ts';
import type { Kind, Rows } from '../../core/swarm/state.ts';
import { migrate } from '../../durable-objects/migrate.ts';
import { nodeSql } from '../../durable-objects/node-sql.ts';
import type { Sql } from '../../durable-objects/sql-port.ts';
import { journalTree, type ReadEvents } from '../../durable-objects/swarm/merkle-tree.ts';
import { answerProof } from '../../durable-objects/swarm/proofs.ts';
import { answer } from '../../durable-objects/swarm/queries.ts';
import { openSigner, type Signer, type SignerDeps } from '../../durable-objects/swarm/signer.ts';
import { newSigningKey } from '../../durable-objects/swarm/signing-key.ts';
import { openSwarmStore, type SwarmStore } from '../../durable-objects/swarm/swarm-store.ts';
import { beginTimers, runTimers, type TimerDeps } from '../../durable-objects/swarm/timers.ts';
import { swarmMigrations } from '../../migrations/swarm/index.ts';
import { createSwarm, entropyOf, OWNER, START, type SwarmOptions, SYSTEM } from './memory-swarm.ts';
import { openTries } from './open-tries.ts';

export interface StoreOptions extends SwarmOptions {
  /** False: the tables are there, and no swarm in them. */
  readonly isCreated?: boolean;
  /** Stands between the store and its database. */
  readonly around?: (sql: Sql) => Sql;
}

export interface Sent {
  readonly id?: string;
  readonly actor?: Actor;
  readonly remember?: boolean;
  readonly trace?: string;
}

export class StoreSwarm {
  now = START;
  readonly sql: Sql;
  readonly keys = newSigningKey();
  store: SwarmStore;
  /** How many draws of entropy there were. */
  #draws = 0;
  #sent = 0;
  readonly #outer: Sql;

  constructor({ around = (sql) => sql, isCreated = true, ...options }: StoreOptions = {}) {
    this.sql = nodeSql(new DatabaseSync(':memory:'));
    migrate(this.sql, swarmMigrations);
    this.#outer = around(this.sql);
    this.store = this.#open();
    if (isCreated) this.create(options);
  }

  create(options: SwarmOptions = {}): void {
    this.do({ ...createSwarm(options), publicKey: this.keys.publicKey } as SwarmCommand);
  }

  #open(): SwarmStore {
    return openSwarmStore(this.#outer, { now: () => this.now, entropy: () => entropyOf(++this.#draws) });
  }

  /** What an eviction does: everything in memory is gone. */
  reopen(): void {
    this.store = this.#open();
  }

  envelope(command: SwarmCommand, { id, actor = OWNER, remember = true, trace }: Sent = {}): Execute {
    this.#sent++;
    return { id: id ?? `test:${this.#sent}`, actor, command, remember, ...(trace === undefined ? {} : { trace }) };
  }

  execute(command: SwarmCommand, sent: Sent = {}): Executed {
    return this.send(this.envelope(command, sent));
  }

  send(execute: Execute): Executed {
    const [executed] = this.store.executeMany([execute]).executed;
    if (!executed) throw new Error('not answered');
    return executed;
  }

  /** Executes what must be allowed; answers with the id. */
  do(command: SwarmCommand, sent: Sent = {}): string {
    const { result } = this.execute(command, sent);
    if (!result.ok) throw new Error(`${command.type}: ${JSON.stringify(result.error)}`);
    return result.value.id;
  }

  code(command: SwarmCommand, sent: Sent = {}): string | null {
    const { result } = this.execute(command, sent);
    return result.ok ? null : result.error.code;
  }

  /** Runs what is due, as the object's alarm does. */
  runDue(): void {
    const { sql } = this;
    const deps: TimerDeps = {
      sql,
      tries: openTries(sql, () => this.now),
      now: () => this.now,
      execute: (command) => {
        const { result } = this.send(command);
        if (!result.ok && result.error.code === 'swarm_halted') throw new Fault('halted', { retryable: true });
      },
    };
    runTimers(beginTimers(deps), deps);
  }

  /** Moves the clock to each timer up to `at` and runs it. */
  runUntil(at: number): void {
    for (let rounds = 0; rounds < 10_000; rounds++) {
      const next = this.timers()[0]?.due ?? Number.POSITIVE_INFINITY;
      if (next > at) break;
      this.now = Math.max(this.now, next);
      this.runDue();
    }
    this.now = Math.max(this.now, at);
  }

  row<K extends Kind>(kind: K, id: string): Rows[K] {
    const row = this.store.read.row(kind, id);
    if (row === null) throw new Error(`no ${kind} ${id}`);
    return row;
  }

  /** Rows as they are stored. */
  stored<K extends Kind>(kind: K): Rows[K][] {
    return this.sql
      .all<{ body: string }>(`SELECT body FROM ${kind} ORDER BY id`)
      .map(({ body }) => JSON.parse(body) as Rows[K]);
  }

  timers(): { key: string; due: number; command: string; tries: number }[] {
    return this.sql.all('SELECT key, due, command, tries FROM timer ORDER BY due, key');
  }

  outbox(): { id: number; effect: Effect; tries: number; due: number; parked: number }[] {
    return this.sql
      .all<{ id: number; effect: string; tries: number; due: number; parked: number }>(
        'SELECT * FROM outbox ORDER BY id',
      )
      .map((row) => ({ ...row, effect: JSON.parse(row.effect) as Effect }));
  }

  /** Everything in the database, as one text. */
  snapshot(): string {
    const tables = this.sql.all<{ name: string }>(
      `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name`,
    );
    return JSON.stringify(tables.map(({ name }) => [name, this.sql.all(`SELECT * FROM ${name}`)]));
  }

  digest(): string {
    return sha256(this.snapshot());
  }

  query(query: Exclude<Query, ProofQuery | JournalQuery>): unknown {
    const answered = answer(query, { sql: this.sql, store: this.store, moment: this.#moment() });
    if (!answered.ok) throw new Error(answered.error.code);
    return answered.value;
  }

  #moment() {
    return { at: this.now, actor: SYSTEM, ids: idSource(START, entropyOf(0)), commandId: 'read', trace: null };
  }

  /** What proves and signs, as the object has it; `over` stands in for parts of its surroundings. */
  signer(over: Partial<SignerDeps> = {}): Signer {
    return openSigner({
      sql: this.sql,
      store: this.store,
      readEvents: this.readEvents,
      outside: null,
      signingKey: () => this.keys.privateKey,
      now: () => this.now,
      durable: async () => {},
      log: () => {},
      ...over,
    });
  }

  readonly readEvents: ReadEvents = async (from, to) => ok(this.store.events(from, to - from + 1));

  /** A proof as the API gives it; throws the code of a refusal. */
  async proof(query: ProofQuery, over: Partial<SignerDeps> = {}): Promise<unknown> {
    const answered = await answerProof(query, {
      sql: this.sql,
      store: this.store,
      signer: this.signer(over),
      readEvents: over.readEvents ?? this.readEvents,
      originAt: () => this.store.origin() ?? '',
    });
    if (!answered.ok) throw new Error(answered.error.code);
    return answered.value;
  }

  /** A checkpoint of all events, signed beside the swarm's own record of what it has signed. */
  checkpoint(): SignedCheckpoint {
    const { seq, hash } = this.store.head();
    const root = Buffer.from(rootOf(journalTree(this.sql, this.readEvents), seq)).toString('hex');
    const unsigned = { origin: this.store.origin() ?? '', size: seq, head: hash, root, at: this.now };
    return signCheckpoint(unsigned, this.keys.privateKey, this.keys.publicKey);
  }

  /** The journal as an outsider gets it. */
  journal(): CloudEvent[] {
    return this.store.events(1, 1_000_000).map((event) => toCloudEvent(this.store.origin() ?? '', event));
  }
}

/** A database that fails at the statement of this number, counted while `armed`. */
export function brittle(): { around: (sql: Sql) => Sql; arm(at: number): void; disarm(): number } {
  let left = Number.POSITIVE_INFINITY;
  let seen = 0;
  const step = () => {
    seen++;
    if (--left === 0) throw new Error('the disk is gone');
  };
  return {
    around: (sql) => ({
      all: (query, ...bindings) => {
        step();
        return sql.all(query, ...bindings);
      },
      run: (query, ...bindings) => {
        step();
        sql.run(query, ...bindings);
      },
      transaction: (fn) => sql.transaction(fn),
    }),
    arm(at) {
      left = at;
      seen = 0;
    },
    disarm() {
      left = Number.POSITIVE_INFINITY;
      return seen;
    },
  };
}
