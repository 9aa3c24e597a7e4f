// Due timers become commands. No timer has logic of its own; one that fails three times is parked, with an event that says so
// [P18].

import { Fault } from '../../core/assert.ts';
import { timersPerAlarm, timerTriesMax } from '../../core/limits.ts';
import type { SwarmCommand } from '../../core/swarm/commands.ts';
import type { Execute } from '../../core/swarm/service.ts';
import { first, type Sql } from '../sql-port.ts';

export interface TimerDeps {
  readonly sql: Sql;
  now(): number;
  /** Executes in a transaction of its own; throws when that fails: a retryable Fault when nothing may be written just now. */
  execute(command: Execute): void;
}

interface TimerRow {
  readonly key: string;
  readonly due: number;
  readonly command: string;
  readonly tries: number;
}

/** A failed timer waits so long, doubled for each try. */
const retryMs = 5_000;

/** Runs what is due, oldest first, at most `timersPerAlarm`. */
export function runTimers({ sql, now, execute }: TimerDeps): void {
  const at = now();
  const due = sql.all<TimerRow>(
    'SELECT key, due, command, tries FROM timer WHERE due <= ? ORDER BY due, key LIMIT ?',
    at,
    timersPerAlarm,
  );
  for (const timer of due) {
    const command = JSON.parse(timer.command) as SwarmCommand; // written by the store from a command
    try {
      execute(fromTimer(timer, command));
      // The command may have set the timer anew: only what was due goes.
      sql.run('DELETE FROM timer WHERE key = ? AND due = ?', timer.key, timer.due);
    } catch (cause) {
      // Not the timer's own failure: it stays as it is, and the ones behind it would fare the same.
      if (cause instanceof Fault && cause.retryable) return;
      fail(timer, command, at, sql, execute);
    }
  }
}

/** When the next timer is due, or null. */
export function nextTimer(sql: Sql): number | null {
  return first(sql.all<{ due: number | null }>('SELECT min(due) AS due FROM timer'))?.due ?? null;
}

function fail(timer: TimerRow, command: SwarmCommand, at: number, sql: Sql, execute: TimerDeps['execute']): void {
  const tries = timer.tries + 1;
  if (tries < timerTriesMax) {
    sql.run('UPDATE timer SET tries = ?, due = ? WHERE key = ?', tries, at + retryMs * 2 ** tries, timer.key);
    return;
  }
  sql.run('DELETE FROM timer WHERE key = ?', timer.key);
  execute(fromTimer(timer, { type: 'ParkTimer', timer: timer.key, command: command.type, tries }));
}

function fromTimer({ key, due }: TimerRow, command: SwarmCommand): Execute {
  return { id: `timer/${key}/${due}`, actor: { kind: 'system', id: 'timer' }, command, remember: false };
}
