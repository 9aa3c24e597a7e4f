// One swarm's SQLite: the journal, the rows, the answers, the timers and the outbox, written together in one synchronous
// transaction or not at all. It knows SQL and no rule; the rules are in core/. Over node:sqlite it is the simulator's store.

import { assert } from '../../core/assert.ts';
import { actorName, type Moment } from '../../core/envelope.ts';
import { sha256 } from '../../core/hash.ts';
import { type IdSource, idSource } from '../../core/ids.ts';
import { chain, GENESIS, originName, type StoredEvent } from '../../core/journal/event.ts';
import { canonicalStored } from '../../core/json.ts';
import { clockAheadMs, clockBehindMs } from '../../core/limits.ts';
import { err } from '../../core/result.ts';
import { answerView } from '../../core/swarm/answer-view.ts';
import { decide, refuseEntry } from '../../core/swarm/decide.ts';
import { type Draft, openDraft } from '../../core/swarm/draft.ts';
import { reactAll } from '../../core/swarm/react.ts';
import type { Read } from '../../core/swarm/read.ts';
import type { Rejection } from '../../core/swarm/rejections.ts';
import type { Execute, Executed } from '../../core/swarm/service.ts';
import { KINDS, type Kind, type Rows, SELF } from '../../core/swarm/state.ts';
import { first, type Sql, type SqlValue } from '../sql-port.ts';
import { BooksBroken, checkBooks, LedgerGuard } from './conservation.ts';
import { deliveredIn } from './delivered.ts';
import { hurryDue, keepEffect } from './effect-rows.ts';
import type { FrozenRows } from './frozen-rows.ts';
import { type Insert, rowInserter } from './insert-rows.ts';
import { readSeal, refuseWriting, type Seal, sealedRead } from './seal.ts';
import { type RowCache, sqlRead } from './swarm-read.ts';

export interface SwarmStoreDeps {
  /** Milliseconds since the epoch. Small steps back are waited for; a large one is believed, and said in the journal. */
  now(): number;
  /** `n` fresh random bytes; one draw per transaction. */
  entropy(n: number): Uint8Array;
}

export interface Head {
  readonly seq: number;
  readonly hash: string;
}

/** What one transaction did, for whoever tells the world about it. */
export interface Committed {
  readonly executed: readonly Executed[];
  /** The events appended, in order. */
  readonly events: readonly StoredEvent[];
  /** True when the outbox or the timers have something new. */
  readonly told: boolean;
  /** Statements that wrote: what the breaker counts. */
  readonly written: number;
}

export interface SwarmStore {
  readonly read: Read;
  head(): Head;
  /** `tenant/swarm` once the swarm is created. */
  origin(): string | null;
  /**
   * @param within runs in the same transaction when everything else of it is written; what it throws rolls all of it back
   */
  executeMany(commands: readonly Execute[], within?: (executed: readonly Executed[]) => void): Committed;
  events(from: number, limit: number): StoredEvent[];
  /** Why writing has stopped, or null. */
  halted(): string | null;
  /** The seal of a swarm that an import has made: nothing is ever written to it; null for a swarm of its own. */
  seal(): Seal | null;
  /** The tables were filled or emptied by somebody else: forgets what it knew of them. */
  reload(): void;
  /** Stops all writing, for good. `reason` is for whoever looks. */
  halt(reason: string): void;
  /** Keeps rows as they are now beside what is written from now on; null lets go of them. One reader at a time. */
  keepFor(reader: FrozenRows | null): void;
  /** Checks the whole ledger; halts writing when it does not add up. */
  audit(): string | null;
}

interface EventRow extends Omit<StoredEvent, 'previous'> {}

interface Known {
  readonly digest: string;
  readonly answer: string;
}

/** What the commands of one transaction share. */
interface Transaction {
  readonly at: number;
  /** What the machine's clock says, by which the outbox is carried out. */
  readonly now: number;
  readonly ids: IdSource;
  readonly guard: LedgerGuard;
  /** What was answered to these commands before, by id; grows with each. */
  readonly answers: Map<string, Known>;
  /** The answers that are new, as they are written: id, fingerprint, answer. */
  readonly given: SqlValue[];
  readonly appended: StoredEvent[];
  told: boolean;
}

