import { describe, expect, test } from 'vitest';
import { type DeliveryId, newId, type TaskId, type WebhookId } from '../../core/ids.ts';
import { keyGraceMsMax, planTasksMax, webhooksMax } from '../../core/limits.ts';
import type { SendOutcome, WebhookCommand } from '../../core/webhooks/commands.ts';
import { isAboutWebhooks } from '../../core/webhooks/events.ts';
import { deliveryAttemptsMax } from '../../core/webhooks/schedule.ts';
import { aDevice, request, succeed } from './builders.ts';
import { aSwarm, entropyOf, type MemorySwarm, type Outcome, START, SYSTEM } from './memory-swarm.ts';

let count = 0;
type Create = Extract<WebhookCommand, { type: 'CreateWebhook' }>;

function create(webhook: Partial<Create> = {}): Create {
  const id = newId('whk', START, entropyOf(++count));
  return {
    type: 'CreateWebhook',
    webhook: id,
    url: 'https://a.example',
    events: ['task.*'],
    description: null,
    sealedSecret: `sealed ${count}`,
    ...webhook,
  };
}

function aWebhook(swarm: MemorySwarm, webhook: Partial<Create> = {}): WebhookId {
  return swarm.do(create(webhook)) as WebhookId;
}

/** A delivery that is on its way. */
function aDelivery(swarm: MemorySwarm): DeliveryId {
  aWebhook(swarm, { events: ['task.requested'] });
  aDevice(swarm);
  request(swarm);
  return swarm.all('delivery').at(-1)?.id as DeliveryId;
}

function record(
  swarm: MemorySwarm,
  delivery: DeliveryId,
  outcome: SendOutcome,
  attempt = swarm.row('delivery', delivery).attempts + 1,
): Outcome {
  return swarm.when({ type: 'RecordDelivery', delivery, attempt, outcome, entropy: 0.5 }, { actor: SYSTEM });
}

