// The manifest beside a swarm's segments: what there is, for whoever reads the archive without the swarm. It follows from the
// journal and can be written again at any time; the swarm itself never reads it.

import { manifestKey } from '../../core/archive/keys.ts';
import type { ObjectStore } from '../../core/archive/port.ts';
import type { Segment } from '../../core/archive/state.ts';
import { Fault } from '../../core/assert.ts';
import type { SignedCheckpoint } from '../../core/journal/checkpoint.ts';
import { canonical } from '../../core/json.ts';
import { SELF } from '../../core/swarm/state.ts';
import type { Sql } from '../sql-port.ts';
import type { ArchiveNotes } from './archive-notes.ts';
import type { Chore } from './recorder.ts';
import type { SwarmStore } from './swarm-store.ts';

export interface ManifestDeps {
  readonly sql: Sql;
  readonly store: Pick<SwarmStore, 'read' | 'head' | 'origin'>;
  readonly objects: ObjectStore;
  readonly notes: ArchiveNotes;
  /** The signed checkpoint of the first `size` events; null when nothing is signed just now. */
  checkpoint(size: number): Promise<SignedCheckpoint | null>;
}

/** Writes the manifest when it is behind. Replaced whole: a reader has the old one or the new one. */
export function manifestChore(deps: ManifestDeps): Chore {
  return {
    name: 'manifest',
    dueAt: () => (deps.notes.manifestBehind() === null ? null : 0),
    isPressing: () => false,
    run: () => write(deps),
  };
}

async function write({ sql, store, objects, notes, checkpoint }: ManifestDeps): Promise<void> {
  const behind = notes.manifestBehind();
  const origin = store.origin();
  const swarm = store.read.row('swarm', SELF);
  if (behind === null || origin === null || swarm === null) return;
  const segments = keptSegments(sql);
  if (segments.length === 0) {
    await objects.delete([manifestKey(origin)]);
    notes.manifestCaughtUp(behind);
    return;
  }
  // Of exactly what lies there, so that the folder can be proved by itself.
  const signed = await checkpoint(swarm.archivedTo);
  if (signed === null) throw new Fault('nothing is signed just now, so the manifest waits', { retryable: true });
  const manifest = {
    starling: 'archive',
    version: 1,
    origin,
    segments: segments.map(lineOf),
    checkpoint: signed,
  };
  const text = new TextEncoder().encode(`${canonical(manifest)}\n`);
  await objects.put(manifestKey(origin), text, { contentType: 'application/json' });
  notes.manifestCaughtUp(behind);
}

/** What the manifest says of a segment; whoever reads it may rely on each of these. */
function lineOf({ from, to, key, sha256, bytes, previous, head, root }: Segment) {
  return { from, to, key, sha256, bytes, previous, head, root };
}

function keptSegments(sql: Sql): readonly Segment[] {
  return sql
    .all<{ body: string }>(`SELECT body FROM segment WHERE state = 'kept' ORDER BY id`)
    .map(({ body }) => JSON.parse(body) as Segment); // our own rows
}
