// What can happen to webhooks and deliveries. Deliveries of these events themselves are never made: nothing loops [P18].

import type { DeliveryId, WebhookId } from '../ids.ts';

interface OfDelivery {
  readonly delivery: DeliveryId;
  readonly webhook: WebhookId;
}

export type WebhookEvent =
  | {
      readonly type: 'webhook.created';
      readonly subject: string;
      readonly body: {
        readonly webhook: WebhookId;
        readonly url: string;
        readonly events: readonly string[];
        readonly description: string | null;
        readonly sealedSecret: string;
      };
    }
  | {
      readonly type: 'webhook.rotated';
      readonly subject: string;
      readonly body: { readonly webhook: WebhookId; readonly sealedSecret: string; readonly oldValidUntil: number };
    }
  | { readonly type: 'webhook.enabled'; readonly subject: string; readonly body: { readonly webhook: WebhookId } }
  | {
      readonly type: 'webhook.disabled';
      readonly subject: string;
      readonly body: { readonly webhook: WebhookId; readonly reason: string };
    }
  | { readonly type: 'webhook.deleted'; readonly subject: string; readonly body: { readonly webhook: WebhookId } }
  | {
      readonly type: 'delivery.queued';
      readonly subject: string;
      readonly body: OfDelivery & {
        readonly seq: number;
        readonly eventType: string;
        readonly replayOf: DeliveryId | null;
      };
    }
  | {
      readonly type: 'delivery.succeeded';
      readonly subject: string;
      readonly body: OfDelivery & { readonly attempt: number; readonly status: number };
    }
  | {
      readonly type: 'delivery.failed';
      readonly subject: string;
      readonly body: OfDelivery & {
        readonly attempt: number;
        readonly status: number | null;
        readonly error: string;
        readonly nextAt: number;
      };
    }
  | { readonly type: 'delivery.retried'; readonly subject: string; readonly body: OfDelivery }
  | {
      readonly type: 'delivery.ended';
      readonly subject: string;
      readonly body: OfDelivery & {
        readonly attempt: number;
        readonly status: number | null;
        readonly error: string;
        readonly outcome: 'given_up' | 'refused' | 'disabled';
      };
    };

/** Event types that no webhook is told of. */
export function isAboutWebhooks(type: string): boolean {
  return type.startsWith('delivery.') || type.startsWith('webhook.');
}