describe('deliveries', () => {
  test('[WEBHOOK-1] every event that a webhook wants becomes one delivery of it, in the decision that says the event', () => {
    const swarm = aSwarm();
    aDevice(swarm);
    const [all, leases] = [
      aWebhook(swarm, { events: ['*'] }),
      aWebhook(swarm, { events: ['task.leased', 'task.succeeded'] }),
    ];
    const before = swarm.events.length;
    const { events, effects } = swarm.when({ type: 'RequestTask', operation: 'text.summarize', input: 1 });
    const queued = events.flatMap((event) => (event.type === 'delivery.queued' ? [event.body] : []));
    expect(queued.map(({ webhook, seq, eventType }) => [webhook, seq, eventType])).toEqual([
      [all, before + 1, 'task.requested'],
      [all, before + 2, 'transfer.held'],
      [all, before + 3, 'task.leased'],
      [leases, before + 3, 'task.leased'],
    ]);
    for (const { seq, eventType } of queued) expect(swarm.events[seq - 1]?.type).toBe(eventType);
    expect(effects.filter(({ kind }) => kind === 'send')).toHaveLength(4);
  });

  test('[WEBHOOK-2] nothing that is about webhooks is delivered, so that no delivery makes another', () => {
    const swarm = aSwarm();
    const webhook = aWebhook(swarm, { events: ['*', 'delivery.*', 'webhook.*'] });
    swarm.do({ type: 'RotateWebhook', webhook, sealedSecret: 'x', graceMs: 0 });
    expect(swarm.all('delivery')).toEqual([]);
    swarm.do({ type: 'IssueKey', name: 'x', scopes: ['admin'] });
    const [delivery] = swarm.all('delivery');
    record(swarm, delivery?.id as DeliveryId, { outcome: 'delivered', status: 204 });
    expect(swarm.all('delivery')).toHaveLength(1);
    for (const type of ['delivery.ended', 'webhook.disabled']) expect(isAboutWebhooks(type)).toBe(true);
  });

  test('[WEBHOOK-3] a delivery that arrived is over', () => {
    const swarm = aSwarm();
    const delivery = aDelivery(swarm);
    expect(swarm.row('delivery', delivery)).toMatchObject({ state: 'sending', attempts: 0 });
    record(swarm, delivery, { outcome: 'delivered', status: 204 });
    expect(swarm.row('delivery', delivery)).toMatchObject({
      state: 'delivered',
      attempts: 1,
      lastStatus: 204,
      lastError: null,
    });
  });

  test('[WEBHOOK-3] one that failed is tried again on the schedule, a bounded number of times', () => {
    const swarm = aSwarm();
    const delivery = aDelivery(swarm);
    for (let attempt = 1; attempt < deliveryAttemptsMax; attempt++) {
      record(swarm, delivery, { outcome: 'retry', status: 500 });
      const { state, nextAt } = swarm.row('delivery', delivery);
      expect([state, nextAt]).toEqual(['waiting', swarm.timers.get(`delivery/${delivery}`)?.at]);
      const { effects } = swarm.fire(`delivery/${delivery}`);
      expect(effects).toEqual([{ kind: 'send', delivery }]);
    }
    expect(swarm.at - START).toBe((75 * 3_600 + 35 * 60 + 5) * 1_000);
    record(swarm, delivery, { outcome: 'retry', status: 500 });
    expect(swarm.row('delivery', delivery)).toMatchObject({
      state: 'given_up',
      attempts: deliveryAttemptsMax,
      nextAt: null,
    });
  });

  test('[WEBHOOK-3] a receiver that is gone disables its webhook, one that is refused does not', () => {
    for (const outcome of ['disabled', 'refused'] as const) {
      const swarm = aSwarm();
      const delivery = aDelivery(swarm);
      record(swarm, delivery, { outcome, status: 410 });
      expect(swarm.row('delivery', delivery)).toMatchObject({ state: outcome, lastStatus: 410 });
      expect(swarm.all('webhook')[0]).toMatchObject(
        outcome === 'disabled' ? { state: 'disabled', disabledBy: 'gone' } : { state: 'active', disabledBy: null },
      );
    }
  });

  test('[WEBHOOK-4] an outcome counts once, and only for the attempt that it is of', () => {
    const swarm = aSwarm();
    const delivery = aDelivery(swarm);
    expect(record(swarm, delivery, { outcome: 'delivered' }, 2).types).toEqual([]);
    record(swarm, delivery, { outcome: 'retry' });
    expect(record(swarm, delivery, { outcome: 'retry' }, 1).types).toEqual([]);
    expect(record(swarm, delivery, { outcome: 'delivered' }, 2).types).toEqual([]);
    swarm.fire(`delivery/${delivery}`);
    expect(record(swarm, delivery, { outcome: 'delivered' }, 2).types).toEqual(['delivery.succeeded']);
    expect(record(swarm, delivery, { outcome: 'delivered' }, 3).types).toEqual([]);
    expect(record(swarm, 'dlv_nothing' as DeliveryId, { outcome: 'delivered' }, 1).types).toEqual([]);
  });

  test('[WEBHOOK-5] what waits for a webhook that is not active any more is given up', () => {
    const swarm = aSwarm();
    const delivery = aDelivery(swarm);
    record(swarm, delivery, { outcome: 'retry', status: 500 });
    swarm.do({ type: 'DeleteWebhook', webhook: swarm.row('delivery', delivery).webhook });
    expect(swarm.fire(`delivery/${delivery}`).types).toEqual(['delivery.ended']);
    expect(swarm.row('delivery', delivery)).toMatchObject({ state: 'given_up', lastError: 'webhook_not_active' });
  });

  test('[WEBHOOK-6] a delivery can be repeated: a new one of the same event, which names the old one', () => {
    const swarm = aSwarm();
    const delivery = aDelivery(swarm);
    record(swarm, delivery, { outcome: 'delivered' });
    const { webhook, seq } = swarm.row('delivery', delivery);
    const again = swarm.do({ type: 'ReplayDelivery', webhook, delivery });
    expect(swarm.row('delivery', again)).toMatchObject({
      webhook,
      seq,
      replayOf: delivery,
      state: 'sending',
      attempts: 0,
    });
    const other = aWebhook(swarm);
    expect(swarm.refusal({ type: 'ReplayDelivery', webhook: other, delivery })).toBe('delivery_not_found');
    swarm.do({ type: 'DeleteWebhook', webhook });
    expect(swarm.refusal({ type: 'ReplayDelivery', webhook, delivery })).toBe('webhook_not_active');
  });
});

