// Moments of a swarm's past, opened on request: the nearest snapshot, then the events behind it. A moment that was opened goes
// on from where it is, so moving forward through the past costs only what happened in between. A damaged snapshot is passed
// over for the one before it, and the answer says so; it is never believed.

import { tenantOf } from '../../core/archive/keys.ts';
import type { ObjectStore } from '../../core/archive/port.ts';
import type { Snapshot } from '../../core/archive/state.ts';
import type { Actor } from '../../core/envelope.ts';
import { ChunkNeeded, openPast, type Past } from '../../core/history/past.ts';
import type { At, HistoryPort, Outline, PastMoment } from '../../core/history/port.ts';
import { hashHolds } from '../../core/journal/cloud-event.ts';
import { GENESIS, type StoredEvent, textOf } from '../../core/journal/event.ts';
import { snapshotCharsMax } from '../../core/limits.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Rejection } from '../../core/swarm/rejections.ts';
import { piecesOf } from '../pieces.ts';
import { getManifest } from '../snapshot-files.ts';
import { ALONE, type Work } from '../turns.ts';
import { type Chunks, createChunks, DamagedChunk } from './chunks.ts';

export interface MomentDeps {
  readonly history: HistoryPort;
  readonly objects: ObjectStore;
  /** Events `from`–`to` of the swarm that the outline is of, or the first of them, hot or archived, checked. */
  readEvents(from: number, to: number, outline: Outline): Promise<Result<readonly StoredEvent[], Rejection>>;
  /** How others get in between; with none of them where nothing is said. */
  readonly work?: Work;
}

/** A moment that stands open. */
export interface Opened {
  readonly moment: PastMoment;
  readonly past: Past;
  readonly outline: Outline;
  /** Asks the past, loading what the question needs. @throws DamagedChunk when that is damaged */
  ask<T>(question: (past: Past) => T): Promise<T>;
  /** Goes on to a later moment; `see` is called with each page of events before they are folded. */
  advance(to: number, see?: (events: readonly StoredEvent[]) => void): Promise<Result<PastMoment, Rejection>>;
}

export interface Moments {
  /** Opens a moment and uses it; a damaged chunk sends it back to an older snapshot, and `use` is called again. */
  with<T>(
    actor: Actor | null,
    at: At,
    use: (opened: Opened) => Promise<Result<T, Rejection>>,
  ): Promise<Result<T, Rejection>>;
}

/** A past that was opened, and how far it has gone. */
interface View {
  readonly past: Past;
  /** What it was opened from; null: the first event. */
  readonly snapshot: Snapshot | null;
  moment: PastMoment;
  /** Text of the events that it has folded: what it holds in memory. */
  chars: number;
}

/** Views kept: a person looks at few moments at once. */
const viewsMax = 3;
/** What they may hold together. */
const viewsCharsMax = 2 * snapshotCharsMax;
/** Events read at once. */
const pageEvents = 1_000;
/** Snapshots passed over before a question is given up. */
const fallbacksMax = 10;
/** Chunks that one question may load. */
const loadsMax = 2_000;

