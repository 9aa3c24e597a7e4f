// A past moment: the chunks of a snapshot, and over them the rows that events behind it have touched, made by the same fold
// that made the present [P8]. It shows rows and decides nothing: no timer fires and no approval is given in the past.

import { assert, Defect } from '../assert.ts';
import type { StoredEvent } from '../journal/event.ts';
import { canonicalStored } from '../json.ts';
import { answerCharsMax } from '../limits.ts';
import { operationsShownMax, type RowSource, rowsPerPageMax, type Wanted } from '../swarm/answer.ts';
import type { SwarmEvent } from '../swarm/events.ts';
import { touches } from '../swarm/evolve.ts';
import { candidatesMax, type Read } from '../swarm/read.ts';
import { type RowMap, replay } from '../swarm/replay.ts';
import type { Kind, Rows } from '../swarm/state.ts';
import { briefsFrom } from '../work/brief.ts';
import { type ChunkRange, type ChunkRef, chunkAt, type Entry, type KeyRange, kindOf, rangesOf } from './state-tree.ts';

/** Thrown by a question whose answer stands in a chunk that is not loaded: load it, and ask again. */
export class ChunkNeeded extends Error {
  override readonly name = 'ChunkNeeded';
  readonly hash: string;
  constructor(hash: string) {
    super('a chunk is to be loaded first');
    this.hash = hash;
  }
}

/** A chunk's rows, and how much text they are. */
export interface LoadedChunk {
  readonly rows: ReadonlyMap<string, Rows[Kind]>;
  readonly chars: number;
}

/** Text of chunks that one page looks at: more than an answer has room for, and less than is kept loaded. */
const charsPerPageMax = 2 * answerCharsMax;

export interface Past extends RowSource {
  /** Chunks that are to be loaded before these events can be folded. */
  needs(events: readonly StoredEvent[]): readonly string[];
  /** Goes on by these events, which follow on the last ones. */
  advance(events: readonly StoredEvent[]): void;
  row<K extends Kind>(kind: K, id: string): Rows[K] | null;
  /** Rows of a range in key order. */
  entries(range: KeyRange): Iterable<Entry>;
  /** The chunks that it was opened with, and the ranges of them that events have changed since. */
  readonly refs: readonly ChunkRef[];
  changedRanges(): Iterable<ChunkRange>;
}

/**
 * Opens the moment of a snapshot; without one (`refs` empty) the moment before the first event.
 * @param loaded the rows of a chunk by its hash, or null while it is not loaded
 */
export function openPast(refs: readonly ChunkRef[], loaded: (hash: string) => LoadedChunk | null): Past {
  const rows: RowMap = new Map();
  let touchedKeys: readonly string[] | null = [];
  /** Text of the chunks that were looked into. */
  let looked = 0;

  function chunk(ref: ChunkRef): ReadonlyMap<string, Rows[Kind]> {
    const found = loaded(ref.hash);
    if (found === null) throw new ChunkNeeded(ref.hash);
    looked += found.chars;
    return found.rows;
  }
  /** The chunk that a key would stand in. */
  function refOf(key: string): ChunkRef | null {
    const ref = refs[chunkAt(refs, key)];
    return ref && kindOf(ref.first) === kindOf(key) ? ref : null;
  }
  function row<K extends Kind>(kind: K, id: string): Rows[K] | null {
    const key = `${kind}/${id}`;
    const changed = rows.get(key);
    const ref = changed === undefined ? refOf(key) : null;
    // Rows stand under the kind they belong to.
    return (changed ?? (ref === null ? null : (chunk(ref).get(key) ?? null))) as Rows[K] | null;
  }
  const touched = (): readonly string[] => {
    touchedKeys ??= [...rows.keys()].sort();
    return touchedKeys;
  };

  const layers: Layers = { refs, chunk, rows, touched };

  return {
    needs(events) {
      const needed = new Set<string>();
      for (const key of keysOf(events)) {
        const ref = rows.has(key) ? null : refOf(key);
        if (ref !== null && loaded(ref.hash) === null) needed.add(ref.hash);
      }
      return [...needed];
    },
    advance(events) {
      for (const key of keysOf(events)) {
        if (rows.has(key)) continue;
        const ref = refOf(key);
        const before = ref === null ? undefined : chunk(ref).get(key);
        if (before !== undefined) rows.set(key, before);
      }
      replay(events, rows);
      touchedKeys = null;
    },
    row,
    entries: (range) => forwards(range, layers),
    refs,
    changedRanges: () => rangesOf(refs, touched()),
    page(wanted) {
      const before = looked;
      return pageOf(wanted, backwards(wanted, layers), () => looked - before > charsPerPageMax);
    },
    operations: () => [...new Set(routes().map(({ operation }) => operation))].sort().slice(0, operationsShownMax),
    read: pastRead(row, (operation) =>
      routes()
        .filter((route) => route.operation === operation)
        .slice(0, candidatesMax),
    ),
  };

  /** Active routes by id. */
  function routes(): readonly Rows['route'][] {
    const wanted = { kind: 'route', cursor: null } as const;
    const all = [...backwards(wanted, layers)].map(([, route]) => route as Rows['route']);
    return all.filter(({ active }) => active).reverse();
  }
}

