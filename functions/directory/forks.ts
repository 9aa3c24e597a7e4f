// The forks of a tenant: which swarms there are beside the first one, and where each comes from. A row is made before its
// object is filled, under ids that follow from the request, so that a request that is sent again goes on with what it began.

import { and, count, desc, eq, ne, sql } from 'drizzle-orm';
import type { NewFork } from '../../core/forks/port.ts';
import type { Parent } from '../../core/forks/state.ts';
import type { KeyId, SwarmId, TenantId } from '../../core/ids.ts';
import { SCOPES, type Scope } from '../../core/keys/scopes.ts';
import { forksMax } from '../../core/limits.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { type DirectoryDatabase, querying, storedId } from './database.ts';
import { rowWithin } from './row-within.ts';
import { type FORK_STATUSES, forks } from './schema.ts';

export interface ForksDeps {
  readonly db: DirectoryDatabase;
  now(): number;
}

/** A fork, as its tenant sees it. */
export interface ForkRow {
  readonly id: SwarmId;
  readonly tenant: TenantId;
  readonly name: string;
  readonly status: (typeof FORK_STATUSES)[number];
  readonly asked: string;
  readonly key: KeyId;
  readonly scopes: readonly Scope[];
  readonly effects: 'off' | 'on';
  readonly parent: Parent;
  readonly createdAt: number;
}

export type ForkRejection = { readonly code: 'limit_reached'; readonly limit: 'forksMax'; readonly most: number };

/** The fork of this id, deleted or not. */
export async function findFork(id: SwarmId, tenant: TenantId, { db }: Pick<ForksDeps, 'db'>): Promise<ForkRow | null> {
  const [row] = await querying(() =>
    db
      .select()
      .from(forks)
      .where(and(eq(forks.id, id), eq(forks.tenantId, tenant))),
  );
  return row ? rowOf(row) : null;
}

/** All of a tenant's that are not deleted, newest first: there are few. */
export async function listForks(tenant: TenantId, { db }: Pick<ForksDeps, 'db'>): Promise<readonly ForkRow[]> {
  const rows = await querying(() =>
    db
      .select()
      .from(forks)
      .where(and(eq(forks.tenantId, tenant), ne(forks.status, 'deleted')))
      .orderBy(desc(forks.createdAt), desc(forks.id))
      .limit(forksMax),
  );
  return rows.map(rowOf);
}

/** Makes a fork's row, unless there is one; answers with the one that there is. */
export async function reserveFork(
  wanted: Omit<NewFork, 'by'>,
  asked: string,
  { db, now }: ForksDeps,
): Promise<Result<ForkRow, ForkRejection>> {
  const { tenant, parent } = wanted;
  return querying(async () => {
    const others = db
      .select({ n: count() })
      .from(forks)
      .where(and(eq(forks.tenantId, tenant), ne(forks.status, 'deleted')));
    const fork = {
      id: wanted.swarm,
      tenantId: tenant,
      name: wanted.name,
      status: 'filling',
      asked,
      keyId: wanted.key,
      scopes: wanted.scopes.join(' '),
      effects: 'off',
      parentId: parent.swarm,
      parentOrigin: parent.origin,
      parentSeq: parent.seq,
      parentAt: new Date(parent.at),
      parentHead: parent.head,
      parentStateHash: parent.stateHash,
      createdAt: new Date(now()),
    } as const;
    await db
      .insert(forks)
      .select(rowWithin(forks, fork, sql`(${others}) < ${forksMax}`))
      .onConflictDoNothing();
    const row = await findFork(wanted.swarm, tenant, { db });
    return row ? ok(row) : err({ code: 'limit_reached', limit: 'forksMax', most: forksMax });
  });
}

/** Its object has been filled. */
export async function markReady(id: SwarmId, { db }: Pick<ForksDeps, 'db'>): Promise<void> {
  await querying(() =>
    db
      .update(forks)
      .set({ status: 'ready' })
      .where(and(eq(forks.id, id), eq(forks.status, 'filling'))),
  );
}

/** What its object has switched. */
export async function noteEffects(id: SwarmId, effects: 'off' | 'on', { db }: Pick<ForksDeps, 'db'>): Promise<void> {
  await querying(() => db.update(forks).set({ effects }).where(eq(forks.id, id)));
}

/** Its object is empty. */
export async function markForkDeleted(id: SwarmId, { db }: Pick<ForksDeps, 'db'>): Promise<void> {
  await querying(() => db.update(forks).set({ status: 'deleted' }).where(eq(forks.id, id)));
}

function rowOf(row: typeof forks.$inferSelect): ForkRow {
  const scopes = row.scopes.split(' ');
  return {
    id: storedId('swm', row.id),
    tenant: storedId('tnt', row.tenantId),
    name: row.name,
    status: row.status,
    asked: row.asked,
    key: storedId('key', row.keyId),
    scopes: SCOPES.filter((scope) => scopes.includes(scope)),
    effects: row.effects,
    parent: {
      swarm: storedId('swm', row.parentId),
      origin: row.parentOrigin,
      seq: row.parentSeq,
      at: row.parentAt.getTime(),
      head: row.parentHead,
      stateHash: row.parentStateHash,
    },
    createdAt: row.createdAt.getTime(),
  };
}
