// Facts that the swarm has not committed yet, durable before anyone hears of them [P1] [P2] [P11]. A fact's identity is
// (device, epoch, seq), seq gapless. What is committed is deleted, what is refused becomes a receipt, what was dropped for
// want of room is said with a count.

import { assert } from '../../../core/assert.ts';
import type { RefusedFact } from '../../../core/wire/device.ts';
import { type DeviceDatabase, isDiskFault } from './database.ts';
import {
  type Batch,
  deleteFacts,
  insertFacts,
  keepReceipts,
  type NewFact,
  type OutboxState,
  type RefusedWithBody,
  readBatch,
  readState,
  renumberFacts,
  writeState,
} from './outbox-rows.ts';

/** Facts held before progress is dropped and orders are no longer taken. Results are never dropped. */
export const outboxFactsMax = 250_000;
export const outboxBytesMax = 512 * 1024 * 1024;

/** What an acknowledgement did. `ahead`: it names facts that this database never had. */
export type CommitOutcome =
  | { readonly kind: 'deleted'; readonly to: number; readonly refused: readonly RefusedWithBody[] }
  | { readonly kind: 'ignored' }
  | { readonly kind: 'ahead' };

/**
 * What the swarm's welcome means for this database. `forgotten`: their histories differ (one of the two went back in
 * time), so the device must come back and ask for a new epoch.
 */
export type WelcomeOutcome =
  | { readonly kind: 'resumed' }
  | { readonly kind: 'renumbered'; readonly facts: number }
  | { readonly kind: 'forgotten'; readonly why: 'device_rolled_back' | 'swarm_rolled_back'; readonly lost: number };

export interface Pending {
  readonly facts: number;
  readonly bytes: number;
  /** When the oldest fact was made, by this machine's clock. */
  readonly oldestAt: number | null;
}

export interface Outbox {
  /** What to claim when connecting: both 0 asks for an epoch. */
  claim(): { readonly epoch: number; readonly seq: number };
  /** Makes facts durable, in order, and answers with the seq of the last. Joins a transaction that is open. */
  append(facts: readonly NewFact[]): number;
  /** The same for facts that may be lost: null when there is no room, and the loss is counted. Never in a transaction. */
  appendExpendable(facts: readonly NewFact[]): number | null;
  welcome(epoch: number, seq: number): WelcomeOutcome;
  /** Facts from `seq` on, or null when there are none. */
  batch(seq: number): Batch | null;
  /** Facts up to `seq` are the swarm's now. Joins a transaction that is open. */
  commit(epoch: number, seq: number, refused: readonly RefusedFact[]): CommitOutcome;
  /** The connection is gone: facts made from now on have not left the device. */
  disconnected(): void;
  pending(): Pending;
  isFull(): boolean;
  /** Called once after each transaction that added facts. */
  onAppended(listener: () => void): void;
}

export interface OutboxDeps {
  readonly now: () => number;
  readonly factsMax?: number;
  readonly bytesMax?: number;
}

/** What is held in memory; `state` and `dropped` go back with a transaction that is rolled back. */
interface Books {
  readonly database: DeviceDatabase;
  readonly now: () => number;
  state: OutboxState;
  /** Facts that found no room, by reason. Kept here: when a disk is full there is no other place. */
  dropped: ReadonlyMap<string, number>;
  /** Connected and welcomed: a fact that is written now may have been sent by the time of a crash. */
  live: boolean;
}

