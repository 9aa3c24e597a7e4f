// Due timers become commands. No timer has logic of its own; one that fails three times is parked, with an event that says so
// [P18]. What is about to be done is written down first: a timer that ends the process is found and parked too (tries.ts).

import { Fault } from '../../core/assert.ts';
import { timersPerAlarm, timerTriesMax } from '../../core/limits.ts';
import type { SwarmCommand } from '../../core/swarm/commands.ts';
import type { Execute } from '../../core/swarm/service.ts';
import { first, type Sql } from '../sql-port.ts';
import type { Tries } from '../tries.ts';

export interface TimerDeps {
  readonly sql: Sql;
  readonly tries: Tries;
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

/** A timer that is due, as it was set. */
export interface DueTimer {
  readonly key: string;
  readonly due: number;
}

/**
 * Writes down what is due, oldest first, at most `timersPerAlarm`: to be durable before it is run. What is in trouble waits for
 * its turn alone.
 */
export function beginTimers({ sql, now, tries }: Pick<TimerDeps, 'sql' | 'now' | 'tries'>): readonly DueTimer[] {
  const troubled = troubledTimers(tries);
  const due = sql.all<DueTimer>(
    `SELECT key, due FROM timer WHERE due <= ?${troubled.length === 0 ? '' : ` AND ${NOT_IN}`} ORDER BY due, key LIMIT ?`,
    ...[now(), ...troubled, timersPerAlarm],
  );
  if (due.length > 0)
    tries.begin(
      'timers',
      due.map((timer) => `timer/${idOf(timer)}`),
    );
  return due;
}

/** Runs what was begun, as far as it is still set. */
export function runTimers(begun: readonly DueTimer[], deps: TimerDeps): void {
  goOn(begun, deps);
  deps.tries.end('timers');
}

/** Until nothing may be written just now. */
function goOn(begun: readonly DueTimer[], deps: TimerDeps): void {
  for (const timer of stillSet(begun.map(idOf), deps)) if (!runOne(timer, deps)) return;
}

interface DueDeps {
  durable(): Promise<void>;
  /** To be awaited before the next piece of work; null when there is nothing to wait for. */
  giveWay(): Promise<void> | null;
}

/** What timers have set for at once is done in so many rounds, before the rest waits for the next alarm. */
const roundsMax = 20;

/** Runs what is due, written down first; when a turn's worth is done, others run before the rest [TURN-1]. */
export async function runDueTimers(deps: TimerDeps, due: DueDeps): Promise<void> {
  for (let round = 0; round < roundsMax; round++) {
    const begun = beginTimers(deps);
    if (begun.length === 0) return;
    await due.durable();
    await runInTurns(begun, deps, due.giveWay);
    // What could not be done just now is left to the next alarm, and all else with it.
    if (timersLeft(deps.sql, begun.map(idOf)).length > 0) return;
  }
}

async function runInTurns(begun: readonly DueTimer[], deps: TimerDeps, giveWay: DueDeps['giveWay']): Promise<void> {
  let turn: Promise<void> | null = null;
  const execute = (command: Execute): void => {
    turn = giveWay();
    // As if nothing could be written just now: the timer and those behind it stay as they are.
    if (turn) throw new Fault('others come first', { retryable: true });
    deps.execute(command);
  };
  do {
    if (turn) await turn;
    turn = null;
    goOn(begun, { ...deps, execute });
  } while (turn);
  deps.tries.end('timers');
}

/** A timer that was cut off is done once more, with nothing else of its kind. */
export function runTimerAlone(id: string, deps: TimerDeps): void {
  for (const timer of stillSet([id], deps)) runOne(timer, deps);
}

/** Due still, too: a clock may have been set back since they were written down, and a command that comes too early does nothing. */
function stillSet(ids: readonly string[], { sql, now }: Pick<TimerDeps, 'sql' | 'now'>): readonly TimerRow[] {
  const at = now();
  return ids.flatMap((id) => {
    const { key, due } = namedBy(id);
    if (due > at) return [];
    return sql.all<TimerRow>('SELECT key, due, command, tries FROM timer WHERE key = ? AND due = ?', key, due);
  });
}

/** Those of these timers that are still set. */
export function timersLeft(sql: Sql, ids: readonly string[]): readonly string[] {
  return ids.filter((id) => {
    const { key, due } = namedBy(id);
    return first(sql.all('SELECT 1 FROM timer WHERE key = ? AND due = ?', key, due)) !== null;
  });
}

/** What a timer is called, and the command that it becomes. */
export function timerNamed(sql: Sql, id: string): { readonly timer: string; readonly command: string } {
  const { key, due } = namedBy(id);
  const row = first(
    sql.all<{ type: string }>(`SELECT command ->> '$.type' AS type FROM timer WHERE key = ? AND due = ?`, key, due),
  );
  return { timer: key, command: row?.type ?? '' };
}

/** When the next timer is due, or null; that of what is in trouble is another. */
export function nextTimer(sql: Sql, tries: Tries): number | null {
  const troubled = troubledTimers(tries);
  const query = `SELECT min(due) AS due FROM timer${troubled.length === 0 ? '' : ` WHERE ${NOT_IN}`}`;
  return first(sql.all<{ due: number | null }>(query, ...troubled))?.due ?? null;
}

/** What `NOT_IN` is given; empty when nothing is in trouble, as nearly always: a list to look into costs more than the rest. */
function troubledTimers(tries: Tries): readonly [list: string] | readonly [] {
  const troubled = tries.troubled('timer');
  return troubled.length === 0 ? [] : [JSON.stringify(troubled)];
}

/** A timer that was set anew is another one. */
const NOT_IN = `due || ' ' || key NOT IN (SELECT value FROM json_each(?))`;

function idOf({ key, due }: DueTimer): string {
  return `${due} ${key}`;
}

function namedBy(id: string): DueTimer {
  const at = id.indexOf(' ');
  return { key: id.slice(at + 1), due: Number(id.slice(0, at)) };
}

/** False when nothing may be written just now. */
function runOne(timer: TimerRow, { sql, now, execute }: TimerDeps): boolean {
  const command = JSON.parse(timer.command) as SwarmCommand; // written by the store from a command
  try {
    execute(fromTimer(timer, command));
    // The command may have set the timer anew: only what was due goes.
    sql.run('DELETE FROM timer WHERE key = ? AND due = ?', timer.key, timer.due);
  } catch (cause) {
    // Not the timer's own failure: it stays as it is, and the ones behind it would fare the same.
    if (isNotNow(cause)) return false;
    return fail(timer, command, now(), sql, execute);
  }
  return true;
}

function isNotNow(cause: unknown): boolean {
  return cause instanceof Fault && cause.retryable;
}

/** False when it is to be parked, and that cannot be said just now: then it stays as it is. */
function fail(timer: TimerRow, command: SwarmCommand, at: number, sql: Sql, execute: TimerDeps['execute']): boolean {
  const tries = timer.tries + 1;
  if (tries < timerTriesMax) {
    sql.run('UPDATE timer SET tries = ?, due = ? WHERE key = ?', tries, at + retryMs * 2 ** tries, timer.key);
    return true;
  }
  try {
    execute(fromTimer(timer, { type: 'ParkTimer', timer: timer.key, command: command.type, tries }));
  } catch (cause) {
    if (isNotNow(cause)) return false;
    throw cause;
  }
  sql.run('DELETE FROM timer WHERE key = ?', timer.key);
  return true;
}

function fromTimer({ key, due }: TimerRow, command: SwarmCommand): Execute {
  return { id: `timer/${key}/${due}`, actor: { kind: 'system', id: 'timer' }, command, remember: false };
}
