// A mission: an objective with a plan, which is a DAG of tasks. The plan's shape stands here, the work in its tasks.

import type { MissionId, TaskId } from '../ids.ts';

export const MISSION_STATES = ['running', 'succeeded', 'failed', 'cancelled'] as const;
export type MissionState = (typeof MISSION_STATES)[number];

export interface PlannedTask {
  readonly key: string;
  readonly task: TaskId;
  readonly after: readonly string[];
}

export interface Mission {
  readonly id: MissionId;
  readonly name: string;
  readonly state: MissionState;
  readonly tasks: readonly PlannedTask[];
  readonly origin: string;
  /** Of a mission that failed: the key of the task that failed first. */
  readonly failedKey: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}
