// Taking an invitation, once: as a user who is logged in, or by becoming a user. The membership, the end of the invitation
// and a new user are one transaction, whose first statement fails when the invitation is no longer good: when it was taken,
// has ended, or its maker could not make it any more.

import { and, asc, eq, gt, lt, type SQL, sql } from 'drizzle-orm';
import { alias } from 'drizzle-orm/sqlite-core';
import { z } from 'zod';
import { isId, newId, type TenantId, type UserId } from '../../core/ids.ts';
import type { Role } from '../../core/keys/scopes.ts';
import type { Result } from '../../core/result.ts';
import { err, ok } from '../../core/result.ts';
import { newRowId, querying, storedId } from './database.ts';
import type { Directory } from './directory.ts';
import { type InvalidRequest, invalidRequest } from './invalid-request.ts';
import { invitationDigest } from './invitations.ts';
import { membersMax, passwordCharsMax, secretTokenCharsMax } from './limits.ts';
import { refuseRole } from './members.ts';
import { hashPassword, type PasswordsBusy, type PasswordWeakness, passwordWeakness } from './password.ts';
import { accounts, invitations, members, swarms, tenants, users } from './schema.ts';
import { type Caller, openSession, type SignedIn } from './session.ts';
import { findStanding, finishStanding } from './standing.ts';

export type AcceptRejection = {
  readonly code: 'invitation_invalid' | 'invitation_for_other_email' | 'already_member' | 'tenant_full';
};

interface OpenInvitation {
  readonly id: string;
  readonly tenant: { readonly id: TenantId; readonly name: string };
  readonly email: string;
  readonly role: Role;
  /** The API key that made it, in force when it was looked at; null when a member made it. */
  readonly byKey: string | null;
}

/** Takes an invitation for a user who is logged in under the invited address. */
export async function acceptInvitation(
  token: string,
  user: { readonly id: UserId },
  directory: Directory,
): Promise<Result<{ tenant: { id: TenantId; name: string }; role: Role }, AcceptRejection>> {
  return querying(async () => {
    const invitation = await findOpen(token, directory);
    if (!invitation) return err({ code: 'invitation_invalid' });
    const { db } = directory;
    const [known] = await db.select({ email: users.email }).from(users).where(eq(users.id, user.id));
    if (known?.email !== invitation.email) return err({ code: 'invitation_for_other_email' });
    try {
      await db.batch(taking(invitation, user.id, directory));
    } catch (error) {
      const reason = await whyNotTaken(token, user.id, directory);
      if (!reason) throw error;
      return err(reason);
    }
    return ok({ tenant: invitation.tenant, role: invitation.role });
  });
}

export const joinInput = z.strictObject({
  token: z.string().min(1).max(secretTokenCharsMax),
  password: z.string().min(1).max(passwordCharsMax),
});

export type JoinRejection =
  | InvalidRequest
  | AcceptRejection
  | PasswordsBusy
  | { readonly code: 'password_too_weak'; readonly weakness: PasswordWeakness }
  | { readonly code: 'email_taken' };

/**
 * Takes an invitation for someone who has no user yet: makes the user, without a tenant of their own, and logs them in. The
 * address does not count as verified: who made the invitation has the token too.
 * @param input `{ token, password }`, not yet checked
 */
export async function joinByInvitation(
  input: unknown,
  caller: Caller,
  directory: Directory,
): Promise<Result<SignedIn, JoinRejection>> {
  const parsed = joinInput.safeParse(input);
  if (!parsed.success) return err(invalidRequest(parsed.error));
  const { token, password } = parsed.data;
  return querying(async () => {
    const invitation = await findOpen(token, directory);
    if (!invitation) return err({ code: 'invitation_invalid' });
    const { email, tenant } = invitation;
    const weakness = passwordWeakness(password, email);
    if (weakness) return err({ code: 'password_too_weak', weakness });
    const { db } = directory;
    const isTaken = async () =>
      (await db.select({ id: users.id }).from(users).where(eq(users.email, email))).length > 0;
    if (await isTaken()) return err({ code: 'email_taken' });

    const hashed = await hashPassword(password, directory.stretch);
    if (!hashed.ok) return hashed;
    const at = directory.now();
    const times = { createdAt: new Date(at), updatedAt: new Date(at) };
    const userId = newId('usr', at, directory.entropy());
    const account = {
      id: newRowId('acc', at, directory.entropy()),
      accountId: userId,
      providerId: 'credential',
      userId,
    };
    const name = email.slice(0, email.indexOf('@'));
    try {
      await db.batch([
        db.insert(users).values({ id: userId, name, email, ...times }),
        db.insert(accounts).values({ ...account, password: hashed.value, ...times }),
        ...taking(invitation, userId, directory),
      ]);
    } catch (error) {
      if (await isTaken()) return err({ code: 'email_taken' });
      const reason = await whyNotTaken(token, userId, directory);
      if (!reason) throw error;
      return err(reason);
    }
    const found = await findStanding(userId, tenant.id, directory);
    if (!found) return err({ code: 'invitation_invalid' });
    const cookies = await openSession({ userId, tenantId: tenant.id }, caller, directory);
    return ok({ ...(await finishStanding(found, directory)), cookies });
  });
}

