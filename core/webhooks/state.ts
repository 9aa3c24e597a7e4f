// Outbound webhooks and the log of their deliveries.

import type { DeliveryId, WebhookId } from '../ids.ts';

export interface Webhook {
  readonly id: WebhookId;
  readonly url: string;
  readonly events: readonly string[];
  readonly description: string | null;
  readonly state: 'active' | 'disabled' | 'deleted';
  /** Why it was disabled: `gone` when the receiver answered 410. */
  readonly disabledBy: string | null;
  /** Signing secrets in force, newest first, sealed with the platform's key; an old one until its grace is over. */
  readonly sealedSecrets: readonly { readonly sealed: string; readonly validUntil: number | null }[];
  readonly createdAt: number;
}

export const DELIVERY_STATES = ['sending', 'delivered', 'waiting', 'given_up', 'refused', 'disabled'] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

export interface Delivery {
  readonly id: DeliveryId;
  readonly webhook: WebhookId;
  /** The event that it tells of. */
  readonly seq: number;
  readonly eventType: string;
  readonly state: DeliveryState;
  readonly attempts: number;
  readonly lastStatus: number | null;
  readonly lastError: string | null;
  readonly nextAt: number | null;
  /** Of a replay: the delivery that it repeats. */
  readonly replayOf: DeliveryId | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}
