// What decisions ask of many tasks at once: all of a row but what was asked and answered, which may be large. What a task waits
// for stands in its mission's plan.

import type { MissionId } from '../ids.ts';
import type { Rows } from '../swarm/state.ts';
import type { Task } from './state.ts';

/** A task's row without what may be large. */
type Outline = Omit<Task, 'input' | 'result' | 'error' | 'after'>;

export interface TaskBrief extends Outline {
  /** Characters of the whole row's text, so that it is known beforehand what reading it costs; 0 where it is at hand. */
  readonly chars: number;
}

/** The brief of a row that is at hand. */
export function briefOf({ input: _, result: _r, error: _e, after: _a, ...outline }: Task, chars = 0): TaskBrief {
  return { ...outline, chars };
}

/** The tasks of a mission in the order of its plan, for whoever has whole rows at hand. */
export function briefsFrom(
  row: <K extends 'task' | 'mission'>(kind: K, id: string) => Rows[K] | null,
  mission: MissionId,
): readonly TaskBrief[] {
  return (row('mission', mission)?.tasks ?? []).flatMap((planned) => {
    const task = row('task', planned.task);
    return task === null ? [] : [briefOf(task)];
  });
}
