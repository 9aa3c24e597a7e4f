// What an outsider knows of one swarm, by rules written here a second time: every durable event, every answer that was given, and
// what follows from both. It is told only of what is durable, so whatever was acknowledged must be in it.

import { createHash } from 'node:crypto';
import { stateHash } from '../../../core/history/state-tree.ts';
import type { StoredEvent } from '../../../core/journal/event.ts';
import type { SwarmCommand } from '../../../core/swarm/commands.ts';
import { replay } from '../../../core/swarm/replay.ts';
import type { Execute, Executed } from '../../../core/swarm/service.ts';
import { openBooks } from './books.ts';
import { openFactCount } from './fact-count.ts';
import type { Findings } from './findings.ts';
import { openWorkLog } from './work-log.ts';

/** A line of the journal, as the table has it. */
export interface JournalLine {
  readonly seq: number;
  readonly hash: string;
  readonly type: string;
  readonly version: number;
  readonly at: number;
  readonly actor: string;
  readonly subject: string;
  readonly command: string;
  readonly trace: string | null;
  readonly body: string;
}

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

/** What stands before the first event. */
const GENESIS = '0'.repeat(64);
/** Ids that are remembered to choose from. */
const recentMax = 40;

export type SwarmModel = ReturnType<typeof openSwarmModel>;

export function openSwarmModel(origin: string, findings: Findings, now: () => number) {
  const books = openBooks(origin, findings);
  const work = openWorkLog(origin, findings);
  const facts = openFactCount(origin, findings);
  const hashes: string[] = [];
  const lines: JournalLine[] = [];
  const stored = (to: number): StoredEvent[] =>
    lines.slice(0, to).map((line, index) => ({ ...line, previous: hashes[index - 1] ?? GENESIS }));
  const held = new Map<string, Held>();
  const heldIds: string[] = [];
  const recent = { tasks: [] as string[], missions: [] as string[], attempts: [] as (readonly [string, string])[] };
  /** What each fact said first, by its name. */
  const meanings = new Map<string, string>();
  const devices = new Set<string>();
  const revoked = new Set<string>();
  const delivered = new Set<string>();
  let lastAt = 0;
  let previous: string = GENESIS;

  const remember = <T>(list: T[], item: T): void => {
    list.push(item);
    if (list.length > recentMax) list.shift();
  };

  function checkLine(line: JournalLine): void {
    const wrong = (why: string): void => findings.add('journal', `${origin} ${hashes.length + 1}`, why);
    if (line.seq !== hashes.length + 1) wrong(`expected seq ${hashes.length + 1}, found ${line.seq}`);
    if (line.at < lastAt) wrong(`its time ${line.at} is before ${lastAt}`);
    const { actor, at, body, command, seq, subject, trace, type, version } = line;
    // RFC 8785 by hand: members in order, the body as it stands.
    const text = `{"actor":${JSON.stringify(actor)},"at":${at},"body":${body},"command":${JSON.stringify(command)},"origin":${JSON.stringify(origin)},"previous":"${previous}","seq":${seq},"subject":${JSON.stringify(subject)},"trace":${JSON.stringify(trace)},"type":${JSON.stringify(type)},"version":${version}}`;
    if (createHash('sha256').update(text).digest('hex') !== line.hash)
      wrong('its hash does not follow from it and the one before');
    lastAt = line.at;
    previous = line.hash;
    hashes.push(line.hash);
  }

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
        checkLine(line);
        lines.push(line);
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
    stateHashAt: (seq: number): string => stateHash(replay(stored(seq))),
    head: () => ({ seq: hashes.length, hash: previous }),
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
