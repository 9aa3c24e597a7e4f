// A try is durable before it runs. What a runner is about to do it writes down first, in one row for all of it; whatever stands
// there when the object starts was cut off, with the process or alone. It is tried again one at a time, each with a mark of its
// own, so that what ends the process is found among what was merely under way with it, and parked [P18].

import { choreRetryMsMax, workDeathsMax, workParkedMs, workPauseMs } from '../core/limits.ts';
import { pausedUntil } from './pause.ts';
import type { Sql } from './sql-port.ts';

export interface TriesDeps {
  /** A database with the tables `under_way` and `trouble`. */
  readonly sql: Sql;
  now(): number;
  /** Resolves when what was written so far is durable. */
  durable(): Promise<void>;
  /** In [0, 1). */
  random(): number;
  /** Of these works, those that are still to be done. Of most that stand there the end was durable, and no mark is taken away. */
  remaining(works: readonly string[]): readonly string[];
}

/** Work that was cut off, or has failed. */
export interface Trouble {
  /** How often the process died while nothing else of the object could be blamed. */
  readonly deaths: number;
  /** How often it ended with an error: of work that counts its failures nowhere else. */
  readonly failures: number;
  /** Not tried before. */
  readonly due: number;
  /** Whether somebody was told that it is parked. */
  readonly told: boolean;
}

/** Work is named by its kind and an id: `outbox/17`. */
export interface Tries {
  /** Writes down what this runner is about to do, instead of what it did before; to be durable before it is done. */
  begin(runner: string, works: readonly string[]): void;
  /** Nothing of this runner's is under way. Not needed when all of it is done and gone. */
  end(runner: string): void;
  durable(): Promise<void>;
  /** Does work that is in trouble when no other such work is done. What ends, well or badly, is suspected no more. */
  alone(work: string, run: () => void | Promise<void>): Promise<void>;
  of(work: string): Trouble | null;
  /** Not tried before; 0 when it is in no trouble, also when a clock that was wrong has said so. */
  dueAt(work: string): number;
  /** Work of this kind that is in trouble, without the kind. */
  troubled(kind: string): readonly string[];
  /** The same, but for what is parked. */
  suspected(kind: string): readonly string[];
  /** Counts a failure; it waits until `due`. */
  failed(work: string, due: number): Trouble;
  /** It went well, or is no more. */
  forget(work: string): void;
  /** All that is in trouble. */
  all(): ReadonlyMap<string, Trouble>;
  /** What is parked and nobody was told of. */
  untold(): readonly (readonly [work: string, trouble: Trouble])[];
  /** Somebody was told; part of the transaction that says so. */
  told(work: string): void;
  /** The tables hold something else than they did. */
  reload(): void;
}

const ALONE = 'alone';

export function openTries(deps: TriesDeps): Tries {
  const { sql, now } = deps;
  const troubles = new Map<string, Trouble>();
  /** The end of what was begun alone before. */
  let queue: Promise<unknown> = Promise.resolve();
  load();

  function load(): void {
    troubles.clear();
    const known = sql.all<{ work: string; deaths: number; failures: number; due: number; told: number }>(
      'SELECT work, deaths, failures, due, told FROM trouble',
    );
    for (const { work, told, ...rest } of known) troubles.set(work, { ...rest, told: told === 1 });
    blame(cutOff(deps));
  }

  /** Of what was cut off, the one that was alone is to blame; others, if there were any, are only looked at more closely. */
  function blame(cut: ReadonlyMap<string, string>): void {
    if (cut.size === 0) return;
    sql.transaction(() => {
      for (const [work, runner] of cut) {
        const before = troubles.get(work);
        const deaths = (before?.deaths ?? 0) + (runner === ALONE || cut.size === 1 ? 1 : 0);
        keep(work, { failures: 0, ...before, deaths, due: now() + pauseOf(deaths, deps.random()), told: false });
      }
      sql.run('DELETE FROM under_way');
    });
  }

  function keep(work: string, trouble: Trouble): void {
    troubles.set(work, trouble);
    const { deaths, failures, due, told } = trouble;
    sql.run(
      'INSERT OR REPLACE INTO trouble (work, deaths, failures, due, told) VALUES (?, ?, ?, ?, ?)',
      ...[work, deaths, failures, due, told ? 1 : 0],
    );
  }
  function forget(work: string): void {
    if (!troubles.delete(work)) return;
    sql.run('DELETE FROM trouble WHERE work = ?', work);
  }
  const named = (kind: string, is: (trouble: Trouble) => boolean): readonly string[] =>
    troubles.size === 0
      ? []
      : [...troubles].flatMap(([work, trouble]) =>
          work.startsWith(`${kind}/`) && is(trouble) ? [work.slice(kind.length + 1)] : [],
        );

  function begin(runner: string, works: readonly string[]): void {
    sql.run('INSERT OR REPLACE INTO under_way (runner, works) VALUES (?, ?)', runner, JSON.stringify(works));
  }
  function end(runner: string): void {
    sql.run('DELETE FROM under_way WHERE runner = ?', runner);
  }
  async function runAlone(work: string, run: () => void | Promise<void>): Promise<void> {
    begin(ALONE, [work]);
    await deps.durable();
    const before = troubles.get(work);
    try {
      await run();
    } finally {
      // Unless its end was a failure that was counted as one.
      if (troubles.get(work) === before) forget(work);
      end(ALONE);
    }
  }

  return {
    begin,
    end,
    durable: deps.durable,
    alone(work, run) {
      const mine = queue.then(() => runAlone(work, run));
      queue = mine.catch(() => {});
      return mine;
    },
    of: (work) => troubles.get(work) ?? null,
    dueAt(work) {
      const trouble = troubles.get(work);
      return trouble === undefined ? 0 : pausedUntil(trouble.due, now(), longestPause(trouble));
    },
    troubled: (kind) => named(kind, () => true),
    suspected: (kind) => named(kind, ({ deaths }) => deaths < workDeathsMax),
    failed(work, due) {
      // It has ended by itself: nothing died of it.
      const { deaths = 0, failures = 0, told = false } = troubles.get(work) ?? {};
      const trouble = { deaths: 0, failures: failures + 1, due, told: told && deaths === 0 };
      keep(work, trouble);
      return trouble;
    },
    forget,
    all: () => troubles,
    untold: () => [...troubles].filter(([, { deaths, told }]) => deaths >= workDeathsMax && !told),
    told(work) {
      const trouble = troubles.get(work);
      if (trouble) keep(work, { ...trouble, told: true });
    },
    reload: load,
  };
}

/** What was begun, is still to be done, and was not done when the object last ended; each with who had begun it. */
function cutOff({ sql, remaining }: TriesDeps): ReadonlyMap<string, string> {
  const begun = new Map<string, string>();
  const marks = sql.all<{ runner: string; works: string }>('SELECT runner, works FROM under_way ORDER BY runner');
  for (const { runner, works } of marks)
    for (const work of JSON.parse(works) as string[]) if (!begun.has(work)) begun.set(work, runner); // our own text
  if (begun.size === 0) return begun;
  return new Map(remaining([...begun.keys()]).map((work) => [work, begun.get(work) ?? '']));
}

/** What was not alone may go on at once. The rest spreads: objects that died of one work do not try theirs at the same time. */
function pauseOf(deaths: number, random: number): number {
  if (deaths === 0) return 0;
  if (deaths < workDeathsMax) return Math.ceil(workPauseMs * (1 + random));
  return workParkedMs * 2 ** (deaths - workDeathsMax);
}

function longestPause({ deaths }: Trouble): number {
  return Math.max(choreRetryMsMax, pauseOf(deaths, 1));
}
