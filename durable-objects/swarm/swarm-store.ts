// One swarm's SQLite: the journal, the rows, the answers, the timers and the outbox, written together in one synchronous
// transaction or not at all. It knows SQL and no rule; the rules are in core/. Over node:sqlite it is the simulator's store.

import { assert } from '../../core/assert.ts';
import { actorName, type Moment } from '../../core/envelope.ts';
import { sha256 } from '../../core/hash.ts';
import { idSource } from '../../core/ids.ts';
import { chain, GENESIS, type Origin, originName, type StoredEvent } from '../../core/journal/event.ts';
import { canonical } from '../../core/json.ts';
import { eventBodyBytesMax } from '../../core/limits.ts';
import { err, type Result } from '../../core/result.ts';
import { answerView } from '../../core/swarm/answer-view.ts';
import { decide } from '../../core/swarm/decide.ts';
import { type Draft, openDraft } from '../../core/swarm/draft.ts';
import { type Effect, react } from '../../core/swarm/react.ts';
import type { Read } from '../../core/swarm/read.ts';
import type { Rejection } from '../../core/swarm/rejections.ts';
import type { Answer, Execute, Executed } from '../../core/swarm/service.ts';
import { type Kind, type Rows, SELF } from '../../core/swarm/state.ts';
import { first, type Sql } from '../sql-port.ts';
import { BooksBroken, checkBooks, LedgerGuard } from './conservation.ts';
import { type RowCache, STATEMENTS, sqlRead } from './swarm-read.ts';

export interface SwarmStoreDeps {
  /** Milliseconds since the epoch; the store makes it never run backwards. */
  now(): number;
  /** `n` fresh random bytes; one draw per command. */
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
  executeMany(commands: readonly Execute[]): Committed;
  events(from: number, limit: number): StoredEvent[];
  /** Why writing has stopped, or null. */
  halted(): string | null;
  /** Checks the whole ledger; halts writing when it does not add up. */
  audit(): string | null;
}

interface EventRow extends Omit<StoredEvent, 'previous'> {}

