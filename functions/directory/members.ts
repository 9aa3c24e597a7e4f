// The members of a tenant: who they are, their roles, and leaving. Each change is one conditional statement, so that two
// owners who demote each other at the same moment still leave one owner.

import { and, asc, eq, gt, inArray, ne, or, type SQL, sql } from 'drizzle-orm';
import { alias } from 'drizzle-orm/sqlite-core';
import { isId, type TenantId, type UserId } from '../../core/ids.ts';
import { ROLES, type Role, type Scope, scopeBeyond } from '../../core/keys/scopes.ts';
import { listLimitDefault, listLimitMax } from '../../core/limits.ts';
import type { Result } from '../../core/result.ts';
import { err, ok } from '../../core/result.ts';
import { type DirectoryDatabase, querying, storedId } from './database.ts';
import type { InvalidRequest } from './invalid-request.ts';
import { members, sessions, users } from './schema.ts';

export interface MemberDeps {
  readonly db: DirectoryDatabase;
}

/**
 * Who asks for a change: a member, or an API key. A key has to do with the roles whose scopes it holds itself and with no
 * other, and never with owners.
 */
export type Actor = { readonly userId: UserId } | { readonly keyId: string; readonly scopes: readonly Scope[] };

/** Why an actor has nothing to do with a role. */
export type RoleRefusal =
  | { readonly code: 'not_allowed' }
  | { readonly code: 'scope_exceeds_own'; readonly scope: Scope };

export interface Member {
  readonly id: UserId;
  readonly email: string;
  readonly name: string;
  readonly role: Role;
  /** milliseconds since the epoch */
  readonly joinedAt: number;
}

