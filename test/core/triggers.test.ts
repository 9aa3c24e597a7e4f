import { describe, expect, test } from 'vitest';
import { newId, type TaskId, type TriggerId } from '../../core/ids.ts';
import { triggersMax } from '../../core/limits.ts';
import type { TriggerCommand } from '../../core/triggers/commands.ts';
import { aDevice } from './builders.ts';
import { aSwarm, entropyOf, type MemorySwarm, START } from './memory-swarm.ts';

type Create = Extract<TriggerCommand, { type: 'CreateTrigger' }>;
let count = 0;

function aTrigger(swarm: MemorySwarm, trigger: Partial<Create> = {}): TriggerId {
  return swarm.do(create(trigger)) as TriggerId;
}

function create(trigger: Partial<Create> = {}): Create {
  return {
    type: 'CreateTrigger',
    trigger: newId('trg', START, entropyOf(++count)),
    name: 'on push',
    preset: 'github',
    sealedSecret: 'sealed',
    events: null,
    task: { operation: 'text.summarize', input: { text: '{{/head/message}}' } },
    mission: null,
    mapping: null,
    generic: null,
    ...trigger,
  };
}

function fire(trigger: TriggerId, payload: unknown, eventType: string | null = 'push') {
  return { type: 'FireTrigger', trigger, delivery: 'dlv-1', eventType, payload: payload as never } as const;
}

const push = { head: { message: 'mend the door' } };

describe('a trigger', () => {
  test('[TRIGGER-1] a delivery becomes the task that a client would have asked for, and says where it came from', () => {
    const swarm = aSwarm();
    aDevice(swarm);
    const trigger = aTrigger(swarm);
    const { result, types, events } = swarm.when(fire(trigger, push), { trace: 'trace-1' });
    expect(types).toEqual(['task.requested', 'transfer.held', 'task.leased', 'trigger.fired']);
    const task = swarm.row('task', result.ok ? result.value : '');
    expect(task).toMatchObject({
      state: 'leased',
      input: { text: 'mend the door' },
      origin: `trigger/${trigger}`,
      trace: 'trace-1',
    });
    expect(events.at(-1)).toMatchObject({
      body: { trigger, delivery: 'dlv-1', eventType: 'push', started: task.id as TaskId },
    });
    expect(swarm.row('trigger', trigger)).toMatchObject({ fired: 1, lastFiredAt: swarm.at });
  });

  test('[TRIGGER-1] a mission is started from a plan that the payload fills in', () => {
    const swarm = aSwarm();
    aDevice(swarm);
    const plan = { tasks: [{ key: 'a', operation: 'text.summarize', input: { text: '{{/head/message}}' } }] };
    const trigger = aTrigger(swarm, { task: null, mission: { plan } });
    const { result } = swarm.when(fire(trigger, push));
    expect(swarm.row('mission', result.ok ? result.value : '')).toMatchObject({
      name: 'on push',
      origin: `trigger/${trigger}`,
    });
    expect(swarm.all('task')).toMatchObject([{ input: { text: 'mend the door' }, key: 'a' }]);
  });

  test('[TRIGGER-2] a delivery of an event that is not asked for is taken, and nothing happens', () => {
    const swarm = aSwarm();
    aDevice(swarm);
    const trigger = aTrigger(swarm, { events: ['pull_request.opened', 'release.*'] });
    for (const [payload, type] of [
      [push, 'push'],
      [{ ...push, action: 'closed' }, 'pull_request'],
      [push, null],
    ] as const)
      expect(swarm.when(fire(trigger, payload, type))).toMatchObject({
        result: { ok: true, value: trigger },
        events: [],
      });
    for (const [payload, type] of [
      [{ ...push, action: 'opened' }, 'pull_request'],
      [push, 'release.made'],
    ] as const)
      expect(swarm.when(fire(trigger, payload, type)).types).toContain('trigger.fired');
  });

  test('[TRIGGER-3] a delivery that makes no task is refused with its reason, and nothing is fired', () => {
    const swarm = aSwarm({ supplyMicro: 100 });
    const trigger = aTrigger(swarm);
    expect(swarm.refusal(fire(trigger, push))).toBe('operation_unknown');
    aDevice(swarm);
    expect(swarm.refusal(fire(trigger, { other: 1 }))).toBe('mapping_failed');
    const plan = { tasks: [{ key: 'a', operation: 'Not A Name', input: null }] };
    const broken = aTrigger(swarm, { task: null, mission: { plan } });
    expect(swarm.when(fire(broken, push)).result).toMatchObject({
      error: { code: 'mapping_failed', pointer: '/tasks/0/operation' },
    });
    expect(swarm.refusal(fire(trigger, push))).toBeNull();
    expect(swarm.refusal(fire(trigger, push))).toBe('credits_insufficient');
    expect(swarm.row('trigger', trigger).fired).toBe(1);
  });

  test('[TRIGGER-4] a deleted trigger is not there any more', () => {
    const swarm = aSwarm();
    aDevice(swarm);
    const trigger = aTrigger(swarm);
    swarm.do({ type: 'DeleteTrigger', trigger });
    expect(swarm.refusal(fire(trigger, push))).toBe('trigger_not_found');
    expect(swarm.refusal({ type: 'DeleteTrigger', trigger })).toBe('trigger_not_found');
  });

  test('[TRIGGER-6] a new secret takes the place of the old one, and nothing else changes', () => {
    const swarm = aSwarm();
    const trigger = aTrigger(swarm);
    const before = swarm.row('trigger', trigger);
    swarm.do({ type: 'RotateTrigger', trigger, sealedSecret: 'v1.another' });
    expect(swarm.row('trigger', trigger)).toEqual({ ...before, sealedSecret: 'v1.another' });
    swarm.do({ type: 'DeleteTrigger', trigger });
    expect(swarm.refusal({ type: 'RotateTrigger', trigger, sealedSecret: 'v1.third' })).toBe('trigger_not_found');
  });

  test('[TRIGGER-5] there are at most so many, and deleting one makes room', () => {
    const swarm = aSwarm();
    const triggers = Array.from({ length: triggersMax }, () => aTrigger(swarm));
    expect(swarm.refusal(create())).toBe('limit_reached');
    swarm.do({ type: 'DeleteTrigger', trigger: triggers[0] as TriggerId });
    expect(swarm.refusal(create())).toBeNull();
  });
});
