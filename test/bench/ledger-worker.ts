// The Worker of the `ledger` benchmark: Starling's store, and the same rows written by bare statements, in two objects of
// one workerd. Timed from outside: a Worker's own clock stands still while it computes.

import { DurableObject } from 'cloudflare:workers';
import { randomBytes } from 'node:crypto';
import { migrate } from '../../durable-objects/migrate.ts';
import { durableSql, type Sql } from '../../durable-objects/sql-port.ts';
import { openSwarmStore, type SwarmStore } from '../../durable-objects/swarm/swarm-store.ts';
import spine from '../../migrations/swarm/0001-spine.ts';

const system = { kind: 'system', id: 'bench' } as const;

/** The whole of Starling's path: decide, evolve, chain, answers for ever, conservation check. */
export class StarlingLedger extends DurableObject {
  #store: SwarmStore | null = null;
  #n = 0;

  override async fetch(request: Request): Promise<Response> {
    const store = this.#open();
    const { n, batch } = sizes(request);
    for (let done = 0; done < n; done += batch) {
      store.executeMany(
        Array.from({ length: batch }, () => ({
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
    return Response.json({ seq: store.head().seq, broken: store.audit() });
  }

  #open(): SwarmStore {
    if (this.#store) return this.#store;
    const sql = durableSql(this.ctx.storage);
    migrate(sql, [spine]);
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
export class BareLedger extends DurableObject {
  #n = 0;

  override async fetch(request: Request): Promise<Response> {
    const sql = durableSql(this.ctx.storage);
    migrate(sql, [spine]);
    const { n, batch } = sizes(request);
    for (let done = 0; done < n; done += batch) sql.transaction(() => this.#write(sql, batch));
    return Response.json({ seq: this.#n, broken: null });
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

function sizes(request: Request): { n: number; batch: number } {
  const { searchParams } = new URL(request.url);
  return { n: Number(searchParams.get('n')), batch: Number(searchParams.get('batch')) };
}

interface Env {
  readonly STARLING: DurableObjectNamespace;
  readonly BARE: DurableObjectNamespace;
}

export default {
  fetch(request: Request, env: Env): Promise<Response> {
    const namespace = new URL(request.url).pathname === '/bare' ? env.BARE : env.STARLING;
    return namespace.get(namespace.idFromName('bench')).fetch(request);
  },
};
