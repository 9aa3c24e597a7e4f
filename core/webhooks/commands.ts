// What may be asked about outbound webhooks, by members, the sender and timers.

import type { DeliveryId, WebhookId } from '../ids.ts';

export type WebhookCommand =
  | {
      readonly type: 'CreateWebhook';
      readonly webhook: WebhookId;
      readonly url: string;
      readonly events: readonly string[];
      readonly description: string | null;
      readonly sealedSecret: string;
    }
  | {
      readonly type: 'RotateWebhook';
      readonly webhook: WebhookId;
      readonly sealedSecret: string;
      readonly graceMs: number;
    }
  | { readonly type: 'EnableWebhook'; readonly webhook: WebhookId }
  | { readonly type: 'DeleteWebhook'; readonly webhook: WebhookId }
  | { readonly type: 'ReplayDelivery'; readonly webhook: WebhookId; readonly delivery: DeliveryId }
  | {
      readonly type: 'RecordDelivery';
      readonly delivery: DeliveryId;
      readonly attempt: number;
      readonly outcome: SendOutcome;
      readonly entropy: number;
    }
  | { readonly type: 'RetryDelivery'; readonly delivery: DeliveryId };

/** What came of one attempt to send. */
export interface SendOutcome {
  readonly outcome: 'delivered' | 'retry' | 'disabled' | 'refused';
  readonly status?: number | undefined;
  readonly error?: string | undefined;
  readonly retryAfterMs?: number | undefined;
}
