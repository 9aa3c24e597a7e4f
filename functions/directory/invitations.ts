// Invitations: a place in a tenant, offered to an e-mail address, for seven days. What takes it is a token that only its
// receiver has, and its maker if they are a person; the address alone proves nothing, because signing up does not verify it.
// It is good while its maker could still make it. Taking one: join.ts.

import { randomBytes } from 'node:crypto';
import { and, asc, eq, gt, inArray, ne, sql } from 'drizzle-orm';
import { z } from 'zod';
import type { TenantId } from '../../core/ids.ts';
import { ROLES, type Role } from '../../core/keys/scopes.ts';
import type { Result } from '../../core/result.ts';
import { err, ok } from '../../core/result.ts';
import { newRowId, querying } from './database.ts';
import type { Directory } from './directory.ts';
import { type InvalidRequest, invalidRequest } from './invalid-request.ts';
import { keyedDigest } from './keys.ts';
import { dayMs, emailCharsMax, invitationMs, invitationsOpenMax, invitationsPerDayMax } from './limits.ts';
import { invitationEmail } from './mail.ts';
import {
  type Actor,
  badCursor,
  limitOf,
  managedRoles,
  type Page,
  type RoleRefusal,
  refuseRole,
  roleOf,
} from './members.ts';
import { invitations, members, tenants, users } from './schema.ts';

export interface Invitation {
  readonly id: string;
  readonly email: string;
  readonly role: Role;
  readonly status: 'pending' | 'accepted' | 'revoked' | 'expired';
  readonly invitedBy: string | null;
  /** milliseconds since the epoch */
  readonly createdAt: number;
  readonly expiresAt: number;
}

export const invitationInput = z.strictObject({
  email: z.string().trim().toLowerCase().max(emailCharsMax).pipe(z.email()),
  role: z.enum(ROLES),
});

export type InvitationRejection =
  | InvalidRequest
  | RoleRefusal
  | { readonly code: 'already_member' | 'too_many_invitations' };

/**
 * Invites an e-mail address. An earlier open invitation of the same address is revoked. The token is in the mail and in this
 * answer, nowhere else; a person who makes the invitation may pass it on, a key must never be told it.
 * @param input `{ email, role }`, not yet checked
 */
export async function createInvitation(
  input: unknown,
  from: { readonly tenantId: TenantId; readonly actor: Actor },
  directory: Directory,
): Promise<Result<{ invitation: Invitation; token: string }, InvitationRejection>> {
  const parsed = invitationInput.safeParse(input);
  if (!parsed.success) return err(invalidRequest(parsed.error));
  const { email, role } = parsed.data;
  const { tenantId, actor } = from;
  const { db } = directory;
  return querying(async () => {
    const acting = 'userId' in actor ? await roleOf(tenantId, actor.userId, directory) : null;
    const refused = refuseRole(role, actor, acting);
    if (refused) return err(refused);

    const at = directory.now();
    const open = and(
      eq(invitations.tenantId, tenantId),
      eq(invitations.status, 'pending'),
      gt(invitations.expiresAt, new Date(at)),
    );
    const ofTheDay = and(eq(invitations.tenantId, tenantId), gt(invitations.createdAt, new Date(at - dayMs)));
    const [[member], [counted], [tenant], [today], earlier] = await db.batch([
      db
        .select({ id: users.id })
        .from(users)
        .innerJoin(members, and(eq(members.userId, users.id), eq(members.tenantId, tenantId)))
        .where(eq(users.email, email)),
      db.select({ open: sql<number>`count(*)` }).from(invitations).where(open),
      db.select({ name: tenants.name }).from(tenants).where(eq(tenants.id, tenantId)),
      db.select({ made: sql<number>`count(*)` }).from(invitations).where(ofTheDay),
      db
        .select({ role: invitations.role })
        .from(invitations)
        .where(and(open, eq(invitations.email, email))),
    ]);
    if (member) return err({ code: 'already_member' });
    if (!tenant) return err({ code: 'not_allowed' });
    const isFull = (counted?.open ?? 0) >= invitationsOpenMax || (today?.made ?? 0) >= invitationsPerDayMax;
    if (isFull) return err({ code: 'too_many_invitations' });
    // This one would end them: who could not have made one does not end it either.
    for (const other of earlier) {
      const beyond = refuseRole(other.role, actor, acting);
      if (beyond) return err(beyond);
    }

    const token = randomBytes(32).toString('base64url');
    const row = {
      id: newRowId('inv', at, directory.entropy()),
      tenantId,
      email,
      role,
      tokenDigest: invitationDigest(token, directory.keys.digests),
      status: 'pending' as const,
      invitedBy: 'userId' in actor ? actor.userId : actor.keyId,
      expiresAt: new Date(at + invitationMs),
      createdAt: new Date(at),
    };
    await db.batch([
      db
        .update(invitations)
        .set({ status: 'revoked' })
        .where(and(open, eq(invitations.email, email), inArray(invitations.role, managedRoles(actor, acting)))),
      db.insert(invitations).values(row),
    ]);
    await directory.sendEmail(invitationEmail(email, tenant.name, role, token, directory.baseUrl));
    return ok({ invitation: shown(row, at), token });
  });
}

