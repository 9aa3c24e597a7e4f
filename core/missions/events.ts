// What can happen to a mission.

import type { MissionId } from '../ids.ts';
import type { PlannedTask } from './state.ts';

export type MissionEvent =
  | {
      readonly type: 'mission.started';
      readonly subject: string;
      readonly body: {
        readonly mission: MissionId;
        readonly name: string;
        readonly tasks: readonly PlannedTask[];
        readonly origin: string;
      };
    }
  | { readonly type: 'mission.succeeded'; readonly subject: string; readonly body: { readonly mission: MissionId } }
  | {
      readonly type: 'mission.failed';
      readonly subject: string;
      readonly body: { readonly mission: MissionId; readonly key: string };
    }
  | { readonly type: 'mission.cancelled'; readonly subject: string; readonly body: { readonly mission: MissionId } };
