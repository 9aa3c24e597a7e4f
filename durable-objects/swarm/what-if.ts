// Runs a what-if in a fork: reads the parent's record row by row, asks for each of its tasks again, and lets the record stand
// in for whoever would do it (core/forks/what-if.ts). Every step is a command of the fork; one that was cut off goes on where
// it stood, because what was run again is kept under the parent's id.

import { assert } from '../../core/assert.ts';
import type { Actor } from '../../core/envelope.ts';
import type { ForkCommand } from '../../core/forks/commands.ts';
import type { WhatIfWanted } from '../../core/forks/port.ts';
import { actsOutside, type Fork, type WhatIf } from '../../core/forks/state.ts';
import {
  isRecorded,
  missionRequestOf,
  type Outcome,
  outcomeOf,
  requestOf,
  standInsFor,
  timeFor,
} from '../../core/forks/what-if.ts';
import type { PastPort } from '../../core/history/port.ts';
import type { MissionId, TaskId } from '../../core/ids.ts';
import { newId } from '../../core/ids.ts';
import { attemptsMax } from '../../core/limits.ts';
import type { Mission } from '../../core/missions/state.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Route } from '../../core/routes/state.ts';
import type { SwarmCommand } from '../../core/swarm/commands.ts';
import type { Read } from '../../core/swarm/read.ts';
import type { Rejection } from '../../core/swarm/rejections.ts';
import type { Execute, Executed } from '../../core/swarm/service.ts';
import { type Kind, type Rows, SELF } from '../../core/swarm/state.ts';
import type { TaskBrief } from '../../core/work/brief.ts';
import { type ExecutorId, isOpen, liveAttempt, type Task } from '../../core/work/state.ts';
import type { Work } from '../turns.ts';

export interface WhatIfDeps {
  readonly read: Pick<Read, 'row' | 'tasksOf'>;
  past(swarm: string): PastPort;
  execute(command: Execute): Executed;
  /** How others get in between; with none of them where nothing is said. */
  readonly work?: Work;
}

/** Routes that one decision adopts. */
const adoptedAtOnce = 100;
/** Routes that came after the fork point: more are not there for the simulation. */
const adoptedMax = 1_000;
/** Executors that are taken to be there: candidates of one decision are bounded too. */
const presentMax = 1_000;
const SYSTEM: Actor = { kind: 'system', id: 'what-if' };
/** Looking at a pair costs as much as a part of an event that is decided. */
const pairsLookedAtInOne = 4;

/** What one run of it works with. */
interface Run extends WhatIfDeps {
  readonly fork: Fork;
  readonly wanted: WhatIfWanted;
  readonly present: readonly ExecutorId[];
  readonly missions: ReadonlyMap<MissionId, Mission>;
  readonly counts: { tasks: number; missions: number; skipped: number; truncated: boolean };
}

/** @param actor as whom the fork's journal knows the caller */
export async function runWhatIf(
  actor: Actor,
  wanted: WhatIfWanted,
  deps: WhatIfDeps,
): Promise<Result<WhatIf, Rejection>> {
  const swarm = deps.read.row('swarm', SELF);
  const fork = swarm?.fork;
  if (!fork) return err({ code: 'not_a_fork' });
  if (fork.whatIf === null) {
    const refused = await begin(actor, wanted, fork, deps);
    if (!refused.ok) return refused;
  } else if (!isSame(fork.whatIf, wanted)) return err({ code: 'what_if_done' });
  const ended = whatIfOf(deps.read).ended === null ? await run(fork, wanted, deps) : ok(null);
  return ended.ok ? ok(whatIfOf(deps.read)) : ended;
}

function whatIfOf(read: WhatIfDeps['read']): WhatIf {
  const whatIf = read.row('swarm', SELF)?.fork?.whatIf;
  assert(whatIf, 'a what-if that has begun is on the row of its fork');
  return whatIf;
}

function isSame({ ended: _, ...before }: WhatIf, wanted: WhatIfWanted): boolean {
  return JSON.stringify(sorted(before)) === JSON.stringify(sorted(wanted));
}

