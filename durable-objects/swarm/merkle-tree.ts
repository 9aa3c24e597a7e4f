// The Merkle tree over one swarm's journal, in SQL: the hashes of its events are its leaves, the roots of complete subtrees
// are kept at four sizes, so that a checkpoint of a million events reads some sixty of them. Events may leave the tables for
// the archive; a leaf is needed only inside the one block asked for, and is then read back and checked [P10].

import { Fault } from '../../core/assert.ts';
import type { StoredEvent } from '../../core/journal/event.ts';
import { leafOf, leavesInOne, rootOf, type TreeReader } from '../../core/journal/merkle.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Steps } from '../../core/steps.ts';
import type { Rejection } from '../../core/swarm/rejections.ts';
import { first, type Sql } from '../sql-port.ts';

/** Leaves under one root of the smallest size that is kept. Whoever archives events cuts at multiples of it. */
export const blockLeaves = 256;
/** Each size is sixteen of the one before: a root costs sixteen reads to make, and any tree is a few dozen of them. */
const LEVELS: readonly number[] = [blockLeaves, 4_096, 65_536, 1_048_576];

/**
 * Events `from`–`to`, wherever they are: in the tables or in the archive.
 * Refusals: those of the archive, `history_expired` and `history_damaged`.
 */
export type ReadEvents = (from: number, to: number) => Promise<Result<readonly StoredEvent[], Rejection>>;

export interface JournalTree extends TreeReader {
  /**
   * Makes the block around the leaf at `index` (from 0) readable, up to `size` leaves of the journal.
   * Refusals: `history_damaged` when what the archive gives is not what was kept of it, `history_expired` when it is gone.
   */
  ensure(index: number, size: number): Promise<Result<null, Rejection>>;
  /** Hash of the event at `seq`, hex; its block must be readable. */
  hashAt(seq: number): string;
}

/** A tree for one question: blocks that it has read stay with it. */
export function journalTree(sql: Sql, readEvents: ReadEvents): JournalTree {
  const blocks = new Map<number, readonly string[]>();

  function block(start: number): readonly string[] {
    const known = blocks.get(start);
    if (known) return known;
    const hashes = hotHashes(sql, start);
    blocks.set(start, hashes);
    return hashes;
  }

  function hashAt(seq: number): string {
    const start = blockOf(seq - 1);
    const hash = block(start)[seq - 1 - start];
    // An event of this block is in the archive, and nobody has asked for it: the caller did not call `ensure`.
    if (hash === undefined) throw new Fault(`event ${seq} is not at hand`, { retryable: true });
    return hash;
  }

  return {
    hashAt,
    leaf: (index) => leafOf(hashAt(index + 1)),
    subtree: (start, size) => keptRoot(sql, block, start, size),
    async ensure(index, size) {
      const start = blockOf(index);
      const wanted = Math.min(start + blockLeaves, size) - start;
      if (block(start).length >= wanted) return ok(null);
      const read = await readEvents(start + 1, start + wanted);
      if (!read.ok) return read;
      if (read.value.length < wanted) return err({ code: 'history_expired' });
      const hashes = read.value.map(({ hash }) => hash);
      const kept = wanted === blockLeaves ? knownRoot(sql, blockLeaves, start) : null;
      if (kept !== null && hex(rootOf({ leaf: (at) => leafOf(hashes[at] ?? '') }, blockLeaves)) !== kept) {
        return err({ code: 'history_damaged', from: start + 1, to: start + wanted });
      }
      blocks.set(start, hashes);
      return ok(null);
    },
  };
}

/**
 * Keeps the roots of all complete blocks up to event `upTo`, and of the larger subtrees they complete. To be called before
 * events leave the tables: afterwards their blocks cannot be made from rows any more. A subtree at a time; what was kept stays.
 */
export function* cacheSubtrees(sql: Sql, upTo: number): Steps<void> {
  const block = (start: number) => hotHashes(sql, start);
  for (const size of LEVELS) {
    const last = first(
      sql.all<{ start: number | null }>(
        size === blockLeaves
          ? 'SELECT max(start) AS start FROM merkle'
          : 'SELECT max(start) AS start FROM merkle_large WHERE size = ?',
        ...(size === blockLeaves ? [] : [size]),
      ),
    )?.start;
    for (let start = last === null || last === undefined ? 0 : last + size; start + size <= upTo; start += size) {
      keptRoot(sql, block, start, size);
      yield { rows: size === blockLeaves ? blockLeaves / leavesInOne : 1, bytes: 0 };
    }
  }
}

/** The root of a complete, aligned subtree of a size that is kept; made and kept when it is asked for the first time. */
function keptRoot(
  sql: Sql,
  block: (start: number) => readonly string[],
  start: number,
  size: number,
): Uint8Array | null {
  const level = LEVELS.indexOf(size);
  if (level === -1 || start % size !== 0) return null;
  const known = knownRoot(sql, size, start);
  if (known !== null) return Buffer.from(known, 'hex');
  const root = level === 0 ? blockRoot(block(start), start) : largeRoot(sql, block, start, size);
  if (level === 0) sql.run('INSERT OR IGNORE INTO merkle (start, root) VALUES (?, ?)', start, hex(root));
  else sql.run('INSERT OR IGNORE INTO merkle_large (size, start, root) VALUES (?, ?, ?)', size, start, hex(root));
  return root;
}

function blockRoot(hashes: readonly string[], start: number): Uint8Array {
  if (hashes.length < blockLeaves) throw new Fault(`events after ${start} are not at hand`, { retryable: true });
  return rootOf({ leaf: (index) => leafOf(hashes[index] ?? '') }, blockLeaves);
}

function largeRoot(sql: Sql, block: (start: number) => readonly string[], start: number, size: number): Uint8Array {
  const reader: TreeReader = {
    // Below the next smaller size that is kept nothing is ever asked for.
    leaf: () => new Uint8Array(),
    subtree: (from, count) => (count === size ? null : keptRoot(sql, block, from, count)),
  };
  return rootOf(reader, size, start);
}

function knownRoot(sql: Sql, size: number, start: number): string | null {
  const rows =
    size === blockLeaves
      ? sql.all<{ root: string }>('SELECT root FROM merkle WHERE start = ?', start)
      : sql.all<{ root: string }>('SELECT root FROM merkle_large WHERE size = ? AND start = ?', size, start);
  return first(rows)?.root ?? null;
}

/** The hashes of a block that are in the tables; none unless its first event is among them. */
function hotHashes(sql: Sql, start: number): readonly string[] {
  const rows = sql.all<{ seq: number; hash: string }>(
    'SELECT seq, hash FROM journal WHERE seq > ? AND seq <= ? ORDER BY seq',
    start,
    start + blockLeaves,
  );
  return rows[0]?.seq === start + 1 ? rows.map(({ hash }) => hash) : [];
}

function blockOf(index: number): number {
  return index - (index % blockLeaves);
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
