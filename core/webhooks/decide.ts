// Outbound webhooks: every event that one asks for becomes a delivery in the same transaction; deliveries are tried on the
// schedule, recorded, given up, or repeated on request.

import { assert } from '../assert.ts';
import type { DeliveryId } from '../ids.ts';
import { keyGraceMsMax, webhooksMax } from '../limits.ts';
import { err, ok, type Result } from '../result.ts';
import type { Draft } from '../swarm/draft.ts';
import type { Rejection } from '../swarm/rejections.ts';
import { wantsEvent } from '../wire/webhooks.ts';
import type { SendOutcome, WebhookCommand } from './commands.ts';
import { isAboutWebhooks } from './events.ts';
import { deliveryAttemptsMax, nextDelivery } from './schedule.ts';
import type { Delivery, Webhook } from './state.ts';

export function decideWebhooks(draft: Draft, command: WebhookCommand): Result<string, Rejection> {
  switch (command.type) {
    case 'CreateWebhook': {
      const full = refuseOneMore(draft);
      if (full) return err(full);
      const { webhook, url, events, description, sealedSecret } = command;
      draft.emit({
        type: 'webhook.created',
        subject: `webhook/${webhook}`,
        body: { webhook, url, events, description, sealedSecret },
      });
      return ok(webhook);
    }
    case 'RotateWebhook':
    case 'EnableWebhook':
    case 'DeleteWebhook': {
      const webhook = draft.row('webhook', command.webhook);
      if (webhook === null || webhook.state === 'deleted') return err({ code: 'webhook_not_found' });
      return manage(draft, webhook, command);
    }
    case 'ReplayDelivery': {
      const old = draft.row('delivery', command.delivery);
      if (old === null || old.webhook !== command.webhook) return err({ code: 'delivery_not_found' });
      if (draft.row('webhook', old.webhook)?.state !== 'active') return err({ code: 'webhook_not_active' });
      return ok(queue(draft, old.webhook, old.seq, old.eventType, old.id));
    }
    case 'RecordDelivery': {
      const delivery = draft.row('delivery', command.delivery);
      if (delivery === null || delivery.state !== 'sending' || delivery.attempts + 1 !== command.attempt)
        return ok(command.delivery);
      record(draft, delivery, command.outcome, command.entropy);
      return ok(delivery.id);
    }
    case 'RetryDelivery': {
      const delivery = draft.row('delivery', command.delivery);
      if (delivery?.state !== 'waiting') return ok(command.delivery);
      const of = { delivery: delivery.id, webhook: delivery.webhook };
      if (draft.row('webhook', delivery.webhook)?.state !== 'active')
        draft.emit({
          type: 'delivery.ended',
          subject: `delivery/${delivery.id}`,
          body: { ...of, attempt: delivery.attempts, status: null, error: 'webhook_not_active', outcome: 'given_up' },
        });
      else draft.emit({ type: 'delivery.retried', subject: `delivery/${delivery.id}`, body: of });
      return ok(delivery.id);
    }
  }
}

function refuseOneMore(draft: Draft): Rejection | null {
  if (draft.activeWebhooks().length < webhooksMax) return null;
  return { code: 'limit_reached', limit: 'webhooksMax', most: webhooksMax };
}

function manage(
  draft: Draft,
  webhook: Webhook,
  command: Extract<WebhookCommand, { type: 'RotateWebhook' | 'EnableWebhook' | 'DeleteWebhook' }>,
): Result<string, Rejection> {
  const subject = `webhook/${webhook.id}`;
  if (command.type === 'DeleteWebhook') draft.emit({ type: 'webhook.deleted', subject, body: { webhook: webhook.id } });
  else if (command.type === 'EnableWebhook') {
    if (webhook.state === 'active') return ok(webhook.id); // already so
    const full = refuseOneMore(draft);
    if (full) return err(full);
    draft.emit({ type: 'webhook.enabled', subject, body: { webhook: webhook.id } });
  } else {
    if (command.graceMs > keyGraceMsMax)
      return err({ code: 'limit_reached', limit: 'keyGraceMsMax', most: keyGraceMsMax });
    const oldValidUntil = draft.moment.at + command.graceMs;
    draft.emit({
      type: 'webhook.rotated',
      subject,
      body: { webhook: webhook.id, sealedSecret: command.sealedSecret, oldValidUntil },
    });
  }
  return ok(webhook.id);
}

/** Queues a delivery of the event at `seq` for every active webhook that asks for its type. */
export function fanOut(draft: Draft, seq: number, eventType: string): void {
  if (isAboutWebhooks(eventType)) return;
  for (const webhook of draft.activeWebhooks())
    if (wantsEvent(webhook.events, eventType)) queue(draft, webhook.id, seq, eventType, null);
}

function queue(
  draft: Draft,
  webhook: Webhook['id'],
  seq: number,
  eventType: string,
  replayOf: DeliveryId | null,
): DeliveryId {
  const delivery = draft.moment.ids.next('dlv');
  draft.emit({
    type: 'delivery.queued',
    subject: `delivery/${delivery}`,
    body: { delivery, webhook, seq, eventType, replayOf },
  });
  return delivery;
}

function record(draft: Draft, delivery: Delivery, sent: SendOutcome, entropy: number): void {
  const subject = `delivery/${delivery.id}`;
  const attempt = delivery.attempts + 1;
  const body = { delivery: delivery.id, webhook: delivery.webhook, attempt };
  const status = sent.status ?? null;
  const error = sent.error ?? `status_${status ?? 'none'}`;
  if (sent.outcome === 'delivered') {
    draft.emit({ type: 'delivery.succeeded', subject, body: { ...body, status: status ?? 200 } });
    return;
  }
  const pause = sent.outcome === 'retry' ? nextDelivery(attempt, entropy, sent.retryAfterMs) : 'give_up';
  if (pause !== 'give_up') {
    draft.emit({ type: 'delivery.failed', subject, body: { ...body, status, error, nextAt: draft.moment.at + pause } });
    return;
  }
  const outcome = sent.outcome === 'retry' ? 'given_up' : sent.outcome;
  draft.emit({ type: 'delivery.ended', subject, body: { ...body, status, error, outcome } });
  if (outcome === 'disabled' && draft.row('webhook', delivery.webhook)?.state === 'active')
    draft.emit({
      type: 'webhook.disabled',
      subject: `webhook/${delivery.webhook}`,
      body: { webhook: delivery.webhook, reason: 'gone' },
    });
  assert(attempt <= deliveryAttemptsMax, 'a delivery is tried a bounded number of times');
}