function sorted({ until, routes, require, maxCreditsMicro, limit }: WhatIfWanted) {
  const { privacy, executor, capability } = require;
  return [
    until.seq,
    routes.map(({ route, priceMicro, active }) => [route, priceMicro, active]),
    privacy,
    executor,
    capability,
    maxCreditsMicro,
    limit,
  ];
}

async function begin(
  actor: Actor,
  wanted: WhatIfWanted,
  fork: Fork,
  deps: WhatIfDeps,
): Promise<Result<null, Rejection>> {
  if (actsOutside({ fork })) return err({ code: 'effects_on' });
  const later = await laterRoutes(fork, wanted, deps);
  if (!later.ok) return later;
  for (const { route } of wanted.routes) {
    const isKnown = deps.read.row('route', route) !== null || later.value.some(({ id }) => id === route);
    if (!isKnown) return err({ code: 'route_not_found', route });
  }
  const begun = deps.execute({
    id: 'what-if:begin',
    actor,
    command: { type: 'BeginWhatIf', ...wanted },
    remember: false,
  });
  if (!begun.result.ok) return begun.result;
  for (let at = 0; at < later.value.length; at += adoptedAtOnce)
    must({ type: 'AdoptRoutes', routes: later.value.slice(at, at + adoptedAtOnce) }, `what-if:adopt:${at}`, deps);
  return ok(null);
}

/** Routes that the parent got after the fork point. */
async function laterRoutes(fork: Fork, wanted: WhatIfWanted, deps: WhatIfDeps): Promise<Result<Route[], Rejection>> {
  const later: Route[] = [];
  for await (const route of rowsOf('route', 'route/', fork, wanted, deps)) {
    if (!route.ok) return route;
    if (deps.read.row('route', route.value.id) === null && later.length < adoptedMax) later.push(route.value);
  }
  return ok(later);
}

/** Rows of a kind from a key on, as they stood at the end of the record. */
async function* rowsOf<K extends Kind>(
  kind: K,
  from: string,
  { parent }: Fork,
  { until }: WhatIfWanted,
  { past }: WhatIfDeps,
): AsyncGenerator<Result<Rows[K], Rejection>> {
  for (let behind: string | null = from; behind !== null; ) {
    const page: Awaited<ReturnType<PastPort['rows']>> = await past(parent.swarm).rows(
      parent.swarm,
      { seq: until.seq },
      behind,
    );
    if (!page.ok) {
      yield page;
      return;
    }
    for (const [key, text] of page.value.entries) {
      if (!key.startsWith(`${kind}/`)) return;
      yield ok(JSON.parse(text) as Rows[K]); // under its kind
    }
    behind = page.value.next;
  }
}

async function run(fork: Fork, wanted: WhatIfWanted, deps: WhatIfDeps): Promise<Result<null, Rejection>> {
  const present = await presentDuring(fork, wanted, deps);
  if (!present.ok) return present;
  const missions = await missionsDuring(fork, wanted, deps);
  if (!missions.ok) return missions;
  const counts = { tasks: 0, missions: 0, skipped: 0, truncated: false };
  const work: Run = { ...deps, fork, wanted, present: present.value, missions: missions.value, counts };
  // Ids sort by time: no task that came later stands before this one.
  const first = newId('tsk', fork.parent.at, new Uint8Array(10));
  const waiting = new Map<MissionId, Task[]>();
  for await (const row of rowsOf('task', `task/${first}`, fork, wanted, deps)) {
    if (!row.ok) return row;
    const record = row.value;
    // Of the same millisecond, and there already.
    if (record.createdAt < fork.parent.at || isInherited(record, deps.read)) continue;
    if (counts.tasks >= wanted.limit) {
      counts.truncated = true;
      break;
    }
    await deps.work?.giveWay();
    if (record.mission === null) await rerunTask(record, work);
    else await gather(record, record.mission, waiting, work);
  }
  counts.skipped += [...waiting.values()].flat().length;
  must({ type: 'EndWhatIf', counts }, 'what-if:end', deps);
  return ok(null);
}

/** A task that the fork began with. One that was run again has an id of its own. */
function isInherited(record: Task, read: WhatIfDeps['read']): boolean {
  return read.row('task', record.id) !== null;
}