/** One page of a list; `cursor` is the `nextCursor` of the page before. */
export interface Page {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

export type MemberRejection = { readonly code: 'not_found' | 'last_owner' } | RoleRefusal;

/** The members of a tenant, in the order of their user ids. */
export async function listMembers(
  tenantId: TenantId,
  page: Page,
  deps: MemberDeps,
): Promise<Result<{ data: Member[]; nextCursor: string | null }, InvalidRequest>> {
  const limit = limitOf(page);
  if (page.cursor !== undefined && !isId('usr', page.cursor)) return err(badCursor);
  const { cursor } = page;
  return querying(async () => {
    const rows = await deps.db
      .select({ id: users.id, email: users.email, name: users.name, role: members.role, joinedAt: members.createdAt })
      .from(members)
      .innerJoin(users, eq(users.id, members.userId))
      .where(and(eq(members.tenantId, tenantId), cursor === undefined ? undefined : gt(members.userId, cursor)))
      .orderBy(asc(members.userId))
      .limit(limit + 1);
    const data = rows
      .slice(0, limit)
      .map((row) => ({ ...row, id: storedId('usr', row.id), joinedAt: row.joinedAt.getTime() }));
    return ok({ data, nextCursor: rows.length > limit ? (data.at(-1)?.id ?? null) : null });
  });
}

/** The role a user has in a tenant now, or null: for what must not wait for a session token to end. */
export async function roleOf(tenantId: TenantId, userId: UserId, deps: MemberDeps): Promise<Role | null> {
  return querying(async () => {
    const [row] = await deps.db
      .select({ role: members.role })
      .from(members)
      .where(and(eq(members.tenantId, tenantId), eq(members.userId, userId)));
    return row?.role ?? null;
  });
}

/**
 * The roles that an actor gives, changes, takes away and invites to.
 * @param acting the role of an actor who is a member
 */
export function managedRoles(actor: Actor, acting: Role | null): readonly Role[] {
  if ('keyId' in actor) return ROLES.filter((role) => role !== 'owner' && scopeBeyond(actor.scopes, role) === null);
  if (acting === 'owner') return ROLES;
  return acting === 'admin' ? ROLES.filter((role) => role !== 'owner') : [];
}

/** Why an actor may not give, change or take this role; null when they may. */
export function refuseRole(role: Role, actor: Actor, acting: Role | null): RoleRefusal | null {
  if (managedRoles(actor, acting).includes(role)) return null;
  const scope = 'keyId' in actor && role !== 'owner' ? scopeBeyond(actor.scopes, role) : null;
  return scope === null ? { code: 'not_allowed' } : { code: 'scope_exceeds_own', scope };
}

/** Gives a member another role. Only an owner makes an owner or changes one, and the last owner stays one. */
export async function changeRole(
  change: { readonly tenantId: TenantId; readonly memberId: string; readonly role: Role; readonly actor: Actor },
  deps: MemberDeps,
): Promise<Result<{ id: UserId; role: Role }, MemberRejection>> {
  const { tenantId, memberId, role, actor } = change;
  if (!isId('usr', memberId)) return err({ code: 'not_found' });
  return querying(async () => {
    const may = and(
      memberOf(tenantId, memberId),
      mayManage(tenantId, actor, role),
      role === 'owner' ? undefined : notLastOwner(tenantId),
    );
    const changed = await deps.db.update(members).set({ role }).where(may).returning({ id: members.userId });
    if (changed.length > 0) return ok({ id: memberId, role });
    return err(await whyNot({ tenantId, memberId, role, actor }, deps));
  });
}

/** Removes a member and ends their sessions in the tenant. Anyone may leave; the last owner stays. */
export async function removeMember(
  removal: { readonly tenantId: TenantId; readonly memberId: string; readonly actor: Actor },
  deps: MemberDeps,
): Promise<Result<{ id: UserId }, MemberRejection>> {
  const { tenantId, memberId, actor } = removal;
  if (!isId('usr', memberId)) return err({ code: 'not_found' });
  return querying(async () => {
    const leaves = 'userId' in actor && actor.userId === memberId;
    const may = and(
      memberOf(tenantId, memberId),
      leaves ? undefined : mayManage(tenantId, actor, null),
      notLastOwner(tenantId),
    );
    const gone = sql`NOT EXISTS (SELECT 1 FROM ${members} WHERE ${memberOf(tenantId, memberId)})`;
    const [removed] = await deps.db.batch([
      deps.db.delete(members).where(may).returning({ id: members.userId }),
      deps.db.delete(sessions).where(and(eq(sessions.userId, memberId), eq(sessions.tenantId, tenantId), gone)),
    ]);
    if (removed.length > 0) return ok({ id: memberId });
    return err(await whyNot({ tenantId, memberId, role: null, actor }, deps));
  });
}

function memberOf(tenantId: TenantId, userId: string) {
  return and(eq(members.tenantId, tenantId), eq(members.userId, userId));
}

/** The condition that the actor may manage the member at hand, and give `role` where one is given. */
function mayManage(tenantId: TenantId, actor: Actor, role: Role | null): SQL | undefined {
  if ('keyId' in actor) {
    const managed = managedRoles(actor, null);
    return role === null || managed.includes(role) ? inArray(members.role, managed) : sql`0`;
  }
  const notAboutOwners = role === 'owner' ? sql`0` : ne(members.role, 'owner');
  const acting = alias(members, 'acting');
  const actsAs = (...roles: Role[]) =>
    sql`EXISTS (SELECT 1 FROM ${members} AS acting WHERE ${acting.tenantId} = ${tenantId}
      AND ${acting.userId} = ${actor.userId} AND ${inArray(acting.role, roles)})`;
  return or(actsAs('owner'), and(actsAs('admin'), notAboutOwners));
}

/** The condition that the member at hand is not the tenant's last owner. */
function notLastOwner(tenantId: TenantId): SQL | undefined {
  const owners = alias(members, 'owners');
  const count = sql`(SELECT count(*) FROM ${members} AS owners
    WHERE ${owners.tenantId} = ${tenantId} AND ${owners.role} = 'owner')`;
  return or(ne(members.role, 'owner'), sql`${count} > 1`);
}

/** Why a change, or with no role a removal, touched nothing. */
async function whyNot(
  change: { tenantId: TenantId; memberId: UserId; role: Role | null; actor: Actor },
  deps: MemberDeps,
): Promise<MemberRejection> {
  const { tenantId, memberId, actor } = change;
  const member = await roleOf(tenantId, memberId, deps);
  if (member === null) return { code: 'not_found' };
  const acting = 'userId' in actor ? await roleOf(tenantId, actor.userId, deps) : null;
  const leaves = change.role === null && 'userId' in actor && actor.userId === memberId;
  const refused = leaves
    ? null
    : (refuseRole(member, actor, acting) ?? (change.role === null ? null : refuseRole(change.role, actor, acting)));
  return refused ?? { code: 'last_owner' };
}

/** How many rows a page has. */
export function limitOf(page: Page): number {
  const limit = Math.trunc(page.limit ?? listLimitDefault) || listLimitDefault;
  return Math.min(Math.max(limit, 1), listLimitMax);
}

export const badCursor: InvalidRequest = {
  code: 'invalid_request',
  errors: [{ pointer: '', message: 'expected a cursor that a list answered with' }],
};
