// The past, made again: the fold of `evolve` over stored events, from nothing. There is no other way to a row than this one
// [P8].

import type { StoredEvent } from '../journal/event.ts';
import type { SwarmEvent } from './events.ts';
import { evolve, touches } from './evolve.ts';
import type { Kind, Rows } from './state.ts';

/** Rows by kind and id: `task/tsk_…`. */
export type RowMap = Map<string, Rows[Kind]>;

/** Every row as it is after these events, which are a journal from its first seq on. Goes on from `rows` when it is given. */
export function replay(events: Iterable<StoredEvent>, rows: RowMap = new Map()): RowMap {
  for (const { type, subject, body, at, actor, trace, command } of events) {
    const event = { type, subject, body: JSON.parse(body) } as SwarmEvent; // as it was written, under its type
    const circumstance = { at, trace, actor, commandId: command };
    for (const [kind, id] of touches(event, command)) {
      const key = `${kind}/${id}`;
      rows.set(key, evolve(kind, id, rows.get(key) ?? null, event, circumstance));
    }
  }
  return rows;
}
