// The whole state of a swarm as a tree of two levels: chunks of rows in key order, and the list of chunks, whose hash is the
// hash of the state. Where a chunk begins follows from the keys alone, so the same rows give the same tree, however they came
// about: built at once, carried on from an earlier tree, or replayed [P8]. Rows that do not change stay in chunks that do not
// change: a snapshot writes what is new, and a row is found without reading the rest.

import { sha256 } from '../hash.ts';
import { canonicalStored } from '../json.ts';
import type { Kind, Rows } from '../swarm/state.ts';

/** The version of the rows' shapes. A snapshot of another version is not read: the events are folded instead. */
export const STATE_VERSION = 1;

/** One chunk: rows from `first` on. */
export interface ChunkRef {
  /** Key of its first row: `task/tsk_…`. */
  readonly first: string;
  /** SHA-256 of its text, hex. */
  readonly hash: string;
  readonly rows: number;
}

/** A row's key and its canonical text. */
export type Entry = readonly [key: string, text: string];

/** A chunk with its text: one line a row, `["task/tsk_…",{…}]`. */
export interface Chunk extends ChunkRef {
  readonly text: string;
}

/** About one key in so many begins a chunk. */
const CHUNK_ROWS = 128;
/** A chunk of large rows ends before it has more characters than this, but for its last row. */
const chunkCharsMax = 1_000_000;

/** The hash of a state: over the lines `<first> <hash>\n` of its chunks in key order. */
export function stateHashOf(refs: Iterable<ChunkRef>): string {
  return sha256([...refs].map(({ first, hash }) => `${first} ${hash}\n`).join(''));
}

/** Every chunk of these rows, which are in key order. */
export function* chunksOf(entries: Iterable<Entry>): Generator<Chunk> {
  const chunker = createChunker();
  for (const entry of entries) {
    const chunk = chunker.take(entry);
    if (chunk !== null) yield chunk;
  }
  const last = chunker.end();
  if (last !== null) yield last;
}

/** Makes chunks of entries that come one by one, in key order. */
export interface Chunker {
  /** Takes the next entry; answers with the chunk that it ends, if it ends one. */
  take(entry: Entry): Chunk | null;
  /** The last chunk; null when there was no entry. */
  end(): Chunk | null;
}

export function createChunker(): Chunker {
  let lines: string[] = [];
  let first = '';
  let chars = 0;
  function end(): Chunk | null {
    const chunk = lines.length === 0 ? null : chunkOf(first, lines);
    lines = [];
    chars = 0;
    return chunk;
  }
  return {
    take([key, text]) {
      const isNext = lines.length > 0 && (begins(key) || kindOf(key) !== kindOf(first) || chars > chunkCharsMax);
      const chunk = isNext ? end() : null;
      if (lines.length === 0) first = key;
      const line = `[${JSON.stringify(key)},${text}]\n`;
      lines.push(line);
      chars += line.length;
      return chunk;
    },
    end,
  };
}

function chunkOf(first: string, lines: readonly string[]): Chunk {
  const text = lines.join('');
  return { first, hash: sha256(text), rows: lines.length, text };
}

/** Rows as entries in key order. */
export function entriesOf(rows: ReadonlyMap<string, Rows[Kind]>): Entry[] {
  return [...rows.keys()].sort().map((key) => [key, canonicalStored(rows.get(key))]);
}

/** The hash of the state that these rows are. */
export function stateHash(rows: ReadonlyMap<string, Rows[Kind]>): string {
  return stateHashOf(chunksOf(entriesOf(rows)));
}

/** A part of one kind's keys that is chunked by itself: from `from` (null: the kind's first) up to `until` (null: its last). */
export interface KeyRange {
  readonly kind: Kind;
  readonly from: string | null;
  readonly until: string | null;
}

