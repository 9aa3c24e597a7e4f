// A swarm in memory for tests of the API: the real rules, the real store over node:sqlite and the real queries, without the
// object around them. What the swarm does itself is done at once.

import { randomBytes } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import type { Actor } from '../../core/envelope.ts';
import { idSource, type KeyId, type SwarmId, type TenantId } from '../../core/ids.ts';
import { toCloudEvent } from '../../core/journal/cloud-event.ts';
import { refuseActor } from '../../core/keys/decide.ts';
import { supplyMicroDefault } from '../../core/limits.ts';
import { err, ok } from '../../core/result.ts';
import type { Effect } from '../../core/swarm/react.ts';
import type { Execute, Executed, SwarmService } from '../../core/swarm/service.ts';
import { migrate } from '../../durable-objects/migrate.ts';
import { nodeSql } from '../../durable-objects/node-sql.ts';
import { runInside } from '../../durable-objects/swarm/effects.ts';
import { answer } from '../../durable-objects/swarm/queries.ts';
import { newSigningKey } from '../../durable-objects/swarm/signing-key.ts';
import { openSwarmStore } from '../../durable-objects/swarm/swarm-store.ts';
import { swarmMigrations } from '../../migrations/swarm/index.ts';

export interface TestSwarm extends SwarmService {
  /** Every command that came in, in order. */
  readonly commands: Execute[];
  /** Thrown by the next call, once. */
  fault: Error | null;
  /** Calls so far, those that threw too. */
  calls: number;
  /** While true, the swarm does not do its own tasks. */
  idle: boolean;
}

export function aSwarm(
  name: { readonly tenant: TenantId; readonly swarm: SwarmId; readonly key: KeyId },
  clock: { now: number },
): TestSwarm {
  const sql = nodeSql(new DatabaseSync(':memory:'));
  migrate(sql, swarmMigrations);
  const store = openSwarmStore(sql, { now: () => clock.now, entropy: (n) => randomBytes(n) });
  const pair = newSigningKey();
  const momentOf = (actor: Actor) => ({
    at: clock.now,
    actor,
    ids: idSource(clock.now, randomBytes(10)),
    commandId: 'read',
    trace: null,
  });

  function execute(command: Execute): Executed {
    const [executed] = store.executeMany([command]).executed;
    if (!executed) throw new Error('a command is answered');
    return executed;
  }

  /** The swarm's own attempts, as its outbox asks for them. */
  function runOwn(): void {
    for (const { id, effect } of sql.all<{ id: number; effect: string }>('SELECT id, effect FROM outbox')) {
      sql.run('DELETE FROM outbox WHERE id = ?', id);
      const parsed = JSON.parse(effect) as Effect; // written by the store
      if (parsed.kind === 'run') runInside(parsed, { read: store.read, execute });
    }
  }

  async function read(actor: Actor, query: Parameters<SwarmService['read']>[1]) {
    note();
    const why = refuseActor({ row: store.read.row, moment: momentOf(actor) });
    if (why) return err(why);
    const answered = answer(query, { sql, store, moment: momentOf(actor), signingKey: () => pair.privateKey });
    return structuredClone(answered);
  }

  function note(): void {
    swarm.calls += 1;
    const { fault } = swarm;
    swarm.fault = null;
    if (fault) throw fault;
  }

  const swarm: TestSwarm = {
    commands: [],
    fault: null,
    calls: 0,
    idle: false,
    async create() {
      throw new Error('made by the test');
    },
    async execute(command) {
      note();
      // As RPC does it: only what can be cloned arrives.
      swarm.commands.push(structuredClone(command));
      return structuredClone(execute(command));
    },
    async executeMany(commands) {
      return commands.map(execute);
    },
    read,
    async waitForTask(actor, id) {
      if (!swarm.idle) runOwn();
      return read(actor, { type: 'task', id });
    },
    async follow(actor, from) {
      const allowed = await read(actor, { type: 'status' });
      if (!allowed.ok) return allowed;
      const text = store
        .events(from, 100)
        .map((event) => `id: ${event.seq}\ndata: ${JSON.stringify(toCloudEvent(store.origin() ?? '', event))}\n\n`);
      return ok(new Blob([text.join('')]).stream());
    },
  };
  execute({
    id: 'create',
    remember: false,
    actor: { kind: 'system', id: 'test' },
    command: {
      type: 'CreateSwarm',
      tenant: name.tenant,
      swarm: name.swarm,
      name: 'main',
      publicKey: pair.publicKey,
      key: name.key,
      supplyMicro: supplyMicroDefault,
    },
  });
  return swarm;
}
