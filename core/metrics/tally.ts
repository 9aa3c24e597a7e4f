// The count of events by type: what counters are made of. It is a fold over the journal, so that a restart counts again what
// it has forgotten, and nothing twice.

import type { StoredEvent } from '../journal/event.ts';

export interface Tally {
  /** The last event that is counted. */
  readonly seq: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly settledMicro: number;
}

export const EMPTY_TALLY: Tally = { seq: 0, counts: {}, settledMicro: 0 };

/** The tally after these events, which follow it without a gap. */
export function count(tally: Tally, events: readonly StoredEvent[]): Tally {
  const counts = { ...tally.counts };
  let { seq, settledMicro } = tally;
  for (const event of events) {
    counts[event.type] = (counts[event.type] ?? 0) + 1;
    if (event.type === 'transfer.settled') settledMicro += settledIn(event);
    seq = event.seq;
  }
  return { seq, counts, settledMicro };
}

function settledIn({ body }: StoredEvent): number {
  return (JSON.parse(body) as { amountMicro: number }).amountMicro; // an event of this type
}
