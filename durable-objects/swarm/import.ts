// Fills an empty object with somebody's journal, a batch of lines at a time: each is checked, stored and folded into rows by
// the same `evolve` that made them where they come from, in one transaction. What is stored is all that it remembers, so an
// import that was cut off goes on where it stood. Only a journal that is whole is sealed, and only a sealed one is shown.

import { Defect } from '../../core/assert.ts';
import { isTimed, type Timed, timersOf } from '../../core/forks/timers.ts';
import { type ChunkRef, createChunker, kindOf, stateHashOf } from '../../core/history/state-tree.ts';
import { type Bad, checkLines, invalidImport, NOTHING_TAKEN, refuseEnd, type Taken } from '../../core/imports/check.ts';
import type { ImportPort, ImportStart } from '../../core/imports/port.ts';
import type { StoredEvent } from '../../core/journal/event.ts';
import { readExportHeader } from '../../core/journal/export-lines.ts';
import { rootOf } from '../../core/journal/merkle.ts';
import {
  importAbandonedMs,
  importBriefBytesMax,
  importRowsCharsMax,
  importRowsOfEventCharsMax,
  storageBytesRefuse,
} from '../../core/limits.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { drawJson, roomFor } from '../../core/room.ts';
import { isShown, show } from '../../core/swarm/answer.ts';
import type { SwarmEvent } from '../../core/swarm/events.ts';
import { touches } from '../../core/swarm/evolve.ts';
import type { Rejection } from '../../core/swarm/rejections.ts';
import { type RowMap, replay } from '../../core/swarm/replay.ts';
import { KINDS, type Kind, type Rows } from '../../core/swarm/state.ts';
import { briefOf } from '../../core/work/brief.ts';
import { timeText } from '../../core/work/view.ts';
import { first, type Sql } from '../sql-port.ts';
import { ALONE, inTurns, type Work } from '../turns.ts';
import { checkBooks } from './conservation.ts';
import { rowInserter } from './insert-rows.ts';
import { cacheSubtrees, hex, journalTree } from './merkle-tree.ts';
import { readSeal, type Seal, writeSeal } from './seal.ts';
import { entriesIn } from './snapshots.ts';
import { readRow, readText } from './swarm-read.ts';
import { INTO_JOURNAL, INTO_ROWS, lineOf } from './swarm-store.ts';

export interface ImportDeps {
  readonly sql: Sql;
  now(): number;
  /** Bytes that the object's storage holds. */
  databaseSize(): number;
  /** Makes the object as it was before anyone had called it. */
  empty(): Promise<void>;
  /** Throws away what nobody goes on with, at this time; null: nothing is to be thrown away. */
  abandonAt(at: number | null): void;
  /** The tables hold something else than they did: whoever remembers them reads them anew. */
  changed(): void;
  /** How others get in between; with none of them where nothing is said. */
  readonly work?: Work;
}

export interface Importer extends ImportPort {
  /** The time has come that was given to `abandonAt`. */
  abandoned(): Promise<void>;
}

