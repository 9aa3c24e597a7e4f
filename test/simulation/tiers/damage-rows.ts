// Damage to the object's own database: two rows of its journal exchanged, whole or in part. What it tells afterwards is refused,
// or an outsider sees that it does not hold; a moment of the past is never made of it.

import type { CloudEvent } from '../../../core/journal/cloud-event.ts';
import { hashHolds, readCloudEvent } from '../../../core/journal/cloud-event.ts';
import type { Random } from '../random.ts';
import type { Realm } from '../world/realm.ts';

/** Members of a row that change places together. */
const EXCHANGED: readonly [readonly string[], ...(readonly string[])[]] = [
  ['body'],
  ['hash'],
  ['hash', 'body'],
  ['hash', 'type', 'at', 'actor', 'subject', 'command', 'trace', 'body'],
];

interface Exchange {
  readonly how: string;
  /** Puts everything back. */
  undo(): void;
}

/** Exchanges two rows; null when they are alike, or when there are none. */
export function exchangeRows({ swarm }: Realm, random: Random): Exchange | null {
  const { database } = swarm;
  const rows = database.exec('SELECT * FROM journal ORDER BY seq') as Record<string, string | number | null>[]; // its columns
  const [one, other] = [random.among(rows), random.among(rows)];
  if (!one || !other || one.body === other.body) return null;
  const members = random.pick(EXCHANGED);
  const put = (to: typeof one, from: typeof one): void => {
    const set = members.map((member) => `${member} = ?`).join(', ');
    database.exec(
      `UPDATE journal SET ${set} WHERE seq = ?`,
      ...members.map((member) => from[member] ?? null),
      to.seq ?? 0,
    );
  };
  put(one, other);
  put(other, one);
  database.keep();
  return {
    how: `${members.join(', ')} of rows ${one.seq} and ${other.seq} exchanged`,
    undo() {
      put(one, one);
      put(other, other);
      database.keep();
    },
  };
}

/** Whether somebody with nothing but the events would take them for true. */
export function seemsTrue(origin: string, events: readonly CloudEvent[]): boolean {
  let previous: string | null = null;
  for (const event of events) {
    const read = readCloudEvent(origin, event);
    if (read === null || !hashHolds(origin, read) || (previous !== null && read.previous !== previous)) return false;
    previous = read.hash;
  }
  return true;
}
