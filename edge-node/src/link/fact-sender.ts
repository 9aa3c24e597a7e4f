// Sends the outbox over one connection: batches in order, at most two that are not acknowledged, back to where the swarm
// says when it saw a gap. It keeps nothing: what is not committed is in the outbox.

import type { Cancel, Clock } from '../clock.ts';
import type { Batch } from '../outbox/outbox-rows.ts';

/** Batches on their way. Two keep the wire busy while one is being committed. */
export const batchesInFlightMax = 2;
/** A batch that is not acknowledged by then will not be: the connection is given up, though it may answer pings. */
export const acknowledgeMsMax = 30_000;
/** The swarm may ask so often for other facts, with none committed in between, before the connection is given up. */
const rewindsMax = 10;

export interface FactSenderDeps {
  readonly clock: Clock;
  batch(seq: number): Batch | null;
  /** Facts are given to the socket, under the epoch in force. */
  send(batch: Batch): void;
  /** The swarm has stopped acknowledging: the connection is of no use. */
  stalled(why: string): void;
}

export interface FactSender {
  /** Sends what may be sent. Call it when there is more. */
  pump(): void;
  /** Facts up to `seq` are committed. */
  committed(seq: number): void;
  /** The next fact must be `seq`. */
  expected(seq: number): void;
  stop(): void;
}

/** @param from the first seq that the swarm has not committed */
export function createFactSender(from: number, deps: FactSenderDeps): FactSender {
  let next = from;
  let inFlight: number[] = [];
  let cancelTimer: Cancel | null = null;
  let rewinds = 0;
  let committedTo = from - 1;
  let stopped = false;

  const watch = () => {
    cancelTimer?.();
    cancelTimer = null;
    if (inFlight.length === 0 || stopped) return;
    cancelTimer = deps.clock.after(acknowledgeMsMax, () => deps.stalled('facts are not acknowledged'));
  };
  const pump = () => {
    const before = inFlight.length;
    while (!stopped && inFlight.length < batchesInFlightMax) {
      const batch = deps.batch(next);
      if (batch === null) break;
      deps.send(batch);
      inFlight.push(batch.last);
      next = batch.last + 1;
    }
    if (before === 0 && inFlight.length > 0) watch();
  };
  return {
    pump,
    committed(seq) {
      if (seq > committedTo) {
        committedTo = seq;
        rewinds = 0;
      }
      inFlight = inFlight.filter((last) => last > seq);
      if (seq >= next) next = seq + 1;
      watch();
      pump();
    },
    expected(seq) {
      // Each asks for two batches: whoever asks without end gets them without end, and takes none.
      rewinds += 1;
      if (rewinds > rewindsMax) return deps.stalled(`the swarm asks for fact ${seq} and others again and again`);
      inFlight = [];
      next = seq;
      watch();
      pump();
    },
    stop() {
      stopped = true;
      inFlight = [];
      watch();
    },
  };
}