/** Where a tree's rows are, and where its new chunks go. */
export interface CarryDeps {
  /** The rows of a range as they are now, in key order. */
  entries(range: KeyRange): Iterable<Entry>;
  /** Takes each chunk that is new; its text is not held here. */
  add(chunk: Chunk): void;
}

/**
 * Carries a tree on to the state of now, and answers with its chunks.
 * @param refs the chunks of an earlier state, in key order
 * @param changed keys of all rows that were made or changed since; rows are never unmade
 */
export function carryOn(refs: readonly ChunkRef[], changed: Iterable<string>, deps: CarryDeps): readonly ChunkRef[] {
  const known = new Set(refs.map(({ hash }) => hash));
  const next: ChunkRef[] = [];
  let at = 0;
  for (const range of rangesOf(refs, changed)) {
    // Chunks wholly before the range stay as they are.
    while (at < range.start) next.push(refs[at++] as ChunkRef); // below refs.length, as range.start is
    for (const chunk of chunksOf(deps.entries(range))) {
      const { text: _, ...ref } = chunk;
      next.push(ref);
      if (!known.has(chunk.hash)) deps.add(chunk);
      known.add(chunk.hash);
    }
    at = range.end;
  }
  return [...next, ...refs.slice(at)];
}

/** The ranges of a tree that are chunked anew when rows of these keys have changed, in order. */
export function* rangesOf(refs: readonly ChunkRef[], changed: Iterable<string>): Generator<ChunkRange> {
  const keys = [...new Set(changed)].sort();
  for (let i = 0; i < keys.length; ) {
    const range = rangeOf(refs, keys[i] ?? '');
    yield range;
    i++;
    while (i < keys.length && isWithin(keys[i] ?? '', range)) i++;
  }
}

export interface ChunkRange extends KeyRange {
  /** Indexes of the chunks that the range replaces: `[start, end)`. */
  readonly start: number;
  readonly end: number;
}

/** The range that a key lies in: between two keys that begin a chunk whatever stands before them. */
function rangeOf(refs: readonly ChunkRef[], key: string): ChunkRange {
  const kind = kindOf(key);
  const at = chunkAt(refs, key);
  let start = at + 1;
  let from: string | null = null;
  for (let i = at; i >= 0 && kindOf(refs[i]?.first ?? '') === kind; i--) {
    start = i;
    if (begins(refs[i]?.first ?? '')) {
      from = refs[i]?.first ?? null;
      break;
    }
  }
  let end = at + 1;
  while (end < refs.length && kindOf(refs[end]?.first ?? '') === kind && !begins(refs[end]?.first ?? '')) end++;
  const until = kindOf(refs[end]?.first ?? '') === kind ? (refs[end]?.first ?? null) : null;
  // A key in front of all others of its kind is chunked with them.
  return { kind, from, until, start, end };
}

function isWithin(key: string, { kind, from, until }: KeyRange): boolean {
  return kindOf(key) === kind && (from === null || key >= from) && (until === null || key < until);
}

/** Index of the last chunk that begins at or before a key; −1 when none does. Whether the key is in it, its rows say. */
export function chunkAt(refs: readonly ChunkRef[], key: string): number {
  let low = 0;
  let high = refs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((refs[middle]?.first ?? '') <= key) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

export function kindOf(key: string): Kind {
  // Keys are made of a kind and an id by whoever calls this.
  return key.slice(0, key.indexOf('/')) as Kind;
}

/** Reads a chunk's text again. @throws SyntaxError when it is no chunk: whoever loads one checks its hash first */
export function rowsOf(text: string): Map<string, Rows[Kind]> {
  const rows = new Map<string, Rows[Kind]>();
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [key, row] = JSON.parse(line) as [string, Rows[Kind]]; // our own text, under a hash that was checked
    rows.set(key, row);
  }
  return rows;
}

/** Whether a chunk begins at this key, whatever stands before it: FNV-1a, which is cheap and the same everywhere. */
function begins(key: string): boolean {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % CHUNK_ROWS === 0;
}
