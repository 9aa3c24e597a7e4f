// Keeps the count of a swarm's events, and of its devices: in memory, told of each commit, so that a scrape costs no walk over
// the journal. It is stored now and then; after a restart the events since are counted again.

import type { StoredEvent } from '../../core/journal/event.ts';
import { tallyEventsMax } from '../../core/limits.ts';
import { count, EMPTY_TALLY, type Tally } from '../../core/metrics/tally.ts';
import { first, type Sql } from '../sql-port.ts';

export interface TallyStore {
  /** Told of what was committed, in order. Does nothing but count, nearly always. */
  saw(events: readonly StoredEvent[]): void;
  /** The count of all events up to the head. */
  tally(headSeq: number): Tally;
  devices(): { readonly enrolled: number; readonly connected: number };
}

/**
 * A journal that is longer than this when counting begins (an import, a version without a count) is not walked: counters may
 * begin at any time.
 */
const countedAgainMax = 100_000;

interface Devices {
  enrolled: number;
  readonly connected: Set<string>;
}

/** Opens the count over migrated tables. Reads one row; walks nothing until it is needed. */
export function openTally(sql: Sql): TallyStore {
  const stored = first(sql.all<{ value: string }>(`SELECT value FROM meta WHERE key = 'tally'`));
  let tally: Tally = stored === null ? EMPTY_TALLY : (JSON.parse(stored.value) as Tally); // our own text
  let storedSeq = tally.seq;
  /** Read when first asked for, then carried on; read again when events went by unseen. */
  let devices: Devices | null = null;

  /** Counts what went by unseen: before a start, or in another way than by `saw`. */
  function catchUp(to: number): void {
    if (tally.seq === to) return;
    devices = null;
    // A journal that is shorter than the count is another one: it was brought in.
    if (to < tally.seq) tally = EMPTY_TALLY;
    tally = to - tally.seq > countedAgainMax ? { ...tally, seq: to } : counted(sql, tally, to);
    save();
  }

  function save(): void {
    sql.run(
      `INSERT INTO meta (key, value) VALUES ('tally', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
      JSON.stringify(tally),
    );
    storedSeq = tally.seq;
  }

  return {
    saw(events) {
      const [next] = events;
      if (next === undefined) return;
      catchUp(next.seq - 1);
      tally = count(tally, events);
      if (devices !== null) for (const event of events) follow(devices, event);
      if (tally.seq - storedSeq >= tallyEventsMax) save();
    },
    tally(headSeq) {
      catchUp(headSeq);
      return tally;
    },
    devices() {
      devices ??= devicesOf(sql);
      return { enrolled: devices.enrolled, connected: devices.connected.size };
    },
  };
}

/** The tally with the events after it up to `to`, added up where they lie. */
function counted(sql: Sql, tally: Tally, to: number): Tally {
  const rows = sql.all<{ type: string; n: number; settled: number | null }>(
    `SELECT type, count(*) AS n, sum(CASE WHEN type = 'transfer.settled' THEN body ->> '$.amountMicro' END) AS settled
     FROM journal WHERE seq BETWEEN ? AND ? GROUP BY type`,
    tally.seq + 1,
    to,
  );
  const counts = { ...tally.counts };
  let { settledMicro } = tally;
  for (const { type, n, settled } of rows) {
    counts[type] = (counts[type] ?? 0) + n;
    settledMicro += settled ?? 0;
  }
  return { seq: to, counts, settledMicro };
}

function devicesOf(sql: Sql): Devices {
  const enrolled =
    first(sql.all<{ n: number }>(`SELECT count(*) AS n FROM device WHERE body ->> '$.state' = 'enrolled'`))?.n ?? 0;
  const connected = sql.all<{ id: string }>(
    `SELECT id FROM presence WHERE id >= 'dev_' AND id < 'dev\`' AND body ->> '$.connected' = 1`,
  );
  return { enrolled, connected: new Set(connected.map(({ id }) => id)) };
}

/** What an event about a device says of it: the same as its presence (core/devices/evolve.ts). */
function follow(devices: Devices, { type, subject }: StoredEvent): void {
  const device = subject.slice('device/'.length);
  if (type === 'device.enrolled') devices.enrolled++;
  else if (type === 'device.connected') devices.connected.add(device);
  else if (type === 'device.disconnected') devices.connected.delete(device);
  else if (type === 'device.revoked') {
    devices.enrolled--;
    devices.connected.delete(device);
  }
}
