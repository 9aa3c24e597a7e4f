// Triggers: made with a secret that only their sender shares, and fired by deliveries at an address of their own.

import type { JsonObject } from '../../../core/json.ts';
import { mintToken } from '../../../core/keys/token.ts';
import { idOf } from '../../../core/wire/terms.ts';
import { secretProblem, type TriggerPreset } from '../../../core/wire/triggers.ts';
import { readTriggerAddress, receiveDelivery } from '../../webhooks/receive.ts';
import { answer, asObject, type Call, callSwarm, eachOf, noteReplay, perform, read, refuse } from '../call.ts';
import { edgeMade } from '../edge-made.ts';
import { readBytes } from '../middleware/body.ts';
import { idParam, openRoute, type Route, route } from '../route.ts';
import { page, pageOf } from '../shapes/parts.ts';
import { listOf } from '../shapes/shape.ts';
import { NewTrigger, Started, Trigger, TriggerRotation, TriggerWithSecret } from '../shapes/webhooks.ts';
import { take, takeByAddress } from '../take.ts';

const id = idParam('trg', 'trigger_not_found');

export const triggerRoutes: readonly Route[] = [
  route({
    method: 'post',
    path: '/v1/triggers',
    operationId: 'createTrigger',
    tag: 'Triggers',
    summary: 'Make a trigger',
    description: 'Without `secret` one is made. It is shown here, and never again.',
    scope: 'webhooks:write',
    // Whoever knows its secret starts tasks with it.
    also: ['tasks:write'],
    body: NewTrigger,
    answers: { 201: { description: 'The trigger, its address and its secret.', body: TriggerWithSecret } },
    refuses: ['limit_reached'],
    serve: ({ body }, call) => {
      const made = edgeMade(call.command, call.caller.swarm, call.deps);
      const trigger = made.id('trg');
      const secret = body.secret ?? made.secret();
      const { name, preset, events = null, task = null, mission = null, mapping = null, generic = null } = body;
      const sealedSecret = made.seal(secret, trigger);
      return perform(
        { type: 'CreateTrigger', trigger, name, preset, sealedSecret, events, task, mission, mapping, generic },
        { status: 201, at: '/v1/triggers/', make: ({ view }) => ({ ...withUrl(view, call), secret }) },
        call,
      );
    },
  }),

  route({
    method: 'get',
    path: '/v1/triggers',
    operationId: 'listTriggers',
    tag: 'Triggers',
    summary: 'List triggers',
    scope: 'webhooks:read',
    past: true,
    query: page,
    answers: { 200: { description: 'A page of triggers, without their secrets.', body: listOf(Trigger) } },
    serve: async ({ query }, call) => {
      const listed = await read({ type: 'triggers', ...pageOf(query) }, call);
      return listed.ok
        ? answer(
            200,
            eachOf(listed.value, (view) => withUrl(view, call)),
          )
        : refuse(listed.error, call);
    },
  }),

  route({
    method: 'get',
    path: '/v1/triggers/{id}',
    operationId: 'getTrigger',
    tag: 'Triggers',
    summary: 'Look at a trigger',
    scope: 'webhooks:read',
    past: true,
    params: { id },
    answers: { 200: { description: 'The trigger, without its secret.', body: Trigger } },
    refuses: ['trigger_not_found'],
    serve: async ({ params }, call) => {
      const found = await read({ type: 'trigger', id: params.id }, call);
      return found.ok ? answer(200, withUrl(asObject(found.value), call)) : refuse(found.error, call);
    },
  }),

  route({
    method: 'post',
    path: '/v1/triggers/{id}/rotate',
    operationId: 'rotateTrigger',
    tag: 'Triggers',
    summary: 'Replace a trigger’s secret',
    description:
      'The address stays, the old secret ends at once. Give the `secret` that the sender shows (Stripe makes its own when it knows the address); without one, one is made, shown here, and never again.',
    scope: 'webhooks:write',
    also: ['tasks:write'],
    params: { id },
    body: TriggerRotation,
    bodyOptional: true,
    answers: { 200: { description: 'The trigger, with its new secret.', body: TriggerWithSecret } },
    refuses: ['trigger_not_found'],
    serve: async ({ params, body }, call) => {
      const found = await read({ type: 'trigger', id: params.id }, call);
      if (!found.ok) return refuse(found.error, call);
      const { preset } = asObject(found.value);
      const problem = body.secret === undefined ? null : secretProblem(preset as TriggerPreset, body.secret); // a view of ours
      if (problem !== null)
        return refuse({ code: 'invalid_request', errors: [{ pointer: '/secret', message: problem }] }, call);
      const made = edgeMade(call.command, call.caller.swarm, call.deps);
      const secret = body.secret ?? made.secret();
      const command = {
        type: 'RotateTrigger',
        trigger: params.id,
        sealedSecret: made.seal(secret, params.id),
      } as const;
      return perform(command, { status: 200, make: ({ view }) => ({ ...withUrl(view, call), secret }) }, call);
    },
  }),

  route({
    method: 'delete',
    path: '/v1/triggers/{id}',
    operationId: 'deleteTrigger',
    tag: 'Triggers',
    summary: 'Delete a trigger',
    scope: 'webhooks:write',
    params: { id },
    answers: { 204: { description: 'It is gone, and its address with it.', body: null } },
    refuses: ['trigger_not_found'],
    serve: ({ params }, call) => perform({ type: 'DeleteTrigger', trigger: params.id }, { status: 204 }, call),
  }),

  openRoute({
    method: 'post',
    path: '/hooks/{address}',
    operationId: 'receiveWebhook',
    tag: 'Triggers',
    summary: 'Deliver a webhook',
    description:
      'For the sender: authorised by its signature alone, over the body as it was sent. A delivery that is sent again gets the same answer, and starts nothing twice.',
    params: {
      address: { prefix: null, description: 'The last part of a trigger’s `url`.', example: 'trg_eyJ0Ijoi….YmF6' },
    },
    answers: { 202: { description: 'What it started, if it was one that the trigger asks for.', body: Started } },
    refuses: [
      'trigger_not_found',
      'rate_limited',
      'body_too_large',
      'body_incomplete',
      'unsupported_media_type',
      'signature_missing',
      'signature_invalid',
      'timestamp_too_old',
      'payload_invalid',
      'mapping_failed',
      'operation_unknown',
      'credits_insufficient',
      'idempotency_key_reused',
    ],
    limited: 'by-route',
    raw: true,
    async serve({ params }, call) {
      const { request, deps, frame } = call;
      const claims = readTriggerAddress(params.address, deps.tokenKey);
      if (claims === null) return refuse(takeByAddress(call) ?? { code: 'trigger_not_found' }, call);
      const overdrawn = take('trigger', claims.g, call);
      if (overdrawn) return refuse(overdrawn, call);
      const received = await receiveDelivery(
        { claims, headers: request.headers, trace: frame.trace },
        {
          swarm: {
            read: (actor, query) => callSwarm(claims.s, true, (swarm) => swarm.read(actor, query), deps),
            execute: (command) => callSwarm(claims.s, true, (swarm) => swarm.execute(command), deps),
          },
          sealKey: deps.sealKey,
          now: deps.now,
          readBody: (bytesMax) => readBytes(request, bytesMax),
        },
      );
      noteReplay(received, frame);
      const { result } = received;
      return result.ok ? answer(202, { ...result.value }) : refuse({ ...result.error }, call);
    },
  }),
];

/** A trigger with the address where its sender posts. */
function withUrl(view: JsonObject, call: Call): JsonObject {
  const { caller, deps } = call;
  const g = triggerId.parse(view.id);
  const address = mintToken('trg', { t: caller.tenant, s: caller.swarm, g }, deps.tokenKey);
  return { ...view, url: `${deps.baseUrl}/hooks/${address}` };
}

const triggerId = idOf('trg');
