// An object that an import may fill, over node:sqlite, and the way of an export's bytes into it: all that stands between a
// request and the tables, but for HTTP and the directory.

import { DatabaseSync } from 'node:sqlite';
import type { ImportPort } from '../../core/imports/port.ts';
import type { SignedCheckpoint } from '../../core/journal/checkpoint.ts';
import { ok, type Result } from '../../core/result.ts';
import { migrate } from '../../durable-objects/migrate.ts';
import { nodeSql } from '../../durable-objects/node-sql.ts';
import type { Sql } from '../../durable-objects/sql-port.ts';
import { ndjsonExport } from '../../durable-objects/swarm/export-ndjson.ts';
import { createImporter, type Importer } from '../../durable-objects/swarm/import.ts';
import { openSwarmStore, type SwarmStore } from '../../durable-objects/swarm/swarm-store.ts';
import type { Work } from '../../durable-objects/turns.ts';
import { type ImportRefusal, type Received, receiveExport } from '../../functions/imports/receive.ts';
import { unpacked } from '../../functions/imports/unpacked.ts';
import { swarmMigrations } from '../../migrations/swarm/index.ts';
import { entropyOf, START } from '../core/memory-swarm.ts';

export class AnObject {
  readonly #database: DatabaseSync;
  readonly sql: Sql;
  readonly importer: Importer;
  store: SwarmStore;
  /** When what has been begun is thrown away. */
  abandonAt: number | null = null;
  /** Places that are kept, as the directory keeps them. */
  places = 0;
  #runs = 0;

  /** @param work how others get in between, where a test looks at it */
  constructor(path = ':memory:', work?: Work) {
    this.#database = new DatabaseSync(path);
    this.sql = nodeSql(this.#database);
    migrate(this.sql, swarmMigrations);
    this.store = this.#open();
    this.importer = this.#import(work);
  }

  #open(): SwarmStore {
    return openSwarmStore(this.sql, { now: () => START, entropy: () => entropyOf(1) });
  }

  #import(work?: Work): Importer {
    return createImporter({
      ...(work && { work }),
      sql: this.sql,
      now: () => START,
      databaseSize: () => 0,
      empty: async () => {
        for (const name of this.tables()) this.#database.exec(`DROP TABLE ${name}`);
        migrate(this.sql, swarmMigrations);
      },
      abandonAt: (at) => {
        this.abandonAt = at;
      },
      changed: () => this.store.reload(),
    });
  }

  /** What an eviction does: everything in memory is gone. */
  evict(): void {
    this.store = this.#open();
  }

  tables(): string[] {
    return this.sql
      .all<{ name: string }>(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`)
      .map(({ name }) => name);
  }

  /** Rows in all tables but the record of migrations. */
  rows(): number {
    const counted = this.tables().filter((name) => name !== 'migrations');
    return counted.reduce(
      (sum, name) => sum + (this.sql.all<{ n: number }>(`SELECT count(*) AS n FROM ${name}`)[0]?.n ?? 0),
      0,
    );
  }

  /** Brings an export in, in pieces of at most `pieceBytes`. */
  async take(
    bytes: Uint8Array | ReadableStream<Uint8Array>,
    { pieceBytes = 64 * 1024, object = this.importer }: { pieceBytes?: number; object?: ImportPort } = {},
  ): Promise<Result<Received, ImportRefusal>> {
    const wanted = {
      id: 'swm_import',
      tenant: 'tnt_import',
      name: 'import',
      key: { id: 'key_import', scopes: ['journal:read'] },
      by: 'user/usr_1',
      run: `run ${++this.#runs}`,
      heldKey: null,
    } as const;
    const body = bytes instanceof Uint8Array ? inPieces(bytes, pieceBytes) : bytes;
    return receiveExport(unpacked(body, { pause: () => new Promise(() => {}) }), wanted, {
      call: (work) => work(object),
      reserve: async () => {
        this.places = 1;
        return ok(null);
      },
      abandon: async () => {
        await this.importer.discardImport(wanted.run);
        this.places = 0;
      },
    });
  }

  /** The export of what was imported. */
  async export(): Promise<Uint8Array> {
    const checkpoint = this.store.seal()?.checkpoint;
    if (!checkpoint) throw new Error('nothing was imported');
    return exportOf(checkpoint, this.store);
  }

  close(): void {
    this.#database.close();
  }
}

export function inPieces(bytes: Uint8Array, pieceBytes: number): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.subarray(at, at + pieceBytes));
      at += pieceBytes;
    },
  });
}

/** An NDJSON export, as its reader has it in the end. */
export async function exportOf(checkpoint: SignedCheckpoint, store: Pick<SwarmStore, 'events'>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const readEvents = async (from: number, to: number) => ok(store.events(from, to - from + 1));
  for await (const part of ndjsonExport(checkpoint, readEvents)) parts.push(part);
  return Buffer.concat(parts);
}