/** The outbox in an open database, which the caller owns. */
export function openOutbox(database: DeviceDatabase, deps: OutboxDeps): Outbox {
  const books: Books = { database, now: deps.now, state: readState(database), dropped: new Map(), live: false };
  let before = { ...books };
  let listener = (): void => {};
  database.watch({
    begun: () => {
      before = { ...books };
    },
    committed: () => {
      if (books.state.used > before.state.used) listener();
    },
    rolledBack: () => {
      books.state = before.state;
      books.dropped = before.dropped;
    },
  });
  const isFull = () =>
    books.state.used - books.state.committed >= (deps.factsMax ?? outboxFactsMax) ||
    books.state.bytes >= (deps.bytesMax ?? outboxBytesMax);
  return {
    claim: () => ({ epoch: books.state.epoch, seq: books.state.epoch === 0 ? 0 : books.state.used }),
    append: (facts) => append(books, facts),
    appendExpendable(facts) {
      assert(!database.inTransaction(), 'what may be lost is not tied to what may not');
      return isFull() ? drop(books, 'the outbox was full', facts.length) : appendOrDrop(books, facts);
    },
    welcome(epoch, seq) {
      const outcome = database.transaction(() => takeWelcome(books, epoch, seq));
      books.live = outcome.kind !== 'forgotten';
      return outcome;
    },
    batch: (seq) => readBatch(database, seq),
    commit: (epoch, seq, refused) => commit(books, epoch, seq, refused),
    disconnected: () => {
      books.live = false;
    },
    pending() {
      const oldest = database.get('SELECT at FROM outbox ORDER BY seq LIMIT 1');
      const { used, committed, bytes } = books.state;
      return { facts: used - committed, bytes, oldestAt: oldest === null ? null : Number(oldest.at) };
    },
    isFull,
    onAppended: (fn) => {
      listener = fn;
    },
  };
}

function append(books: Books, facts: readonly NewFact[]): number {
  const { database, state } = books;
  return database.transaction(() => {
    const all = books.dropped.size === 0 ? facts : [...gapRecords(books.dropped), ...facts];
    const bytes = state.bytes + insertFacts(database, state.used + 1, books.now(), all);
    const used = state.used + all.length;
    write(books, { ...state, used, bytes, sent: books.live ? used : state.sent });
    books.dropped = new Map();
    return used;
  });
}

function appendOrDrop(books: Books, facts: readonly NewFact[]): number | null {
  try {
    return append(books, facts);
  } catch (error) {
    if (!isDiskFault(error)) throw error;
    return drop(books, 'the disk was full', facts.length);
  }
}

function drop(books: Books, reason: string, count: number): null {
  books.dropped = new Map(books.dropped).set(reason, (books.dropped.get(reason) ?? 0) + count);
  return null;
}

function gapRecords(dropped: ReadonlyMap<string, number>): NewFact[] {
  return [...dropped].map(([reason, count]) => ({ body: { type: 'facts.dropped', count, reason } }));
}

function write(books: Books, state: OutboxState): void {
  writeState(books.database, state);
  books.state = state;
}

function takeWelcome(books: Books, epoch: number, seq: number): WelcomeOutcome {
  const { database, state } = books;
  if (epoch !== state.epoch) {
    const facts = state.used - state.committed;
    renumberFacts(database, state.committed, seq);
    write(books, { ...state, epoch, used: seq + facts, sent: seq + facts, committed: seq });
    return { kind: 'renumbered', facts };
  }
  if (seq > state.sent) {
    // The swarm has facts under numbers that this database never sent: it is a copy of an older one.
    write(books, { ...state, epoch: 0 });
    return { kind: 'forgotten', why: 'device_rolled_back', lost: 0 };
  }
  if (seq < state.committed) {
    const lost = state.committed - seq;
    append(books, [
      { body: { type: 'facts.dropped', count: lost, reason: 'the swarm no longer knew facts it had committed' } },
    ]);
    write(books, { ...books.state, epoch: 0 });
    return { kind: 'forgotten', why: 'swarm_rolled_back', lost };
  }
  const bytes = state.bytes - deleteFacts(database, seq);
  write(books, { ...state, bytes, committed: seq, sent: state.used });
  return { kind: 'resumed' };
}

function commit(books: Books, epoch: number, seq: number, refused: readonly RefusedFact[]): CommitOutcome {
  const { database, state } = books;
  if (epoch !== state.epoch || seq <= state.committed) return { kind: 'ignored' };
  if (seq > state.used) return { kind: 'ahead' };
  return database.transaction(() => {
    const news = refused.filter((one) => one.seq > state.committed && one.seq <= seq);
    const kept = keepReceipts(database, epoch, books.now(), news);
    write(books, { ...state, bytes: state.bytes - deleteFacts(database, seq), committed: seq });
    return { kind: 'deleted', to: seq, refused: kept };
  });
}
