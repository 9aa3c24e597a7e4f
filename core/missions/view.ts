// A mission as the API shows it, with the state of its tasks and what they cost so far.

import type { MissionView } from '../wire/missions.ts';
import type { TaskBrief } from '../work/brief.ts';
import { liveAttempt } from '../work/state.ts';
import { timeText } from '../work/view.ts';
import type { Mission } from './state.ts';

/** @param briefs of its tasks, in any order */
export function missionView(mission: Mission, briefs: readonly TaskBrief[]): MissionView {
  const byId = new Map(briefs.map((brief) => [brief.id, brief]));
  let heldMicro = 0;
  let settledMicro = 0;
  const tasks: MissionView['tasks'] = [];
  for (const planned of mission.tasks) {
    const task = byId.get(planned.task);
    if (task === undefined) continue;
    heldMicro += liveAttempt(task)?.priceMicro ?? 0;
    settledMicro += task.settledMicro;
    tasks.push({
      key: planned.key,
      taskId: task.id,
      operation: task.operation,
      after: [...planned.after],
      state: task.state,
      executor: task.attempts.at(-1)?.executor ?? null,
      settledMicro: task.settledMicro,
    });
  }
  return {
    id: mission.id,
    name: mission.name,
    state: mission.state,
    failedKey: mission.failedKey,
    tasks,
    cost: { heldMicro, settledMicro },
    origin: mission.origin,
    createdAt: timeText(mission.createdAt),
    updatedAt: timeText(mission.updatedAt),
  };
}
