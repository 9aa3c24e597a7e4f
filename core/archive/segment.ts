// A segment: events that follow each other, as they leave a swarm for its archive. Pure: what it says of itself, where it may
// end, and the checks that tell whether a copy is the thing itself [P10]. The file around it is
// durable-objects/swarm/segment-file.ts.

import { assert } from '../assert.ts';
import { hashHolds } from '../journal/cloud-event.ts';
import type { StoredEvent } from '../journal/event.ts';
import { leafOf, leavesInOne, rootOf } from '../journal/merkle.ts';
import { segmentEvents, segmentEventsMin } from '../limits.ts';
import type { Steps } from '../steps.ts';

/** What a segment says of itself; it stands in the file's metadata and, but for the origin, in the journal. */
export interface SegmentMark {
  /** `tenant/swarm` that every event of it was hashed with. */
  readonly origin: string;
  readonly from: number;
  readonly to: number;
  /** Hash before its first event, and hash of its last. */
  readonly previous: string;
  readonly head: string;
  /** RFC 6962 root over its events' hashes, as a tree of its own. */
  readonly root: string;
}

/** The mark of events that follow each other, all hashed with this origin; a block of them at a time. */
export function* markOf(origin: string, events: readonly StoredEvent[]): Steps<SegmentMark> {
  const first = events[0];
  const last = events.at(-1);
  assert(first !== undefined && last !== undefined, 'a segment has events');
  const root = yield* rootOver(events);
  return { origin, from: first.seq, to: last.seq, previous: first.previous, head: last.hash, root };
}

/** Whether events stand where the mark says, from its first to its last: what a file whose hash holds must fulfil as well. */
export function isWhole({ from, to, previous, head }: SegmentMark, events: readonly StoredEvent[]): boolean {
  return (
    events.length === to - from + 1 &&
    events.every(({ seq }, index) => seq === from + index) &&
    events[0]?.previous === previous &&
    events.at(-1)?.hash === head
  );
}

/**
 * The seq of the first event that is not what the mark says: missing, out of its place, not chained to the one before, or
 * hashed otherwise; the last one's when only the head or the root differ. Null when all of it holds. A few events at a time.
 */
export function* firstFault(mark: SegmentMark, events: readonly StoredEvent[]): Steps<number | null> {
  let previous = mark.previous;
  for (let seq = mark.from; seq <= mark.to; seq++) {
    const event = events[seq - mark.from];
    const holds = event?.seq === seq && event.previous === previous && hashHolds(mark.origin, event);
    if (!holds) return seq;
    previous = event.hash;
    yield { rows: 1 / eventsHashedInOne, bytes: event.body.length };
  }
  return isWhole(mark, events) && (yield* rootOver(events)) === mark.root ? null : mark.to;
}

/** Where the next segment ends: `most` events or fewer, a multiple of the Merkle tree's smallest kept subtree, never behind `last`. */
export function segmentEnd(archivedTo: number, last: number, most: number = segmentEvents): number | null {
  const furthest = Math.min(archivedTo + most, last);
  const end = furthest - (furthest % segmentEventsMin);
  return end > archivedTo ? end : null;
}

/** An event that is only hashed costs as much as a part of one that is decided. */
const eventsHashedInOne = 4;

function* rootOver(events: readonly StoredEvent[]): Steps<string> {
  const leaf = (index: number): Uint8Array => leafOf(events[index]?.hash ?? '');
  const blocks: Uint8Array[] = [];
  for (let start = 0; start + segmentEventsMin <= events.length; start += segmentEventsMin) {
    blocks.push(rootOf({ leaf }, segmentEventsMin, start));
    yield { rows: segmentEventsMin / leavesInOne, bytes: 0 };
  }
  // Of a tree whose blocks are powers of two, all that is asked for besides stands above them, or in the last, shorter one.
  const subtree = (start: number, size: number): Uint8Array | null =>
    size === segmentEventsMin ? (blocks[start / segmentEventsMin] ?? null) : null;
  return Buffer.from(rootOf({ leaf, subtree }, events.length)).toString('hex');
}
