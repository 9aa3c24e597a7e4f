// An import in workerd: what only the platform can show. That it empties an object whole, and that its alarm comes when nobody
// goes on.

/// <reference types="@cloudflare/vitest-plugin/types" />

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Actor } from '../../core/envelope.ts';
import { newId } from '../../core/ids.ts';
import type { ImportStart } from '../../core/imports/port.ts';
import type { SwarmService } from '../../core/swarm/service.ts';
import type { SwarmObject } from '../../durable-objects/swarm/swarm.ts';

// The binding of the swarms, which wrangler.toml declares.
const { SWARM } = env as unknown as { SWARM: DurableObjectNamespace<SwarmObject> };
const owner: Actor = { kind: 'user', id: 'usr_owner', scopes: ['admin'] };
type Swarm = DurableObjectStub & SwarmService;

function anId<P extends Parameters<typeof newId>[0]>(prefix: P) {
  return newId(prefix, Date.now(), randomBytes(10));
}

function anObject(): Swarm {
  return SWARM.get(SWARM.idFromName(anId('swm'))) as unknown as Swarm;
}

/** The lines of an export of a small swarm. */
async function exported(): Promise<string[]> {
  const swarm = anObject();
  const made = {
    tenant: anId('tnt'),
    swarm: anId('swm'),
    name: 'main',
    key: anId('key'),
    supplyMicro: 5,
    user: 'usr_1',
  };
  await swarm.create(made);
  const answer = await swarm.exportJournal(owner, 'ndjson');
  if (!answer.ok) throw new Error(answer.error.code);
  return (await new Response(answer.value).text()).trimEnd().split('\n');
}

function startOf(header: string): ImportStart {
  const key = { id: anId('key'), scopes: ['admin'] as const };
  return { id: anId('swm'), tenant: anId('tnt'), name: 'x', key, by: 'user/usr_1', run: 'run', header };
}

/** Rows of the tables that an import fills. */
function rows(swarm: Swarm): Promise<number[]> {
  return runInDurableObject(swarm, (_, state) =>
    ['journal', 'meta', 'swarm', 'account', 'key', 'route'].map(
      (table) => state.storage.sql.exec<{ n: number }>(`SELECT count(*) AS n FROM ${table}`).one().n,
    ),
  );
}

test('[EXPORT-8] what nobody goes on with is thrown away by the alarm, and the object can be filled again', async () => {
  const [header = '', ...lines] = await exported();
  const swarm = anObject();
  const start = startOf(header);
  expect(await swarm.beginImport(start)).toEqual({ ok: true, value: null });
  expect(await swarm.takeLines('run', 1, lines.slice(0, 3))).toEqual({ ok: true, value: null });
  expect(await swarm.read(owner, { type: 'status' })).toMatchObject({ ok: false, error: { code: 'swarm_filling' } });
  await evictDurableObject(swarm);
  expect((await rows(swarm))[0]).toBe(3);
  expect(await runDurableObjectAlarm(swarm)).toBe(true);
  expect(await rows(swarm)).toEqual([0, 0, 0, 0, 0, 0]);
  expect(await swarm.read(owner, { type: 'status' })).toMatchObject({ error: { code: 'swarm_not_found' } });

  expect(await swarm.beginImport(start)).toEqual({ ok: true, value: null });
  expect(await swarm.takeLines('run', 1, lines)).toEqual({ ok: true, value: null });
  expect(await swarm.finishImport('run', 'd')).toMatchObject({ ok: true, value: { size: lines.length } });
  await evictDurableObject(swarm);
  expect(await runDurableObjectAlarm(swarm)).toBe(false);
  const again = await swarm.exportJournal(owner, 'ndjson');
  if (!again.ok) throw new Error(again.error.code);
  expect((await new Response(again.value).text()).trimEnd().split('\n')).toEqual([header, ...lines]);
});

test('[EXPORT-12] emptied, an object is as nobody had called it; a swarm of its own is not emptied', async () => {
  const [header = '', ...lines] = await exported();
  const swarm = anObject();
  await swarm.beginImport(startOf(header));
  await swarm.takeLines('run', 1, lines);
  await swarm.finishImport('run', 'd');
  await swarm.discardImport(null);
  expect(await rows(swarm)).toEqual([0, 0, 0, 0, 0, 0]);
  await evictDurableObject(swarm);
  expect(await rows(swarm)).toEqual([0, 0, 0, 0, 0, 0]);
  const made = {
    tenant: anId('tnt'),
    swarm: anId('swm'),
    name: 'main',
    key: anId('key'),
    supplyMicro: 5,
    user: 'usr_1',
  };
  expect(await swarm.create(made)).toMatchObject({ result: { ok: true } });
  await swarm.discardImport(null);
  expect((await rows(swarm))[0]).toBeGreaterThan(0);
});
