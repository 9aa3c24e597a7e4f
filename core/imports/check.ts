// Whether the lines of an export go on from what was taken before: the form of each, its seq, its link, its hash, its type.
// Pure and without memory, so that an import that was cut off anywhere goes on from what is stored.

import { cutText } from '../cut-text.ts';
import type { SignedCheckpoint } from '../journal/checkpoint.ts';
import { hashHolds } from '../journal/cloud-event.ts';
import { EVENT_VERSION, GENESIS, type StoredEvent } from '../journal/event.ts';
import { readEventLine } from '../journal/export-lines.ts';
import { turnsBack } from '../journal/turns-back.ts';
import { amountMicroMax, rowsMovedAtOnce } from '../limits.ts';
import { err, ok, type Result } from '../result.ts';
import { isEventType } from '../swarm/evolve.ts';
import type { Rejection } from '../swarm/rejections.ts';

/** Where an export stops holding: the first bad seq, null for the export as a whole. */
export interface Bad {
  readonly seq: number | null;
  readonly reason: string;
}

/** The last event that was taken. */
export interface Taken {
  readonly seq: number;
  readonly hash: string;
  readonly at: number;
}

/** Before the first event. */
export const NOTHING_TAKEN: Taken = { seq: 0, hash: GENESIS, at: 0 };

/** The events of the next lines, or the first that does not follow from `taken`. */
export function checkLines(
  checkpoint: SignedCheckpoint,
  taken: Taken,
  lines: readonly string[],
): Result<readonly StoredEvent[], Bad> {
  const events: StoredEvent[] = [];
  let before = taken;
  for (const line of lines) {
    const event = readEventLine(checkpoint.origin, line);
    const reason = event === null ? 'it is not written as an export writes events' : refuse(checkpoint, before, event);
    if (event === null || reason !== null) return err({ seq: before.seq + 1, reason: reason ?? '' });
    events.push(event);
    before = event;
  }
  return ok(events);
}

/** Why an event does not come next, in the order of what is looked at; null when it does. */
function refuse(checkpoint: SignedCheckpoint, before: Taken, event: StoredEvent): string | null {
  const { origin, size } = checkpoint;
  if (event.seq !== before.seq + 1) return `expected seq ${before.seq + 1}, found ${event.seq}`;
  if (event.seq > size) return `the checkpoint signs ${size} events, and here is one more`;
  if (event.previous !== before.hash) return 'it does not follow from the event before it';
  if (!hashHolds(origin, event)) return 'its hash is not that of its content';
  if (event.at < before.at && !turnsBack(event, before.at)) return 'it happened before the event before it';
  if (!isStorable(event)) return 'it holds text that is not well formed';
  const unknown = refuseType(event);
  if (unknown !== null) return unknown;
  return event.seq === 1 ? refuseFirst(checkpoint, event) : refuseLater(event);
}

/** Later code writes what this one cannot read: it is refused by name, never guessed at. */
function refuseType({ type, version }: StoredEvent): string | null {
  if (!isEventType(type)) return `events of type ${cutText(type, typeCharsShown)} are not known here`;
  // A shape that was changed has a version of its own; there is none yet.
  if (version === EVENT_VERSION) return null;
  return `${type} is known here in version ${EVENT_VERSION}, not in version ${version}`;
}
const typeCharsShown = 100;

/**
 * Around a body, half a surrogate pair or a character of nothing would not be stored as it was hashed. In a body it stands as an
 * escape: what a journal of an earlier version holds there is taken as it is [DOOR-2].
 */
function isStorable({ type, subject, actor, command, trace }: StoredEvent): boolean {
  return [type, subject, actor, command, trace ?? ''].every((text) => text.isWellFormed() && !text.includes('\0'));
}

const ORIGIN = /^[\w-]{1,100}\/[\w-]{1,100}$/;

function refuseFirst({ origin, publicKey }: SignedCheckpoint, { type, body }: StoredEvent): string | null {
  if (type !== 'swarm.created') return `a journal that begins with ${type} does not stand by itself`;
  const created: Readonly<Partial<Record<'tenant' | 'swarm' | 'publicKey' | 'supplyMicro', unknown>>> =
    JSON.parse(body);
  if (`${created.tenant}/${created.swarm}` !== origin) return 'it makes another swarm than the origin names';
  // Every later door reads the origin out of each event: one that it cannot read could be neither proved nor brought in again.
  if (!ORIGIN.test(origin)) return 'its tenant or its swarm has a name that none can have';
  if (created.publicKey !== publicKey) return 'the checkpoint is signed by another key than it names';
  const { supplyMicro: supply } = created;
  const isSupply = Number.isSafeInteger(supply) && Number(supply) >= 0 && Number(supply) <= amountMicroMax;
  return isSupply ? null : 'its supply is none that a swarm can have';
}

/** Every event names the few rows that it changes; one type names as many as it likes. */
function refuseLater({ type, body }: StoredEvent): string | null {
  if (type === 'swarm.created') return 'a swarm is created once';
  if (type !== 'times.moved') return null;
  const { rows }: { readonly rows?: unknown } = JSON.parse(body);
  const isFew = Array.isArray(rows) && rows.length <= rowsMovedAtOnce;
  return isFew ? null : `it moves more than ${rowsMovedAtOnce} rows at once`;
}

/** Whether all of it was taken: as many events as the checkpoint signs, up to its head, under its root. */
export function refuseEnd({ size, head, root }: SignedCheckpoint, taken: Taken, rootTaken: string): Bad | null {
  if (taken.seq < size) return { seq: taken.seq + 1, reason: `the checkpoint signs ${size} events, ${taken.seq} came` };
  if (taken.hash !== head) return { seq: size, reason: 'the head is not the one that was signed' };
  return rootTaken === root ? null : { seq: null, reason: 'the Merkle root is not the one that was signed' };
}

/** A refusal of an export that does not hold, for whoever brought it. */
export function invalidImport({ seq, reason }: Bad): Rejection {
  const where = seq === null ? '' : ` at event ${seq}`;
  return { code: 'import_invalid', detail: `Not taken${where}: ${reason}.`, seq };
}
