// Rows as the API shows them.

import type { Device, Presence } from '../devices/state.ts';
import type { Key } from '../keys/state.ts';
import { type Account, availableMicro, type Transfer } from '../ledger/state.ts';
import { type Candidate, rank } from '../routes/rank.ts';
import type { Trigger } from '../triggers/state.ts';
import type { Delivery, Webhook } from '../webhooks/state.ts';
import type {
  AccountView,
  DeliveryView,
  DeviceView,
  KeyView,
  OperationView,
  TransferView,
  TriggerView,
  WebhookView,
} from '../wire/resources.ts';
import { timeText } from '../work/view.ts';

const timeOrNull = (at: number | null): string | null => (at === null ? null : timeText(at));

export function deviceView(device: Device, presence: Presence | null): DeviceView {
  const { id, name, did, squad, state, autonomyLevel, description, desired, reported } = device;
  return {
    id,
    name,
    did,
    squad,
    state,
    connected: presence?.connected ?? false,
    lastSeenAt: timeOrNull(presence?.lastSeenAt ?? null),
    attempts: presence?.busy ?? 0,
    autonomyLevel,
    description,
    desired,
    reported,
    enrolledAt: timeText(device.enrolledAt),
    updatedAt: timeText(device.updatedAt),
  };
}

export function keyView(key: Key): KeyView {
  const { id, name, scopes, state, replacedBy, createdBy } = key;
  return {
    id,
    name,
    scopes: [...scopes],
    state,
    validUntil: timeOrNull(key.validUntil),
    replacedBy,
    createdAt: timeText(key.createdAt),
    createdBy,
  };
}

export function accountView(account: Account): AccountView {
  return { ...account, availableMicro: availableMicro(account) };
}

export function transferView(transfer: Transfer): TransferView {
  return {
    ...transfer,
    expiresAt: timeOrNull(transfer.expiresAt),
    createdAt: timeText(transfer.createdAt),
    resolvedAt: timeOrNull(transfer.resolvedAt),
  };
}

/** One operation and its FIB entry under no further requirements. */
export function operationView(name: string, candidates: readonly Candidate[]): OperationView {
  const { able } = rank(candidates, { require: {}, maxCreditsMicro: null, tried: new Map() });
  const best = able[0]?.candidate.route;
  return {
    name,
    summary: best?.summary ?? '',
    input: { ...best?.input },
    output: { ...best?.output },
    available: able.some(({ candidate }) => candidate.connected),
    routes: able.map(({ candidate: { route, connected }, score }) => ({
      route: route.id,
      executor: route.executor,
      version: route.version,
      priceMicro: route.priceMicro,
      privacy: route.privacy,
      connected,
      score,
      measured: { ...route.measured },
    })),
  };
}

export function triggerView(trigger: Trigger): TriggerView {
  const { id, name, preset, events, task, mission, mapping, fired } = trigger;
  return {
    id,
    name,
    preset,
    events: events === null ? null : [...events],
    task,
    mission,
    mapping: mapping === null ? null : { ...mapping },
    fired,
    lastFiredAt: timeOrNull(trigger.lastFiredAt),
    createdAt: timeText(trigger.createdAt),
  };
}

export function webhookView(webhook: Webhook): WebhookView {
  const { id, url, events, description, state, disabledBy } = webhook;
  return { id, url, events: [...events], description, state, disabledBy, createdAt: timeText(webhook.createdAt) };
}

export function deliveryView(delivery: Delivery): DeliveryView {
  return {
    ...delivery,
    nextAt: timeOrNull(delivery.nextAt),
    createdAt: timeText(delivery.createdAt),
    updatedAt: timeText(delivery.updatedAt),
  };
}
