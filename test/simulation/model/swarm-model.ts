// What an outsider knows of one swarm, by rules written here a second time: every durable event, every answer that was given, and
// what follows from both. It is told only of what is durable, so whatever was acknowledged must be in it.

import { stateHash } from '../../../core/history/state-tree.ts';
import type { SwarmCommand } from '../../../core/swarm/commands.ts';
import { type RowMap, replay } from '../../../core/swarm/replay.ts';
import type { Execute, Executed } from '../../../core/swarm/service.ts';
import { openBooks } from './books.ts';
import { type JournalLine, openChain } from './chain.ts';
import { openFactCount } from './fact-count.ts';
import type { Findings } from './findings.ts';
import { openWorkLog } from './work-log.ts';

/** A fact as a device told it, in its outbox. */
export interface Told {
  readonly seq: number;
  readonly body: string;
}

/** An answer that a client holds. */
export interface Held {
  readonly execute: Execute;
  readonly text: string;
  readonly at: number;
}

/** Ids that are remembered to choose from. */
const recentMax = 40;
/** A copy of all rows is kept after so many events. */
const copyEvents = 64;

export type SwarmModel = ReturnType<typeof openSwarmModel>;

export function openSwarmModel(origin: string, findings: Findings, now: () => number) {
  const books = openBooks(origin, findings);
  const work = openWorkLog(origin, findings);
  const facts = openFactCount(origin, findings);
  const chain = openChain(origin, findings);
  const { hashes, stored } = chain;
  /** Rows as they were after some events, by how many: a row is never changed, so a copy is cheap. */
  const copies: RowMap[] = [new Map()];
  function rowsAt(seq: number): RowMap {
    const nearest = Math.floor(seq / copyEvents);
    for (let n = copies.length; n <= nearest; n++)
      copies.push(replay(chain.between((n - 1) * copyEvents, n * copyEvents), new Map(copies[n - 1])));
    return replay(chain.between(nearest * copyEvents, seq), new Map(copies[nearest]));
  }
  const held = new Map<string, Held>();
  const heldIds: string[] = [];
  const recent = { tasks: [] as string[], missions: [] as string[], attempts: [] as (readonly [string, string])[] };
  /** What each fact said first, by its name. */
  const meanings = new Map<string, string>();
  const devices = new Set<string>();
  const revoked = new Set<string>();
  const delivered = new Set<string>();

  const remember = <T>(list: T[], item: T): void => {
    list.push(item);
    if (list.length > recentMax) list.shift();
  };

  function note(type: string, body: Readonly<Record<string, string>>): void {
    switch (type) {
      case 'task.requested':
        remember(recent.tasks, body.task ?? '');
        return;
      case 'task.leased':
        remember(recent.attempts, [body.attempt ?? '', body.task ?? ''] as const);
        return;
      case 'mission.started':
        remember(recent.missions, body.mission ?? '');
        return;
      case 'device.enrolled':
        devices.add(body.device ?? '');
        return;
      case 'device.revoked':
        revoked.add(body.device ?? '');
        return;
      case 'delivery.succeeded':
        delivered.add(body.delivery ?? '');
        return;
      default:
        return;
    }
  }

  return {
    origin,
    books,
    work,
    facts,
    /** Hash of the event at each seq, from 1. */
    hashes,
    /** Takes the events that have become durable. */
    take(durable: readonly JournalLine[]): void {
      if (durable.length === 0) return;
      for (const line of durable) {
        chain.take(line);
        // Each fold reads the members of the types that it knows.
        const body = JSON.parse(line.body) as Readonly<Record<string, never>>;
        books.take(line.type, body);
        work.take(line.type, body);
        facts.take(line.command, line.seq);
        if (line.command.startsWith('fact/') && !meanings.has(line.command))
          meanings.set(line.command, 'attempt' in body ? `${line.type} ${String(body.attempt)}` : line.type);
        note(line.type, body);
      }
      books.check();
    },
    /** The first events, as they were seen. */
    stored,
    /** The hash of the state after `seq`, made from the events that were seen. */
    stateHashAt: (seq: number): string => stateHash(rowsAt(seq)),
    /** Every row after `seq`, made from the same events. */
    rowsAt,
    head: chain.head,
    tasks: () => recent.tasks,
    missions: () => recent.missions,
    attempts: () => recent.attempts,
    devices,
    revoked,
    /** Deliveries that the journal says have arrived. */
    delivered,
    held,
    heldIds,
    /** A device was told that its facts up to here are committed, and has deleted them. */
    factsAcknowledged(device: string, epoch: number, seq: number, told: readonly Told[]): void {
      const counted = facts.counted(device, epoch);
      if (counted < seq)
        findings.add('lost', `${origin} ${device}/${epoch}/${seq}`, `acknowledged, and the journal has ${counted}`);
      for (const fact of told) checkMeaning(`fact/${device}/${epoch}/${fact.seq}`, fact.body);
    },
    /** A client was answered. */
    answered(execute: Execute, executed: Executed): void {
      const text = JSON.stringify(executed.result);
      const before = held.get(execute.id);
      if (before === undefined) {
        held.set(execute.id, { execute, text, at: now() });
        heldIds.push(execute.id);
        if (executed.result.ok) checkDone(execute.command, executed.result.value.id);
        return;
      }
      if (before.text !== text)
        findings.add('changed', `${origin} ${execute.id}`, `${text.slice(0, 200)} was ${before.text.slice(0, 200)}`);
    },
  };

  /** What a device told under a number is what the journal has under it [P2]. */
  function checkMeaning(command: string, text: string): void {
    const { type, attempt } = JSON.parse(text) as { type: string; attempt?: string }; // a fact's body
    const said = meanings.get(command);
    if (said === undefined || said === 'fact.set_aside') return;
    if (attempt === undefined ? said.startsWith('attempt.') : said !== `${type} ${attempt}`)
      findings.add('changed', `${origin} ${command}`, `it told ${type} ${attempt ?? ''}, the journal has ${said}`);
  }

  /** What was acknowledged is in the journal. */
  function checkDone(command: SwarmCommand, id: string): void {
    const isThere =
      command.type === 'RequestTask'
        ? work.end(id) !== undefined
        : command.type === 'PostTransfer'
          ? books.isMade(id)
          : command.type === 'HoldTransfer'
            ? books.isMade(id)
            : command.type === 'SettleTransfer'
              ? books.ending(command.hold) === 'transfer.settled'
              : command.type === 'VoidTransfer'
                ? books.ending(command.hold) === 'transfer.voided'
                : true;
    if (!isThere) findings.add('lost', `${origin} ${id}`, `${command.type} was acknowledged and is not in the journal`);
  }
}
