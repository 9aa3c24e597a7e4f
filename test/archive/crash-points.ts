// Every place at which archiving can be cut: each statement that writes, each transaction, each call to object storage, as
// failed and as failed but persisted.

import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { ObjectStore } from '../../core/archive/port.ts';
import type { Sql } from '../../durable-objects/sql-port.ts';
import { memoryObjectStore } from '../contract/memory-object-store.ts';
import { ArchivedSwarm } from './an-archive.ts';

export type Cut =
  /** It was not done. */
  | 'failed'
  /** It was done, and nobody heard of it. */
  | 'persisted';

/** What dies with the process comes back as another error here: it is none of the swarm's own. */
export class Cutoff extends Error {
  override readonly name = 'Cutoff';
}

/** Steps of one run, counted; at one of them it is cut. */
export class Steps {
  readonly names: string[] = [];
  #at: number;
  readonly #cut: Cut;
  /** Whether everything after the cut fails too, as in a process that is gone. */
  readonly #isFinal: boolean;
  #isOver = false;

  constructor(at = Number.POSITIVE_INFINITY, cut: Cut = 'failed', isFinal = true) {
    this.#at = at;
    this.#cut = cut;
    this.#isFinal = isFinal;
  }

  get isCut(): boolean {
    return this.#at < 0;
  }

  /** Whether the process is gone. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** The process is started again. */
  resume(): void {
    this.#isOver = false;
    this.#at = Math.min(this.#at, -1);
  }

  #next(name: string): boolean {
    if (this.#isOver) throw new Cutoff('gone');
    this.names.push(name);
    if (this.names.length !== this.#at) return false;
    this.#at = -1;
    this.#isOver = this.#isFinal;
    return true;
  }

  write<T>(name: string, work: () => T): T {
    const isHere = this.#next(name);
    if (isHere && this.#cut === 'failed') throw new Cutoff(name);
    const done = work();
    if (isHere) throw new Cutoff(name);
    return done;
  }

  async call<T>(name: string, work: () => Promise<T>): Promise<T> {
    const isHere = this.#next(name);
    if (isHere && this.#cut === 'failed') throw new Cutoff(name);
    const done = await work();
    if (isHere) throw new Cutoff(name);
    return done;
  }
}

export function cutSql(steps: Steps): (sql: Sql) => Sql {
  return (sql) => ({
    all: (query, ...bindings) => sql.all(query, ...bindings),
    run: (query, ...bindings) => steps.write(`sql ${query.trim().slice(0, 40)}`, () => sql.run(query, ...bindings)),
    transaction: (fn) => steps.write('transaction', () => sql.transaction(fn)),
  });
}

export function cutObjects(steps: Steps, store: ObjectStore): ObjectStore {
  return {
    put: (key, bytes, options) => steps.call('put', () => store.put(key, bytes, options)),
    get: (key) => steps.call('get', () => store.get(key)),
    list: (prefix, cursor, limit) => steps.call('list', () => store.list(prefix, cursor, limit)),
    delete: (keys) => steps.call('delete', () => store.delete(keys)),
  };
}

/** Copies of one swarm and of what it has stored, as many as are asked for. */
export class Copies {
  readonly #folder = mkdtempSync(join(tmpdir(), 'archive-'));
  readonly #base = join(this.#folder, 'base.db');
  readonly #objects: ReadonlyMap<string, Uint8Array>;
  readonly #now: number;
  readonly #open: ArchivedSwarm[] = [];

  constructor(swarm: ArchivedSwarm, objects: ReadonlyMap<string, Uint8Array>) {
    swarm.sql.run(`VACUUM INTO '${this.#base}'`);
    this.#objects = new Map(objects);
    this.#now = swarm.now;
  }

  copy(steps: Steps): ArchivedSwarm {
    const path = join(this.#folder, `${this.#open.length}.db`);
    copyFileSync(this.#base, path);
    const database = new DatabaseSync(path);
    database.exec('PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY');
    const store = memoryObjectStore();
    for (const [key, bytes] of this.#objects) store.objects.set(key, bytes);
    const swarm = new ArchivedSwarm({ database, objects: cutObjects(steps, store), around: cutSql(steps) });
    swarm.now = this.#now;
    this.#open.push(swarm);
    return swarm;
  }

  close(swarm: ArchivedSwarm): void {
    swarm.database.close();
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
