// The span of a webhook's delivery that has ended, however often it was tried.

import type { Delivery } from '../webhooks/state.ts';
import type { Span } from './span.ts';
import { spanIdOf, type TraceContext } from './trace-context.ts';

/** What a delivery tells of: the trace of that work, and our own span of it where it has one. */
export interface ToldOf {
  readonly context: TraceContext;
  readonly spanId: string | null;
}

/** @returns null when nobody records the trace */
export function deliverySpan(delivery: Delivery, told: ToldOf, origin: string): Span | null {
  const { context, spanId } = told;
  if (!context.isSampled) return null;
  const error = delivery.state === 'delivered' ? null : (delivery.lastError ?? delivery.state);
  return {
    traceId: context.traceId,
    spanId: spanIdOf(origin, delivery.id),
    parentSpanId: spanId ?? context.parentSpanId,
    isParentRemote: spanId === null && context.parentSpanId !== null,
    name: `webhook ${delivery.eventType}`,
    kind: 'client',
    startAt: delivery.createdAt,
    endAt: delivery.updatedAt,
    attributes: {
      'http.request.method': 'POST',
      'http.response.status_code': delivery.lastStatus,
      'starling.webhook.id': delivery.webhook,
      'starling.delivery.id': delivery.id,
      'starling.delivery.state': delivery.state,
      'starling.delivery.attempts': delivery.attempts,
      'starling.delivery.replay_of': delivery.replayOf,
      'starling.event.type': delivery.eventType,
      'starling.event.seq': delivery.seq,
      'error.type': error,
    },
    events: [],
    error,
  };
}
