// A swarm in memory for the tests of decisions: given what happened, when a command comes, then events or a refusal. Time
// stands still until a test moves it; ids are made from a count.

import type { Actor } from '../../core/envelope.ts';
import { idSource, type KeyId, newId, type SwarmId, type TenantId } from '../../core/ids.ts';
import type { Result } from '../../core/result.ts';
import { answerView } from '../../core/swarm/answer-view.ts';
import type { SwarmCommand } from '../../core/swarm/commands.ts';
import { decide } from '../../core/swarm/decide.ts';
import { openDraft } from '../../core/swarm/draft.ts';
import type { EventType, SwarmEvent } from '../../core/swarm/events.ts';
import { type Effect, reactAll } from '../../core/swarm/react.ts';
import type { Rejection } from '../../core/swarm/rejections.ts';
import type { RowMap } from '../../core/swarm/replay.ts';
import type { Kind, Rows } from '../../core/swarm/state.ts';
import { memoryRead } from './memory-read.ts';

/** 2026-11-20T00:00:00Z. */
export const START = Date.UTC(2026, 10, 20);

/** What came of one command. */
export interface Outcome {
  readonly result: Result<string, Rejection>;
  /** Said, and in force; none when it was refused. */
  readonly events: readonly SwarmEvent[];
  readonly types: readonly EventType[];
  readonly effects: readonly Effect[];
  readonly view: unknown;
}

export interface When {
  readonly actor?: Actor;
  readonly id?: string;
  readonly trace?: string;
}

export const SYSTEM: Actor = { kind: 'system', id: 'test' };
export const OWNER: Actor = { kind: 'user', id: 'usr_owner', scopes: ['admin'] };

/** The same bytes for the same number. */
export function entropyOf(count: number): Uint8Array {
  const bytes = new Uint8Array(10);
  new DataView(bytes.buffer).setUint32(2, count);
  return bytes;
}

export class MemorySwarm {
  at = START;
  readonly rows: RowMap = new Map();
  readonly events: SwarmEvent[] = [];
  /** Effects of kind timer that are set, by key. */
  readonly timers = new Map<string, Extract<Effect, { kind: 'timer' }>>();
  readonly read = memoryRead(this.rows);
  #count = 0;

  /** Decides, and keeps what was decided. */
  when(command: SwarmCommand, { actor = OWNER, id, trace }: When = {}): Outcome {
    this.#count++;
    const ids = idSource(this.at, entropyOf(this.#count));
    const moment = { at: this.at, actor, ids, commandId: id ?? `test:${this.#count}`, trace: trace ?? null };
    const draft = openDraft(this.read, moment);
    const result = decide(draft, command, this.events.length + 1);
    if (!result.ok) return { result, events: [], types: [], effects: [], view: null };
    this.events.push(...draft.events);
    for (const [key, { row }] of draft.rows) this.rows.set(key, row);
    const effects = reactAll(draft);
    for (const effect of effects) {
      if (effect.kind === 'timer') this.timers.set(effect.key, effect);
      if (effect.kind === 'no-timer') this.timers.delete(effect.key);
    }
    const types = draft.events.map(({ type }) => type);
    return { result, events: draft.events, types, effects, view: answerView(draft, command, result.value) };
  }

  /** Decides what must be allowed; answers with the id. */
  do(command: SwarmCommand, when: When = {}): string {
    const { result } = this.when(command, when);
    if (!result.ok) throw new Error(`${command.type}: ${JSON.stringify(result.error)}`);
    return result.value;
  }

  /** The code of a refusal, which must have changed nothing; or null. */
  refusal(command: SwarmCommand, when: When = {}): string | null {
    const before = JSON.stringify([...this.rows]);
    const { result, events } = this.when(command, when);
    if (result.ok) return null;
    if (events.length > 0 || JSON.stringify([...this.rows]) !== before) throw new Error('a refusal changed something');
    return result.error.code;
  }

  row<K extends Kind>(kind: K, id: string): Rows[K] {
    const row = this.read.row(kind, id);
    if (row === null) throw new Error(`no ${kind} ${id}`);
    return row;
  }

  all<K extends Kind>(kind: K): Rows[K][] {
    return [...this.rows].filter(([key]) => key.startsWith(`${kind}/`)).map(([, row]) => row as Rows[K]);
  }

  /** What an account may still spend. */
  available(account: string): number {
    const row = this.read.row('account', account);
    return row === null ? 0 : row.postedMicro - row.heldMicro;
  }

  /** Moves the clock to the timer's time and gives its command. */
  fire(key: string): Outcome {
    const timer = this.timers.get(key);
    if (!timer) throw new Error(`no timer ${key}`);
    this.timers.delete(key);
    this.at = Math.max(this.at, timer.at);
    return this.when(timer.command, { actor: SYSTEM });
  }
}

export const TENANT: TenantId = newId('tnt', START, entropyOf(1));
export const SWARM: SwarmId = newId('swm', START, entropyOf(1));
export const FIRST_KEY: KeyId = newId('key', START, entropyOf(1));

export interface SwarmOptions {
  readonly supplyMicro?: number;
}

/** The command that makes the swarm of the tests. */
export function createSwarm({ supplyMicro = 10_000 }: SwarmOptions = {}): SwarmCommand {
  const publicKey = 'A'.repeat(43);
  return { type: 'CreateSwarm', tenant: TENANT, swarm: SWARM, name: 'main', publicKey, key: FIRST_KEY, supplyMicro };
}

/** A swarm that was created, with credits for its tenant. */
export function aSwarm(options: SwarmOptions = {}): MemorySwarm {
  const swarm = new MemorySwarm();
  swarm.do(createSwarm(options));
  return swarm;
}
