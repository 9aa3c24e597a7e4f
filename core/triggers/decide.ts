// Triggers: a verified delivery becomes the same command that a client would give, decided in the same transaction.

import type { Json } from '../json.ts';
import { triggersMax } from '../limits.ts';
import { startMission } from '../missions/decide.ts';
import { err, ok, type Result } from '../result.ts';
import type { Draft } from '../swarm/draft.ts';
import type { Rejection } from '../swarm/rejections.ts';
import { missionPlan } from '../wire/missions.ts';
import { firesOn, templateOf } from '../wire/triggers.ts';
import { requestTask } from '../work/decide.ts';
import type { TriggerCommand } from './commands.ts';
import { applyMapping } from './mapping.ts';
import type { Trigger } from './state.ts';

/** Answers with the id of what was started, or of the trigger when the delivery was not one that fires it. */
export function decideTriggers(draft: Draft, command: TriggerCommand): Result<string, Rejection> {
  switch (command.type) {
    case 'CreateTrigger': {
      if (draft.countTriggers() >= triggersMax)
        return err({ code: 'limit_reached', limit: 'triggersMax', most: triggersMax });
      const { type: _, ...body } = command;
      draft.emit({ type: 'trigger.created', subject: `trigger/${command.trigger}`, body });
      return ok(command.trigger);
    }
    case 'RotateTrigger': {
      const trigger = draft.row('trigger', command.trigger);
      if (trigger?.state !== 'active') return err({ code: 'trigger_not_found' });
      const { sealedSecret } = command;
      draft.emit({
        type: 'trigger.rotated',
        subject: `trigger/${trigger.id}`,
        body: { trigger: trigger.id, sealedSecret },
      });
      return ok(trigger.id);
    }
    case 'DeleteTrigger': {
      const trigger = draft.row('trigger', command.trigger);
      if (trigger?.state !== 'active') return err({ code: 'trigger_not_found' });
      draft.emit({ type: 'trigger.deleted', subject: `trigger/${trigger.id}`, body: { trigger: trigger.id } });
      return ok(trigger.id);
    }
    case 'FireTrigger': {
      const trigger = draft.row('trigger', command.trigger);
      if (trigger?.state !== 'active') return err({ code: 'trigger_not_found' });
      const { delivery, eventType, payload, inexact } = command;
      if (!firesOn(trigger.events ?? undefined, eventType, payload)) return ok(trigger.id);
      const started = start(draft, trigger, payload, inexact);
      if (!started.ok) return started;
      draft.emit({
        type: 'trigger.fired',
        subject: `trigger/${trigger.id}`,
        body: { trigger: trigger.id, delivery, eventType, started: started.value },
      });
      return started;
    }
  }
}

function start(
  draft: Draft,
  trigger: Trigger,
  payload: Json,
  inexact: Readonly<Record<string, string>> | undefined,
): Result<string, Rejection> {
  const template = templateOf({ task: trigger.task ?? undefined, mission: trigger.mission ?? undefined });
  const mapped = applyMapping(template, trigger.mapping ?? undefined, payload, inexact);
  if (!mapped.ok) return err({ ...mapped.error });
  const origin = `trigger/${trigger.id}`;
  if (trigger.task) {
    const { operation, maxCreditsMicro, require } = trigger.task;
    return requestTask(draft, { operation, input: mapped.value, maxCreditsMicro, require }, origin);
  }
  const plan = missionPlan.safeParse(mapped.value);
  if (!plan.success)
    return err({
      code: 'mapping_failed',
      reason: 'plan_invalid',
      pointer: `/${(plan.error.issues[0]?.path ?? []).join('/')}`,
    });
  return startMission(draft, { name: trigger.name, plan: plan.data }, origin);
}
