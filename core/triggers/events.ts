// What can happen to a trigger.

import type { TriggerId } from '../ids.ts';
import type { Trigger } from './state.ts';

export type TriggerEvent =
  | {
      readonly type: 'trigger.created';
      readonly subject: string;
      readonly body: Omit<Trigger, 'id' | 'state' | 'fired' | 'lastFiredAt' | 'createdAt'> & {
        readonly trigger: TriggerId;
      };
    }
  | {
      readonly type: 'trigger.fired';
      readonly subject: string;
      readonly body: {
        readonly trigger: TriggerId;
        readonly delivery: string;
        readonly eventType: string | null;
        readonly started: string;
      };
    }
  | {
      readonly type: 'trigger.rotated';
      readonly subject: string;
      readonly body: { readonly trigger: TriggerId; readonly sealedSecret: string };
    }
  | { readonly type: 'trigger.deleted'; readonly subject: string; readonly body: { readonly trigger: TriggerId } };