/** Who was there at some time of the record: connected at its end, or seen since it began. */
async function presentDuring(
  fork: Fork,
  wanted: WhatIfWanted,
  deps: WhatIfDeps,
): Promise<Result<readonly ExecutorId[], Rejection>> {
  const present: ExecutorId[] = [];
  for await (const row of rowsOf('presence', 'presence/', fork, wanted, deps)) {
    if (!row.ok) return row;
    const { id, connected, lastSeenAt } = row.value;
    const wasThere = connected || (lastSeenAt ?? 0) > fork.parent.at;
    if (wasThere && present.length < presentMax) present.push(id as ExecutorId); // presences are executors'
  }
  return ok(present);
}

/** Missions of the record by id; they are small beside their tasks. */
async function missionsDuring(
  fork: Fork,
  wanted: WhatIfWanted,
  deps: WhatIfDeps,
): Promise<Result<ReadonlyMap<MissionId, Mission>, Rejection>> {
  const missions = new Map<MissionId, Mission>();
  const first = newId('msn', fork.parent.at, new Uint8Array(10));
  for await (const row of rowsOf('mission', `mission/${first}`, fork, wanted, deps)) {
    if (!row.ok) return row;
    if (missions.size < wanted.limit) missions.set(row.value.id, row.value);
  }
  return ok(missions);
}

/** Tasks of a mission stand together: it is run again when the last of them has been read. */
async function gather(record: Task, id: MissionId, waiting: Map<MissionId, Task[]>, run: Run): Promise<void> {
  const mission = run.missions.get(id);
  const tasks = [...(waiting.get(id) ?? []), record];
  waiting.set(id, tasks);
  if (mission === undefined || tasks.length < mission.tasks.length) return;
  waiting.delete(id);
  if (mission.state === 'succeeded' || mission.state === 'failed') await rerunMission(mission, tasks, run);
  else run.counts.skipped += tasks.length;
}

async function rerunTask(record: Task, run: Run): Promise<void> {
  if (run.read.row('rerun', record.id) !== null) {
    run.counts.tasks++;
    return;
  }
  if (!isRecorded(record)) {
    run.counts.skipped++;
    return;
  }
  const command = {
    type: 'RerunTask',
    of: record.id,
    request: requestOf(record, run.wanted),
    withinMs: timeFor([record]),
    standIns: standInsFor(record, 1, run.wanted, run.present),
  } as const;
  const { result } = tell(command, `what-if:${record.id}`, run, true);
  if (result.ok) await drive([{ record, task: result.value.id as TaskId }], null, run);
  else noteRefused([record], result.error, run);
}

async function rerunMission(mission: Mission, records: readonly Task[], run: Run): Promise<void> {
  run.counts.missions++;
  if (records.every(({ id }) => run.read.row('rerun', id) !== null)) {
    run.counts.tasks += records.length;
    return;
  }
  const byId = new Map(records.map((record) => [record.id, record]));
  const ordered = mission.tasks.flatMap(({ task }) => byId.get(task) ?? []);
  const command = {
    type: 'RerunMission',
    of: mission.id,
    request: missionRequestOf(mission.name, ordered, run.wanted),
    withinMs: timeFor(ordered),
    standIns: ordered.flatMap((record) => standInsFor(record, 1, run.wanted, run.present)),
  } as const;
  const { result } = tell(command, `what-if:${mission.id}`, run, true);
  if (!result.ok) {
    noteRefused(ordered, result.error, run);
    return;
  }
  const again = run.read.row('mission', result.value.id);
  const pairs = ordered.flatMap((record) => {
    const planned = again?.tasks.find(({ key }) => key === record.key);
    return planned ? [{ record, task: planned.task }] : [];
  });
  await drive(pairs, again?.id ?? null, run);
}

interface Pair {
  readonly record: Task;
  readonly task: TaskId;
}

