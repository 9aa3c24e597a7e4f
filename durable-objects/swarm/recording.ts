// What a swarm does with its journal beside its work, put together: it signs, takes snapshots, archives, reads what is
// archived, and exports traces. Wiring; each part stands in a file of its own.

import { randomBytes } from 'node:crypto';
import type { ObjectStore } from '../../core/archive/port.ts';
import { Fault } from '../../core/assert.ts';
import type { Log } from '../../core/log-line.ts';
import type { SwarmCommand } from '../../core/swarm/commands.ts';
import type { TraceExporterPort } from '../../core/traces/port.ts';
import { first, type Sql } from '../sql-port.ts';

import type { Tries } from '../tries.ts';

import type { Work } from '../turns.ts';

import { type Archive, archiveReader, openArchive } from './archive.ts';
import { type Door, only } from './door.ts';
import type { EventReader } from './event-reader.ts';
import { outwardExporter } from './forking.ts';
import { outsideCheckpoint } from './outside-checkpoint.ts';
import { type Chore, createRecorder, type Recorder } from './recorder.ts';
import { checkpointChore, openSigner, type Signer } from './signer.ts';
import { createSnapshots } from './snapshots.ts';
import type { SwarmStore } from './swarm-store.ts';
import { type TraceChore, traceChore } from './trace-chore.ts';

export interface RecordingDeps {
  readonly sql: Sql;
  readonly tries: Tries;
  /** How others get in between. */
  readonly work: Work;
  readonly store: SwarmStore;
  readonly door: Door;
  /** Null without object storage: nothing is archived then, and snapshots are not taken. */
  readonly objects: ObjectStore | null;
  /** Null when traces are not exported. */
  readonly exporter: TraceExporterPort | null;
  /** What is done before all else when it is due. */
  readonly firstChores: readonly Chore[];
  readonly log: Log;
  /** When the swarm is quiet enough for what takes long. */
  calmAt(): number;
  durable(): Promise<void>;
}

export interface Recording {
  /** Events wherever they are. */
  readonly reader: EventReader;
  readonly signer: Signer;
  readonly archive: Archive | null;
  readonly traces: TraceChore;
  /** Runs the chores, in the order in which they are done when all of them are due. */
  readonly recorder: Recorder;
}

const now = (): number => Date.now();

export function openRecording(deps: RecordingDeps): Recording {
  const { sql, store, door, objects, log, durable } = deps;
  const reader = archiveReader(sql, store, objects, deps.work);
  const signer = openSigner({
    ...{ sql, store, log, durable, now, work: deps.work },
    readEvents: reader.read,
    outside: objects === null || store.seal() !== null ? null : outsideCheckpoint(objects),
    signingKey: () => signingKey(sql),
  });
  const snapshots = objects && createSnapshots({ sql, store, objects, execute: door.system, work: deps.work });
  const archive =
    objects &&
    snapshots &&
    openArchive({
      ...{ sql, store, objects, snapshots, durable, now, work: deps.work },
      execute: (id, command, within) => archived(id, command, within, door),
      checkpoint: async (size) => {
        const signed = await signer.sign(size);
        return signed.ok ? signed.value : null;
      },
      signAll: async () => {
        await signer.run();
        return signer.halted() === null ? (signer.last()?.size ?? 0) : 0;
      },
      originAt: () => store.origin() ?? '',
    });
  const traces = traceChore({
    ...{ sql, now, log },
    exporter: outwardExporter(deps.exporter, store.read),
    origin: () => store.origin(),
    headSeq: () => store.head().seq,
    random: () => randomBytes(4).readUInt32BE() / 2 ** 32,
  });
  const chores = [...deps.firstChores, checkpointChore(signer), snapshots, ...(archive?.chores ?? []), traces];
  const recorder = createRecorder(
    chores.filter((chore) => chore !== null),
    {
      ...{ tries: deps.tries, now, calmAt: deps.calmAt },
      park: (chore, tries) =>
        door.system(`park:recorder/${chore}/${now()}`, {
          type: 'ParkTimer',
          timer: `recorder/${chore}`,
          command: chore,
          tries,
        }),
    },
  );
  return { reader, signer, archive, traces, recorder };
}

/** A command of the archive's, with what must become true with it. */
function archived(id: string, command: SwarmCommand, within: () => void, door: Door): void {
  const sent = { id, actor: { kind: 'system', id: 'swarm' }, command, remember: false } as const;
  const { result } = only(door.execute([sent], (executed) => (only(executed).result.ok ? within() : null)));
  if (!result.ok) throw new Fault(`the archive waits: ${result.error.code}`, { retryable: true });
}

function signingKey(sql: Sql): string {
  const key = first(sql.all<{ value: string }>(`SELECT value FROM meta WHERE key = 'signing-key'`));
  if (!key) throw new Fault('the swarm has no signing key', { retryable: false });
  return key.value;
}
