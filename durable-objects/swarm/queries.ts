// What a swarm answers to questions: rows and lists as the API shows them, the journal and its proofs. Nothing here writes,
// but for the cache of Merkle subtrees.

import type { Moment } from '../../core/envelope.ts';
import { type Checkpoint, type SignedCheckpoint, signCheckpoint } from '../../core/journal/checkpoint.ts';
import { toCloudEvent } from '../../core/journal/cloud-event.ts';
import { inclusionPath, leafOf, rootOf, type TreeReader } from '../../core/journal/merkle.ts';
import type { Json } from '../../core/json.ts';
import { journalPageMax } from '../../core/limits.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { answerRows, isRowQuery } from '../../core/swarm/answer.ts';
import type { Rejection } from '../../core/swarm/rejections.ts';
import type { Query } from '../../core/swarm/service.ts';
import { SELF } from '../../core/swarm/state.ts';
import { transferView } from '../../core/swarm/views.ts';
import { first, type Sql } from '../sql-port.ts';
import { sqlRows } from './sql-rows.ts';
import type { SwarmStore } from './swarm-store.ts';

export interface QueryDeps {
  readonly sql: Sql;
  readonly store: SwarmStore;
  readonly moment: Moment;
  /** The swarm's signing key, PKCS#8 in base64url. */
  signingKey(): string;
}

/** Events that the proof of one task may bring. */
const proofEventsMax = 2_000;
/** Leaves under one cached root of the Merkle tree. */
const SUBTREE = 256;

export function answer(query: Query, deps: QueryDeps): Result<Json, Rejection> {
  const { store } = deps;
  if (isRowQuery(query)) return answerRows(query, sqlRows(deps.sql, store.read), deps.moment);
  switch (query.type) {
    case 'journal': {
      const origin = store.origin() ?? '';
      const limit = Math.min(query.limit, journalPageMax);
      const events = store.events(Math.max(1, query.from), limit);
      const data = events.map((event) => toCloudEvent(origin, event));
      const last = events.at(-1)?.seq;
      return ok(plain({ data, nextCursor: last !== undefined && last < store.head().seq ? String(last) : null }));
    }
    case 'checkpoint':
      return ok(plain(checkpoint(deps)));
    case 'proof':
      return prove(query.seq, deps);
    case 'task-proof':
      return proveTask(query.id, deps);
    case 'trigger-secret': {
      const trigger = store.read.row('trigger', query.id);
      if (trigger?.state !== 'active') return err({ code: 'trigger_not_found' });
      return ok(plain({ preset: trigger.preset, generic: trigger.generic, sealedSecret: trigger.sealedSecret }));
    }
    case 'status': {
      const swarm = store.read.row('swarm', SELF);
      if (swarm === null) return err({ code: 'swarm_not_found' });
      const parked = first(deps.sql.all<{ n: number }>('SELECT count(*) AS n FROM outbox WHERE parked = 1'))?.n ?? 0;
      return ok(plain({ ...swarm, head: store.head(), halted: store.halted(), parked }));
    }
  }
}

function tree({ sql }: QueryDeps): TreeReader {
  return {
    leaf(index) {
      const row = first(sql.all<{ hash: string }>('SELECT hash FROM journal WHERE seq = ?', index + 1));
      return leafOf(row?.hash ?? '');
    },
    // Complete, aligned subtrees never change: their roots are kept.
    subtree(start, size) {
      if (size !== SUBTREE || start % SUBTREE !== 0) return null;
      const known = first(sql.all<{ root: string }>('SELECT root FROM merkle WHERE start = ?', start));
      if (known) return Buffer.from(known.root, 'hex');
      const leaves = sql
        .all<{ hash: string }>('SELECT hash FROM journal WHERE seq > ? AND seq <= ? ORDER BY seq', start, start + size)
        .map(({ hash }) => leafOf(hash));
      const root = rootOf({ leaf: (index) => leaves[index] ?? leafOf('') }, leaves.length);
      sql.run('INSERT OR IGNORE INTO merkle (start, root) VALUES (?, ?)', start, Buffer.from(root).toString('hex'));
      return root;
    },
  };
}

function checkpoint(deps: QueryDeps): SignedCheckpoint {
  const { store, moment } = deps;
  const { seq, hash } = store.head();
  const unsigned: Checkpoint = {
    origin: store.origin() ?? '',
    size: seq,
    head: hash,
    root: Buffer.from(rootOf(tree(deps), seq)).toString('hex'),
    at: moment.at,
  };
  return signCheckpoint(unsigned, deps.signingKey(), store.read.row('swarm', SELF)?.publicKey ?? '');
}

function prove(seq: number, deps: QueryDeps): Result<Json, Rejection> {
  const event = deps.store.events(seq, 1)[0];
  if (event?.seq !== seq) return err({ code: 'event_not_found' });
  const signed = checkpoint(deps);
  const path = inclusionPath(tree(deps), seq - 1, signed.size).map((node) => Buffer.from(node).toString('hex'));
  const leaf = Buffer.from(leafOf(event.hash)).toString('hex');
  return ok(plain({ event: toCloudEvent(signed.origin, event), leaf, index: seq - 1, path, checkpoint: signed }));
}

/** Everything that happened for one task: its own events, and what the same commands said of its transfers and its cause. */
function proveTask(id: string, deps: QueryDeps): Result<Json, Rejection> {
  const { sql, store } = deps;
  const task = store.read.row('task', id);
  if (task === null) return err({ code: 'task_not_found' });
  const holds = task.attempts.map(({ hold }) => hold);
  const subjects = new Set([
    `task/${id}`,
    ...holds.map((hold) => `transfer/${hold}`),
    task.origin,
    `mission/${task.mission ?? ''}`,
  ]);
  // The events of one command stand side by side: a walk outwards from the task's own finds them.
  const rows = sql.all<{ seq: number; subject: string }>(
    `SELECT DISTINCT near.seq, near.subject FROM journal AS own INDEXED BY journal_task
     JOIN journal AS near ON near.seq BETWEEN own.seq - ${NEAR} AND own.seq + ${NEAR} AND near.command = own.command
     WHERE own.subject = ? AND own.subject >= 'task/' AND own.subject < 'task0' ORDER BY near.seq LIMIT ${proofEventsMax}`,
    `task/${id}`,
  );
  const signed = checkpoint(deps);
  const events = rows
    .filter(({ subject }) => subjects.has(subject))
    .flatMap(({ seq }) => store.events(seq, 1))
    .map((event) => toCloudEvent(signed.origin, event));
  const transfers = holds.flatMap((hold) => {
    const transfer = store.read.row('transfer', hold);
    return transfer ? [transferView(transfer)] : [];
  });
  return ok(plain({ task: id, events, transfers, checkpoint: signed }));
}

/** How far apart a task's events and those of its transfers may stand in one command. */
const NEAR = 16;

/** Views are data that JSON can say; over RPC they travel as such. */
function plain(value: object): Json {
  return value as unknown as Json;
}