async function findOpen(token: string, directory: Directory): Promise<OpenInvitation | null> {
  if (token.length > secretTokenCharsMax) return null;
  const [row] = await directory.db
    .select({ invitation: invitations, tenantName: tenants.name, byMember: sql<number>`${makerStillMay()}` })
    .from(invitations)
    .innerJoin(tenants, eq(tenants.id, invitations.tenantId))
    .where(and(eq(invitations.tokenDigest, invitationDigest(token, directory.keys.digests)), isOpen(directory.now())));
  if (!row) return null;
  const { id, email, role, tenantId, invitedBy } = row.invitation;
  const tenant = { id: storedId('tnt', tenantId), name: row.tenantName };
  if (row.byMember === 1) return { id, email, role, tenant, byKey: null };
  if (invitedBy === null || !isId('key', invitedBy)) return null;
  // Whether a key is in force is its swarm's to say: of the organization's own one, since no other key invites.
  const [own] = await directory.db
    .select({ swarm: swarms.id })
    .from(swarms)
    .where(eq(swarms.tenantId, tenantId))
    .orderBy(asc(swarms.id))
    .limit(1);
  const scopes = own ? await directory.keyScopes({ swarm: storedId('swm', own.swarm), key: invitedBy }) : null;
  if (scopes === null || refuseRole(role, { keyId: invitedBy, scopes }, null)) return null;
  return { id, email, role, tenant, byKey: invitedBy };
}

/** The statements that turn an invitation into a membership. The first fails, and all with it, unless it is still open. */
function taking(invitation: OpenInvitation, userId: UserId, { db, now }: Directory) {
  const at = now();
  const { id, tenant, role, byKey } = invitation;
  const maker = byKey === null ? makerStillMay() : eq(invitations.invitedBy, byKey);
  const room = lt(db.$count(members, eq(members.tenantId, tenant.id)), membersMax);
  // A tenant id that is null breaks the column's NOT NULL.
  const tenantId = sql`(SELECT ${invitations.tenantId} FROM ${invitations}
    WHERE ${and(eq(invitations.id, id), isOpen(at), maker, room)})`;
  return [
    db.insert(members).values({ tenantId, userId, role, createdAt: new Date(at) }),
    db.update(invitations).set({ status: 'accepted' }).where(eq(invitations.id, id)),
  ] as const;
}

/** The condition that the member who made an invitation could make it now. */
function makerStillMay(): SQL {
  const maker = alias(members, 'maker');
  return sql`EXISTS (SELECT 1 FROM ${members} AS maker WHERE ${maker.tenantId} = ${invitations.tenantId}
    AND ${maker.userId} = ${invitations.invitedBy}
    AND (${maker.role} = 'owner' OR (${maker.role} = 'admin' AND ${invitations.role} <> 'owner')))`;
}

function isOpen(at: number) {
  return and(eq(invitations.status, 'pending'), gt(invitations.expiresAt, new Date(at)));
}

/** Why an invitation could not be taken, or null when the directory itself was at fault. */
async function whyNotTaken(token: string, userId: UserId, directory: Directory): Promise<AcceptRejection | null> {
  const invitation = await findOpen(token, directory);
  if (!invitation) return { code: 'invitation_invalid' };
  const { db } = directory;
  const inTenant = eq(members.tenantId, invitation.tenant.id);
  if ((await db.$count(members, and(inTenant, eq(members.userId, userId)))) > 0) return { code: 'already_member' };
  return (await db.$count(members, inTenant)) >= membersMax ? { code: 'tenant_full' } : null;
}
