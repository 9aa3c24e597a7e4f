// What may be asked of missions.

import type { MissionId } from '../ids.ts';
import type { TaskRequest } from '../work/commands.ts';

export interface PlanTask extends Omit<TaskRequest, 'deadline'> {
  readonly key: string;
  /** Keys of the tasks that must succeed first. */
  readonly after?: readonly string[] | undefined;
}

export interface MissionRequest {
  readonly name?: string | undefined;
  /** Milliseconds since the epoch; it is every task's deadline. */
  readonly deadline?: number | undefined;
  readonly plan: { readonly tasks: readonly PlanTask[] };
}

export type MissionCommand =
  | ({ readonly type: 'StartMission' } & MissionRequest)
  | { readonly type: 'CancelMission'; readonly mission: MissionId }
  /** Goes on with what a decision about this mission has left to the next. */
  | { readonly type: 'WalkMission'; readonly mission: MissionId };
