// Triggers and webhooks as the API shows them: what the swarm says of them, and what only the edge knows.

import { z } from 'zod';
import { delivery, replayDelivery, rotateKey, trigger, webhook } from '../../../core/wire/resources.ts';
import { createTrigger, rotateTrigger } from '../../../core/wire/triggers.ts';
import { createWebhook } from '../../../core/wire/webhooks.ts';
import { EXAMPLE } from './parts.ts';
import { shape } from './shape.ts';

const url = z.string().meta({ description: 'Where the sender posts its deliveries.' });
const secret = z.string().meta({ description: 'Shown here, and never again.' });

export const NewTrigger = shape('NewTrigger', createTrigger, {
  name: 'new issues',
  preset: 'github',
  events: ['issues.opened'],
  task: { operation: 'text.summarize', input: { text: '{{/issue/title}}. {{/issue/body|}}' } },
});

export const Trigger = shape('Trigger', trigger.extend({ url }), {
  id: EXAMPLE.trigger,
  name: 'new issues',
  preset: 'github',
  events: ['issues.opened'],
  task: { operation: 'text.summarize', input: { text: '{{/issue/title}}. {{/issue/body|}}' } },
  mission: null,
  mapping: null,
  fired: 3,
  lastFiredAt: EXAMPLE.later,
  createdAt: EXAMPLE.time,
  url: 'https://starling.example/hooks/trg_eyJ0Ijoi….YmF6',
});

export const TriggerWithSecret = shape('TriggerWithSecret', trigger.extend({ url, secret }), {
  ...(Trigger.example as object),
  secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw0PmVq1m0b7Y=',
});

export const TriggerRotation = shape('TriggerRotation', rotateTrigger, {
  secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw0PmVq1m0b7Y=',
});

export const Started = shape('Started', z.object({ taskId: z.string().nullable(), missionId: z.string().nullable() }), {
  taskId: EXAMPLE.task,
  missionId: null,
});

export const NewWebhook = shape('NewWebhook', createWebhook, {
  url: 'https://example.com/starling',
  events: ['task.*', 'mission.failed'],
  description: 'to the pager',
});

const publicKey = z.string().meta({ description: 'Checks the `v1a` (Ed25519) signatures of this swarm: `whpk_…`.' });

export const Webhook = shape('Webhook', webhook.extend({ publicKey }), {
  id: EXAMPLE.webhook,
  url: 'https://example.com/starling',
  events: ['task.*', 'mission.failed'],
  description: 'to the pager',
  state: 'active',
  disabledBy: null,
  createdAt: EXAMPLE.time,
  publicKey: 'whpk_gKk0v3Jt5Vn8w2Yx6Zb1Cq4Rm7Sp9Td0Uf3He5Lj8No=',
});

export const WebhookWithSecret = shape('WebhookWithSecret', webhook.extend({ publicKey, secret }), {
  ...(Webhook.example as object),
  secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw0PmVq1m0b7Y=',
});

/** How long what is replaced stays good: of an API key and of a webhook's secret. */
export const Rotation = shape('Rotation', rotateKey, { graceSeconds: 86_400 });

export const Delivery = shape('Delivery', delivery, {
  id: EXAMPLE.delivery,
  webhook: EXAMPLE.webhook,
  seq: 42,
  eventType: 'task.succeeded',
  state: 'delivered',
  attempts: 1,
  lastStatus: 204,
  lastError: null,
  nextAt: null,
  replayOf: null,
  createdAt: EXAMPLE.time,
  updatedAt: EXAMPLE.later,
});

export const Replay = shape('Replay', replayDelivery, { delivery: EXAMPLE.delivery });