export const INTO_JOURNAL: Insert = {
  head: 'INSERT INTO journal (seq, hash, type, version, at, actor, subject, command, trace, body)',
  columns: 10,
  tail: '',
};
const INTO_ANSWER: Insert = { head: 'INSERT INTO answer (id, digest, answer)', columns: 3, tail: '' };
export const INTO_ROWS = Object.fromEntries(
  KINDS.map((kind) => [
    kind,
    {
      head: `INSERT INTO ${kind} (id, body)`,
      columns: 2,
      tail: 'ON CONFLICT (id) DO UPDATE SET body = excluded.body',
    },
  ]),
) as Readonly<Record<Kind, Insert>>; // fromEntries forgets the keys

/** An event's values, in the order of the journal's columns. */
export function lineOf({
  seq,
  hash,
  type,
  version,
  at,
  actor,
  subject,
  command,
  trace,
  body,
}: StoredEvent): SqlValue[] {
  return [seq, hash, type, version, at, actor, subject, command, trace, body];
}

/** Opens the store over migrated tables. */
export function openSwarmStore(sql: Sql, deps: SwarmStoreDeps): SwarmStore {
  let head: Head = { seq: 0, hash: GENESIS };
  /** The time of the last event. */
  let recordedAt = 0;
  let originText: string | null = null;
  let haltedBecause: string | null = null;
  let seal: Seal | null = null;
  load();
  function load(): void {
    const last = first(
      sql.all<{ seq: number; hash: string; at: number }>('SELECT seq, hash, at FROM journal ORDER BY seq DESC LIMIT 1'),
    );
    head = last ? { seq: last.seq, hash: last.hash } : { seq: 0, hash: GENESIS };
    recordedAt = last?.at ?? 0;
    originText = null;
    haltedBecause = first(sql.all<{ value: string }>(`SELECT value FROM meta WHERE key = 'halted'`))?.value ?? null;
    seal = readSeal(sql);
  }

  // Small rows that nearly every command reads stay parsed between transactions: there is no other writer.
  const cached = new Map<string, Rows[Kind] | null>();
  const dirty = new Map<string, { kind: Kind; id: string }>();
  /** Keys of cached rows that go when the transaction is over. */
  const passing = new Set<string>();
  let frozen: FrozenRows | null = null;
  let written = 0;
  const write = (query: string, ...bindings: Parameters<Sql['run']>[1][]): void => {
    written++;
    sql.run(query, ...bindings);
  };
  const rows = rowInserter(sql);
  const delivered = deliveredIn(sql);
  const insert = (into: Insert, values: readonly SqlValue[]): void => {
    written += rows(into, values);
  };
  const cache: RowCache = {
    get: (kind, id) => cached.get(`${kind}/${id}`),
    set(kind, id, row) {
      const key = `${kind}/${id}`;
      cached.set(key, row);
      if (!KEPT.has(kind) || row === null) passing.add(key);
    },
    flush() {
      const byKind = new Map<Kind, SqlValue[]>();
      for (const [key, { kind, id }] of dirty) {
        const values = byKind.get(kind) ?? [];
        if (values.length === 0) byKind.set(kind, values);
        frozen?.willWrite(kind, id);
        values.push(id, JSON.stringify(cached.get(key)));
      }
      for (const [kind, values] of byKind) insert(INTO_ROWS[kind], values);
      dirty.clear();
    },
  };
  /** The transaction under way. */
  let current: Transaction | null = null;
  const read = sealedRead(
    sqlRead(sql, cache, (id) => current?.ids.made(id) ?? false),
    () => seal,
  );

  function origin(): string | null {
    if (originText !== null) return originText;
    const swarm = read.row('swarm', SELF);
    originText = swarm && originName({ tenant: swarm.tenant, swarm: swarm.id });
    return originText;
  }

  function append({ moment, said }: Draft, origin: string, appended: StoredEvent[]): void {
    const context = { at: moment.at, actor: actorName(moment.actor), command: moment.commandId, trace: moment.trace };
    for (const line of said) {
      const event = chain(origin, head.hash, head.seq + 1, line, context);
      head = { seq: event.seq, hash: event.hash };
      recordedAt = event.at;
      appended.push(event);
    }
  }

  /**
   * What the swarm has to be told first when the clock is far from what was recorded. One correction is carried out at a time:
   * until its rows are moved, a clock that is behind again is waited for.
   */
  function turnedClock(now: number): Execute | null {
    const ahead = now - recordedAt;
    if (head.seq === 0 || (ahead <= clockAheadMs && ahead >= -clockBehindMs)) return null;
    const swarm = read.row('swarm', SELF);
    if (swarm === null || (ahead < 0 && swarm.clock?.moving)) return null;
    const command = { type: 'NoteClock', from: recordedAt, to: now } as const;
    return { id: `clock:${head.seq}`, actor: { kind: 'system', id: 'clock' }, command, remember: false };
  }

  /** The answers that were given to these ids before. */
  function answersTo(commands: readonly Execute[]): Map<string, Known> {
    const ids = commands.filter(({ remember }) => remember).map(({ id }) => id);
    if (ids.length === 0) return new Map();
    const [only] = ids;
    const known =
      ids.length === 1 && only !== undefined
        ? sql.all<Known & { id: string }>('SELECT id, digest, answer FROM answer WHERE id = ?', only)
        : sql.all<Known & { id: string }>(
            'SELECT id, digest, answer FROM answer WHERE id IN (SELECT value FROM json_each(?))',
            JSON.stringify(ids),
          );
    return new Map(known.map((row) => [row.id, row]));
  }

  /** Takes in what a decision said: its events and rows are written at the end of the transaction, its effects at once. */
  function commit(draft: Draft, transaction: Transaction): void {
    const created = draft.events[0];
    const name =
      created?.type === 'swarm.created' || created?.type === 'swarm.forked'
        ? originName({ tenant: created.body.tenant, swarm: created.body.swarm })
        : origin();
    assert(name !== null, 'a swarm is created first');
    transaction.guard.watch(draft, read);
    append(draft, name, transaction.appended);
    for (const [key, { kind, id, row }] of draft.rows) {
      cached.set(key, row);
      if (!KEPT.has(kind)) passing.add(key);
      dirty.set(key, { kind, id });
      if (kind === 'webhook' || ('unfunded' in row && row.unfunded)) read.forget(kind);
    }
    for (const event of draft.events) if (event.type === 'clock.corrected') hurryDue(write, event.body.to);
    for (const effect of reactAll(draft)) {
      keepEffect(write, effect, transaction.now);
      transaction.told = true;
    }
  }

  /** A repeat of what was answered changes nothing, so it says nothing of the clock either [P6]. */
  function isNew({ id, once }: Execute, answers: ReadonlyMap<string, Known>, now: number): boolean {
    return !answers.has(id) && (once === undefined || delivered.find(once, now) === null);
  }

  function one({ id, actor, trace, command, remember, once }: Execute, transaction: Transaction): Executed {
    const { at, ids, answers } = transaction;
    const moment: Moment = { at, actor, ids, commandId: id, trace: trace ?? null };
    const refused = refuseEntry({ row: read.row, moment }, command);
    if (refused) return { result: err(refused), replayed: false };
    const digest = remember ? fingerprint(command) : '';
    const known = remember ? answers.get(id) : undefined;
    // Given before: nothing happens now.
    if (known)
      return known.digest === digest
        ? replayed(known.answer)
        : { ...refusal('idempotency_key_reused'), replayed: true };
    const before = once === undefined ? null : delivered.find(once, at);
    if (before !== null) return { result: { ok: true, value: { id: before, view: null } }, replayed: true };
    const draft = openDraft(read, moment);
    const decided = decide(draft, command, head.seq + 1);
    if (decided.ok && draft.events.length > 0) commit(draft, transaction);
    if (decided.ok && once !== undefined) delivered.keep(once, decided.value, at);
    const result: Executed['result'] = decided.ok
      ? { ok: true, value: { id: decided.value, view: answerView(draft, command, decided.value) } }
      : err(decided.error);
    if (remember) {
      const answer = JSON.stringify(result);
      transaction.given.push(id, digest, answer);
      answers.set(id, { digest, answer });
    }
    return { result, replayed: false };
  }

  return {
    read,
    head: () => head,
    origin,
    executeMany(commands, within) {
      const sealed = refuseWriting(seal);
      if (sealed) return nothing(commands.map(() => refusal(sealed.code)));
      if (haltedBecause !== null) return nothing(commands.map(() => refusal('swarm_halted')));
      const before = { head, recordedAt };
      written = 0;
      try {
        return sql.transaction(() => {
          const now = deps.now();
          const answers = answersTo(commands);
          const turn = turnedClock(now);
          const turned = turn !== null && commands.some((command) => isNew(command, answers, now)) ? turn : null;
          const at = turned ? now : Math.max(recordedAt, now, beganAt(commands[0]));
          const ids = idSource(at, deps.entropy(10));
          const transaction: Transaction = {
            ...{ at, now },
            ids,
            guard: new LedgerGuard(),
            answers,
            given: [],
            appended: [],
            told: false,
          };
          current = transaction;
          if (turned) one(turned, transaction);
          const executed = commands.map((command) => one(command, transaction));
          insert(INTO_JOURNAL, transaction.appended.flatMap(lineOf));
          insert(INTO_ANSWER, transaction.given);
          cache.flush();
          transaction.guard.check();
          within?.(executed);
          return { executed, events: transaction.appended, told: transaction.told, written };
        });
      } catch (error) {
        ({ head, recordedAt } = before);
        originText = null;
        cached.clear();
        dirty.clear();
        read.forget();
        if (error instanceof BooksBroken) halt(error.message);
        throw error;
      } finally {
        current = null;
        if (cached.size > keptMax) cached.clear();
        else for (const key of passing) cached.delete(key);
        passing.clear();
      }
    },
    events(from, limit) {
      const rows = sql.all<EventRow>('SELECT * FROM journal WHERE seq >= ? ORDER BY seq LIMIT ?', from, limit);
      const before =
        from > 1 ? first(sql.all<{ hash: string }>('SELECT hash FROM journal WHERE seq = ?', from - 1)) : null;
      let previous = before?.hash ?? archivedHead(rows[0]?.seq ?? from) ?? GENESIS;
      return rows.map((row) => {
        const event = { ...row, previous };
        previous = row.hash;
        return event;
      });
    },
    halted: () => haltedBecause,
    halt,
    seal: () => seal,
    reload() {
      cached.clear();
      dirty.clear();
      read.forget();
      load();
    },
    keepFor(reader) {
      frozen = reader;
    },
    audit() {
      const broken = checkBooks(sql);
      if (broken !== null && haltedBecause === null) halt(broken);
      return haltedBecause;
    },
  };

  /** The hash before the first event that has not left for the archive. */
  function archivedHead(seq: number): string | null {
    if (seq <= 1) return null;
    return (
      first(
        sql.all<{ head: string }>(`SELECT body ->> '$.head' AS head FROM segment WHERE body ->> '$.to' = ?`, seq - 1),
      )?.head ?? null
    );
  }

  function halt(reason: string): void {
    haltedBecause = reason;
    sql.run(
      `INSERT INTO meta (key, value) VALUES ('halted', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
      reason,
    );
  }
}

/** A fork goes on from its parent's moment, whatever clock that was recorded by. */
function beganAt(first: Execute | undefined): number {
  return first?.command.type === 'ForkSwarm' ? first.command.parent.at : 0;
}

/** What tells a command from another under the same id: a small one itself, a large one's hash. */
function fingerprint(command: Execute['command']): string {
  const text = canonicalStored(command);
  return text.length <= fingerprintCharsMax ? text : sha256(text);
}
/** Hashing costs more than storing so much. */
const fingerprintCharsMax = 256;

/** Kinds whose rows are small and hot. */
const KEPT: ReadonlySet<Kind> = new Set<Kind>(['swarm', 'account', 'presence', 'route', 'key']);
/** Rows kept between transactions, a few MB at most. */
const keptMax = 4_000;

function replayed(answer: string): Executed {
  return { result: JSON.parse(answer) as Executed['result'], replayed: true }; // our own text
}

function refusal(code: Rejection['code']): Executed {
  return { result: err({ code }), replayed: false };
}

function nothing(executed: readonly Executed[]): Committed {
  return { executed, events: [], told: false, written: 0 };
}
