// A Worker with one object that carries out recorded transactions on the real store in workerd's own SQLite. It knows how many it
// has done, in the same transaction: whoever was cut off asks, and goes on from there.

import { DurableObject } from 'cloudflare:workers';
import type { Execute } from '../../../core/swarm/service.ts';
import { migrate } from '../../../durable-objects/migrate.ts';
import { durableSql, first } from '../../../durable-objects/sql-port.ts';
import { openSwarmStore, type SwarmStore } from '../../../durable-objects/swarm/swarm-store.ts';
import { swarmMigrations } from '../../../migrations/swarm/index.ts';
import { entropyOf } from '../../core/memory-swarm.ts';

interface Env {
  readonly REPLAY: DurableObjectNamespace<ReplayObject>;
}

export class ReplayObject extends DurableObject<Env> {
  readonly #sql = durableSql(this.ctx.storage);
  readonly #store: SwarmStore;
  #now = 0;
  #done: number;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    migrate(this.#sql, swarmMigrations);
    this.#store = openSwarmStore(this.#sql, { now: () => this.#now, entropy: () => entropyOf(this.#done + 1) });
    const known = first(this.#sql.all<{ value: string }>(`SELECT value FROM meta WHERE key = 'replayed'`));
    this.#done = Number(known?.value ?? 0);
  }

  async carryOut(from: number, transactions: readonly { now: number; commands: readonly Execute[] }[]) {
    for (const [n, { now, commands }] of transactions.entries()) {
      if (from + n < this.#done) continue;
      this.#now = now;
      this.#sql.transaction(() => {
        this.#store.executeMany(commands);
        this.#sql.run(`INSERT OR REPLACE INTO meta (key, value) VALUES ('replayed', ?)`, String(this.#done + 1));
      });
      this.#done++;
    }
    return this.status();
  }

  status() {
    return { done: this.#done, head: this.#store.head() };
  }

  /** The instance ends without a word, as in an update or an eviction; what is durable stays. */
  end(): void {
    this.ctx.abort('asked to');
  }
}

export default {
  async fetch(request, env) {
    const object = env.REPLAY.get(env.REPLAY.idFromName(new URL(request.url).pathname));
    if (request.method === 'DELETE') {
      try {
        await object.end();
      } catch {
        // It ended under the call: that was asked for.
      }
      return new Response(null, { status: 204 });
    }
    if (request.method === 'GET') return Response.json(await object.status());
    const { from, transactions } = (await request.json()) as Parameters<ReplayObject['carryOut']> extends [
      infer F,
      infer T,
    ]
      ? { from: F; transactions: T }
      : never; // written by the other end, in real-runtime.ts
    return Response.json(await object.carryOut(from, transactions));
  },
} satisfies ExportedHandler<Env>;
