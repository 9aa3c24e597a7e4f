// A swarm over node:sqlite with its archive: the real store, snapshots, chores and reader, a clock that a test moves, and
// faults that it chooses. Every event is also kept in a table of its own: the journal of a twin that was never archived.

import { DatabaseSync } from 'node:sqlite';
import type { ObjectStore } from '../../core/archive/port.ts';
import { Fault } from '../../core/assert.ts';
import { idSource } from '../../core/ids.ts';
import type { SignedCheckpoint } from '../../core/journal/checkpoint.ts';
import { GENESIS, type StoredEvent } from '../../core/journal/event.ts';
import { leafOf, rootOf } from '../../core/journal/merkle.ts';
import { canonical } from '../../core/json.ts';
import type { SwarmCommand } from '../../core/swarm/commands.ts';
import { replay } from '../../core/swarm/replay.ts';
import { KINDS, type Rows, SELF, type Swarm } from '../../core/swarm/state.ts';
import { migrate } from '../../durable-objects/migrate.ts';
import { nodeSql } from '../../durable-objects/node-sql.ts';
import type { Sql } from '../../durable-objects/sql-port.ts';
import { type Archive, type ArchiveDeps, openArchive } from '../../durable-objects/swarm/archive.ts';
import { runInside } from '../../durable-objects/swarm/effects.ts';
import { createRecorder } from '../../durable-objects/swarm/recorder.ts';
import { openSigner, type Signer } from '../../durable-objects/swarm/signer.ts';
import { newSigningKey } from '../../durable-objects/swarm/signing-key.ts';
import { createSnapshots, type Snapshots } from '../../durable-objects/swarm/snapshots.ts';
import { openSwarmStore, type SwarmStore } from '../../durable-objects/swarm/swarm-store.ts';
import { ALONE, type Work } from '../../durable-objects/turns.ts';
import { swarmMigrations } from '../../migrations/swarm/index.ts';
import { memoryObjectStore } from '../contract/memory-object-store.ts';
import { createSwarm, entropyOf, OWNER, START, SYSTEM } from '../core/memory-swarm.ts';
import { openTries } from '../core/open-tries.ts';

export interface ArchiveOptions {
  readonly database?: DatabaseSync;
  readonly objects?: ObjectStore;
  /** Stands between the swarm and its database. */
  readonly around?: (sql: Sql) => Sql;
  readonly segmentEvents?: number;
  readonly hotEventsMin?: number;
  readonly cacheBytes?: number;
  /** How others get in between its chores. */
  readonly work?: Work;
  readonly originAt?: (seq: number) => string;
}

export const dayMs = 24 * 3_600_000;
/** Far more than the chores of a test need: one that is always due would go on for ever. */
const roundsMax = 500;

export class ArchivedSwarm {
  now = START;
  readonly database: DatabaseSync;
  /** The tables, without what stands around them. */
  readonly sql: Sql;
  readonly #options: ArchiveOptions;
  readonly objects: ObjectStore;
  store!: SwarmStore;
  signer!: Signer;
  snapshots!: Snapshots;
  archive!: Archive;
  /** Chores that were told of. */
  readonly parked: string[] = [];
  #draws = 0;
  #sent = 0;

  constructor(options: ArchiveOptions = {}) {
    this.#options = options;
    this.database = options.database ?? new DatabaseSync(':memory:');
    this.sql = nodeSql(this.database);
    this.objects = options.objects ?? memoryObjectStore();
    const isNew = options.database === undefined;
    if (isNew) {
      migrate(this.sql, swarmMigrations);
      this.sql.run('CREATE TABLE twin AS SELECT * FROM journal');
      this.sql.run(
        'CREATE TRIGGER twin_follows AFTER INSERT ON journal BEGIN INSERT INTO twin SELECT * FROM journal WHERE seq = new.seq; END',
      );
    }
    this.reopen();
    if (isNew) this.#create();
    else this.now = (this.store.events(this.store.head().seq, 1)[0]?.at ?? START) + 1;
  }

