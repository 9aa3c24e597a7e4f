// Two swarms of one descent beside each other: a fork and its parent, or two forks. A task is matched with itself, or with the
// one that a what-if has run again for it. What had ended before they parted is the same in both and is not looked at.

import { sha256 } from '../hash.ts';
import { canonicalStored } from '../json.ts';
import type { Account } from '../ledger/state.ts';
import type { Mission } from '../missions/state.ts';
import { isOpen, type Task, type TaskState } from '../work/state.ts';
import type { Basis, Rerun } from './state.ts';
import { timeOf } from './what-if.ts';

/** What is compared of one task. */
export interface TaskFigure {
  readonly task: string | null;
  readonly operation: string;
  /** `refused` when the what-if's request was. */
  readonly state: TaskState | 'refused';
  readonly route: string | null;
  /** SHA-256 of the result's canonical text; null without one. */
  readonly resultHash: string | null;
  readonly settledMicro: number;
  /** What its attempts took together. */
  readonly timeMs: number;
  /** From its request to its end; null while it is open, and of what was simulated. */
  readonly wallMs: number | null;
  /** Of what was simulated. */
  readonly basis: Basis | null;
  /** Why its request was refused. */
  readonly refused: string | null;
}

export interface MissionFigure {
  readonly mission: string;
  readonly name: string;
  readonly state: Mission['state'];
  readonly tasks: number;
}

/** One of the two, as far as it is compared: by the id that the task has where all of them come from. */
export interface Side {
  readonly tasks: ReadonlyMap<string, TaskFigure>;
  readonly missions: ReadonlyMap<string, MissionFigure>;
  readonly accounts: ReadonlyMap<string, number>;
  /** What had ended in the very millisecond in which the two parted: before that, if it is so in both. */
  readonly ties: ReadonlySet<string>;
  /** There was more than is compared. */
  readonly truncated: boolean;
}

export interface TaskDifference {
  readonly id: string;
  readonly here: TaskFigure | null;
  readonly there: TaskFigure | null;
  /** Null where one of the two has none. */
  readonly sameResult: boolean | null;
}

export interface Compared {
  readonly here: number;
  readonly there: number;
  readonly difference: number;
}

export interface Totals {
  /** Tasks that both have, and what they come to. */
  readonly matched: number;
  readonly onlyHere: number;
  readonly onlyThere: number;
  readonly sameResults: number;
  readonly otherResults: number;
  readonly estimated: number;
  readonly succeeded: Compared;
  readonly settledMicro: Compared;
  readonly timeMs: Compared;
}

export interface Comparison {
  readonly totals: Totals;
  /** Newest first. */
  readonly tasks: readonly TaskDifference[];
  readonly nextCursor: string | null;
  readonly missions: readonly {
    readonly id: string;
    readonly here: MissionFigure | null;
    readonly there: MissionFigure | null;
  }[];
  readonly accounts: readonly ({ readonly id: string } & Compared)[];
  readonly truncated: boolean;
}

/** Tasks of one side that are compared. */
export const comparedTasksMax = 20_000;
/** Missions and accounts that are compared. */
export const comparedOthersMax = 1_000;

/** Gathers one side row by row, so that it never holds more of a task than its figures. */
export interface SideMaker {
  account(row: Account): void;
  mission(row: Mission): void;
  /** Every rerun comes before any task. */
  rerun(row: Rerun): void;
  task(row: Task): void;
  /** There is more that was not given. */
  truncate(): void;
  made(): Side;
}

/** @param partedAt when the two parted: what had ended by then is the same in both */
export function sideMaker(partedAt: number): SideMaker {
  const tasks = new Map<string, TaskFigure>();
  const missions = new Map<string, MissionFigure>();
  const accounts = new Map<string, number>();
  /** By the task here. */
  const reruns = new Map<string, Rerun>();
  let truncated = false;
  function keep<T>(into: Map<string, T>, most: number, id: string, value: T): void {
    if (into.size < most || into.has(id)) into.set(id, value);
    else truncated = true;
  }
  const ties = new Set<string>();
  function isTie(id: string, updatedAt: number): boolean {
    if (updatedAt === partedAt) ties.add(id);
    return updatedAt === partedAt;
  }
  return {
    account: ({ id, postedMicro }) => keep(accounts, comparedOthersMax, id, postedMicro),
    mission({ id, name, state, origin, tasks, updatedAt }) {
      if (state !== 'running' && updatedAt <= partedAt && !isTie(id, updatedAt)) return;
      keep(missions, comparedOthersMax, rerunOf(origin) ?? id, { mission: id, name, state, tasks: tasks.length });
    },
    rerun(row) {
      if (row.task !== null) reruns.set(row.task, row);
      else keep(tasks, comparedTasksMax, row.id, refusedFigure(row));
    },
    task(row) {
      if (!isOpen(row) && row.updatedAt <= partedAt && !isTie(row.id, row.updatedAt)) return;
      const rerun = reruns.get(row.id) ?? null;
      keep(tasks, comparedTasksMax, rerun?.id ?? row.id, figureOf(row, rerun, partedAt));
    },
    truncate() {
      truncated = true;
    },
    made: () => ({ tasks, missions, accounts, ties, truncated }),
  };
}

