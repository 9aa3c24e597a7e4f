// Who a user is in a tenant: the row that every log-in, session and sign-up ends with.

import { and, asc, eq, type SQL } from 'drizzle-orm';
import type { SwarmId, TenantId, UserId } from '../../core/ids.ts';
import type { Role } from '../../core/keys/scopes.ts';
import { type DirectoryDatabase, storedId } from './database.ts';
import type { NewSwarm } from './directory.ts';
import { members, swarms, tenants, users } from './schema.ts';

/** A user, the tenant they work in, its swarm, and what they may do there. */
export interface Standing {
  readonly user: { readonly id: UserId; readonly email: string; readonly name: string };
  readonly tenant: { readonly id: TenantId; readonly name: string };
  readonly swarm: { readonly id: SwarmId; readonly name: string };
  readonly role: Role;
}

export interface StandingDeps {
  readonly db: DirectoryDatabase;
  createSwarm(swarm: NewSwarm): Promise<void>;
}

/** A standing, and the swarm that is still to be made for it, if any. */
export interface FoundStanding {
  readonly standing: Standing;
  readonly keyId: NewSwarm['keyId'];
  readonly unfinished: NewSwarm | null;
}

/**
 * Finds a member's standing, with the tenant's first swarm.
 * @param tenantId the tenant, or a query that yields it
 */
export async function findStanding(
  userId: string,
  tenantId: string | SQL,
  deps: Pick<StandingDeps, 'db'>,
): Promise<FoundStanding | null> {
  const [row] = await deps.db
    .select({ user: users, tenant: tenants, swarm: swarms, role: members.role })
    .from(members)
    .innerJoin(users, eq(users.id, members.userId))
    .innerJoin(tenants, eq(tenants.id, members.tenantId))
    .innerJoin(swarms, eq(swarms.tenantId, members.tenantId))
    .where(and(eq(members.userId, userId), eq(members.tenantId, tenantId)))
    .orderBy(asc(swarms.id))
    .limit(1);
  if (!row) return null;
  const user = { id: storedId('usr', row.user.id), email: row.user.email, name: row.user.name };
  const tenant = { id: storedId('tnt', row.tenant.id), name: row.tenant.name };
  const swarm = { id: storedId('swm', row.swarm.id), name: row.swarm.name };
  const keyId = storedId('key', row.swarm.firstKey);
  const at = row.swarm.createdAt.getTime();
  const unfinished = row.swarm.status === 'creating' ? { tenant, swarm, owner: user.id, keyId, at } : null;
  return { standing: { user, tenant, swarm, role: row.role }, keyId, unfinished };
}

/** Makes the swarm of a standing when a crash left it unmade. Safe to repeat: the swarm object answers the same again. */
export async function finishStanding(found: FoundStanding, deps: StandingDeps): Promise<Standing> {
  if (found.unfinished) {
    await deps.createSwarm(found.unfinished);
    await deps.db.update(swarms).set({ status: 'ready' }).where(eq(swarms.id, found.unfinished.swarm.id));
  }
  return found.standing;
}
