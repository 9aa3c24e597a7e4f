// Missions: a plan becomes tasks, those that wait for nothing start at once, each success releases what waited for it. The
// first failure ends the mission and what is still open of it. One decision does a bounded part of either; a timer goes on with
// the rest at once, in the next one [MISSION-11].

import { assert } from '../assert.ts';
import type { MissionId } from '../ids.ts';
import type { Json } from '../json.ts';
import {
  deadlineMsDefault,
  deadlineMsMax,
  missionsOpenMax,
  resultsReadCharsMax,
  taskInputBytesMax,
  tasksOpenMax,
  walkBytes,
  walkBytesOfTask,
} from '../limits.ts';
import { err, ok, type Result } from '../result.ts';
import { type Room, roomFor } from '../room.ts';
import type { Draft } from '../swarm/draft.ts';
import type { Rejection } from '../swarm/rejections.ts';
import type { TaskBrief } from '../work/brief.ts';
import { cancelTask, placeById } from '../work/decide.ts';
import { refuseRequest } from '../work/place.ts';
import { isOpen, type Task } from '../work/state.ts';
import type { MissionCommand, MissionRequest } from './commands.ts';
import { checkPlan, fillInput, resultsNamed } from './plan.ts';
import type { Mission, PlannedTask } from './state.ts';

export function decideMissions(draft: Draft, command: MissionCommand): Result<MissionId, Rejection> {
  if (command.type === 'StartMission') return startMission(draft, command, 'api');
  const mission = draft.row('mission', command.mission);
  if (command.type === 'WalkMission') {
    if (mission?.state === 'running') walk(draft, mission, () => true);
    else if (mission !== null) cancelOpen(draft, mission);
    return ok(command.mission);
  }
  if (mission === null) return err({ code: 'mission_not_found' });
  if (mission.state !== 'running') return err({ code: 'mission_already_finished', state: mission.state });
  draft.emit({ type: 'mission.cancelled', subject: `mission/${mission.id}`, body: { mission: mission.id } });
  cancelOpen(draft, mission);
  return ok(mission.id);
}

/** Refused whole, or started whole. */
export function startMission(draft: Draft, request: MissionRequest, origin: string): Result<MissionId, Rejection> {
  const { at, ids } = draft.moment;
  const deadline = request.deadline ?? at + deadlineMsDefault;
  if (deadline <= at) return err({ code: 'deadline_past' });
  if (deadline > at + deadlineMsMax) return err({ code: 'deadline_too_far' });
  const ordered = checkPlan(request.plan.tasks);
  if (!ordered.ok) return ordered;
  for (const task of ordered.value) {
    const refused = refuseRequest(draft, task);
    if (refused) return err({ ...refused, key: task.key });
  }
  if (draft.openMissions() >= missionsOpenMax)
    return err({ code: 'limit_reached', limit: 'missionsOpenMax', most: missionsOpenMax });
  if (draft.openTasks() + ordered.value.length > tasksOpenMax)
    return err({ code: 'limit_reached', limit: 'tasksOpenMax', most: tasksOpenMax });
  const mission = ids.next('msn');
  const tasks: PlannedTask[] = ordered.value.map(({ key, after }) => ({
    key,
    task: ids.next('tsk'),
    after: after ?? [],
  }));
  draft.emit({
    type: 'mission.started',
    subject: `mission/${mission}`,
    body: { mission, name: request.name ?? 'mission', tasks, origin },
  });
  for (const [index, planned] of ordered.value.entries()) {
    const id = tasks[index]?.task;
    assert(id !== undefined, 'every planned task has an id');
    const after = planned.after ?? [];
    draft.emit({
      type: 'task.requested',
      subject: `task/${id}`,
      body: {
        task: id,
        operation: planned.operation,
        input: planned.input,
        require: planned.require ?? {},
        maxCreditsMicro: planned.maxCreditsMicro ?? null,
        deadline,
        origin: `mission/${mission}`,
        mission,
        key: planned.key,
        after,
        state: after.length > 0 ? 'waiting' : 'queued',
      },
    });
    if (after.length === 0) placeById(draft, id);
  }
  return ok(mission);
}

