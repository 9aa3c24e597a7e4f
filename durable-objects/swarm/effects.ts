// Two effects that come back as commands: an attempt that the swarm does itself, and a delivery to a webhook's receiver.

import { Fault } from '../../core/assert.ts';
import { toCloudEvent } from '../../core/journal/cloud-event.ts';
import { canonicalStored } from '../../core/json.ts';
import { runInProcess } from '../../core/routes/cloud.ts';
import type { Effect } from '../../core/swarm/react.ts';
import type { Read } from '../../core/swarm/read.ts';
import type { Execute, WebhookSenderPort } from '../../core/swarm/service.ts';
import { SELF } from '../../core/swarm/state.ts';
import type { SendOutcome } from '../../core/webhooks/commands.ts';
import type { Delivery, Webhook } from '../../core/webhooks/state.ts';
import { liveAttempt } from '../../core/work/state.ts';
import type { ReadEvents } from './merkle-tree.ts';
import type { SwarmStore } from './swarm-store.ts';

/** Does an in-process attempt, if it is still the one in force, and reports it. */
export function runInside(
  effect: Extract<Effect, { kind: 'run' }>,
  { read, execute }: { readonly read: Read; execute(command: Execute): void },
): void {
  const task = read.row('task', effect.task);
  const attempt = task && liveAttempt(task);
  if (!task || attempt?.id !== effect.attempt) return;
  execute({
    id: `run:${attempt.id}`,
    actor: { kind: 'system', id: 'cloud' },
    ...(task.trace === null ? {} : { trace: task.trace }),
    command: {
      type: 'ReportAttempt',
      executor: 'cloud',
      task: task.id,
      attempt: attempt.id,
      fence: attempt.n,
      report: runInProcess(task.operation, task.input),
    },
    remember: false,
  });
}

export interface SendDeps {
  readonly store: Pick<SwarmStore, 'read' | 'origin'>;
  /** A delivery may be sent again long after its event has left for the archive. */
  readonly readEvents: ReadEvents;
  readonly send: WebhookSenderPort['send'];
  execute(command: Execute): void;
  now(): number;
  /** In [0, 1). */
  random(): number;
}

/** Sends a delivery once and records the outcome. The receiver gets the delivery's id each time: it can tell repeats. */
export async function sendDelivery(effect: Extract<Effect, { kind: 'send' }>, deps: SendDeps): Promise<void> {
  const { store } = deps;
  const delivery = store.read.row('delivery', effect.delivery);
  const webhook = delivery && store.read.row('webhook', delivery.webhook);
  if (!delivery || !webhook || delivery.state !== 'sending') return;
  const outcome: SendOutcome =
    webhook.state === 'active'
      ? await attempt(delivery, webhook, deps)
      : { outcome: 'refused', error: 'webhook_not_active' };
  deps.execute({
    id: `sent:${delivery.id}:${delivery.attempts + 1}`,
    actor: { kind: 'system', id: 'webhooks' },
    command: {
      type: 'RecordDelivery',
      delivery: delivery.id,
      attempt: delivery.attempts + 1,
      outcome,
      entropy: deps.random(),
    },
    remember: false,
  });
}

/** Reads the event and sends it; one that is past its retention is not sent any more. @throws Fault when it is damaged */
async function attempt(delivery: Delivery, webhook: Webhook, deps: SendDeps): Promise<SendOutcome> {
  const read = await deps.readEvents(delivery.seq, delivery.seq);
  if (!read.ok && read.error.code === 'history_expired') return { outcome: 'refused', error: 'history_expired' };
  const event = read.ok ? read.value[0] : undefined;
  if (!event) throw new Fault(`event ${delivery.seq} of a delivery cannot be read`, { retryable: true });
  const body = canonicalStored(toCloudEvent(deps.store.origin() ?? '', event));
  return post(delivery, webhook, body, deps.now(), deps);
}

/** One attempt. A sender that does not answer is a failed attempt: the schedule of deliveries is the one that tries again. */
async function post(
  delivery: Delivery,
  webhook: Webhook,
  body: string,
  at: number,
  { store, send }: SendDeps,
): Promise<SendOutcome> {
  try {
    return await send({
      swarm: store.read.row('swarm', SELF)?.id ?? '',
      webhook: webhook.id,
      delivery: delivery.id,
      url: webhook.url,
      sealedSecrets: webhook.sealedSecrets
        .filter(({ validUntil }) => validUntil === null || validUntil > at)
        .map(({ sealed }) => sealed),
      body,
      at,
      attempt: delivery.attempts + 1,
    });
  } catch {
    return { outcome: 'retry', error: 'sender_unavailable' };
  }
}