/** Fills an object; see `ImportPort`. */
export function createImporter(deps: ImportDeps): Importer {
  const { sql, work = ALONE } = deps;

  /** The seal while this request fills the object. */
  function fillingBy(run: string): Result<Seal, Rejection> {
    const seal = readSeal(sql);
    return seal?.state === 'filling' && seal.start.run === run ? ok(seal) : err({ code: 'import_superseded' });
  }

  /** Few events may change much: what is stored of their rows at once is bounded by its text [TURN-1]. */
  async function storeInTurns(run: string, events: readonly StoredEvent[]): Promise<Result<null, Rejection>> {
    let left = events;
    for (;;) {
      const stored = store(sql, left);
      if (!stored.ok) return err(invalidImport(stored.error));
      left = left.slice(stored.value.events);
      const [next] = left;
      if (next === undefined) return ok(null);
      work.spent(0, stored.value.rowChars);
      await work.giveWay();
      // Others came in between: another request may go on with it, or have thrown it away.
      const still = fillingBy(run);
      if (!still.ok) return still;
      if (takenIn(sql).seq + 1 !== next.seq) return err({ code: 'import_superseded' });
    }
  }

  return {
    async beginImport(start) {
      const checkpoint = readExportHeader(start.header);
      if (checkpoint === null) return err(invalidImport(NOT_AN_EXPORT));
      const seal = readSeal(sql);
      if (seal?.imported)
        return isSame(seal.start, start) ? ok(seal.imported) : err({ code: 'idempotency_key_reused' });
      if (seal === null && !isEmpty(sql)) return err({ code: 'swarm_exists' });
      if (seal !== null) await deps.empty();
      writeSeal(sql, { state: 'filling', start, checkpoint, key: keyOf(start, deps.now()), imported: null });
      deps.changed();
      deps.abandonAt(deps.now() + importAbandonedMs);
      return ok(null);
    },

    async takeLines(run, from, lines) {
      await work.giveWay();
      const filling = fillingBy(run);
      if (!filling.ok) return filling;
      if (deps.databaseSize() > storageBytesRefuse) return err({ code: 'storage_full' });
      const taken = takenIn(sql);
      // Sent again, because nobody knew whether they had arrived.
      const rest = lines.slice(Math.max(0, taken.seq + 1 - from));
      if (from > taken.seq + 1) return err({ code: 'import_superseded' });
      const checked = checkLines(filling.value.checkpoint, taken, rest);
      if (!checked.ok) return err(invalidImport(checked.error));
      const stored = await storeInTurns(run, checked.value);
      if (!stored.ok) return stored;
      work.spent(rest.length, textOf(rest));
      deps.abandonAt(deps.now() + importAbandonedMs);
      return ok(null);
    },

    async finishImport(run, digest) {
      const seal = readSeal(sql);
      if (seal?.imported && seal.start.run === run) return ok(seal.imported);
      const filling = fillingBy(run);
      if (!filling.ok) return filling;
      const { checkpoint } = filling.value;
      const taken = takenIn(sql);
      const bad = refuseEnd(checkpoint, taken, await rootIn(sql, taken.seq, work)) ?? refuseBooks(sql);
      if (bad !== null) return err(invalidImport(bad));
      const { origin, size, head, root } = checkpoint;
      const imported = { origin, size, head, root, stateHash: await stateHashIn(sql, work), digest };
      // Others came in between: another request may have gone on with it, ended it, or thrown it away.
      const now = readSeal(sql);
      if (now?.imported && now.start.run === run) return ok(now.imported);
      const still = fillingBy(run);
      if (!still.ok) return still;
      if (takenIn(sql).seq !== taken.seq) return err({ code: 'import_superseded' });
      sql.transaction(() => {
        // The one word of the original's that this swarm can give: it has no key to sign another.
        sql.run('INSERT INTO checkpoint (size, body) VALUES (?, ?)', size, JSON.stringify(checkpoint));
        writeSeal(sql, { ...filling.value, state: 'sealed', imported });
      });
      deps.abandonAt(null);
      deps.changed();
      return ok(imported);
    },

    async discardImport(run) {
      const seal = readSeal(sql);
      if (seal === null || (run !== null && !fillingBy(run).ok)) return;
      deps.abandonAt(null);
      await deps.empty();
      deps.changed();
    },

    async abandoned() {
      if (readSeal(sql)?.state === 'filling') await this.discardImport(null);
    },
  };
}

const NOT_AN_EXPORT: Bad = {
  seq: null,
  reason: 'the first line is not that of an export, or its signature does not hold',
};

/** The first line of an export names all of the others: the same one again is the same export, or none. */
function isSame(before: ImportStart, now: ImportStart): boolean {
  return before.header === now.header && before.name === now.name;
}

function keyOf({ key, by }: ImportStart, at: number): Seal['key'] {
  return { ...key, name: 'import', state: 'active', validUntil: null, replacedBy: null, createdAt: at, createdBy: by };
}

function isEmpty(sql: Sql): boolean {
  return first(sql.all('SELECT 1 FROM journal LIMIT 1')) === null;
}

/** The last event that is stored. */
function takenIn(sql: Sql): Taken {
  return first(sql.all<Taken>('SELECT seq, hash, at FROM journal ORDER BY seq DESC LIMIT 1')) ?? NOTHING_TAKEN;
}

/** What one transaction has stored: the first of the events, and the text of the rows that it has read for them. */
interface Stored {
  readonly events: number;
  readonly rowChars: number;
}

/**
 * Stores the first of these events with the rows that they make, as many as go together. A batch that cannot be stored is halved
 * until it is clear which event is bad.
 */
function store(sql: Sql, events: readonly StoredEvent[]): Result<Stored, Bad> {
  try {
    return ok(sql.transaction(() => storeSome(sql, events)));
  } catch (cause) {
    // What is unique in a swarm is said twice, or what follows cannot be: the journal's own doing, not the platform's.
    if (!(cause instanceof Unfit) && !isConstraint(cause)) throw cause;
    const [one] = events;
    if (one === undefined) throw cause;
    if (events.length === 1) return err({ seq: one.seq, reason: 'it cannot follow from the events before it' });
    return store(sql, events.slice(0, Math.ceil(events.length / 2)));
  }
}

/** An event cannot be folded. */
class Unfit extends Defect {}