/** Lets the record stand in for executors until nothing more can happen, and keeps what came of it. */
async function drive(pairs: readonly Pair[], mission: MissionId | null, run: Run): Promise<void> {
  // Each round leases what waits, and ends the attempt that would have ended first.
  const roundsMax = (attemptsMax + 1) * (pairs.length + 1);
  for (let round = 0, moved = true; moved && round < roundsMax; round++) {
    run.work?.spent(pairs.length / pairsLookedAtInOne, 0);
    await run.work?.giveWay();
    const before = outlinesOf(pairs, mission, run);
    for (const { record, task } of pairs) placeAgain(record, before.get(task), run);
    moved = endNext(pairs, outlinesOf(pairs, mission, run), run);
  }
  const after = outlinesOf(pairs, mission, run);
  for (const { record, task: id } of pairs) {
    await run.work?.giveWay();
    const task = after.get(id);
    assert(task !== undefined, 'a task that was asked for is there');
    const outcomes = task.attempts.map(({ n }) => outcomeAt(record, task, n, run));
    const basis = outcomes.some((outcome) => outcome.basis === 'estimated') ? 'estimated' : 'recorded';
    const timeMs = outcomes.reduce((sum, outcome) => sum + outcome.timeMs, 0);
    const command = { type: 'NoteRerun', of: record.id, task: id, refused: whyNotDone(task), basis, timeMs } as const;
    must(command, `what-if:note:${record.id}`, run);
    run.counts.tasks++;
  }
}

type Outline = Omit<TaskBrief, 'chars'>;

/** The tasks as they are now. Those of a mission are asked for in every round: none of them is read whole. */
function outlinesOf(pairs: readonly Pair[], mission: MissionId | null, { read }: Run): ReadonlyMap<string, Outline> {
  const outlines = mission === null ? pairs.flatMap(({ task }) => read.row('task', task) ?? []) : read.tasksOf(mission);
  return new Map(outlines.map((outline) => [outline.id, outline]));
}

/** How the attempt `n` of a task ends. */
function outcomeAt(record: Task, task: Outline, n: number, { read }: Run): Outcome {
  const attempts = task.attempts.slice(0, n);
  const route = read.row('route', attempts.at(-1)?.route ?? '');
  assert(route !== null, 'an attempt goes over a route');
  return outcomeOf(record, { attempts }, route.measured);
}

/** Why a task is still open when nothing more can happen. */
function whyNotDone(task: Outline): string | null {
  if (!isOpen(task)) return null;
  return task.unfunded ? 'credits_insufficient' : 'nobody_stands_in';
}

/** Ends one attempt of those that are under way; false when none is. */
function endNext(pairs: readonly Pair[], outlines: ReadonlyMap<string, Outline>, run: Run): boolean {
  const live = pairs.flatMap(({ record, task: id }) => {
    const task = outlines.get(id);
    const attempt = task && liveAttempt(task);
    if (!task || !attempt) return [];
    const outcome = outcomeAt(record, task, attempt.n, run);
    return outcome.isCut ? [] : [{ task: id, attempt, outcome }];
  });
  const [next] = live.toSorted((a, b) => a.outcome.endsAt - b.outcome.endsAt);
  if (next === undefined) return false;
  const { task, outcome } = next;
  const { executor, id: attempt, n: fence } = next.attempt;
  const command = { type: 'ReportAttempt', executor, task, attempt, fence, report: outcome.report } as const;
  return tell(command, `what-if:report:${attempt}`, run).result.ok;
}

function placeAgain(record: Task, task: Outline | undefined, run: Run): void {
  if (task?.state !== 'queued') return;
  const standIns = standInsFor(record, task.attempts.length + 1, run.wanted, run.present);
  if (standIns.length > 0)
    must({ type: 'PlaceRerun', task: task.id, standIns }, `what-if:place:${task.id}:${task.attempts.length}`, run);
}

function noteRefused(records: readonly Task[], { code }: Rejection, run: Run): void {
  for (const { id: of } of records) {
    const command = { type: 'NoteRerun', of, task: null, refused: code, basis: 'recorded', timeMs: 0 } as const;
    must(command, `what-if:note:${of}`, run);
    run.counts.tasks++;
  }
}

function tell(command: SwarmCommand, id: string, { execute }: WhatIfDeps, remember = false): Executed {
  return execute({ id, actor: SYSTEM, command, remember });
}

function must(command: ForkCommand, id: string, deps: WhatIfDeps): void {
  const { result } = tell(command, id, deps);
  assert(result.ok, 'a what-if that has begun goes on');
}
