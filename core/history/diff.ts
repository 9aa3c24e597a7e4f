// What has changed between two moments: rows, balances, cost, and how much happened. Rows are shown as the API shows them, so
// nothing that is secret in a row comes out here.

import type { StoredEvent } from '../journal/event.ts';
import { isSame, type Json, type JsonObject } from '../json.ts';
import { diffCharsMax, turnBytes, turnRows } from '../limits.ts';
import { drawJson, roomFor } from '../room.ts';
import { type Shown, show, viewsWithin } from '../swarm/answer.ts';
import type { Read } from '../swarm/read.ts';
import type { Kind, Rows } from '../swarm/state.ts';
import { accountView } from '../swarm/views.ts';
import { briefsFrom } from '../work/brief.ts';
import type { Past } from './past.ts';
import { keysOf } from './past.ts';
import type { PastMoment } from './port.ts';
import { kindOf } from './state-tree.ts';

/** Comparing a row is quicker than deciding one. */
const rowsPerTurn = 4 * turnRows;

/** Kinds that are shown, as a table so that a new one is not forgotten. */
const SHOWN: Readonly<Record<Kind, Shown | null>> = {
  swarm: null,
  account: 'account',
  transfer: 'transfer',
  task: 'task',
  mission: 'mission',
  device: 'device',
  presence: null,
  enrollment: null,
  route: null,
  key: 'key',
  trigger: 'trigger',
  webhook: 'webhook',
  delivery: 'delivery',
  snapshot: null,
  segment: null,
  rerun: null,
};

/** Gathers what is needed while a past goes on from one moment to the other. */
export interface Difference {
  /** Called with each page of events before the past folds them. */
  see(events: readonly StoredEvent[], past: Past): void;
  /** How many events of those that were seen can be shown, when their text is too much for all of them; else null. */
  most(): number | null;
  /**
   * At the later moment: goes on finding out which rows have changed, a turn's worth of them; to be called until it is done.
   * Something that has to be loaded first may stop it: then it goes on where it was.
   */
  compare(past: Past): { readonly isDone: boolean; readonly rows: number; readonly chars: number };
  /** When all are compared: what has changed, the rows of one page of it. */
  show(
    moments: { readonly from: PastMoment; readonly to: PastMoment },
    page: { readonly limit: number; readonly cursor: string | null },
    past: Past,
  ): JsonObject;
}

export function openDifference(): Difference {
  const before: RowsBefore = new Map();
  const types = new Map<string, number>();
  let events = 0;
  let chars = 0;
  let most: number | null = null;
  let settledMicro = 0;
  let seenTo = 0;
  /** Keys of all rows that were touched, in order, once they are to be compared; and how many of them are. */
  let keys: readonly string[] | null = null;
  let compared = 0;
  const changed: string[] = [];
  return {
    see(page, past) {
      for (const key of keysOf(page)) if (!before.has(key)) before.set(key, rowAt(key, past));
      // A page that is shown again (something had to be loaded) is counted once.
      for (const { seq, type, body } of page) {
        if (seq <= seenTo) continue;
        seenTo = seq;
        chars += body.length;
        if (chars > diffCharsMax) most ??= events;
        events++;
        types.set(type, (types.get(type) ?? 0) + 1);
        if (type === 'transfer.settled') settledMicro += (JSON.parse(body) as { amountMicro: number }).amountMicro; // as it was written
      }
    },
    most: () => most,
    compare(past) {
      keys ??= [...before.keys()].sort();
      let [rows, chars] = [0, 0];
      while (compared < keys.length && rows < rowsPerTurn && chars < turnBytes) {
        const key = keys[compared] ?? '';
        const one = comparison(key, before, past);
        if (one.isChanged) changed.push(key);
        rows++;
        chars += one.chars;
        compared++;
      }
      return { isDone: compared === keys.length, rows: (rows * turnRows) / rowsPerTurn, chars };
    },
    show({ from, to }, { limit, cursor }, past) {
      const start = cursor === null ? 0 : changed.findIndex((key) => key > cursor);
      const wanted = start < 0 ? [] : changed.slice(start, start + limit);
      const data = viewsWithin(wanted, (key) => changeOf(key, before, past));
      return {
        from: momentView(from),
        to: momentView(to),
        events: { total: events, byType: Object.fromEntries([...types].sort()) },
        cost: { settledMicro },
        balances: balancesOf(before, past),
        rows: changed.length,
        data,
        nextCursor: start >= 0 && start + data.length < changed.length ? (wanted[data.length - 1] ?? null) : null,
      };
    },
  };
}

/** Rows as they were at the earlier moment, of all that was touched since; null where there was none. */
type RowsBefore = Map<string, Rows[Kind] | null>;

/** The earlier moment, seen from the later one: what was not touched in between is the same. */
function readBefore(before: RowsBefore, past: Past): Read {
  function row<K extends Kind>(kind: K, id: string): Rows[K] | null {
    const key = `${kind}/${id}`;
    // Rows stand under the kind they belong to.
    return before.has(key) ? ((before.get(key) ?? null) as Rows[K] | null) : past.row(kind, id);
  }
  return { ...past.read, row, tasksOf: (mission) => briefsFrom(row, mission) };
}

function rowAt(key: string, past: Past): Rows[Kind] | null {
  const kind = kindOf(key);
  return past.row(kind, key.slice(kind.length + 1));
}

/** One that was not there before has changed, whatever it is. `chars`: what looking at both of them takes, about. */
function comparison(
  key: string,
  before: RowsBefore,
  past: Past,
): { readonly isChanged: boolean; readonly chars: number } {
  const row = before.get(key) ?? null;
  if (row === null) return { isChanged: true, chars: 0 };
  const room = roomFor(turnBytes);
  drawJson(room, row);
  return { isChanged: !isSame(row, rowAt(key, past)), chars: 2 * room.used() };
}

function viewOf(kind: Kind, row: Rows[Kind] | null, read: Read): Json {
  const shown = SHOWN[kind];
  return shown === null || row === null ? null : show(shown, row, read);
}

function changeOf(key: string, before: RowsBefore, past: Past): JsonObject {
  const kind = kindOf(key);
  const was = before.get(key) ?? null;
  const from = viewOf(kind, was, readBefore(before, past));
  const to = viewOf(kind, rowAt(key, past), past.read);
  return {
    kind,
    id: key.slice(kind.length + 1),
    change: was === null ? 'made' : 'changed',
    members: membersOf(from, to),
    before: from,
    after: to,
  };
}

/** Names of the members that differ. */
function membersOf(before: Json, after: Json): string[] {
  if (!isObject(before) || !isObject(after)) return [];
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => !isSame(before[name] ?? null, after[name] ?? null)).sort();
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function balancesOf(before: RowsBefore, past: Past): Json {
  const balances: Json[] = [];
  const accounts = [...before.keys()].filter((key) => kindOf(key) === 'account');
  for (const key of accounts.sort()) {
    const is = past.row('account', key.slice('account/'.length));
    if (is === null) continue;
    const was = readBefore(before, past).row('account', is.id);
    const [then, now] = [accountView(was ?? { id: is.id, postedMicro: 0, heldMicro: 0 }), accountView(is)];
    balances.push({
      account: is.id,
      postedMicro: now.postedMicro - then.postedMicro,
      heldMicro: now.heldMicro - then.heldMicro,
      availableMicro: now.availableMicro - then.availableMicro,
    });
  }
  return balances;
}

function momentView({ seq, at, hash }: PastMoment): JsonObject {
  return { seq, time: new Date(at).toISOString(), hash };
}