/** A task of a mission has ended: release what waited for it, or end the mission. */
export function taskEnded(draft: Draft, task: Task): void {
  const mission = task.mission === null ? null : draft.row('mission', task.mission);
  if (mission?.state !== 'running') return;
  if (task.state !== 'succeeded') {
    fail(draft, mission, task.key);
    return;
  }
  const { key } = task;
  const open = walk(draft, mission, ({ after }) => key !== null && after.includes(key));
  if (open === 0)
    draft.emit({ type: 'mission.succeeded', subject: `mission/${mission.id}`, body: { mission: mission.id } });
}

/**
 * Releases what may start now of these tasks, as many as one decision does. Answers how many are open; null when that ended the
 * mission, or something is left to the next decision.
 */
function walk(draft: Draft, mission: Mission, isLookedAt: (planned: PlannedTask) => boolean): number | null {
  const briefs = new Map(draft.tasksOf(mission).map((brief) => [brief.key, brief]));
  const filling = openFilling(draft, briefs);
  let [open, walked] = [0, 0];
  for (const planned of mission.tasks) {
    const waiting = briefs.get(planned.key);
    if (waiting && isOpen(waiting)) open++;
    if (waiting?.state !== 'waiting' || !isLookedAt(planned)) continue;
    if (!planned.after.every((earlier) => briefs.get(earlier)?.state === 'succeeded')) continue;
    if (walked >= walkBytes) {
      draft.leftOff.add(mission.id);
      return null;
    }
    const bytes = release(draft, mission, waiting, filling);
    if (bytes === null) return null;
    walked += walkBytesOfTask + bytes;
  }
  return open;
}

/** The results that inputs name, by their keys; null when they are too much to be read in one decision. */
type ResultsOf = (keys: readonly string[]) => ReadonlyMap<string, Json> | null;

function openFilling(draft: Draft, briefs: ReadonlyMap<string | null, TaskBrief>): ResultsOf {
  const results = new Map<string, Json>();
  const reading = roomFor(resultsReadCharsMax);
  return (keys) => {
    for (const key of keys) {
      const brief = results.has(key) ? undefined : briefs.get(key);
      if (brief === undefined) continue;
      if (!reading.take(brief.chars)) return null;
      results.set(key, draft.row('task', brief.id)?.result ?? null);
    }
    return results;
  };
}

/** Gives a waiting task its input and its place. Answers with what that has written, bytes; null when it ended the mission. */
function release(draft: Draft, mission: Mission, { id, chars }: TaskBrief, resultsOf: ResultsOf): number | null {
  const task = draft.row('task', id);
  assert(task !== null, 'a task that waits is there');
  const named = resultsNamed(task.input);
  const room = roomFor(taskInputBytesMax);
  const filled = named.length === 0 ? {} : filledInput(task.input, named, resultsOf, room);
  if (filled === null) {
    const error = {
      code: 'input_too_large',
      message: 'The results put into the input make it too large.',
      retryable: false,
    };
    draft.emit({ type: 'task.failed', subject: `task/${id}`, body: { task: id, error } });
    fail(draft, mission, task.key);
    return null;
  }
  draft.emit({ type: 'task.released', subject: `task/${id}`, body: { task: id, ...filled } });
  placeById(draft, id);
  return chars + room.used();
}

/** Null as soon as it is too large or too deep: results that fit by themselves may not fit together. */
function filledInput(
  input: Json,
  named: readonly string[],
  resultsOf: ResultsOf,
  room: Room,
): { readonly input: Json } | null {
  const results = resultsOf(named);
  return results && fillInput(input, (key) => results.get(key) ?? null, room);
}

function fail(draft: Draft, mission: Mission, key: string | null): void {
  draft.emit({
    type: 'mission.failed',
    subject: `mission/${mission.id}`,
    body: { mission: mission.id, key: key ?? '' },
  });
  cancelOpen(draft, mission);
}

function cancelOpen(draft: Draft, mission: Mission): void {
  let walked = 0;
  for (const brief of draft.tasksOf(mission)) {
    if (!isOpen(brief)) continue;
    if (walked >= walkBytes) {
      draft.leftOff.add(mission.id);
      return;
    }
    cancelTask(draft, brief, 'mission_ended');
    walked += walkBytesOfTask + brief.chars;
  }
}