function storeSome(sql: Sql, events: readonly StoredEvent[]): Stored {
  const insert = rowInserter(sql);
  const rows: RowMap = new Map();
  let [taken, rowChars] = [0, 0];
  for (const event of events) {
    if (rowChars > importRowsCharsMax) break;
    try {
      rowChars += loadTouched(event, rows, sql);
      replay([event], rows);
    } catch (cause) {
      // A body is whatever its author wrote under a hash that holds: folding it may fail in any way, and changes nothing.
      throw new Unfit('an event does not follow from those before it', { cause });
    }
    taken++;
  }
  showAll(sql, rows);
  insert(INTO_JOURNAL, events.slice(0, taken).flatMap(lineOf));
  const byKind = Map.groupBy(rows, ([key]) => kindOf(key));
  for (const [kind, own] of byKind) {
    insert(
      INTO_ROWS[kind],
      own.flatMap(([key, row]) => [key.slice(kind.length + 1), JSON.stringify(row)]),
    );
  }
  return { events: taken, rowChars };
}

/** Loads the rows that an event changes, where they are not there yet. Answers with how much text they were. */
function loadTouched(event: StoredEvent, rows: RowMap, sql: Sql): number {
  let chars = 0;
  for (const [kind, id] of touchesOf(event)) {
    const text = rows.has(`${kind}/${id}`) ? null : readText(sql, kind, id);
    if (text === null) continue;
    chars += text.length;
    if (chars > importRowsOfEventCharsMax) throw new Defect('an event changes more than a swarm changes at once');
    rows.set(`${kind}/${id}`, JSON.parse(text)); // our own row, of its kind
  }
  return chars;
}

/** Rows that cannot be shown would be found out by whoever reads them, and those that ask for no possible time by a fork. */
function showAll(sql: Sql, rows: RowMap): void {
  const row = <K extends Kind>(kind: K, id: string): Rows[K] | null =>
    (rows.get(`${kind}/${id}`) as Rows[K] | undefined) ?? readRow(sql, kind, id); // rows stand under their kind
  try {
    for (const [key, made] of rows) {
      const kind = kindOf(key);
      // A mission's tasks are shown by themselves.
      if (isShown(kind)) show(kind, made, { row, tasksOf: () => [] });
      if (kind === 'task' && !isBrief(made as Rows['task'])) throw new Defect('a task says more than a swarm lets it');
      if (isTimed(kind)) for (const { at } of timersOf(kind, made as Rows[Timed])) timeText(at); // as above
    }
  } catch (cause) {
    throw new Unfit('an event makes a row that cannot be shown', { cause });
  }
}

/** Whoever asks for a mission gets the briefs of all its tasks at once: each is as small as that of a swarm's own. */
function isBrief(task: Rows['task']): boolean {
  return drawJson(roomFor(importBriefBytesMax), briefOf(task));
}

function touchesOf({ type, subject, body, command }: StoredEvent) {
  return touches({ type, subject, body: JSON.parse(body) } as SwarmEvent, command); // of a type that was checked
}

/** SQLite says so in its message, on every platform. */
function isConstraint(cause: unknown): boolean {
  return cause instanceof Error && /constraint/i.test(cause.message);
}

async function rootIn(sql: Sql, size: number, work: Work): Promise<string> {
  // The subtrees' roots are kept for the proofs that will be asked for; each time those that are new.
  await inTurns(cacheSubtrees(sql, size), work);
  return hex(
    rootOf(
      journalTree(sql, async () => ok([])),
      size,
    ),
  );
}

function refuseBooks(sql: Sql): Bad | null {
  const broken = checkBooks(sql);
  return broken === null ? null : { seq: null, reason: broken };
}

/** The hash of all rows, in the order of their keys; nothing else is written here meanwhile. */
async function stateHashIn(sql: Sql, work: Work): Promise<string> {
  const refs: ChunkRef[] = [];
  const entries = entriesIn(sql);
  for (const kind of [...KINDS].sort()) {
    const chunker = createChunker();
    for (const entry of entries({ kind, from: null, until: null })) {
      const chunk = chunker.take(entry);
      if (chunk === null) continue;
      refs.push({ first: chunk.first, hash: chunk.hash, rows: chunk.rows });
      work.spent(chunk.rows / hashesInOne, chunk.text.length);
      await work.giveWay();
    }
    const last = chunker.end();
    if (last !== null) refs.push({ first: last.first, hash: last.hash, rows: last.rows });
  }
  return stateHashOf(refs);
}

/** A hash costs as much as a part of an event that is decided. */
const hashesInOne = 16;

function textOf(events: readonly string[]): number {
  return events.reduce((sum, line) => sum + line.length, 0);
}
