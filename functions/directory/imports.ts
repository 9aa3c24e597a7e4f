// The swarms that a tenant has brought in. A row is made when an export's first line was read and believed, shown when all of
// it was, and gone when it turns out not to be one. A deleted one keeps its place, so that its id never means another swarm.

import { and, count, desc, eq, lt, ne, sql } from 'drizzle-orm';
import type { KeyId, SwarmId, TenantId } from '../../core/ids.ts';
import type { Imported } from '../../core/imports/port.ts';
import { importAbandonedMs, importsMax } from '../../core/limits.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { type DirectoryDatabase, querying, storedId } from './database.ts';
import { rowWithin } from './row-within.ts';
import { imports } from './schema.ts';

export interface ImportsDeps {
  readonly db: DirectoryDatabase;
  now(): number;
}

export interface NewImport {
  readonly id: SwarmId;
  readonly tenant: TenantId;
  readonly name: string;
  readonly key: KeyId;
}

/** An imported swarm, as its tenant sees it. */
export interface ImportedSwarm extends Omit<Imported, 'digest'> {
  readonly id: SwarmId;
  readonly name: string;
  readonly key: KeyId;
  readonly createdAt: number;
}

export type ImportRejection =
  | { readonly code: 'import_not_found' }
  | { readonly code: 'limit_reached'; readonly limit: 'importsMax'; readonly most: number };

/** Keeps a place for an import. One that has a place already keeps it, unless what stood there was deleted. */
export async function reserveImport(
  wanted: NewImport,
  { db, now }: ImportsDeps,
): Promise<Result<null, ImportRejection>> {
  const { id, tenant, name, key } = wanted;
  const abandoned = new Date(now() - 2 * importAbandonedMs);
  return querying(async () => {
    const others = db
      .select({ n: count() })
      .from(imports)
      .where(and(eq(imports.tenantId, tenant), ne(imports.status, 'deleted')));
    const row = { id, tenantId: tenant, name, status: 'filling', keyId: key, createdAt: new Date(now()) } as const;
    const [, , known] = await db.batch([
      db.delete(imports).where(and(eq(imports.tenantId, tenant), isFilling, lt(imports.createdAt, abandoned))),
      db
        .insert(imports)
        .select(rowWithin(imports, row, sql`(${others}) < ${importsMax}`))
        .onConflictDoNothing(),
      db.select().from(imports).where(eq(imports.id, id)),
    ]);
    const [place] = known;
    if (!place) return err({ code: 'limit_reached', limit: 'importsMax', most: importsMax });
    return place.status === 'deleted' ? err({ code: 'import_not_found' }) : ok(null);
  });
}

/** It is whole: from now on it is shown. Answers with it. */
export async function sealImport(
  { id, tenant, name, key }: NewImport,
  { origin, size, head, root, stateHash }: Imported,
  { db, now }: ImportsDeps,
): Promise<ImportedSwarm> {
  const found = { origin, size, head, root, stateHash };
  return querying(async () => {
    const [row] = await db
      .insert(imports)
      .values({ id, tenantId: tenant, name, keyId: key, createdAt: new Date(now()), status: 'sealed', ...found })
      .onConflictDoUpdate({ target: imports.id, set: { status: 'sealed', ...found } })
      .returning();
    return { id, name, key, createdAt: row?.createdAt.getTime() ?? now(), ...found };
  });
}

/** It was none: its place is free again. */
export async function forgetImport(id: SwarmId, { db }: Pick<ImportsDeps, 'db'>): Promise<void> {
  await querying(() => db.delete(imports).where(and(eq(imports.id, id), isFilling)));
}

/** All of a tenant's, newest first: there are few. */
export async function listImports(
  tenant: TenantId,
  { db }: Pick<ImportsDeps, 'db'>,
): Promise<readonly ImportedSwarm[]> {
  const rows = await querying(() =>
    db
      .select()
      .from(imports)
      .where(and(eq(imports.tenantId, tenant), eq(imports.status, 'sealed')))
      .orderBy(desc(imports.createdAt), desc(imports.id))
      .limit(importsMax),
  );
  return rows.map(shown);
}

export async function findImport(
  id: SwarmId,
  tenant: TenantId,
  { db }: Pick<ImportsDeps, 'db'>,
): Promise<ImportedSwarm | null> {
  const [row] = await querying(() =>
    db
      .select()
      .from(imports)
      .where(and(eq(imports.id, id), eq(imports.tenantId, tenant), eq(imports.status, 'sealed'))),
  );
  return row ? shown(row) : null;
}

/** The object is empty: the import is not shown any more. */
export async function markDeleted(id: SwarmId, { db }: Pick<ImportsDeps, 'db'>): Promise<void> {
  await querying(() => db.update(imports).set({ status: 'deleted' }).where(eq(imports.id, id)));
}

const isFilling = eq(imports.status, 'filling');

function shown(row: typeof imports.$inferSelect): ImportedSwarm {
  const { name, createdAt, origin, size, head, root, stateHash } = row;
  return {
    id: storedId('swm', row.id),
    name,
    key: storedId('key', row.keyId),
    // A sealed one has all of them: they are written together.
    origin: origin ?? '',
    size: size ?? 0,
    head: head ?? '',
    root: root ?? '',
    stateHash: stateHash ?? '',
    createdAt: createdAt.getTime(),
  };
}
