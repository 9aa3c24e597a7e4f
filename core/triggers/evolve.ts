// What a trigger looks like after an event.

import { assert } from '../assert.ts';
import type { TriggerEvent } from './events.ts';
import type { Trigger } from './state.ts';

export function evolveTrigger(trigger: Trigger | null, event: TriggerEvent, at: number): Trigger {
  if (event.type === 'trigger.created') {
    const { trigger: id, ...body } = event.body;
    return { id, state: 'active', ...body, fired: 0, lastFiredAt: null, createdAt: at };
  }
  assert(trigger !== null, 'a trigger is created first');
  if (event.type === 'trigger.rotated') return { ...trigger, sealedSecret: event.body.sealedSecret };
  if (event.type === 'trigger.deleted') return { ...trigger, state: 'deleted' };
  return { ...trigger, fired: trigger.fired + 1, lastFiredAt: at };
}