/** Keys of the rows that events touch. */
export function* keysOf(events: Iterable<StoredEvent>): Generator<string> {
  for (const { type, subject, body, command } of events) {
    // As it was written, under its type.
    const event = { type, subject, body: JSON.parse(body) } as SwarmEvent;
    for (const [kind, id] of touches(event, command)) yield `${kind}/${id}`;
  }
}

interface Layers {
  readonly refs: readonly ChunkRef[];
  chunk(ref: ChunkRef): ReadonlyMap<string, Rows[Kind]>;
  readonly rows: RowMap;
  touched(): readonly string[];
}

/** Rows of a kind by id, the last one first: what events have touched stands before what the chunks say. */
function* backwards(
  { kind, cursor }: { readonly kind: Kind; readonly cursor: string | null },
  { refs, chunk, rows, touched }: Layers,
): Generator<readonly [key: string, row: Rows[Kind]]> {
  const end = `${kind}/${cursor ?? '\uffff'}`;
  const mine = touched().filter((key) => kindOf(key) === kind && key < end);
  let i = mine.length - 1;
  for (let c = chunkAt(refs, end); c >= 0; c--) {
    const ref = refs[c];
    if (ref === undefined || kindOf(ref.first) !== kind) break;
    const stored = [...chunk(ref)];
    for (let r = stored.length - 1; r >= 0; r--) {
      const [key, row] = stored[r] ?? ['', null];
      if (row === null || key >= end || rows.has(key)) continue;
      while (i >= 0 && (mine[i] ?? '') > key) yield touchedRow(mine[i--] ?? '', rows);
      yield [key, row];
    }
  }
  while (i >= 0) yield touchedRow(mine[i--] ?? '', rows);
}

/** Rows of a range by key, the first one first. */
function* forwards({ kind, from, until }: KeyRange, { refs, chunk, rows, touched }: Layers): Generator<Entry> {
  const start = from ?? `${kind}/`;
  const isWithin = (key: string): boolean => kindOf(key) === kind && key >= start && (until === null || key < until);
  const mine = touched();
  const end = until === null ? mine.length : indexFrom(mine, until);
  let i = indexFrom(mine, start);
  for (let c = Math.max(0, chunkAt(refs, start)); c < refs.length; c++) {
    const ref = refs[c];
    if (ref === undefined || (until !== null && ref.first >= until)) break;
    if (kindOf(ref.first) !== kind) {
      if (ref.first > start) break;
      continue;
    }
    for (const [key, row] of chunk(ref)) {
      if (!isWithin(key) || rows.has(key)) continue;
      while (i < end && (mine[i] ?? '') < key) yield touchedEntry(mine[i++] ?? '', rows);
      yield [key, canonicalStored(row)];
    }
  }
  while (i < end && isWithin(mine[i] ?? '')) yield touchedEntry(mine[i++] ?? '', rows);
}

/** Index of the first of these keys, which are sorted, that is not before `key`. */
function indexFrom(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] ?? '') < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

function touchedEntry(key: string, rows: RowMap): Entry {
  return [key, canonicalStored(touchedRow(key, rows)[1])];
}

function touchedRow(key: string, rows: RowMap): readonly [string, Rows[Kind]] {
  const row = rows.get(key);
  assert(row !== undefined, 'what was touched has a row');
  return [key, row];
}

function pageOf(
  { kind, where, limit }: Wanted,
  rows: Iterable<readonly [string, Rows[Kind]]>,
  isEnough: () => boolean,
): { readonly rows: readonly Rows[Kind][]; readonly nextCursor: string | null } {
  const found: Rows[Kind][] = [];
  /** Of the last one found; of the last one looked at, where the page ends early. */
  let last: string | null = null;
  let looked = 0;
  for (const [key, row] of rows) {
    const id = key.slice(kind.length + 1);
    const isFit = fits(kind, row, where);
    // There is a next page when there is one more that fits: so the tables say it, too.
    if (found.length === limit && isFit) return { rows: found, nextCursor: last };
    if (found.length < limit) last = id;
    if (isFit) found.push(row);
    if (++looked === rowsPerPageMax || isEnough()) return { rows: found, nextCursor: last };
  }
  return { rows: found, nextCursor: null };
}

function fits(kind: Kind, row: Rows[Kind], where: Wanted['where']): boolean {
  if ((kind === 'trigger' || kind === 'webhook') && 'state' in row && row.state === 'deleted') return false;
  // Both members are texts where a kind has them.
  return where === null || (row as unknown as Readonly<Record<string, unknown>>)[where.member] === where.is;
}

/** What a view asks of rows. Nothing is decided in the past, so nothing else is ever asked. */
function pastRead(row: Read['row'], routesOf: Read['routesOf']): Read {
  const never = (): never => {
    throw new Defect('nothing is decided in the past');
  };
  return {
    row,
    routesOf,
    tasksOf: (mission) => briefsFrom(row, mission),
    queuedTasks: never,
    unfundedTasks: never,
    accountsToSweep: never,
    activeWebhooks: never,
    deviceByDid: never,
    taskOfAttempt: never,
    count: never,
    dueRows: never,
  };
}
