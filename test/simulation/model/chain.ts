// A journal as an outsider has seen it: line by line, each chained to the one before by a hash that is made here a second time.

import { createHash } from 'node:crypto';
import type { StoredEvent } from '../../../core/journal/event.ts';
import type { Findings } from './findings.ts';

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

export interface Chain {
  readonly origin: string;
  /** Hash of the event at each seq, from 1. */
  readonly hashes: readonly string[];
  take(line: JournalLine): void;
  head(): { readonly seq: number; readonly hash: string };
  /** The first events, as they were seen. */
  stored(to: number): StoredEvent[];
  /** Those behind `after`, up to `to`. */
  between(after: number, to: number): StoredEvent[];
}

/** What stands before the first event. */
const GENESIS = '0'.repeat(64);

export function openChain(origin: string, findings: Findings): Chain {
  const hashes: string[] = [];
  const lines: JournalLine[] = [];
  const originText = JSON.stringify(origin);
  let lastAt = 0;
  let previous: string = GENESIS;
  const between = (after: number, to: number): StoredEvent[] =>
    lines.slice(after, to).map((line, index) => ({ ...line, previous: hashes[after + index - 1] ?? GENESIS }));
  return {
    origin,
    hashes,
    take(line) {
      const wrong = (why: string): void => findings.add('journal', `${origin} ${hashes.length + 1}`, why);
      if (line.seq !== hashes.length + 1) wrong(`expected seq ${hashes.length + 1}, found ${line.seq}`);
      if (line.at < lastAt && !isSetBack(line, lastAt)) wrong(`its time ${line.at} is before ${lastAt}`);
      const { actor, at, body, command, seq, subject, trace, type, version } = line;
      // RFC 8785 by hand: members in order, the body as it stands.
      const text = `{"actor":${JSON.stringify(actor)},"at":${at},"body":${body},"command":${JSON.stringify(command)},"origin":${originText},"previous":"${previous}","seq":${seq},"subject":${JSON.stringify(subject)},"trace":${JSON.stringify(trace)},"type":${JSON.stringify(type)},"version":${version}}`;
      if (createHash('sha256').update(text).digest('hex') !== line.hash)
        wrong('its hash does not follow from it and the one before');
      lastAt = line.at;
      previous = line.hash;
      hashes.push(line.hash);
      lines.push(line);
    },
    head: () => ({ seq: hashes.length, hash: previous }),
    stored: (to) => between(0, to),
    between,
  };
}

/** The clock was set back, and the event says so. */
function isSetBack({ type, at, seq, body }: JournalLine, before: number): boolean {
  const { from, to, after } = JSON.parse(body);
  return type === 'clock.corrected' && from === before && to === at && after === seq - 1;
}
