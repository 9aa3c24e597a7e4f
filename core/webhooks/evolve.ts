// What webhooks and deliveries look like after an event.

import { assert } from '../assert.ts';
import type { WebhookEvent } from './events.ts';
import type { Delivery, Webhook } from './state.ts';

type OfWebhook = Extract<WebhookEvent, { type: `webhook.${string}` }>;
type OfDelivery = Extract<WebhookEvent, { type: `delivery.${string}` }>;

/** Signing secrets that a webhook keeps: the new one, and the ones still in grace. */
const secretsKept = 4;

export function evolveWebhook(webhook: Webhook | null, event: OfWebhook, at: number): Webhook {
  if (event.type === 'webhook.created') {
    const { webhook: id, url, events, description, sealedSecret } = event.body;
    return {
      id,
      url,
      events,
      description,
      state: 'active',
      disabledBy: null,
      sealedSecrets: [{ sealed: sealedSecret, validUntil: null }],
      createdAt: at,
    };
  }
  assert(webhook !== null, 'a webhook is created first');
  switch (event.type) {
    case 'webhook.rotated': {
      const { sealedSecret, oldValidUntil } = event.body;
      const old = webhook.sealedSecrets
        .filter(({ validUntil }) => validUntil === null || validUntil > at)
        .map(({ sealed, validUntil }) => ({
          sealed,
          validUntil: Math.min(validUntil ?? oldValidUntil, oldValidUntil),
        }));
      return { ...webhook, sealedSecrets: [{ sealed: sealedSecret, validUntil: null }, ...old].slice(0, secretsKept) };
    }
    case 'webhook.enabled':
      return { ...webhook, state: 'active', disabledBy: null };
    case 'webhook.disabled':
      return { ...webhook, state: 'disabled', disabledBy: event.body.reason };
    case 'webhook.deleted':
      return { ...webhook, state: 'deleted', sealedSecrets: [] };
  }
}

export function evolveDelivery(delivery: Delivery | null, event: OfDelivery, at: number): Delivery {
  if (event.type === 'delivery.queued') {
    const { delivery: id, webhook, seq, eventType, replayOf } = event.body;
    return {
      id,
      webhook,
      seq,
      eventType,
      state: 'sending',
      attempts: 0,
      lastStatus: null,
      lastError: null,
      nextAt: null,
      replayOf,
      createdAt: at,
      updatedAt: at,
    };
  }
  assert(delivery !== null, 'a delivery is queued first');
  switch (event.type) {
    case 'delivery.succeeded':
      return {
        ...delivery,
        state: 'delivered',
        attempts: event.body.attempt,
        lastStatus: event.body.status,
        lastError: null,
        nextAt: null,
        updatedAt: at,
      };
    case 'delivery.failed': {
      const { attempt, status, error, nextAt } = event.body;
      return {
        ...delivery,
        state: 'waiting',
        attempts: attempt,
        lastStatus: status,
        lastError: error,
        nextAt,
        updatedAt: at,
      };
    }
    case 'delivery.retried':
      return { ...delivery, state: 'sending', nextAt: null, updatedAt: at };
    case 'delivery.ended': {
      const { attempt, status, error, outcome } = event.body;
      return {
        ...delivery,
        state: outcome,
        attempts: attempt,
        lastStatus: status,
        lastError: error,
        nextAt: null,
        updatedAt: at,
      };
    }
  }
}
