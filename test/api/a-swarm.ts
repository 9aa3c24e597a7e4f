// A swarm in memory for tests of the API: the real rules, the real store over node:sqlite and the real queries, without the
// object around them. What the swarm does itself is done at once.

import { randomBytes } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import type { ObjectStore } from '../../core/archive/port.ts';
import type { Actor } from '../../core/envelope.ts';
import type { HistoryPort, PastPort } from '../../core/history/port.ts';
import { idSource, type KeyId, type SwarmId, type TenantId } from '../../core/ids.ts';
import type { SignedCheckpoint } from '../../core/journal/checkpoint.ts';
import { toCloudEvent } from '../../core/journal/cloud-event.ts';
import { refuseActor } from '../../core/keys/decide.ts';
import { supplyMicroDefault } from '../../core/limits.ts';
import { err, ok } from '../../core/result.ts';
import type { Effect } from '../../core/swarm/react.ts';
import type { Execute, Executed, SwarmService } from '../../core/swarm/service.ts';
import { migrate } from '../../durable-objects/migrate.ts';
import { nodeSql } from '../../durable-objects/node-sql.ts';
import { createPast } from '../../durable-objects/past/past-service.ts';
import { type ArchiveDeps, openArchive } from '../../durable-objects/swarm/archive.ts';
import { runInside } from '../../durable-objects/swarm/effects.ts';
import { exportStream } from '../../durable-objects/swarm/export.ts';
import { createImporter } from '../../durable-objects/swarm/import.ts';
import { answerJournal } from '../../durable-objects/swarm/journal-page.ts';
import type { ReadEvents } from '../../durable-objects/swarm/merkle-tree.ts';
import { metricsView } from '../../durable-objects/swarm/metrics.ts';
import { outlineOf } from '../../durable-objects/swarm/outline.ts';
import { answerProof, isProofQuery } from '../../durable-objects/swarm/proofs.ts';
import { answer } from '../../durable-objects/swarm/queries.ts';
import { openSigner } from '../../durable-objects/swarm/signer.ts';
import { newSigningKey } from '../../durable-objects/swarm/signing-key.ts';
import { createSnapshots } from '../../durable-objects/swarm/snapshots.ts';
import { openSwarmStore } from '../../durable-objects/swarm/swarm-store.ts';
import { openTally } from '../../durable-objects/swarm/tally-store.ts';
import { swarmMigrations } from '../../migrations/swarm/index.ts';
import { memoryObjectStore } from '../contract/memory-object-store.ts';

export interface TestSwarm extends SwarmService {
  /** Every command that came in, in order. */
  readonly commands: Execute[];
  /** Thrown by the next call, once. */
  fault: Error | null;
  /** Calls so far, those that threw too. */
  calls: number;
  /** Its past, over its own events. */
  readonly past: PastPort;
  /** While true, the swarm does not do its own tasks. */
  idle: boolean;
}

export function aSwarm(
  name: { readonly tenant: TenantId; readonly swarm: SwarmId; readonly key: KeyId },
  clock: { now: number },
  objects: ObjectStore = memoryObjectStore(),
): TestSwarm {
  const sql = nodeSql(new DatabaseSync(':memory:'));
  migrate(sql, swarmMigrations);
  const store = openSwarmStore(sql, { now: () => clock.now, entropy: (n) => randomBytes(n) });
  const pair = newSigningKey();
  const readEvents: ReadEvents = (from, to) => archive.reader.read(from, to);
  const signer = openSigner({
    ...{ sql, store, readEvents, outside: null, signingKey: () => pair.privateKey, now: () => clock.now },
    durable: async () => {},
    log: () => {},
  });
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

  const record: ArchiveDeps['execute'] = (id, command, within) => {
    const sent = { id, command, actor: { kind: 'system', id: 'swarm' }, remember: false } as const;
    const [done] = store.executeMany([sent], ([one]) => (one?.result.ok ? within() : null)).executed;
    if (!done?.result.ok) throw new Error('the archive was refused');
  };
  const snapshots = createSnapshots({ sql, store, objects, execute: (id, command) => record(id, command, () => {}) });
  const archive = openArchive({
    ...{ sql, store, objects, snapshots, execute: record, durable: async () => {}, now: () => clock.now },
    originAt: () => store.origin() ?? '',
    signAll: async () => signer.last()?.size ?? 0,
    checkpoint: async (size) => {
      const signed = await signer.sign(size);
      return signed.ok ? signed.value : null;
    },
  });

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
    const deps = { sql, store, moment: momentOf(actor) };
    const answered = isProofQuery(query)
      ? await answerProof(query, { ...deps, signer, readEvents, originAt: () => store.origin() ?? '' })
      : query.type === 'journal'
        ? await answerJournal(query, { store, readEvents, originAt: () => store.origin() ?? '' })
        : answer(query, deps);
    return structuredClone(answered);
  }

  function pastOf(): PastPort {
    const history: HistoryPort = {
      async outline(actor, at, before) {
        const why = actor && refuseActor({ row: store.read.row, moment: momentOf(actor) });
        return why ? err(why) : outlineOf(at, before, { sql, store, now: () => clock.now, readEvents });
      },
      hotEvents: async (from, limit) => store.events(from, limit),
    };
    const service = createPast({
      history,
      objects,
      readEvents,
      momentOf: (actor, at) => ({ ...momentOf(actor), at }),
    });
    return {
      read: async (_, actor, at, query) => structuredClone(await service.read(actor, at, query)),
      diff: async (_, actor, from, to, page) => structuredClone(await service.diff(actor, from, to, page)),
      rows: async (_, at, after) => structuredClone(await service.rows(at, after)),
      stateHash: async (_, actor, at) => structuredClone(await service.stateHash(actor, at)),
    };
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
    past: pastOf(),
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
    async archiveSegments(actor, keepEvents) {
      const allowed = await read(actor, { type: 'retention' });
      if (!allowed.ok) return allowed;
      const archived = await archive.archive(keepEvents);
      return ok({ ...archived, segments: [...archived.segments] });
    },
    async metrics(actor) {
      const allowed = await read(actor, { type: 'status' });
      if (!allowed.ok) return allowed;
      const view = metricsView({
        ...{ sql, store, tally: openTally(sql), now: () => clock.now, traces: null },
        ...{ storageBytes: 4_096, followers: 0, isBreakerOpen: false, choreFailures: {} },
      });
      return view === null ? err({ code: 'swarm_not_found' }) : ok(view);
    },
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
    async exportJournal(actor, format) {
      const signed = await read(actor, { type: 'checkpoint' });
      if (!signed.ok) return signed;
      return exportStream(format, signed.value as unknown as SignedCheckpoint, { store, readEvents });
    },
    ...createImporter({
      sql,
      now: () => clock.now,
      databaseSize: () => 0,
      empty: async () => {
        throw new Error('imports are tried in test/exports');
      },
      abandonAt() {},
      changed: () => store.reload(),
    }),
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
