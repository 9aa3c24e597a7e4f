// The people of an organization: who they are, what they may do, and how others come in. All of it is the directory's; a key
// that asks is first shown to its swarm, which alone knows whether it is in force.

import { assert } from '../../../core/assert.ts';
import { isId } from '../../../core/ids.ts';
import type { JsonObject } from '../../../core/json.ts';
import { timeText } from '../../../core/work/view.ts';
import { createInvitation, type Invitation, listInvitations, revokeInvitation } from '../../directory/invitations.ts';
import { acceptInvitation, joinByInvitation } from '../../directory/join.ts';
import { type Actor, changeRole, listMembers, type MemberRejection, removeMember } from '../../directory/members.ts';
import { answer, type Call, done, refuse } from '../call.ts';
import type { Refusal } from '../problems.ts';
import { idParam, openRoute, type Route, route } from '../route.ts';
import { asksForAll, NOT_OWN } from '../seen-forks.ts';
import * as shapes from '../shapes/accounts.ts';
import { page } from '../shapes/parts.ts';
import { listOf } from '../shapes/shape.ts';
import { answerSession, callerOf } from './accounts.ts';

const id = idParam('usr', 'member_not_found');
const invitationId = {
  prefix: null,
  description: 'The id of an invitation.',
  example: 'inv_01kf2mab81b7n9q1s3t5w7y9a1',
} as const;