/** What a what-if's origin says it was run again for. */
function rerunOf(origin: string): string | null {
  return origin.startsWith('what-if/') ? origin.slice('what-if/'.length) : null;
}

function figureOf(task: Task, rerun: Rerun | null, partedAt: number): TaskFigure {
  const timeMs = task.attempts.reduce((sum, attempt) => {
    // Given back by the fork: between the two there is nothing but the time until somebody forked.
    const isGivenBack = attempt.state === 'cancelled' && attempt.startedAt <= partedAt;
    return sum + (isGivenBack ? Math.max(0, partedAt - attempt.startedAt) : timeOf(attempt, task));
  }, 0);
  return {
    task: task.id,
    operation: task.operation,
    state: task.state,
    route: task.attempts.at(-1)?.route ?? null,
    resultHash: task.state === 'succeeded' ? sha256(canonicalStored(task.result)) : null,
    settledMicro: task.settledMicro,
    timeMs: rerun?.timeMs ?? timeMs,
    wallMs: rerun !== null || isOpen(task) ? null : task.updatedAt - task.createdAt,
    basis: rerun?.basis ?? null,
    refused: rerun?.refused ?? null,
  };
}

function refusedFigure({ basis, refused }: Rerun): TaskFigure {
  return {
    task: null,
    operation: '',
    state: 'refused',
    route: null,
    resultHash: null,
    settledMicro: 0,
    timeMs: 0,
    wallMs: null,
    basis,
    refused,
  };
}

/** @param page of tasks, by the id that they are matched by; `cursor` is the last one of the page before */
export function compare(
  here: Side,
  there: Side,
  page: { readonly limit: number; readonly cursor: string | null },
): Comparison {
  const parted = (id: string): boolean => here.ties.has(id) && there.ties.has(id);
  const ids = keysOf(here.tasks, there.tasks).filter((id) => !parted(id));
  const all = ids.map((id) => differenceOf(id, here.tasks.get(id) ?? null, there.tasks.get(id) ?? null));
  const { cursor, limit } = page;
  const from = cursor === null ? 0 : all.findIndex(({ id }) => id < cursor);
  const shown = from < 0 ? [] : all.slice(from, from + limit);
  const isMore = from >= 0 && from + limit < all.length;
  const missions = keysOf(here.missions, there.missions)
    .filter((id) => !parted(id))
    .map((id) => ({ id, here: here.missions.get(id) ?? null, there: there.missions.get(id) ?? null }));
  const accounts = keysOf(here.accounts, there.accounts)
    .map((id) => ({ id, ...compared(here.accounts.get(id) ?? 0, there.accounts.get(id) ?? 0) }))
    .filter(({ difference }) => difference !== 0);
  return {
    totals: totalsOf(all),
    tasks: shown,
    nextCursor: isMore ? (shown.at(-1)?.id ?? null) : null,
    missions,
    accounts,
    truncated: here.truncated || there.truncated,
  };
}

function differenceOf(id: string, here: TaskFigure | null, there: TaskFigure | null): TaskDifference {
  const hashes = here && there ? [here.resultHash, there.resultHash] : [null, null];
  const sameResult = hashes.includes(null) ? null : hashes[0] === hashes[1];
  // A refused request has no task that would say what it was for.
  const named = here?.state === 'refused' && there ? { ...here, operation: there.operation } : here;
  return { id, here: named, there, sameResult };
}

function totalsOf(all: readonly TaskDifference[]): Totals {
  const both = all.flatMap(({ here, there }) => (here && there ? [{ here, there }] : []));
  const sum = (of: (figure: TaskFigure) => number): Compared =>
    compared(
      both.reduce((total, { here }) => total + of(here), 0),
      both.reduce((total, { there }) => total + of(there), 0),
    );
  return {
    matched: both.length,
    onlyHere: all.filter(({ there }) => there === null).length,
    onlyThere: all.filter(({ here }) => here === null).length,
    sameResults: all.filter(({ sameResult }) => sameResult === true).length,
    otherResults: all.filter(({ sameResult }) => sameResult === false).length,
    estimated: all.filter(({ here }) => here?.basis === 'estimated').length,
    succeeded: sum(({ state }) => (state === 'succeeded' ? 1 : 0)),
    settledMicro: sum(({ settledMicro }) => settledMicro),
    timeMs: sum(({ timeMs }) => timeMs),
  };
}

function compared(here: number, there: number): Compared {
  return { here, there, difference: here - there };
}

function keysOf(a: ReadonlyMap<string, unknown>, b: ReadonlyMap<string, unknown>): readonly string[] {
  return [...new Set([...a.keys(), ...b.keys()])].sort().reverse();
}
