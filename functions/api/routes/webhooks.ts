// Outbound webhooks: where a tenant wants to hear of events, with what secret, and what came of each delivery.

import type { Json, JsonObject } from '../../../core/json.ts';
import { checkTarget } from '../../webhooks/send.ts';
import { verifyingKeyOf } from '../../webhooks/sender.ts';
import { answer, asObject, type Call, eachOf, perform, read, refuse, show } from '../call.ts';
import { edgeMade } from '../edge-made.ts';
import { idParam, type Route, route } from '../route.ts';
import { page, pageOf } from '../shapes/parts.ts';
import { listOf } from '../shapes/shape.ts';
import { Delivery, NewWebhook, Replay, Rotation, Webhook, WebhookWithSecret } from '../shapes/webhooks.ts';
import { graceSecondsDefault } from './keys.ts';

const id = idParam('whk', 'webhook_not_found');
/** Where a delivery is named too, the delivery is what is missing. */
const ofDelivery = idParam('whk', 'delivery_not_found');

export const webhookRoutes: readonly Route[] = [
  route({
    method: 'post',
    path: '/v1/webhooks',
    operationId: 'createWebhook',
    tag: 'Webhooks',
    summary: 'Make a webhook',
    description:
      'Deliveries are signed as Standard Webhooks 1.0 says: `v1` with the secret, `v1a` with the swarm’s own key.',
    scope: 'webhooks:write',
    // Its receiver is told events, whole.
    also: ['journal:read'],
    body: NewWebhook,
    answers: { 201: { description: 'The webhook, with its secret.', body: WebhookWithSecret } },
    refuses: ['address_private', 'limit_reached'],
    serve: async ({ body }, call) => {
      const problem = checkTarget(body.url, call.deps.allowPrivate);
      if (problem === 'address_private') return refuse({ code: 'address_private' }, call);
      if (problem !== null) {
        return refuse(
          { code: 'invalid_request', errors: [{ pointer: '/url', message: 'expected an http or https URL' }] },
          call,
        );
      }
      const made = edgeMade(call.command, call.caller.swarm, call.deps);
      const webhook = made.id('whk');
      const secret = made.secret();
      const { url, events, description = null } = body;
      const command = {
        type: 'CreateWebhook',
        webhook,
        url,
        events,
        description,
        sealedSecret: made.seal(secret, webhook),
      } as const;
      return perform(command, { status: 201, at: '/v1/webhooks/', make: shown(call, { secret }) }, call);
    },
  }),

  route({
    method: 'get',
    path: '/v1/webhooks',
    operationId: 'listWebhooks',
    tag: 'Webhooks',
    summary: 'List webhooks',
    scope: 'webhooks:read',
    past: true,
    query: page,
    answers: { 200: { description: 'A page of webhooks, without their secrets.', body: listOf(Webhook) } },
    serve: async ({ query }, call) => {
      const listed = await read({ type: 'webhooks', ...pageOf(query) }, call);
      if (!listed.ok) return refuse(listed.error, call);
      const publicKey = publicKeyOf(call);
      return answer(
        200,
        eachOf(listed.value, (view) => ({ ...view, publicKey })),
      );
    },
  }),

  route({
    method: 'get',
    path: '/v1/webhooks/{id}',
    operationId: 'getWebhook',
    tag: 'Webhooks',
    summary: 'Look at a webhook',
    scope: 'webhooks:read',
    past: true,
    params: { id },
    answers: { 200: { description: 'The webhook, without its secret.', body: Webhook } },
    refuses: ['webhook_not_found'],
    serve: async ({ params }, call) => {
      const found = await read({ type: 'webhook', id: params.id }, call);
      return found.ok ? answer(200, shown(call)({ view: asObject(found.value) })) : refuse(found.error, call);
    },
  }),

  route({
    method: 'delete',
    path: '/v1/webhooks/{id}',
    operationId: 'deleteWebhook',
    tag: 'Webhooks',
    summary: 'Delete a webhook',
    scope: 'webhooks:write',
    params: { id },
    answers: { 204: { description: 'It is gone; what waits for it is not sent.', body: null } },
    refuses: ['webhook_not_found'],
    serve: ({ params }, call) => perform({ type: 'DeleteWebhook', webhook: params.id }, { status: 204 }, call),
  }),

  route({
    method: 'post',
    path: '/v1/webhooks/{id}/enable',
    operationId: 'enableWebhook',
    tag: 'Webhooks',
    summary: 'Enable a webhook that was disabled',
    scope: 'webhooks:write',
    params: { id },
    answers: { 200: { description: 'The webhook, active.', body: Webhook } },
    refuses: ['webhook_not_found'],
    serve: ({ params }, call) =>
      perform({ type: 'EnableWebhook', webhook: params.id }, { status: 200, make: shown(call) }, call),
  }),

  route({
    method: 'post',
    path: '/v1/webhooks/{id}/rotate',
    operationId: 'rotateWebhook',
    tag: 'Webhooks',
    summary: 'Replace a webhook’s secret',
    description: 'Deliveries are signed with both secrets for `graceSeconds` (a day), then with the new one alone.',
    scope: 'webhooks:write',
    params: { id },
    body: Rotation,
    bodyOptional: true,
    answers: { 200: { description: 'The webhook, with its new secret.', body: WebhookWithSecret } },
    refuses: ['webhook_not_found', 'limit_reached'],
    serve: ({ params, body }, call) => {
      const made = edgeMade(call.command, call.caller.swarm, call.deps);
      const secret = made.secret();
      const graceMs = (body.graceSeconds ?? graceSecondsDefault) * 1_000;
      const sealedSecret = made.seal(secret, params.id);
      const command = { type: 'RotateWebhook', webhook: params.id, sealedSecret, graceMs } as const;
      return perform(command, { status: 200, make: shown(call, { secret }) }, call);
    },
  }),

  route({
    method: 'get',
    path: '/v1/webhooks/{id}/deliveries',
    operationId: 'listDeliveries',
    tag: 'Webhooks',
    summary: 'List the deliveries of a webhook, newest first',
    scope: 'webhooks:read',
    past: true,
    params: { id },
    query: page,
    answers: { 200: { description: 'A page of deliveries.', body: listOf(Delivery) } },
    refuses: ['webhook_not_found'],
    serve: async ({ params, query }, call) => {
      const found = await read({ type: 'webhook', id: params.id }, call);
      if (!found.ok) return refuse(found.error, call);
      return show({ type: 'deliveries', webhook: params.id, ...pageOf(query) }, call);
    },
  }),

  route({
    method: 'post',
    path: '/v1/webhooks/{id}/replay',
    operationId: 'replayDelivery',
    tag: 'Webhooks',
    summary: 'Send the event of a delivery again',
    scope: 'webhooks:write',
    params: { id: ofDelivery },
    body: Replay,
    answers: { 202: { description: 'A new delivery of the same event.', body: Delivery } },
    refuses: ['delivery_not_found', 'webhook_not_active'],
    serve: ({ params, body }, call) =>
      perform({ type: 'ReplayDelivery', webhook: params.id, delivery: body.delivery }, { status: 202 }, call),
  }),
];

/** A webhook with the key that checks its `v1a` signatures, and what else is told once. */
function shown(call: Call, more: JsonObject = {}) {
  return ({ view }: { readonly view: JsonObject }): JsonObject => ({ ...view, publicKey: publicKeyOf(call), ...more });
}

function publicKeyOf({ caller, deps }: Call): Json {
  return verifyingKeyOf(caller.swarm, deps.sealKey);
}