export const memberRoutes: readonly Route[] = [
  route({
    method: 'get',
    path: '/v1/members',
    operationId: 'listMembers',
    tag: 'Members',
    summary: 'List members',
    scope: 'members:read',
    query: page,
    answers: { 200: { description: 'A page of members.', body: listOf(shapes.Member) } },
    refuses: ['not_allowed'],
    serve: ({ query }, call) =>
      whileInForce(call, async () => {
        const listed = await listMembers(call.caller.tenant, query, call.deps.directory);
        if (!listed.ok) return refuse({ ...listed.error }, call);
        const data = listed.value.data.map((member) => ({ ...member, joinedAt: timeText(member.joinedAt) }));
        return answer(200, { data, nextCursor: listed.value.nextCursor });
      }),
  }),

  route({
    method: 'patch',
    path: '/v1/members/{id}',
    operationId: 'changeRole',
    tag: 'Members',
    summary: 'Give a member another role',
    scope: 'members:write',
    params: { id },
    body: shapes.RoleChange,
    answers: { 200: { description: 'The member’s role.', body: shapes.MemberRole } },
    refuses: ['member_not_found', 'not_allowed', 'scope_exceeds_own', 'last_owner'],
    serve: ({ params, body }, call) =>
      whileInForce(call, async () => {
        const change = { tenantId: call.caller.tenant, memberId: params.id, role: body.role, actor: actorOf(call) };
        const changed = await changeRole(change, call.deps.directory);
        return changed.ok ? answer(200, { ...changed.value }) : refuse(memberRefusal(changed.error), call);
      }),
  }),

  route({
    method: 'delete',
    path: '/v1/members/{id}',
    operationId: 'removeMember',
    tag: 'Members',
    summary: 'Remove a member, or leave',
    scope: 'members:write',
    params: { id },
    answers: { 204: { description: 'They are no member any more.', body: null } },
    refuses: ['member_not_found', 'not_allowed', 'scope_exceeds_own', 'last_owner'],
    serve: ({ params }, call) =>
      whileInForce(call, async () => {
        const removal = { tenantId: call.caller.tenant, memberId: params.id, actor: actorOf(call) };
        const removed = await removeMember(removal, call.deps.directory);
        return removed.ok ? done() : refuse(memberRefusal(removed.error), call);
      }),
  }),

  route({
    method: 'post',
    path: '/v1/invitations',
    operationId: 'createInvitation',
    tag: 'Members',
    summary: 'Invite someone by e-mail',
    description:
      'An earlier invitation of the same address that is open is revoked. A key invites to roles whose scopes it holds itself, and is not told the token: it is in the mail. A person is told it too, and may pass it on.',
    scope: 'members:write',
    body: shapes.NewInvitation,
    answers: {
      201: { description: 'The invitation; for a person, with the token that takes it.', body: shapes.InvitationMade },
    },
    refuses: ['not_allowed', 'scope_exceeds_own', 'already_member', 'too_many_invitations'],
    serve: ({ body }, call) =>
      whileInForce(call, async () => {
        const from = { tenantId: call.caller.tenant, actor: actorOf(call) };
        const made = await createInvitation(body, from, call.deps.directory);
        if (!made.ok) return refuse({ ...made.error }, call);
        const { invitation, token } = made.value;
        const isPerson = 'userId' in from.actor;
        // A key that knew the token would become a member of its own making, whom revoking the key does not remove.
        return answer(201, { ...invitationView(invitation), ...(isPerson ? { token } : {}) });
      }),
  }),

  route({
    method: 'get',
    path: '/v1/invitations',
    operationId: 'listInvitations',
    tag: 'Members',
    summary: 'List invitations',
    scope: 'members:read',
    query: page,
    answers: { 200: { description: 'A page of invitations.', body: listOf(shapes.Invitation) } },
    refuses: ['not_allowed'],
    serve: ({ query }, call) =>
      whileInForce(call, async () => {
        const listed = await listInvitations(call.caller.tenant, query, call.deps.directory);
        if (!listed.ok) return refuse({ ...listed.error }, call);
        return answer(200, { data: listed.value.data.map(invitationView), nextCursor: listed.value.nextCursor });
      }),
  }),

  route({
    method: 'post',
    path: '/v1/invitations/{id}/revoke',
    operationId: 'revokeInvitation',
    tag: 'Members',
    summary: 'Take an invitation back',
    scope: 'members:write',
    params: { id: invitationId },
    answers: { 204: { description: 'Nobody can take it any more.', body: null } },
    refuses: ['invitation_not_found', 'not_allowed', 'scope_exceeds_own'],
    serve: ({ params }, call) =>
      whileInForce(call, async () => {
        const revocation = { tenantId: call.caller.tenant, invitationId: params.id, actor: actorOf(call) };
        const revoked = await revokeInvitation(revocation, call.deps.directory);
        if (revoked.ok) return done();
        const refused = revoked.error;
        return refuse(refused.code === 'not_found' ? { code: 'invitation_not_found' } : { ...refused }, call);
      }),
  }),

  route({
    method: 'post',
    path: '/v1/invitations/accept',
    operationId: 'acceptInvitation',
    tag: 'Members',
    summary: 'Take an invitation with the account that you have',
    scope: null,
    body: shapes.Acceptance,
    answers: { 200: { description: 'The organization that you are a member of now.', body: shapes.Membership } },
    refuses: ['session_required', 'invitation_invalid', 'invitation_for_other_email', 'already_member', 'tenant_full'],
    serve: async ({ body }, call) => {
      const actor = actorOf(call);
      if (!('userId' in actor)) return refuse({ code: 'session_required' }, call);
      const taken = await acceptInvitation(body.token, { id: actor.userId }, call.deps.directory);
      if (!taken.ok) return refuse(taken.error, call);
      const { tenant, role } = taken.value;
      return answer(200, { ...tenant, role });
    },
  }),

  openRoute({
    method: 'post',
    path: '/v1/invitations/join',
    operationId: 'joinByInvitation',
    tag: 'Members',
    summary: 'Take an invitation by making an account',
    body: shapes.Joining,
    answers: { 201: { description: 'The session of the new account.', body: shapes.Session } },
    refuses: [
      'invitation_invalid',
      'invitation_for_other_email',
      'password_too_weak',
      'email_taken',
      'already_member',
      'tenant_full',
    ],
    serve: async ({ body }, call) => {
      const joined = await joinByInvitation(body, callerOf(call.request), call.deps.directory);
      if (!joined.ok) return refuse({ ...joined.error }, call);
      call.frame.cookies = joined.value.cookies;
      return answerSession(201, joined.value, call);
    },
  }),
];

/**
 * Goes on only while the caller's key is in force, and is one of the organization's own swarm: what opens a fork or an import
 * opens nothing above it. A user's membership is checked by the directory itself.
 */
async function whileInForce(call: Call, work: () => Promise<Response>): Promise<Response> {
  if (call.caller.actor.kind === 'key') {
    const own = await asksForAll(call);
    if (!own.ok) return refuse(own.error, call);
    if (!own.value) return refuse(NOT_OWN, call);
  }
  return work();
}

/** Who asks, as the directory names them. */
function actorOf({ caller: { actor } }: Call): Actor {
  if (actor.kind === 'key') return { keyId: actor.id, scopes: actor.scopes };
  assert(isId('usr', actor.id), 'a user has an id of a user');
  return { userId: actor.id };
}

function memberRefusal(rejection: MemberRejection): Refusal {
  return rejection.code === 'not_found' ? { code: 'member_not_found' } : { ...rejection };
}

function invitationView(invitation: Invitation): JsonObject {
  return { ...invitation, createdAt: timeText(invitation.createdAt), expiresAt: timeText(invitation.expiresAt) };
}
