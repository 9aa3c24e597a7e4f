// Turns: everything that runs in one isolate shares one thread, whoever it is for. So work is done in pieces of counted rows and
// bytes, and a tenant that has done a piece's worth lets others run before its next one [TURN-1]. Who goes on first is the tenant
// that has had least, not the one that came first [TURN-2]. Milliseconds are not counted: in production the clock stands still
// between I/O. Nothing here is stored, and nothing depends on it but who waits.

import { shareInFlightMax, turnBytes, turnRows } from '../core/limits.ts';
import type { Steps } from '../core/steps.ts';

export interface Turns {
  /** Something was done for `who`: so many rows or events, so many bytes or characters. */
  spent(who: string, rows: number, bytes: number): void;
  /** To be awaited before the next piece of work. Null, and nothing to wait for, until a piece's worth was spent. */
  next(who: string): Promise<void> | null;
  /**
   * A request of `who` comes in; it weighs more when it brings much. Answers with what is to be called when it has gone; null when
   * `who` has more in flight than its share while somebody else has something in flight as well: then it is refused [TURN-3].
   */
  enter(who: string, bytes: number): (() => void) | null;
  /** Nobody waits any more: for whoever starts the world anew. */
  forget(): void;
}

export interface TurnsDeps {
  /** A turn of the event loop: what has arrived comes in. */
  moment(): Promise<void>;
}

/** A tenant of whom something waits for a turn. Each piece that waits asks in every turn of the loop. */
interface Waiting {
  pieces: number;
  /** The count of questions when it last asked: one that asks no more has gone with its object. */
  askedAt: number;
}

/** Tenants whose unfinished pieces are remembered: beyond it the oldest is forgiven. */
const metersMax = 10_000;

export function createTurns({ moment }: TurnsDeps): Turns {
  /** What was spent since the last turn, by tenant; 1 is a piece. */
  const meters = new Map<string, number>();
  const inFlight = new Map<string, number>();
  const waiting = new Map<string, Waiting>();
  /** What each tenant that waits, or has just waited, has had, on one scale; the least goes first. */
  const had = new Map<string, number>();
  /** Where the scale stands: who comes anew begins here, and saves nothing up. */
  let level = 0;
  /** Turns of the loop in which something that waits has asked, and whether one of them was served in this one. */
  let turn = 0;
  let isServed = false;
  let asked = 0;
  let pieces = 0;
  let chosen: string | null = null;

  const isGone = (who: string): boolean => asked - (waiting.get(who)?.askedAt ?? -Infinity) > 4 * pieces + 16;
  const isDone = (who: string): boolean => (meters.get(who) ?? 0) >= 1;

  /** The tenant that has had least of those that wait, the first to come of several. */
  function fairest(): string | null {
    let best: string | null = null;
    for (const who of waiting.keys()) {
      if (isGone(who)) leave(who, true);
      else if (best === null || (had.get(who) ?? 0) < (had.get(best) ?? 0)) best = who;
    }
    return best;
  }

  function ask(who: string, isNew: boolean): void {
    asked++;
    const known = waiting.get(who);
    // A live one may have been taken for gone while the loop stood still: it comes in anew.
    if (isNew || known === undefined) pieces++;
    if (known === undefined) waiting.set(who, { pieces: 1, askedAt: asked });
    else {
      known.askedAt = asked;
      if (isNew) known.pieces++;
    }
    if (!had.has(who)) had.set(who, level);
  }

  function leave(who: string, all: boolean): void {
    const known = waiting.get(who);
    if (known === undefined) return;
    const going = all ? known.pieces : 1;
    pieces -= going;
    known.pieces -= going;
    if (known.pieces === 0) waiting.delete(who);
    if (waiting.size > 0) return;
    // Nobody is behind anybody.
    had.clear();
    level = 0;
  }

  function serve(who: string): void {
    isServed = true;
    chosen = null;
    const before = had.get(who) ?? level;
    level = Math.max(level, before);
    had.set(who, before + (meters.get(who) ?? 0));
    meters.delete(who);
  }

  async function wait(who: string): Promise<void> {
    ask(who, true);
    for (;;) {
      const from = turn;
      await moment();
      // Of those that have waited since the turn before, the first to ask.
      if (from === turn) {
        turn++;
        isServed = false;
      }
      ask(who, false);
      // Another piece of the same tenant has had its turn, and there is room in it.
      if (!isDone(who)) break;
      // One tenant for each turn of the loop: behind the one that was just served, what has arrived comes first.
      if (isServed) continue;
      if (chosen === null || isGone(chosen)) chosen = fairest();
      if (chosen !== who) continue;
      serve(who);
      break;
    }
    leave(who, false);
  }

  return {
    spent(who, rows, bytes) {
      const known = meters.get(who);
      if (known === undefined && meters.size >= metersMax) forgetOldest(meters);
      meters.set(who, (known ?? 0) + rows / turnRows + bytes / turnBytes);
    },
    next: (who) => (isDone(who) ? wait(who) : null),
    enter(who, bytes) {
      const weight = 1 + bytes / requestBytes;
      const mine = inFlight.get(who) ?? 0;
      const others = inFlight.size - (mine > 0 ? 1 : 0);
      if (mine > 0 && others > 0 && mine + weight > shareInFlightMax) return null;
      inFlight.set(who, mine + weight);
      let isIn = true;
      return () => {
        if (!isIn) return;
        isIn = false;
        const left = (inFlight.get(who) ?? 0) - weight;
        // Weights are fractions: what is left of nothing is less than any of them.
        if (left < 0.5) inFlight.delete(who);
        else inFlight.set(who, left);
      };
    },
    forget() {
      for (const known of [meters, inFlight, waiting, had]) known.clear();
      level = 0;
      pieces = 0;
      chosen = null;
    },
  };
}

/** A request with so many bytes weighs as much as two without. */
const requestBytes = 32 * 1024;

function forgetOldest(meters: Map<string, number>): void {
  const [oldest] = meters.keys();
  if (oldest !== undefined) meters.delete(oldest);
}

/** The work of one tenant, as whoever does it sees it. */
export interface Work {
  /** A piece was done: so many rows or events, so much text. */
  spent(rows: number, bytes: number): void;
  /** To be awaited before the next piece; null when there is nothing to wait for. */
  giveWay(): Promise<void> | null;
}

/** @param who asked each time: an object may learn only later whose it is */
export function workOf(turns: Turns, who: () => string): Work {
  return {
    spent: (rows, bytes) => turns.spent(who(), rows, bytes),
    giveWay: () => turns.next(who()),
  };
}

/** Steps of long work, one after the other; when a piece's worth of them is done, others run before the next [TURN-1]. */
export async function inTurns<T>(steps: Steps<T>, { spent, giveWay }: Work): Promise<T> {
  for (;;) {
    const turn = giveWay();
    if (turn) await turn;
    const step = steps.next();
    if (step.done) return step.value;
    spent(step.value.rows, step.value.bytes);
  }
}

/** Of work that has the thread to itself. */
export const ALONE: Work = { spent: () => {}, giveWay: () => null };

/** The turns of this isolate: of the Worker and of every object in it. */
export const isolateTurns: Turns = createTurns({ moment: () => scheduler.wait(0) });
