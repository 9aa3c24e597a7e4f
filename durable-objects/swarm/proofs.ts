// What a swarm proves: checkpoints, that an event stands in its journal, that the journal goes on from an earlier one, and
// everything that happened for one task. Events may be in the archive: whoever wires this says how they are read.

import { toCloudEvent } from '../../core/journal/cloud-event.ts';
import type { StoredEvent } from '../../core/journal/event.ts';
import { inclusionPath, leafOf } from '../../core/journal/merkle.ts';
import type { Json } from '../../core/json.ts';
import { listLimitMax } from '../../core/limits.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Rejection } from '../../core/swarm/rejections.ts';
import type { ProofQuery, Query } from '../../core/swarm/service.ts';
import { transferView } from '../../core/swarm/views.ts';
import { hex, type JournalTree, journalTree, type ReadEvents } from './merkle-tree.ts';
import type { Signer } from './signer.ts';
import { type TaskEventsDeps, taskEvents } from './task-events.ts';

export interface ProofDeps extends TaskEventsDeps {
  readonly signer: Signer;
  readonly readEvents: ReadEvents;
  /** `tenant/swarm` that the event at `seq` was hashed with: an imported one keeps its own. */
  originAt(seq: number): string;
}

export function isProofQuery(query: Query): query is ProofQuery {
  return PROVED.has(query.type);
}
const PROVED: ReadonlySet<Query['type']> = new Set<ProofQuery['type']>([
  'checkpoint',
  'checkpoints',
  'proof',
  'consistency',
  'task-proof',
]);

export async function answerProof(query: ProofQuery, deps: ProofDeps): Promise<Result<Json, Rejection>> {
  switch (query.type) {
    case 'checkpoint':
      return shown(await deps.signer.show(query.size));
    case 'checkpoints':
      return ok(listCheckpoints(query.limit, query.cursor, deps.signer));
    case 'proof':
      return prove(query.seq, query.size, deps);
    case 'consistency':
      return proveConsistency(query.from, query.to, deps);
    case 'task-proof':
      return proveTask(query.id, deps);
  }
}

/** Largest first; a cursor that is no size begins at the end. */
function listCheckpoints(most: number, cursor: string | null, signer: Signer): Json {
  const limit = Math.min(most, listLimitMax);
  const below = cursor === null ? Number.MAX_SAFE_INTEGER : Number(cursor);
  const data = signer.list(Number.isSafeInteger(below) ? below : 0, limit + 1);
  const last = data.length > limit ? data[limit - 1] : undefined;
  return plain({ data: data.slice(0, limit), nextCursor: last === undefined ? null : String(last.size) });
}

async function prove(seq: number, size: number | undefined, deps: ProofDeps): Promise<Result<Json, Rejection>> {
  const { seq: length } = deps.store.head();
  if (seq > length) return err({ code: 'event_not_found' });
  if (size !== undefined && seq > size) return err({ code: 'sizes_reversed' });
  const signed = await deps.signer.show(size);
  if (!signed.ok) return signed;
  const read = await deps.readEvents(seq, seq);
  if (!read.ok) return read;
  const [event] = read.value;
  if (event?.seq !== seq) return err({ code: 'history_expired' });
  const tree = journalTree(deps.sql, deps.readEvents);
  const path = await pathTo(event, signed.value.size, tree);
  if (!path.ok) return path;
  return ok(
    plain({
      event: toCloudEvent(deps.originAt(seq), event),
      leaf: hex(leafOf(event.hash)),
      index: seq - 1,
      path: path.value,
      checkpoint: signed.value,
    }),
  );
}

async function proveConsistency(
  from: number,
  to: number | undefined,
  { signer, store }: ProofDeps,
): Promise<Result<Json, Rejection>> {
  const size = to ?? store.head().seq;
  const path = await signer.prove(from, size);
  if (!path.ok) return path;
  const signed = await signer.show(size);
  return signed.ok ? ok(plain({ from, to: size, path: path.value, checkpoint: signed.value })) : signed;
}

/** Everything that happened for one task, each event with its path to one checkpoint. */
async function proveTask(id: string, deps: ProofDeps): Promise<Result<Json, Rejection>> {
  const { store } = deps;
  const task = store.read.row('task', id);
  if (task === null) return err({ code: 'task_not_found' });
  const found = await taskEvents(task, deps);
  if (!found.ok) return found;
  const signed = await deps.signer.show();
  if (!signed.ok) return signed;
  const tree = journalTree(deps.sql, deps.readEvents);
  const inclusion: { index: number; path: readonly string[] }[] = [];
  for (const event of found.value) {
    const path = await pathTo(event, signed.value.size, tree);
    if (!path.ok) return path;
    inclusion.push({ index: event.seq - 1, path: path.value });
  }
  const transfers = task.attempts.flatMap(({ hold }) => {
    const transfer = store.read.row('transfer', hold);
    return transfer ? [transferView(transfer)] : [];
  });
  const events = found.value.map((event) => toCloudEvent(deps.originAt(event.seq), event));
  return ok(plain({ task: id, events, inclusion, transfers, checkpoint: signed.value }));
}

async function pathTo(
  { seq }: StoredEvent,
  size: number,
  tree: JournalTree,
): Promise<Result<readonly string[], Rejection>> {
  for (const index of [seq - 1, size - 1]) {
    const readable = await tree.ensure(index, size);
    if (!readable.ok) return readable;
  }
  return ok(inclusionPath(tree, seq - 1, size).map(hex));
}

function shown(result: Result<object, Rejection>): Result<Json, Rejection> {
  return result.ok ? ok(plain(result.value)) : result;
}

/** Views are data that JSON can say; over RPC they travel as such. */
function plain(value: object): Json {
  return value as unknown as Json;
}
