// What was cut off when the swarm's object last ended is tried again here, one at a time; what is parked is told of first. Chores
// have a turn of their own in the recorder: here they are only told of.

import type { SwarmCommand } from '../../core/swarm/commands.ts';
import { first, type Sql } from '../sql-port.ts';
import type { Tries, Trouble } from '../tries.ts';
import { carryAlone, type DrainDeps, outboxLeft } from './outbox-drain.ts';
import { runTimerAlone, type TimerDeps, timerNamed, timersLeft } from './timers.ts';

export interface SuspectsDeps {
  readonly sql: Sql;
  readonly tries: Tries;
  readonly timers: TimerDeps;
  readonly outbox: DrainDeps;
  now(): number;
  /** Whether nothing may be written just now. */
  isShut(): boolean;
  /** Says, in the journal, that this is parked. @throws Fault when nothing may be written just now */
  park(id: string, command: Extract<SwarmCommand, { type: 'ParkTimer' }>): void;
}

export interface Suspects {
  /** When the first of them is due; null when none is, or while they are tried. */
  nextDue(): number | null;
  /** Tells of what is parked, then tries what is due. One call at a time. */
  runDue(): Promise<void>;
}

/** Nobody could be told: once more after so long. */
const tellAgainMs = 60_000;

export function createSuspects(deps: SuspectsDeps): Suspects {
  const { sql, tries, now } = deps;
  let isRunning = false;
  let tellAt = 0;

  function tellAll(): void {
    if (tellAt > now()) return;
    for (const [work, trouble] of tries.untold()) {
      try {
        deps.park(`park:${work}:${trouble.deaths}`, parking(work, trouble, sql));
      } catch {
        tellAt = now() + tellAgainMs;
        return;
      }
      tries.told(work);
    }
  }

  /** The next one whose time has come, and what it is to be done with: timers first, they are quick. */
  function next(): { readonly work: string; run(): void | Promise<void> } | null {
    for (const [kind, run] of KINDS) {
      const id = tries.troubled(kind).find((id) => tries.dueAt(`${kind}/${id}`) <= now());
      if (id !== undefined) return { work: `${kind}/${id}`, run: () => run(id, deps) };
    }
    return null;
  }

  return {
    nextDue() {
      if (isRunning || tries.all().size === 0) return null;
      const due = KINDS.flatMap(([kind]) => tries.troubled(kind).map((id) => tries.dueAt(`${kind}/${id}`)));
      if (tries.untold().length > 0) due.push(tellAt);
      return due.length === 0 ? null : Math.min(...due);
    },
    async runDue() {
      if (isRunning || tries.all().size === 0) return;
      isRunning = true;
      try {
        tellAll();
        // Each that was tried is in no trouble any more, or not before a later time.
        for (let one = next(); one !== null && !deps.isShut(); one = next()) await tries.alone(one.work, one.run);
      } finally {
        isRunning = false;
      }
    },
  };
}

type Run = (id: string, deps: SuspectsDeps) => void | Promise<void>;

const KINDS: readonly (readonly [kind: string, run: Run])[] = [
  ['timer', (id, { timers }) => runTimerAlone(id, timers)],
  ['outbox', (id, { outbox }) => carryAlone(id, outbox)],
];

/** Of works that were begun, those that are still to be done; what has no table of its own here is. */
export function remainingWork(sql: Sql): (works: readonly string[]) => readonly string[] {
  return (works) => {
    const of = (kind: string): readonly string[] =>
      works.flatMap((work) => (work.startsWith(`${kind}/`) ? [work.slice(kind.length + 1)] : []));
    return [
      ...timersLeft(sql, of('timer')).map((id) => `timer/${id}`),
      ...outboxLeft(sql, of('outbox')).map((id) => `outbox/${id}`),
      ...works.filter((work) => !work.startsWith('timer/') && !work.startsWith('outbox/')),
    ];
  };
}

/** What is said of parked work: the same as of what has failed too often, by the same names. */
function parking(work: string, { deaths }: Trouble, sql: Sql): Extract<SwarmCommand, { type: 'ParkTimer' }> {
  const [kind = '', ...rest] = work.split('/');
  const id = rest.join('/');
  const parked = { type: 'ParkTimer', tries: deaths } as const;
  if (kind === 'timer') return { ...parked, ...timerNamed(sql, id) };
  if (kind === 'chore') return { ...parked, timer: `recorder/${id}`, command: id };
  const row = first(sql.all<{ kind: string }>('SELECT kind FROM outbox WHERE id = ?', Number(id)));
  return { ...parked, timer: work, command: row?.kind ?? kind };
}