/** The invitations of a tenant, the oldest first. */
export async function listInvitations(
  tenantId: TenantId,
  page: Page,
  directory: Pick<Directory, 'db' | 'now'>,
): Promise<Result<{ data: Invitation[]; nextCursor: string | null }, InvalidRequest>> {
  const limit = limitOf(page);
  const { cursor } = page;
  if (cursor !== undefined && !/^inv_[0-9a-z]{26}$/.test(cursor)) return err(badCursor);
  return querying(async () => {
    const rows = await directory.db
      .select()
      .from(invitations)
      .where(and(eq(invitations.tenantId, tenantId), cursor === undefined ? undefined : gt(invitations.id, cursor)))
      .orderBy(asc(invitations.id))
      .limit(limit + 1);
    const data = rows.slice(0, limit).map((row) => shown(row, directory.now()));
    return ok({ data, nextCursor: rows.length > limit ? (data.at(-1)?.id ?? null) : null });
  });
}

/** Takes an invitation back. One that was taken, or is another tenant's, is not found; revoking twice is well. */
export async function revokeInvitation(
  revocation: { readonly tenantId: TenantId; readonly invitationId: string; readonly actor: Actor },
  directory: Pick<Directory, 'db'>,
): Promise<Result<{ id: string }, RoleRefusal | { readonly code: 'not_found' }>> {
  const { tenantId, invitationId, actor } = revocation;
  const { db } = directory;
  return querying(async () => {
    const acting = 'userId' in actor ? await roleOf(tenantId, actor.userId, directory) : null;
    const managed = managedRoles(actor, acting);
    if ('userId' in actor && managed.length === 0) return err({ code: 'not_allowed' });
    const named = and(
      eq(invitations.id, invitationId.slice(0, 40)),
      eq(invitations.tenantId, tenantId),
      ne(invitations.status, 'accepted'),
    );
    const [revoked, [found]] = await db.batch([
      db
        .update(invitations)
        .set({ status: 'revoked' })
        .where(and(named, inArray(invitations.role, managed)))
        .returning({ id: invitations.id }),
      db.select({ role: invitations.role }).from(invitations).where(named),
    ]);
    if (revoked[0]) return ok(revoked[0]);
    return err((found && refuseRole(found.role, actor, acting)) ?? { code: 'not_found' });
  });
}

/** How an invitation's token is stored. */
export function invitationDigest(token: string, key: Uint8Array): string {
  return keyedDigest('invitation', [token], key);
}

function shown(row: typeof invitations.$inferSelect, at: number): Invitation {
  const { id, email, role, invitedBy } = row;
  const expiresAt = row.expiresAt.getTime();
  const status = row.status === 'pending' && expiresAt <= at ? 'expired' : row.status;
  return { id, email, role, status, invitedBy, createdAt: row.createdAt.getTime(), expiresAt };
}