describe('webhooks', () => {
  test('[WEBHOOK-7] after a rotation the old secret signs as well until its grace ends, and at most four are kept', () => {
    const swarm = aSwarm();
    const webhook = aWebhook(swarm, { sealedSecret: 's0' });
    const secrets = () =>
      swarm.row('webhook', webhook).sealedSecrets.map(({ sealed, validUntil }) => [sealed, validUntil]);
    swarm.do({ type: 'RotateWebhook', webhook, sealedSecret: 's1', graceMs: 1_000 });
    expect(secrets()).toEqual([
      ['s1', null],
      ['s0', START + 1_000],
    ]);
    swarm.at += 1_000;
    swarm.do({ type: 'RotateWebhook', webhook, sealedSecret: 's2', graceMs: 9_000 });
    expect(secrets()).toEqual([
      ['s2', null],
      ['s1', START + 10_000],
    ]);
    // A shorter grace later is not made longer by an earlier one.
    swarm.do({ type: 'RotateWebhook', webhook, sealedSecret: 's3', graceMs: 500 });
    expect(secrets()).toEqual([
      ['s3', null],
      ['s2', START + 1_500],
      ['s1', START + 1_500],
    ]);
    for (const sealedSecret of ['s4', 's5', 's6'])
      swarm.do({ type: 'RotateWebhook', webhook, sealedSecret, graceMs: 9_000 });
    expect(secrets()).toHaveLength(4);
    expect(swarm.refusal({ type: 'RotateWebhook', webhook, sealedSecret: 'x', graceMs: keyGraceMsMax + 1 })).toBe(
      'limit_reached',
    );
  });

  test('[WEBHOOK-8] at most so many are active: making one and enabling one are refused beyond', () => {
    const swarm = aSwarm();
    const first = aWebhook(swarm, { events: ['key.issued'] });
    swarm.do({ type: 'IssueKey', name: 'x', scopes: ['admin'] });
    record(swarm, swarm.all('delivery')[0]?.id as DeliveryId, { outcome: 'disabled', status: 410 });
    for (let n = 0; n < webhooksMax; n++) aWebhook(swarm, { events: ['never'] });
    expect(swarm.refusal(create())).toBe('limit_reached');
    expect(swarm.refusal({ type: 'EnableWebhook', webhook: first })).toBe('limit_reached');
    swarm.do({ type: 'DeleteWebhook', webhook: swarm.all('webhook').at(-1)?.id as WebhookId });
    expect(swarm.when({ type: 'EnableWebhook', webhook: first }).types).toEqual(['webhook.enabled']);
    expect(swarm.when({ type: 'EnableWebhook', webhook: first }).types).toEqual([]);
  });

  test('[WEBHOOK-8] a deleted webhook is not there any more, and its secrets are gone', () => {
    const swarm = aSwarm();
    const webhook = aWebhook(swarm);
    swarm.do({ type: 'DeleteWebhook', webhook });
    expect(swarm.row('webhook', webhook)).toMatchObject({ state: 'deleted', sealedSecrets: [] });
    for (const type of ['EnableWebhook', 'DeleteWebhook', 'RotateWebhook'] as const)
      expect(swarm.refusal({ type, webhook, sealedSecret: 'x', graceMs: 0 })).toBe('webhook_not_found');
    aDevice(swarm);
    succeed(swarm, request(swarm));
    expect(swarm.all('delivery')).toEqual([]);
  });

  test('[SWARM-16] the largest mission ends in one decision, though every webhook wants to hear of each step', () => {
    const swarm = aSwarm({ supplyMicro: 1e9 });
    aDevice(swarm, { parallel: 64 });
    const tasks = Array.from({ length: planTasksMax }, (_, n) => ({
      key: `k${n}`,
      operation: 'text.summarize',
      input: n,
    }));
    const mission = swarm.do({ type: 'StartMission', plan: { tasks } });
    for (let n = 0; n < webhooksMax; n++) aWebhook(swarm, { events: ['*'] });
    const { result, events } = swarm.when({ type: 'CancelTask', task: swarm.all('task')[0]?.id as TaskId });
    expect(result.ok).toBe(true);
    expect(swarm.row('mission', mission).state).toBe('failed');
    const own = events.filter(({ type }) => type !== 'delivery.queued').length;
    expect(events.length).toBe(own * (1 + webhooksMax));
    expect(own).toBeGreaterThan(planTasksMax);
  });
});
