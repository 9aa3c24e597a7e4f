// API keys: made with scopes, rotated with grace, revoked at once. A key is its own proof, so the same answer always holds the
// same key: a request that is repeated under its Idempotency-Key shows it again, and nothing else does.

import type { KeyCommand } from '../../../core/keys/commands.ts';
import { allows } from '../../../core/keys/scopes.ts';
import { mintToken } from '../../../core/keys/token.ts';
import { key } from '../../../core/wire/resources.ts';
import { answer, asObject, type Call, execute, perform, refuse, show } from '../call.ts';
import { idParam, type Route, route } from '../route.ts';
import { Key, KeyWithSecret, NewKey } from '../shapes/accounts.ts';
import { page, pageOf } from '../shapes/parts.ts';
import { listOf } from '../shapes/shape.ts';
import { Rotation } from '../shapes/webhooks.ts';

const id = idParam('key', 'key_not_found');
/** What is replaced stays good for a day, so that nobody has to change everything at one moment. */
export const graceSecondsDefault = 24 * 3_600;

export const keyRoutes: readonly Route[] = [
  route({
    method: 'post',
    path: '/v1/keys',
    operationId: 'createKey',
    tag: 'Keys',
    summary: 'Make an API key',
    scope: 'keys:write',
    body: NewKey,
    answers: { 201: { description: 'The key, with its secret.', body: KeyWithSecret } },
    refuses: ['scope_exceeds_own', 'limit_reached'],
    serve: ({ body }, call) => issue({ type: 'IssueKey', name: body.name, scopes: [...new Set(body.scopes)] }, call),
  }),

  route({
    method: 'get',
    path: '/v1/keys',
    operationId: 'listKeys',
    tag: 'Keys',
    summary: 'List API keys, newest first',
    scope: 'keys:write',
    past: true,
    query: page,
    answers: { 200: { description: 'A page of keys, without their secrets.', body: listOf(Key) } },
    serve: ({ query }, call) => show({ type: 'keys', ...pageOf(query) }, call),
  }),

  route({
    method: 'post',
    path: '/v1/keys/{id}/rotate',
    operationId: 'rotateKey',
    tag: 'Keys',
    summary: 'Replace an API key',
    description: 'A new key with the same scopes; the old one stays good for `graceSeconds` (a day).',
    scope: 'keys:write',
    params: { id },
    body: Rotation,
    bodyOptional: true,
    answers: { 201: { description: 'The new key, with its secret.', body: KeyWithSecret } },
    refuses: ['key_not_found', 'key_not_active', 'scope_exceeds_own', 'limit_reached'],
    serve: ({ params, body }, call) =>
      issue({ type: 'RotateKey', key: params.id, graceMs: (body.graceSeconds ?? graceSecondsDefault) * 1_000 }, call),
  }),

  route({
    method: 'post',
    path: '/v1/keys/{id}/revoke',
    operationId: 'revokeKey',
    tag: 'Keys',
    summary: 'Revoke an API key, at once',
    description: 'Your own, or one that has no scope which you do not have.',
    scope: 'keys:write',
    params: { id },
    answers: { 200: { description: 'The key, revoked.', body: Key } },
    refuses: ['key_not_found', 'scope_exceeds_own'],
    serve: ({ params }, call) => perform({ type: 'RevokeKey', key: params.id }, { status: 200 }, call),
  }),
];

/** Executes what makes a key, and answers with the key itself. */
async function issue(command: Extract<KeyCommand, { type: 'IssueKey' | 'RotateKey' }>, call: Call): Promise<Response> {
  const executed = await execute(command, call);
  if (!executed.ok) return refuse(executed.error, call);
  const view = asObject(executed.value.view);
  const { id, scopes } = key.parse(view);
  const { tenant, swarm, actor } = call.caller;
  // The swarm asked this when the key was made; a repeated request may be another caller's, and the ids of commands stand in
  // the journal for all to read.
  const beyond = scopes.find((scope) => !allows(actor.scopes, scope));
  if (beyond) return refuse({ code: 'scope_exceeds_own', scope: beyond }, call);
  const secret = mintToken('sk', { t: tenant, s: swarm, k: id, p: scopes }, call.deps.tokenKey);
  return answer(201, { ...view, secret }, { location: `/v1/keys/${id}` });
}