const APPEND = `INSERT INTO journal (seq, hash, type, version, at, actor, subject, command, trace, body)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

/** Opens the store over migrated tables. */
export function openSwarmStore(sql: Sql, deps: SwarmStoreDeps): SwarmStore {
  let head: Head = { seq: 0, hash: GENESIS };
  let clock = 0;
  let originText: string | null = null;
  const last = first(
    sql.all<{ seq: number; hash: string; at: number }>('SELECT seq, hash, at FROM journal ORDER BY seq DESC LIMIT 1'),
  );
  if (last) {
    head = { seq: last.seq, hash: last.hash };
    clock = last.at;
  }
  let haltedBecause = first(sql.all<{ value: string }>(`SELECT value FROM meta WHERE key = 'halted'`))?.value ?? null;

  // Small rows that nearly every command reads stay parsed between transactions: there is no other writer.
  const cached = new Map<string, Rows[Kind] | null>();
  const dirty = new Map<string, { kind: Kind; id: string }>();
  let written = 0;
  const write = (query: string, ...bindings: Parameters<Sql['run']>[1][]): void => {
    written++;
    sql.run(query, ...bindings);
  };
  const cache: RowCache = {
    get: (kind, id) => cached.get(`${kind}/${id}`),
    set: (kind, id, row) => void cached.set(`${kind}/${id}`, row),
    flush() {
      for (const [key, { kind, id }] of dirty) write(STATEMENTS[kind].put, id, JSON.stringify(cached.get(key)));
      dirty.clear();
    },
  };
  const read = sqlRead(sql, cache);

  function origin(): string | null {
    if (originText !== null) return originText;
    const swarm = read.row('swarm', SELF);
    originText = swarm && originName({ tenant: swarm.tenant, swarm: swarm.id });
    return originText;
  }

  function append(draft: Draft, moment: Moment, origin: string, appended: StoredEvent[]): void {
    const context = { at: moment.at, actor: actorName(moment.actor), command: moment.commandId, trace: moment.trace };
    for (const said of draft.events) {
      const event = chain(origin, head.hash, head.seq + 1, said, context);
      assert(event.body.length <= eventBodyBytesMax, 'an event stays within its limit [P15]');
      write(
        APPEND,
        event.seq,
        event.hash,
        event.type,
        event.version,
        event.at,
        event.actor,
        event.subject,
        event.command,
        event.trace,
        event.body,
      );
      head = { seq: event.seq, hash: event.hash };
      appended.push(event);
    }
  }

  function keep(effect: Effect, at: number): void {
    if (effect.kind === 'timer')
      write(
        'INSERT INTO timer (key, due, command) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET due = excluded.due, command = excluded.command, tries = 0',
        effect.key,
        effect.at,
        JSON.stringify(effect.command),
      );
    else if (effect.kind === 'no-timer') write('DELETE FROM timer WHERE key = ?', effect.key);
    else write('INSERT INTO outbox (effect, due) VALUES (?, ?)', JSON.stringify(effect), at);
  }

  function one(execute: Execute, guard: LedgerGuard, appended: StoredEvent[]): { executed: Executed; told: boolean } {
    const { command, remember } = execute;
    const digest = remember ? sha256(canonical(command)) : '';
    if (remember) {
      const known = first(
        sql.all<{ digest: string; answer: string }>('SELECT digest, answer FROM answer WHERE id = ?', execute.id),
      );
      if (known) {
        const result: Result<Answer, Rejection> =
          known.digest === digest
            ? (JSON.parse(known.answer) as Result<Answer, Rejection>)
            : err({ code: 'idempotency_key_reused' }); // our own text
        return { executed: { result, replayed: true }, told: false };
      }
    }
    clock = Math.max(clock, deps.now());
    const moment: Moment = {
      at: clock,
      actor: execute.actor,
      ids: idSource(clock, deps.entropy(10)),
      commandId: execute.id,
      trace: execute.trace ?? null,
    };
    const draft = openDraft(read, moment);
    const decided = decide(draft, command, head.seq + 1);
    let told = false;
    if (decided.ok && draft.events.length > 0) {
      const first = draft.events[0];
      const from: Origin | null =
        first?.type === 'swarm.created' ? { tenant: first.body.tenant, swarm: first.body.swarm } : null;
      const origin_ = from ? originName(from) : origin();
      assert(origin_ !== null, 'a swarm is created first');
      guard.watch(draft, read);
      append(draft, moment, origin_, appended);
      for (const [key, { kind, id, row }] of draft.rows) {
        cached.set(key, row);
        dirty.set(key, { kind, id });
        if (kind === 'webhook') read.forget();
      }
      for (const event of draft.events)
        for (const effect of react(draft, event)) {
          keep(effect, moment.at);
          told = true;
        }
    }
    const result: Result<Answer, Rejection> = decided.ok
      ? { ok: true, value: { id: decided.value, view: answerView(draft, command, decided.value) } }
      : err(decided.error);
    if (remember)
      write('INSERT INTO answer (id, digest, answer) VALUES (?, ?, ?)', execute.id, digest, JSON.stringify(result));
    return { executed: { result, replayed: false }, told };
  }

  return {
    read,
    head: () => head,
    origin,
    executeMany(commands) {
      if (haltedBecause !== null) return nothing(commands.map(() => refusal('swarm_halted')));
      const before = { head, clock };
      const appended: StoredEvent[] = [];
      written = 0;
      try {
        return sql.transaction(() => {
          const guard = new LedgerGuard();
          const answers = commands.map((command) => one(command, guard, appended));
          cache.flush();
          guard.check();
          return {
            executed: answers.map(({ executed }) => executed),
            events: appended,
            told: answers.some(({ told }) => told),
            written,
          };
        });
      } catch (error) {
        head = before.head;
        clock = before.clock;
        originText = null;
        cached.clear();
        dirty.clear();
        read.forget();
        if (error instanceof BooksBroken) halt(error.message);
        throw error;
      } finally {
        forgetLarge(cached);
      }
    },
    events(from, limit) {
      const rows = sql.all<EventRow>('SELECT * FROM journal WHERE seq >= ? ORDER BY seq LIMIT ?', from, limit);
      const before =
        from > 1 ? first(sql.all<{ hash: string }>('SELECT hash FROM journal WHERE seq = ?', from - 1)) : null;
      let previous = before?.hash ?? GENESIS;
      return rows.map((row) => {
        const event = { ...row, previous };
        previous = row.hash;
        return event;
      });
    },
    halted: () => haltedBecause,
    audit() {
      const broken = checkBooks(sql);
      if (broken !== null && haltedBecause === null) halt(broken);
      return haltedBecause;
    },
  };

  function halt(reason: string): void {
    haltedBecause = reason;
    sql.run(
      `INSERT INTO meta (key, value) VALUES ('halted', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
      reason,
    );
  }
}

/** Kinds whose rows are small and hot. */
const KEPT: readonly string[] = ['swarm', 'account', 'presence', 'route', 'key'] satisfies Kind[];
/** Rows kept between transactions, a few MB at most. */
const keptMax = 4_000;

function forgetLarge(cached: Map<string, unknown>): void {
  if (cached.size > keptMax) cached.clear();
  else for (const key of cached.keys()) if (!KEPT.includes(key.slice(0, key.indexOf('/')))) cached.delete(key);
}

function refusal(code: Rejection['code']): Executed {
  return { result: err({ code }), replayed: false };
}

function nothing(executed: readonly Executed[]): Committed {
  return { executed, events: [], told: false, written: 0 };
}
