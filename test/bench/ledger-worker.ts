// The Worker of the `ledger` benchmark: Starling's store, and the same rows written by bare statements, in two objects of
// one workerd. Timed from outside: a Worker's own clock stands still while it computes.

import { DurableObject } from 'cloudflare:workers';
import { randomBytes } from 'node:crypto';
import { migrate } from '../../durable-objects/migrate.ts';
import { durableSql, type Sql } from '../../durable-objects/sql-port.ts';
import { openSwarmStore, type SwarmStore } from '../../durable-objects/swarm/swarm-store.ts';
import { swarmMigrations } from '../../migrations/swarm/index.ts';

/** What both can do. */
interface Ledger {
  /** So many transfers in one transaction. */
  transfer(many: number): void;
  /** `n` transfers, `batch` in a transaction, in one turn: the runtime commits them together. */
  transfers(n: number, batch: number): void;
  /** Why the books do not add up, or null. */
  broken(): string | null;
}

const system = { kind: 'system', id: 'bench' } as const;

/** The whole of Starling's path: decide, evolve, chain, answers for ever, conservation check. */
export class StarlingLedger extends DurableObject implements Ledger {
  #store: SwarmStore | null = null;
  #n = 0;

  transfer(many: number): void {
    this.#open().executeMany(
      Array.from({ length: many }, () => ({
        id: `bench:${this.#n++}`,
        actor: system,
        command: {
          type: 'PostTransfer',
          debit: 'tenant',
          credit: `team/${this.#n % 10}`,
          amountMicro: 1,
          reference: 'bench',
        } as const,
        remember: true,
      })),
    );
  }

  transfers(n: number, batch: number): void {
    for (let done = 0; done < n; done += batch) this.transfer(batch);
  }

  broken(): string | null {
    return this.#open().audit();
  }

  #open(): SwarmStore {
    if (this.#store) return this.#store;
    const sql = durableSql(this.ctx.storage);
    migrate(sql, swarmMigrations);
    this.#store = openSwarmStore(sql, { now: () => Date.now(), entropy: (n) => randomBytes(n) });
    this.#store.executeMany([
      {
        id: 'create',
        actor: system,
        command: {
          type: 'CreateSwarm',
          tenant: 'tnt_bench',
          swarm: 'swm_bench',
          name: 'main',
          publicKey: '',
          key: 'key_bench',
          supplyMicro: 1e15,
        },
        remember: false,
      },
    ]);
    return this.#store;
  }
}

const TEXT = {
  hash: 'f'.repeat(64),
  body: `{"amountMicro":1,"credit":"team/1","debit":"tenant","reference":"bench","transfer":"trf_01m7wy22v6fbammsnaj37v26yj"}`,
  answer: `{"ok":true,"value":{"id":"trf_01m7wy22v6fbammsnaj37v26yj","view":{"id":"trf_01m7wy22v6fbammsnaj37v26yj","state":"posted","debit":"tenant","credit":"team/1","amountMicro":1,"settledMicro":null,"reference":"bench","expiresAt":null,"createdAt":"2026-11-20T16:53:57.734Z","resolvedAt":null}}}`,
  transfer: `{"id":"trf_01m7wy22v6fbammsnaj37v26yj","state":"posted","debit":"tenant","credit":"team/1","amountMicro":1,"settledMicro":null,"reference":"bench","expiresAt":null,"createdAt":1795193637734,"resolvedAt":null}`,
} as const;

/** The same rows by prepared statements and nothing else: no decision, no hash, no look-up, no check. */
export class BareLedger extends DurableObject implements Ledger {
  #sql: Sql | null = null;
  #n = 0;

  transfer(many: number): void {
    const sql = this.#open();
    sql.transaction(() => this.#write(sql, many));
  }

  transfers(n: number, batch: number): void {
    for (let done = 0; done < n; done += batch) this.transfer(batch);
  }

  broken(): null {
    return null;
  }

  #open(): Sql {
    if (this.#sql) return this.#sql;
    const sql = durableSql(this.ctx.storage);
    migrate(sql, swarmMigrations);
    this.#sql = sql;
    return sql;
  }

  #write(sql: Sql, batch: number): void {
    for (let i = 0; i < batch; i++) {
      const n = ++this.#n;
      const put = (table: string, id: string, body: string) =>
        sql.run(
          `INSERT INTO ${table} (id, body) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body`,
          id,
          body,
        );
      sql.run(
        'INSERT INTO journal (seq, hash, type, version, at, actor, subject, command, trace, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
        n,
        TEXT.hash,
        'transfer.posted',
        1,
        1795193637734,
        'system/bench',
        'transfer/trf_01m7wy22v6fbammsnaj37v26yj',
        `bench:${n}`,
        null,
        TEXT.body,
      );
      put('account', 'tenant', `{"id":"tenant","postedMicro":${1e15 - n},"heldMicro":0}`);
      put('account', `team/${n % 10}`, `{"id":"team/${n % 10}","postedMicro":${n},"heldMicro":0}`);
      put('transfer', `trf_01m7wy22v6fbam${String(n).padStart(12, '0')}`, TEXT.transfer);
      sql.run('INSERT INTO answer (id, digest, answer) VALUES (?, ?, ?)', `bench:${n}`, TEXT.hash, TEXT.answer);
    }
  }
}

interface Env {
  readonly STARLING: DurableObjectNamespace<StarlingLedger>;
  readonly BARE: DurableObjectNamespace<BareLedger>;
}

/**
 * `/<which>?n=&batch=` has one object do all of it in one turn; with `&callers=`, so many callers share the work, each sending
 * a batch by RPC and waiting for its answer, which does not leave before the batch is durable.
 */
export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const [n, batch, callers] = ['n', 'batch', 'callers'].map((name) => Number(searchParams.get(name)));
    if (!n || !batch) return new Response(null, { status: 400 });
    const ledger =
      pathname === '/bare'
        ? env.BARE.get(env.BARE.idFromName('bench'))
        : env.STARLING.get(env.STARLING.idFromName('bench'));
    if (!callers) await ledger.transfers(n, batch);
    else {
      let left = n;
      const caller = async (): Promise<void> => {
        for (left -= batch; left >= 0; left -= batch) await ledger.transfer(batch);
      };
      await Promise.all(Array.from({ length: callers }, caller));
    }
    return Response.json({ broken: await ledger.broken() });
  },
};
