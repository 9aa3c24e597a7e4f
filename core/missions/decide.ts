// Missions: a plan becomes tasks, those that wait for nothing start at once, each success releases what waited for it. The
// first failure ends the mission and what is still open of it.

import { assert } from '../assert.ts';
import type { MissionId } from '../ids.ts';
import { canonicalStored, type Json, jsonDepth, jsonDepthMax } from '../json.ts';
import {
  deadlineMsDefault,
  deadlineMsMax,
  missionsOpenMax,
  resultsFilledBytesMax,
  taskInputBytesMax,
  tasksOpenMax,
} from '../limits.ts';
import { err, ok, type Result } from '../result.ts';
import type { Draft } from '../swarm/draft.ts';
import type { Rejection } from '../swarm/rejections.ts';
import { cancelTask, placeById } from '../work/decide.ts';
import { refuseRequest } from '../work/place.ts';
import { isOpen, type Task } from '../work/state.ts';
import type { MissionCommand, MissionRequest } from './commands.ts';
import { checkPlan, fillInput } from './plan.ts';
import type { Mission, PlannedTask } from './state.ts';

export function decideMissions(draft: Draft, command: MissionCommand): Result<MissionId, Rejection> {
  if (command.type === 'StartMission') return startMission(draft, command, 'api');
  const mission = draft.row('mission', command.mission);
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
    fail(draft, mission, task);
    return;
  }
  const byKey = new Map(mission.tasks.map((planned) => [planned.key, planned]));
  const rowOf = (key: string): Task | null => {
    const planned = byKey.get(key);
    return planned ? draft.row('task', planned.task) : null;
  };
  let open = 0;
  let room = resultsFilledBytesMax;
  for (const planned of mission.tasks) {
    const row = draft.row('task', planned.task);
    if (row && isOpen(row)) open++;
    if (row?.state !== 'waiting' || task.key === null || !planned.after.includes(task.key)) continue;
    if (!planned.after.every((key) => rowOf(key)?.state === 'succeeded')) continue;
    const filled = release(draft, mission, row, (key) => rowOf(key)?.result ?? null, room);
    if (filled === null) return;
    room -= filled;
  }
  if (open === 0)
    draft.emit({ type: 'mission.succeeded', subject: `mission/${mission.id}`, body: { mission: mission.id } });
}

/** Gives a waiting task its input and its place. Answers how many bytes were put into it; null when that ended the mission. */
function release(
  draft: Draft,
  mission: Mission,
  task: Task,
  resultOf: (key: string) => Task['result'],
  room: number,
): number | null {
  const filled = fillInput(task.input, resultOf);
  const bytes = filled ? bytesOf(filled.input) : 0;
  if (bytes > Math.min(taskInputBytesMax, room)) {
    const error = {
      code: 'input_too_large',
      message: 'The results put into the input make it too large.',
      retryable: false,
    };
    draft.emit({ type: 'task.failed', subject: `task/${task.id}`, body: { task: task.id, error } });
    fail(draft, mission, task);
    return null;
  }
  draft.emit({ type: 'task.released', subject: `task/${task.id}`, body: { task: task.id, ...filled } });
  placeById(draft, task.id);
  return bytes;
}

/** Results that fit by themselves may not fit together: too deep is as good as endless. */
function bytesOf(input: Json): number {
  return jsonDepth(input) > jsonDepthMax ? Number.POSITIVE_INFINITY : Buffer.byteLength(canonicalStored(input));
}

function fail(draft: Draft, mission: Mission, task: Task): void {
  draft.emit({
    type: 'mission.failed',
    subject: `mission/${mission.id}`,
    body: { mission: mission.id, key: task.key ?? '' },
  });
  cancelOpen(draft, mission);
}

function cancelOpen(draft: Draft, mission: Mission): void {
  for (const planned of mission.tasks) {
    const task = draft.row('task', planned.task);
    if (task && isOpen(task)) cancelTask(draft, task, 'mission_ended');
  }
}
