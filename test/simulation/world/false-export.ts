// Exports that are not what they say: changed on the way, or written by code that is newer than what reads them.

import { sha256 } from '../../../core/hash.ts';
import { signCheckpoint } from '../../../core/journal/checkpoint.ts';
import { preimage, type StoredEvent } from '../../../core/journal/event.ts';
import { eventLine, exportHeader, readEventLine, readExportHeader } from '../../../core/journal/export-lines.ts';
import { leafOf, rootOf } from '../../../core/journal/merkle.ts';
import type { Random } from '../random.ts';

/** An export, and the first line at which it stops to be true. */
export interface FalseExport {
  readonly lines: readonly string[];
  readonly badSeq: number;
  /** What the refusal must name; null: only where. */
  readonly names: string | null;
}

/** One event says something else, is missing, or has changed places with the next. */
export function tamper(lines: readonly string[], random: Random): FalseExport | null {
  const [header = '', ...events] = lines;
  const at = random.between(1, events.length - 2);
  const changed = [...events];
  const dice = random.next();
  if (dice < 0.4) {
    const origin = readExportHeader(header)?.origin ?? '';
    const event = readEventLine(origin, events[at] ?? '');
    if (event === null) return null;
    changed[at] = eventLine(origin, { ...event, at: event.at + 1 });
  } else if (dice < 0.7) changed.splice(at, 1);
  else [changed[at], changed[at + 1]] = [events[at + 1] ?? '', events[at] ?? ''];
  return { lines: [header, ...changed], badSeq: at + 1, names: null };
}

/** The same history as later code would have written it: one event of a type or a version that nobody knows here yet. */
export function fromLaterCode(lines: readonly string[], privateKey: string, random: Random): FalseExport | null {
  const signed = readExportHeader(lines[0] ?? '');
  if (signed === null || lines.length < 4) return null;
  const { origin, publicKey, size } = signed;
  const at = random.between(1, size - 1);
  const isNewType = random.chance(0.5);
  const events: StoredEvent[] = [];
  for (const [n, line] of lines.slice(1).entries()) {
    const event = readEventLine(origin, line);
    if (event === null) return null;
    const said = n !== at ? event : isNewType ? { ...event, type: 'task.dreamt' } : { ...event, version: 2 };
    const next = { ...said, previous: events.at(-1)?.hash ?? event.previous };
    events.push({ ...next, hash: sha256(preimage(origin, next)) });
  }
  const leaves = events.map(({ hash }) => leafOf(hash));
  const root = Buffer.from(rootOf({ leaf: (index) => leaves[index] ?? new Uint8Array() }, leaves.length));
  const checkpoint = { origin, size, head: events.at(-1)?.hash ?? '', root: root.toString('hex'), at: signed.at };
  return {
    lines: [
      exportHeader(signCheckpoint(checkpoint, privateKey, publicKey)),
      ...events.map((event) => eventLine(origin, event)),
    ],
    badSeq: at + 1,
    names: isNewType ? 'task.dreamt' : `not in version 2`,
  };
}
