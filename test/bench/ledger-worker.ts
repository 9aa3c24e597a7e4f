// The Worker of the `ledger` benchmark: Starling's store, the same rows written by bare statements, and the swarm object itself,
// in three objects of one workerd. Timed from outside: a Worker's own clock stands still while it computes.

import { DurableObject } from 'cloudflare:workers';
import { randomBytes } from 'node:crypto';
import type { Execute, SwarmService } from '../../core/swarm/service.ts';
import { migrate } from '../../durable-objects/migrate.ts';
import { durableSql, type Sql } from '../../durable-objects/sql-port.ts';
import { openSwarmStore, type SwarmStore } from '../../durable-objects/swarm/swarm-store.ts';
import { swarmMigrations } from '../../migrations/swarm/index.ts';

export { SwarmObject } from '../../durable-objects/swarm/swarm.ts';

const SWARM_ID = 'swm_bench';
const NAMES = { tenant: 'tnt_bench', swarm: SWARM_ID, key: 'key_bench' } as const;
const supplyMicro = 1e15;

function transferCommand(n: number): Execute {
  const [debit, credit] = ['tenant', `team/${n % 10}`];
  const command = { type: 'PostTransfer', debit, credit, amountMicro: 1, reference: 'bench' } as const;
  return { id: `bench:${n}`, actor: system, command, remember: true };
}

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
    this.#open().executeMany(Array.from({ length: many }, () => transferCommand(this.#n++)));
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
          ...NAMES,
          name: 'main',
          publicKey: '',
          supplyMicro,
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
  readonly SWARM: DurableObjectNamespace;
}

/** The swarm object itself, as the API calls it. */
function swarmOf({ SWARM }: Env): SwarmService {
  // A stub is the object's methods over RPC: the class implements this interface.
  return SWARM.get(SWARM.idFromName(SWARM_ID)) as unknown as SwarmService;
}

let sent = 0;
/** So many transfers by RPC, answered when they are durable. */
async function send(swarm: SwarmService, many: number): Promise<void> {
  const commands = Array.from({ length: many }, () => transferCommand(sent++));
  const [one] = commands;
  const executed = many === 1 && one ? [await swarm.execute(one)] : await swarm.executeMany(commands);
  if (executed.some(({ result }) => !result.ok)) throw new Error('a transfer was refused');
}

/** `callers` of them share `n` transfers, each sending `batch` at a time and waiting for the answer. */
async function callSwarm(swarm: SwarmService, n: number, batch: number, callers: number): Promise<void> {
  await swarm.create({ ...NAMES, name: 'main', supplyMicro, user: 'usr_bench' });
  let left = n;
  const caller = async (): Promise<void> => {
    for (left -= batch; left >= 0; left -= batch) await send(swarm, batch);
  };
  await Promise.all(Array.from({ length: callers }, caller));
}

/** `/starling` and `/bare` do `n` transfers in one turn; `/swarm` has `callers` call the real object for them. */
export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const [n, batch, callers] = ['n', 'batch', 'callers'].map((name) => Number(searchParams.get(name)));
    if (!n || !batch) return new Response(null, { status: 400 });
    if (pathname === '/swarm') {
      await callSwarm(swarmOf(env), n, batch, callers || 1);
      return Response.json({ broken: null });
    }
    const ledger =
      pathname === '/bare'
        ? env.BARE.get(env.BARE.idFromName('bench'))
        : env.STARLING.get(env.STARLING.idFromName('bench'));
    await ledger.transfers(n, batch);
    return Response.json({ broken: await ledger.broken() });
  },
};