export function createMoments(deps: MomentDeps): Moments {
  const views: View[] = [];
  const chunks = createChunks(deps.objects);
  /** Snapshots found damaged, by id; asked for no more by this instance. */
  const damaged = new Map<string, number>();

  async function outlineOf(actor: Actor | null, at: At): Promise<Result<Outline, Rejection>> {
    let outline = await deps.history.outline(actor, at, null);
    for (let i = 0; i < fallbacksMax && outline.ok && isDamaged(outline.value.snapshot); i++) {
      outline = await deps.history.outline(actor, { seq: outline.value.seq }, outline.value.snapshot?.seq ?? null);
    }
    return outline;
  }
  const isDamaged = (snapshot: Snapshot | null): boolean => snapshot !== null && damaged.has(snapshot.id);

  /** The view that is nearest before the moment; a new one from the snapshot when none is nearer. */
  async function viewFor(outline: Outline): Promise<View | Snapshot> {
    const { seq, snapshot } = outline;
    const from = snapshot?.seq ?? 0;
    const nearest = views
      .filter(({ moment }) => moment.seq <= seq && moment.seq >= from)
      .sort((a, b) => b.moment.seq - a.moment.seq)[0];
    if (nearest) {
      views.splice(views.indexOf(nearest), 1);
      views.unshift(nearest);
      return nearest;
    }
    const refs = snapshot === null ? [] : await getManifest(snapshot, deps.objects);
    if (refs === null) return snapshot as Snapshot; // only a snapshot's manifest is ever null
    const view: View = {
      past: openPast(refs, chunks.loaded),
      snapshot,
      chars: 0,
      moment: {
        seq: from,
        at: snapshot?.headAt ?? 0,
        hash: snapshot?.head ?? GENESIS,
        snapshotSeq: from,
        damaged: [...damaged.keys()].filter((id) => (damaged.get(id) ?? 0) <= seq),
      },
    };
    views.unshift(view);
    views.length = Math.min(views.length, viewsMax);
    return view;
  }

  /** Lets go of views beyond what may be held, the one used last at the end. */
  function letGo(): void {
    let held = 0;
    const kept = views.filter(({ chars }) => {
      held += chars;
      return held <= viewsCharsMax;
    });
    views.splice(0, views.length, ...kept);
  }

  async function openOnce<T>(
    outline: Outline,
    use: (opened: Opened) => Promise<Result<T, Rejection>>,
  ): Promise<Result<T, Rejection> | Snapshot> {
    const view = await viewFor(outline);
    if (!('past' in view)) return view;
    try {
      const opened = openedOn(view, outline, { ...deps, chunks });
      const there = await opened.advance(outline.seq);
      const done = there.ok ? await use(opened) : there;
      letGo();
      return done;
    } catch (cause) {
      const at = views.indexOf(view);
      // What was folded in part is not gone on from.
      if (at >= 0) views.splice(at, 1);
      // The view may have come from an older snapshot than the outline names.
      if (cause instanceof DamagedChunk && view.snapshot !== null) return view.snapshot;
      throw cause;
    }
  }

  async function open<T>(
    actor: Actor | null,
    at: At,
    use: (opened: Opened) => Promise<Result<T, Rejection>>,
  ): Promise<Result<T, Rejection>> {
    for (let tries = 0; tries <= fallbacksMax; tries++) {
      const outline = await outlineOf(actor, at);
      if (!outline.ok) return outline;
      const done = await openOnce(outline.value, use);
      if ('ok' in done) return done;
      damaged.set(done.id, done.seq);
    }
    return err({ code: 'history_damaged', snapshots: [...damaged.keys()] });
  }

  /** The end of the questions before: a view goes on for one of them at a time. */
  let queue: Promise<unknown> = Promise.resolve();
  return {
    with(actor, at, use) {
      const mine = queue.then(() => open(actor, at, use));
      queue = mine.catch(() => {});
      return mine;
    },
  };
}

function openedOn(
  view: View,
  outline: Outline,
  deps: Pick<MomentDeps, 'readEvents' | 'work'> & { readonly chunks: Chunks },
): Opened {
  const { past } = view;
  const { work = ALONE } = deps;
  const load = (hash: string): Promise<void> => deps.chunks.load(tenantOf(outline.origin), hash);
  async function fold(events: readonly StoredEvent[], see?: (events: readonly StoredEvent[]) => void): Promise<void> {
    deps.chunks.begin();
    for (const hash of past.needs(events)) await load(hash);
    await ask(() => see?.(events), load);
    await ask(() => past.advance(events), load);
    view.chars += textOf(events);
    const last = events.at(-1);
    if (last) view.moment = { ...view.moment, seq: last.seq, at: last.at, hash: last.hash };
  }
  return {
    past,
    outline,
    get moment() {
      return view.moment;
    },
    ask(question) {
      deps.chunks.begin();
      return ask(() => question(past), load);
    },
    async advance(to, see) {
      while (view.moment.seq < to) {
        const from = view.moment.seq + 1;
        const read = await deps.readEvents(from, Math.min(to, from + pageEvents - 1), outline);
        if (!read.ok) return read;
        const events = read.value;
        // What is read from the archive was checked there; rows of the swarm's own table may have changed places.
        if (events.length === 0) return err({ code: 'history_damaged', seq: from });
        for (const piece of piecesOf(events)) {
          const holds = piece.events.every((event) => event.seq < outline.hotFrom || hashHolds(outline.origin, event));
          if (!holds || !follows(piece.events, view.moment)) return err({ code: 'history_damaged', seq: from });
          await fold(piece.events, see);
          work.spent(piece.events.length, piece.chars);
          await work.giveWay();
        }
      }
      return ok(view.moment);
    },
  };
}

/** Asks until every chunk that the answer stands in is loaded. Asking changes nothing before it has all it needs. */
async function ask<T>(question: () => T, load: (hash: string) => Promise<void>): Promise<T> {
  for (let loads = 0; ; loads++) {
    try {
      return question();
    } catch (cause) {
      if (!(cause instanceof ChunkNeeded) || loads === loadsMax) throw cause;
      await load(cause.hash);
    }
  }
}

/** Whether events go on from a moment: the next seq, chained to its hash. */
function follows(events: readonly StoredEvent[], moment: PastMoment): boolean {
  let { seq, hash } = moment;
  for (const event of events) {
    if (event.seq !== seq + 1 || event.previous !== hash) return false;
    seq = event.seq;
    hash = event.hash;
  }
  return events.length > 0;
}
