// What a past answers: rows as the API shows them at a moment, what changed between two, and the whole state for a fork.

import type { Actor, Moment } from '../../core/envelope.ts';
import { type Difference, openDifference } from '../../core/history/diff.ts';
import type { Past } from '../../core/history/past.ts';
import type { At, HistoryPort, PastMoment, PastPort } from '../../core/history/port.ts';
import { type Chunk, type ChunkRef, createChunker, type Entry, stateHashOf } from '../../core/history/state-tree.ts';
import { toCloudEvent } from '../../core/journal/cloud-event.ts';
import type { Json } from '../../core/json.ts';
import { diffEventsMax, journalPageMax } from '../../core/limits.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { answerRows, isRowQuery } from '../../core/swarm/answer.ts';
import type { Rejection } from '../../core/swarm/rejections.ts';
import type { Query } from '../../core/swarm/service.ts';
import { KINDS } from '../../core/swarm/state.ts';
import { eventPage } from '../event-page.ts';
import { ALONE, type Work } from '../turns.ts';
import { createMoments, type MomentDeps, type Opened } from './moments.ts';

export interface PastDeps extends MomentDeps {
  /** The circumstances of a question at a moment. */
  momentOf(actor: Actor, at: number): Moment;
}

type Unnamed<F> = F extends (swarm: string, ...rest: infer R) => infer T ? (...rest: R) => T : never;

/** The past of one swarm: `PastPort` without the swarm's name. */
export type PastService = { readonly [K in keyof PastPort]: Unnamed<PastPort[K]> };

/** Characters of rows in one page of a state. */
const pageCharsMax = 1_000_000;
/** A row that is only read and written down costs as much as a part of one that is decided. */
const rowsReadInOne = 4;

export function createPast({ momentOf, ...deps }: PastDeps): PastService {
  const { history, work = ALONE } = deps;
  const moments = createMoments(deps);
  return {
    read: async (actor, at, query) => {
      if (query.type === 'journal') return journalAt(actor, at, query, deps);
      return moments.with(actor, at, async ({ moment, ask }) => {
        if (!isRowQuery(query)) return err({ code: 'moment_unreadable', query: query.type });
        const answered = await ask((past) => answerRows(query, past, momentOf(actor, moment.at)));
        return answered.ok ? ok({ moment, value: answered.value }) : answered;
      });
    },
    async diff(actor, from, to, page) {
      const ends = await endsOf(history, actor, from, to);
      if (!ends.ok) return ends;
      const difference = openDifference();
      return moments.with(actor, { seq: ends.value.from }, async (opened) => {
        const start = opened.moment;
        const gone = await goOn(opened, ends.value.to, difference);
        if (!gone.ok) return gone;
        for (let isDone = false; !isDone; ) {
          const compared = await opened.ask((past) => difference.compare(past));
          isDone = compared.isDone;
          work.spent(compared.rows, compared.chars);
          await work.giveWay();
        }
        const shown = await opened.ask((past) => difference.show({ from: start, to: opened.moment }, page, past));
        return ok(shown as Json);
      });
    },
    rows: (at, after) =>
      moments.with(null, at, async ({ moment, ask }) => {
        await work.giveWay();
        const entries = await ask((past) => pageOf(past, after));
        work.spent(entries.entries.length / rowsReadInOne, entries.chars);
        return ok({ moment, entries: entries.entries, next: entries.next });
      }),
    stateHash: (actor, at) =>
      moments.with(actor, at, async (opened) => {
        const { moment } = opened;
        const tree = await treeOf(opened, work);
        const rows = tree.reduce((sum, ref) => sum + ref.rows, 0);
        return ok({ moment, stateHash: stateHashOf(tree), rows });
      }),
  };
}

