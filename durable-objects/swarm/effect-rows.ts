// What follows outside from a decision, as rows: timers by their keys, all else in the outbox. Written with the events that it
// follows from; timers.ts and outbox-drain.ts carry it out.

import { clockBehindMs } from '../../core/limits.ts';
import type { Effect } from '../../core/swarm/react.ts';
import type { Sql } from '../sql-port.ts';

type Write = Sql['run'];

export function keepEffect(write: Write, effect: Effect, now: number): void {
  if (effect.kind === 'timer')
    write(
      `INSERT INTO timer (key, due, command) VALUES (?, ?, ?)
       ON CONFLICT (key) DO UPDATE SET due = excluded.due, command = excluded.command, tries = 0`,
      effect.key,
      effect.at,
      JSON.stringify(effect.command),
    );
  else if (effect.kind === 'no-timer') write('DELETE FROM timer WHERE key = ?', effect.key);
  else write('INSERT INTO outbox (effect, due) VALUES (?, ?)', JSON.stringify(effect), now);
}

/** What failed while the clock was wrong is tried now, not when it would have been. */
export function hurryDue(write: Write, to: number): void {
  write('UPDATE timer SET due = ? WHERE due > ? AND tries > 0', to, to + clockBehindMs);
  write('UPDATE outbox SET due = ? WHERE due > ?', to, to);
}
