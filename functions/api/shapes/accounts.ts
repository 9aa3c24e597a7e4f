// Accounts, members and keys as the API shows them.

import { z } from 'zod';
import { ROLES } from '../../../core/keys/scopes.ts';
import { createKey, key } from '../../../core/wire/resources.ts';
import { idOf, time } from '../../../core/wire/terms.ts';
import { invitationInput } from '../../directory/invitations.ts';
import { joinInput } from '../../directory/join.ts';
import { secretTokenCharsMax } from '../../directory/limits.ts';
import { loginInput } from '../../directory/session.ts';
import { signUpInput } from '../../directory/sign-up.ts';
import { EXAMPLE } from './parts.ts';
import { shape } from './shape.ts';

const tenant = z.object({ id: idOf('tnt'), name: z.string() });
const swarm = z.object({ id: idOf('swm'), name: z.string() });
const user = z.object({ id: idOf('usr'), email: z.string(), name: z.string() });
const role = z.enum(ROLES);

const exampleStanding = {
  tenant: { id: EXAMPLE.tenant, name: 'Reed Robotics' },
  swarm: { id: EXAMPLE.swarm, name: 'main' },
  user: { id: EXAMPLE.user, email: 'mira@example.com', name: 'mira' },
};

export const SignUp = shape('SignUp', signUpInput, {
  email: 'mira@example.com',
  password: 'correct horse battery staple',
  organization: 'Reed Robotics',
});

export const SignedUp = shape(
  'SignedUp',
  z.object({
    tenant,
    swarm,
    user,
    apiKey: z.object({
      id: idOf('key'),
      secret: z.string().meta({ description: 'The first API key. Shown here, and never again.' }),
    }),
  }),
  { ...exampleStanding, apiKey: { id: EXAMPLE.key, secret: 'sk_eyJ0Ijoi….cXV4' } },
);

export const Login = shape('Login', loginInput, {
  email: 'mira@example.com',
  password: 'correct horse battery staple',
});

export const Session = shape(
  'Session',
  z.object({
    tenant,
    swarm,
    user,
    role,
    token: z.string().meta({ description: 'A session token for `Authorization: Bearer`, good for fifteen minutes.' }),
    expiresAt: time,
  }),
  { ...exampleStanding, role: 'owner', token: 'eyJhbGciOiJIUzI1NiJ9….c2ln', expiresAt: '2026-11-20T16:15:00.000Z' },
);

const membership = tenant.extend({ role });
export const Membership = shape('Membership', membership, { ...exampleStanding.tenant, role: 'owner' });

export const TenantChoice = shape('TenantChoice', z.strictObject({ tenant: z.string().max(60) }), {
  tenant: EXAMPLE.tenant,
});

export const Member = shape(
  'Member',
  z.object({ id: idOf('usr'), email: z.string(), name: z.string(), role, joinedAt: time }),
  { ...exampleStanding.user, role: 'operator', joinedAt: EXAMPLE.time },
);

export const RoleChange = shape('RoleChange', z.strictObject({ role }), { role: 'admin' });

export const MemberRole = shape('MemberRole', z.object({ id: idOf('usr'), role }), { id: EXAMPLE.user, role: 'admin' });

export const NewInvitation = shape('NewInvitation', invitationInput, { email: 'jo@example.com', role: 'operator' });

const invitation = z.object({
  id: z.string(),
  email: z.string(),
  role,
  status: z.enum(['pending', 'accepted', 'revoked', 'expired']),
  invitedBy: z.string().nullable(),
  createdAt: time,
  expiresAt: time,
});

const exampleInvitation = {
  id: 'inv_01kf2mab81b7n9q1s3t5w7y9a1',
  email: 'jo@example.com',
  role: 'operator',
  status: 'pending',
  invitedBy: EXAMPLE.user,
  createdAt: EXAMPLE.time,
  expiresAt: '2026-11-27T16:00:00.000Z',
};

export const Invitation = shape('Invitation', invitation, exampleInvitation);

export const InvitationMade = shape(
  'InvitationMade',
  invitation.extend({
    token: z
      .string()
      .meta({ description: 'What takes the invitation. In the mail, and here when a person asks and not a key.' })
      .optional(),
  }),
  { ...exampleInvitation, token: 'q1W2e3R4t5Y6u7I8o9P0a1S2d3F4g5H6j7K8l9Z0x1C' },
);

export const Acceptance = shape('Acceptance', z.strictObject({ token: z.string().min(1).max(secretTokenCharsMax) }), {
  token: 'q1W2e3R4t5Y6u7I8o9P0a1S2d3F4g5H6j7K8l9Z0x1C',
});

export const Joining = shape('Joining', joinInput, {
  token: 'q1W2e3R4t5Y6u7I8o9P0a1S2d3F4g5H6j7K8l9Z0x1C',
  password: 'correct horse battery staple',
});

export const NewKey = shape('NewKey', createKey, {
  name: 'continuous integration',
  scopes: ['tasks:write', 'tasks:read'],
});

const exampleKey = {
  id: EXAMPLE.key,
  name: 'continuous integration',
  scopes: ['tasks:write', 'tasks:read'],
  state: 'active',
  validUntil: null,
  replacedBy: null,
  createdAt: EXAMPLE.time,
  createdBy: `user/${EXAMPLE.user}`,
};

export const Key = shape('Key', key, exampleKey);

export const KeyWithSecret = shape(
  'KeyWithSecret',
  key.extend({ secret: z.string().meta({ description: 'The key itself. Shown here, and never again.' }) }),
  { ...exampleKey, secret: 'sk_eyJ0Ijoi….cXV4' },
);