/** The journal as it was: a page of events, none behind the moment. */
async function journalAt(
  actor: Actor,
  at: At,
  { from, limit }: Extract<Query, { type: 'journal' }>,
  { history, readEvents }: MomentDeps,
): Promise<Result<{ readonly moment: PastMoment; readonly value: Json }, Rejection>> {
  const found = await history.outline(actor, at, null);
  if (!found.ok) return found;
  const { origin, seq } = found.value;
  const to = Math.min(seq, from + Math.min(limit, journalPageMax) - 1);
  const outline = found.value;
  const read =
    from > seq ? ok([]) : await eventPage(from, to, (from, to) => readEvents(from, to, outline), journalPageMax);
  if (!read.ok) return read;
  const last = await readEvents(seq, seq, outline);
  if (!last.ok) return last;
  const { at: time = 0, hash = '' } = last.value[0] ?? {};
  const data = read.value.map((event) => toCloudEvent(origin, event));
  const end = read.value.at(-1)?.seq ?? seq;
  const value = { data, nextCursor: end < seq ? String(end) : null } as unknown as Json; // events are data that JSON can say
  return ok({ moment: { seq, at: time, hash, snapshotSeq: 0, damaged: [] }, value });
}

/** The two ends of a difference, as seqs in order. */
async function endsOf(
  history: HistoryPort,
  actor: Actor,
  from: At,
  to: At,
): Promise<Result<{ readonly from: number; readonly to: number }, Rejection>> {
  const start = await history.outline(actor, from, null);
  if (!start.ok) return start;
  const end = await history.outline(actor, to, null);
  if (!end.ok) return end;
  const [first, last] = [start.value.seq, end.value.seq];
  if (first > last) return err({ code: 'range_reversed' });
  if (last - first > diffEventsMax) return err({ code: 'range_too_large', most: diffEventsMax });
  return ok({ from: first, to: last });
}

/** Goes on to the later end, unless there is too much between. */
async function goOn(opened: Opened, to: number, difference: Difference): Promise<Result<PastMoment, Rejection>> {
  for (let { seq } = opened.moment; seq < to; ) {
    const gone = await opened.advance(Math.min(to, seq + journalPageMax), (events) =>
      difference.see(events, opened.past),
    );
    if (!gone.ok) return gone;
    seq = gone.value.seq;
    const most = difference.most();
    if (most !== null) return err({ code: 'range_too_large', most });
  }
  return ok(opened.moment);
}

/** The chunks of a moment's whole state. What has changed is chunked anew, with one old chunk of it loaded at a time. */
async function treeOf({ past, ask }: Opened, work: Work): Promise<readonly ChunkRef[]> {
  const { refs } = past;
  const tree: ChunkRef[] = [];
  const add = (chunk: Chunk | null): void => {
    if (chunk !== null) tree.push({ first: chunk.first, hash: chunk.hash, rows: chunk.rows });
  };
  let at = 0;
  for (const range of past.changedRanges()) {
    while (at < range.start) tree.push(refs[at++] as ChunkRef); // below refs.length, as range.start is
    const chunker = createChunker();
    for (let i = range.start; i <= Math.max(range.start, range.end - 1); i++) {
      const from = i === range.start ? range.from : (refs[i]?.first ?? null);
      const until = i + 1 < range.end ? (refs[i + 1]?.first ?? null) : range.until;
      const entries = await ask((past) => [...past.entries({ kind: range.kind, from, until })]);
      let chars = 0;
      for (const entry of entries) {
        add(chunker.take(entry));
        chars += entry[1].length;
      }
      work.spent(entries.length / rowsReadInOne, chars);
      await work.giveWay();
    }
    add(chunker.end());
    at = range.end;
  }
  return [...tree, ...refs.slice(at)];
}

/** Rows in key order behind `after`, about a megabyte of them. */
function pageOf(
  past: Past,
  after: string | null,
): { readonly entries: readonly Entry[]; readonly next: string | null; readonly chars: number } {
  const entries: Entry[] = [];
  let chars = 0;
  for (const kind of [...KINDS].sort()) {
    const end = `${kind}/\uffff`;
    if (after !== null && end <= after) continue;
    const from = after?.startsWith(`${kind}/`) ? after : null;
    for (const entry of past.entries({ kind, from, until: null })) {
      if (entry[0] === after) continue;
      if (chars > pageCharsMax) return { entries, next: entries.at(-1)?.[0] ?? null, chars };
      entries.push(entry);
      chars += entry[0].length + entry[1].length;
    }
  }
  return { entries, next: null, chars };
}