  #create(): void {
    const pair = newSigningKey();
    this.sql.run(`INSERT INTO meta (key, value) VALUES ('signing-key', ?)`, pair.privateKey);
    this.do({ ...createSwarm({ supplyMicro: 1_000_000_000 }), publicKey: pair.publicKey } as SwarmCommand);
  }

  /** What an eviction does: everything in memory is gone. */
  reopen(): void {
    const sql = this.#options.around?.(this.sql) ?? this.sql;
    const { objects } = this;
    const { work = ALONE } = this.#options;
    this.store = openSwarmStore(sql, { now: () => this.now, entropy: () => entropyOf(++this.#draws + this.#base()) });
    this.signer = openSigner({
      sql,
      store: this.store,
      readEvents: (from, to) => this.archive.reader.read(from, to),
      outside: null,
      signingKey: () =>
        this.sql.all<{ value: string }>(`SELECT value FROM meta WHERE key = 'signing-key'`)[0]?.value ?? '',
      now: () => this.now,
      durable: async () => {},
      log: () => {},
      work,
    });
    const execute: ArchiveDeps['execute'] = (id, command, within) => {
      const sent = { id, command, actor: SYSTEM, remember: false };
      const { executed } = this.store.executeMany([sent], ([done]) => {
        if (done?.result.ok) within();
      });
      const result = executed[0]?.result;
      if (!result?.ok) throw new Fault(`refused: ${result?.error.code}`, { retryable: true });
    };
    const own = (id: string, command: SwarmCommand): void => execute(id, command, () => {});
    this.snapshots = createSnapshots({ sql, store: this.store, objects, execute: own, everyEvents: 200, work });
    this.archive = openArchive({
      sql,
      store: this.store,
      objects,
      snapshots: this.snapshots,
      execute,
      checkpoint: async (size) => {
        const signed = await this.signer.sign(size);
        return signed.ok ? signed.value : null;
      },
      signAll: async () => {
        await this.signer.run();
        return this.signer.last()?.size ?? 0;
      },
      durable: async () => {},
      originAt: this.#options.originAt ?? (() => this.store.origin() ?? ''),
      now: () => this.now,
      work,
      segmentEvents: this.#options.segmentEvents ?? 256,
      hotEventsMin: this.#options.hotEventsMin ?? 256,
    });
  }

  /** A swarm that was copied must not make the ids of the first again. */
  #base(): number {
    return this.sql.all<{ seq: number }>('SELECT max(seq) AS seq FROM twin')[0]?.seq ?? 0;
  }

  do(command: SwarmCommand): void {
    const sent = { id: `test:${++this.#sent}:${this.#base()}`, command, actor: OWNER, remember: true };
    const result = this.store.executeMany([sent]).executed[0]?.result;
    if (!result?.ok) throw new Error(`${command.type}: ${JSON.stringify(result)}`);
  }

  /** Tasks that the swarm does itself, eight events each, until the journal has so many events. */
  workUntil(events: number): this {
    while (this.store.head().seq < events) {
      this.now += 1_000;
      this.do({ type: 'RequestTask', operation: 'swarm.echo', input: { n: this.#sent, text: 'grüße 🚚' } });
      for (const { id, effect } of this.sql.all<{ id: number; effect: string }>('SELECT id, effect FROM outbox')) {
        this.sql.run('DELETE FROM outbox WHERE id = ?', id);
        const parsed = JSON.parse(effect);
        const execute: Parameters<typeof runInside>[1]['execute'] = (command) => this.store.executeMany([command]);
        if (parsed.kind === 'run') runInside(parsed, { read: this.store.read, execute });
      }
    }
    return this;
  }

  /** Runs the chores until none is due, or it is over; those that fail are tried again when their pause is over. */
  async chores(isOver: () => boolean = () => false): Promise<void> {
    const chores = [this.snapshots, ...this.archive.chores];
    const recorder = createRecorder(chores, {
      tries: openTries(this.sql, () => this.now),
      now: () => this.now,
      calmAt: () => this.now,
      park: (chore) => this.parked.push(chore),
    });
    for (let round = 0; round < roundsMax; round++) {
      const due = recorder.nextDue();
      if (due === null || due > this.now + dayMs / 2 || isOver()) return;
      this.now = Math.max(this.now, due);
      await recorder.runDue();
    }
    throw new Error('the chores do not come to an end');
  }

  get swarm(): Swarm {
    const swarm = this.store.read.row('swarm', SELF);
    if (swarm === null) throw new Error('no swarm');
    return swarm;
  }

  rows<K extends 'segment' | 'snapshot'>(kind: K): Rows[K][] {
    return this.sql
      .all<{ body: string }>(`SELECT body FROM ${kind} ORDER BY id`)
      .map(({ body }) => JSON.parse(body) as Rows[K]);
  }

  hotSeqs(): number[] {
    return this.sql.all<{ seq: number }>('SELECT seq FROM journal ORDER BY seq').map(({ seq }) => seq);
  }

  /** The journal of the twin that was never archived. */
  twin(): StoredEvent[] {
    let previous = GENESIS;
    return this.sql.all<Omit<StoredEvent, 'previous'>>('SELECT * FROM twin ORDER BY seq').map((row) => {
      const event = { ...row, previous };
      previous = row.hash;
      return event;
    });
  }

  /** The whole journal, hot and cold; throws the code of a refusal. */
  async journal(from = 1, to = this.store.head().seq): Promise<readonly StoredEvent[]> {
    const read = await this.archive.reader.read(from, to);
    if (!read.ok) throw new Error(read.error.code);
    return read.value;
  }

  async checkpoint(size?: number): Promise<SignedCheckpoint> {
    const signed = await this.signer.sign(size);
    if (!signed.ok) throw new Error(signed.error.code);
    return signed.value;
  }

  /** Everything that must hold whatever has happened: what is not, or an empty list. */
  async faults(): Promise<string[]> {
    const twin = this.twin();
    const faults: string[] = [];
    const same = (what: string, a: unknown, b: unknown): void => {
      if (canonical(a as never) !== canonical(b as never)) faults.push(what);
    };
    const { expiredTo } = this.swarm;
    same('the journal, hot and cold', await this.journal(expiredTo + 1), twin.slice(expiredTo));
    same('the head', this.store.head(), { seq: twin.length, hash: twin.at(-1)?.hash });
    const root = rootOf({ leaf: (index) => leafOf(twin[index]?.hash ?? '') }, twin.length);
    same('the root', (await this.checkpoint(twin.length)).root, Buffer.from(root).toString('hex'));
    same('the rows', this.#tables(), Object.fromEntries([...replay(twin)].sort(([a], [b]) => (a < b ? -1 : 1))));
    return faults;
  }

  #tables(): Record<string, unknown> {
    const rows: [string, unknown][] = KINDS.flatMap((kind) =>
      this.sql
        .all<{ id: string; body: string }>(`SELECT id, body FROM ${kind} ORDER BY id`)
        .map(({ id, body }): [string, unknown] => [`${kind}/${id}`, JSON.parse(body)]),
    );
    return Object.fromEntries(rows.sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  moment() {
    return { at: this.now, actor: SYSTEM, ids: idSource(this.now, entropyOf(0)), commandId: 'read', trace: null };
  }
}
