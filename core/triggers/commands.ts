// What may be asked about triggers.

import type { TriggerId } from '../ids.ts';
import type { Json } from '../json.ts';
import type { Trigger } from './state.ts';

export type TriggerCommand =
  /** `trigger` is made by the shell, which seals the secret to it. */
  | ({ readonly type: 'CreateTrigger'; readonly trigger: TriggerId } & Omit<
      Trigger,
      'id' | 'state' | 'fired' | 'lastFiredAt' | 'createdAt'
    >)
  | { readonly type: 'RotateTrigger'; readonly trigger: TriggerId; readonly sealedSecret: string }
  | { readonly type: 'DeleteTrigger'; readonly trigger: TriggerId }
  /** A delivery whose signature holds. The sender's delivery id is the command's id. */
  | {
      readonly type: 'FireTrigger';
      readonly trigger: TriggerId;
      readonly delivery: string;
      readonly eventType: string | null;
      readonly payload: Json;
      /** Numbers of the payload that no double keeps, by their JSON Pointers, as they are written. */
      readonly inexact?: Readonly<Record<string, string>> | undefined;
    };
