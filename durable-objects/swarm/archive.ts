// A swarm's archive, put together: its reader, its chores, and what may be asked of it. The parts stand in files of their own.

import type { ObjectStore } from '../../core/archive/port.ts';
import type { SignedCheckpoint } from '../../core/journal/checkpoint.ts';
import { hotEventsMin as hotEventsMinDefault } from '../../core/limits.ts';
import type { SwarmCommand } from '../../core/swarm/commands.ts';
import { SELF } from '../../core/swarm/state.ts';
import { first, type Sql } from '../sql-port.ts';
import type { Work } from '../turns.ts';
import { manifestChore } from './archive-manifest.ts';
import { openArchiveNotes } from './archive-notes.ts';
import { createEventReader, type EventReader } from './event-reader.ts';
import { segmentsBetween } from './outline.ts';
import type { Chore } from './recorder.ts';
import { createRetention } from './retention.ts';
import { type Archived, createSegments } from './segments.ts';
import type { Snapshots } from './snapshots.ts';
import type { SwarmStore } from './swarm-store.ts';

export interface ArchiveDeps {
  readonly sql: Sql;
  readonly store: SwarmStore;
  readonly objects: ObjectStore;
  readonly snapshots: Pick<Snapshots, 'take'>;
  /**
   * Executes a command of the swarm's own; `within` runs in its transaction, if it was allowed.
   * @throws Fault when it was refused or nothing may be written just now
   */
  execute(id: string, command: SwarmCommand, within: () => void): void;
  /** The signed checkpoint of the first `size` events; null when nothing is signed just now. */
  checkpoint(size: number): Promise<SignedCheckpoint | null>;
  /** Signs the journal as it is and holds the checkpoint outside. Answers with the size of the newest one, 0 without any. */
  signAll(): Promise<number>;
  durable(): Promise<void>;
  /** `tenant/swarm` that the event at `seq` was hashed with. */
  originAt(seq: number): string;
  now(): number;
  /** How others get in between; with none of them where nothing is said. */
  readonly work?: Work;
  /** Of core/limits.ts where a test says nothing else. */
  readonly segmentEvents?: number;
  readonly hotEventsMin?: number;
}

export interface Archive {
  readonly reader: EventReader;
  /** In the order in which they are done when all of them are due. */
  readonly chores: readonly Chore[];
  /** Archives now what can be, but for the last `keepEvents` events. @throws Fault; what was archived until then is */
  archive(keepEvents: number | undefined): Promise<Archived>;
}

export function openArchive(deps: ArchiveDeps): Archive {
  const { sql, store, objects } = deps;
  const notes = openArchiveNotes(sql);
  const segments = createSegments({ ...deps, notes });
  const manifest = manifestChore({ ...deps, notes });
  const retention = createRetention({ ...deps, notes, segments });
  return {
    reader: archiveReader(sql, store, objects, deps.work),
    chores: [segments, retention, manifest],
    async archive(keepEvents = deps.hotEventsMin ?? hotEventsMinDefault) {
      const archived = await segments.archive(store.head().seq - keepEvents);
      // For whoever asked, who looks there next; when it cannot be written just now, it is a chore.
      if (manifest.dueAt() !== null) await manifest.run().catch(() => {});
      return archived;
    },
  };
}

/** Reads a swarm's events wherever they are; without object storage, those in its tables. */
export function archiveReader(sql: Sql, store: SwarmStore, objects: ObjectStore | null, work?: Work): EventReader {
  return createEventReader({
    hot: (from, limit) => store.events(from, limit),
    segmentsOf: (from, to) => {
      // An imported journal is here whole, though its events tell of an archive: the original's.
      const end = Math.min(to, (firstHot(sql) ?? from) - 1);
      return end < from ? [] : segmentsBetween(from, end, sql);
    },
    expiredTo: () => Math.min(store.read.row('swarm', SELF)?.expiredTo ?? 0, (firstHot(sql) ?? 1) - 1),
    store: objects ?? NOWHERE,
    ...(work === undefined ? {} : { work }),
  });
}

function firstHot(sql: Sql): number | null {
  return first(sql.all<{ seq: number | null }>('SELECT min(seq) AS seq FROM journal'))?.seq ?? null;
}

/** Nothing was ever archived where there is no object storage. */
const NOWHERE: ObjectStore = {
  put: async () => 'present',
  get: async () => null,
  list: async () => ({ objects: [], cursor: null }),
  delete: async () => {},
};
