// The forks of a tenant in the directory: a place each, kept, bounded, and nobody else's.

import { expect, test } from 'vitest';
import type { NewFork } from '../../core/forks/port.ts';
import { newId } from '../../core/ids.ts';
import { forksMax } from '../../core/limits.ts';
import {
  findFork,
  listForks,
  markForkDeleted,
  markReady,
  noteEffects,
  reserveFork,
} from '../../functions/directory/forks.ts';
import { aDirectory, d1, type TestDirectory } from './directory-support.ts';

const at = Date.UTC(2026, 10, 20);
const idOf = <P extends 'swm' | 'key' | 'tnt'>(prefix: P, n: number) => newId(prefix, at, new Uint8Array(10).fill(n));
const tenant = idOf('tnt', 1);

function aFork(n: number): Omit<NewFork, 'by'> {
  const parent = {
    swarm: idOf('swm', 200),
    origin: `${tenant}/${idOf('swm', 200)}`,
    seq: 42,
    at,
    head: 'a'.repeat(64),
    stateHash: 'b'.repeat(64),
  };
  return {
    tenant,
    swarm: idOf('swm', n),
    name: `fork ${n}`,
    key: idOf('key', n),
    scopes: ['tasks:read', 'admin'],
    parent,
  };
}

async function withTenants(): Promise<TestDirectory> {
  const directory = await aDirectory();
  await d1.prepare('DELETE FROM forks').run();
  for (const id of [tenant, idOf('tnt', 2)])
    await d1.prepare('INSERT INTO tenants (id, name, created_at) VALUES (?, ?, ?)').bind(id, 'x', at).run();
  return directory;
}

test('[FORK-10] a place is kept as it was asked for, and kept once', async () => {
  const directory = await withTenants();
  const made = await reserveFork(aFork(1), 'asked', directory);
  const again = await reserveFork({ ...aFork(1), name: 'another' }, 'asked otherwise', directory);
  expect(again).toEqual(made);
  await markReady(idOf('swm', 1), directory);
  await noteEffects(idOf('swm', 1), 'on', directory);
  const { swarm, ...rest } = aFork(1);
  expect(await findFork(swarm, tenant, directory)).toMatchObject({
    ...rest,
    id: swarm,
    asked: 'asked',
    status: 'ready',
    effects: 'on',
  });
  expect(await findFork(swarm, idOf('tnt', 2), directory)).toBeNull();
  expect(await listForks(idOf('tnt', 2), directory)).toEqual([]);
});

test('[FORK-10] a tenant has so many, and a deleted one makes room and is never another', async () => {
  const directory = await withTenants();
  for (let n = 1; n <= forksMax; n++) expect(await reserveFork(aFork(n), '', directory)).toMatchObject({ ok: true });
  const full = { ok: false, error: { code: 'limit_reached', limit: 'forksMax', most: forksMax } };
  expect(await reserveFork(aFork(100), '', directory)).toEqual(full);
  await markForkDeleted(idOf('swm', 1), directory);
  expect(await reserveFork(aFork(100), '', directory)).toMatchObject({ ok: true });
  expect(await listForks(tenant, directory)).toHaveLength(forksMax);
  expect(await findFork(idOf('swm', 1), tenant, directory)).toMatchObject({ status: 'deleted' });
});
