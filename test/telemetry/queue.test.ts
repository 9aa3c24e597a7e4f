// The real queue, dead-letter queue and bucket of Miniflare, in workerd, from a message put into the queue to the files.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { build } from 'esbuild';
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { aMessage, aRecord, swarm, tenant } from './queue-batch.ts';

let miniflare: Miniflare;

beforeAll(async () => {
  const bundle = await build({
    entryPoints: [join(import.meta.dirname, 'telemetry-worker.ts')],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2024',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['node:*'],
  });
  const options = convertV4MiniflareOptions({
    workers: [
      {
        name: 'telemetry',
        modules: true,
        script: bundle.outputFiles[0]?.text ?? '',
        compatibilityDate: '2026-11-01',
        compatibilityFlags: ['nodejs_compat'],
        r2Buckets: ['ARCHIVE'],
        queueProducers: { TELEMETRY: 'starling-telemetry' },
        queueConsumers: {
          'starling-telemetry': {
            maxBatchSize: 10,
            maxBatchTimeout: 0,
            maxRetries: 2,
            deadLetterQueue: 'starling-telemetry-dead',
          },
          'starling-telemetry-dead': { maxBatchSize: 10, maxBatchTimeout: 0, maxRetries: 2 },
        },
      },
    ],
  });
  miniflare = new Miniflare(options);
  await miniflare.ready;
});
afterAll(() => miniflare.dispose());

const call = async (path: string, init?: { method: string; body: string }) => {
  const response = await miniflare.dispatchFetch(`http://telemetry.test${path}`, init);
  expect(response.status).toBe(200);
  return response;
};
const send = (bodies: readonly unknown[]) => call('/', { method: 'POST', body: JSON.stringify(bodies) });
const ask = async (path: string) => (await call(path)).json();
const bucket = () => miniflare.getR2Bucket('ARCHIVE');
const keys = async (prefix: string) => (await (await bucket()).list({ prefix })).objects.map(({ key }) => key);

test('[TELEMETRY-7] batches put into the queue stand in the bucket as Parquet that DuckDB reads; poison goes to the dead letters and holds nothing up', async () => {
  const values = Array.from({ length: 24 }, (_, value) => value);
  const good = values.map((value) => aMessage([aRecord({ value }), aRecord({ value, attributes: { n: value } })]));
  const poison = [aMessage([aRecord({ name: 'not a name' })]), { tenant: tenant(), broken: true }, { anything: 1 }];
  await send([...good.slice(0, 5), ...poison, ...good.slice(5)]);
  // It came again after 5 and after 10 seconds before it was dead.
  await expect.poll(() => keys('dead-letters/'), { timeout: 60_000 }).toHaveLength(3);

  const folder = await mkdtemp(join(tmpdir(), 'telemetry-'));
  const duck = await DuckDBInstance.create(':memory:');
  const connection = await duck.connect();
  try {
    const archive = await bucket();
    for (const key of await keys('telemetry/')) {
      await mkdir(dirname(join(folder, key)), { recursive: true });
      const object = await archive.get(key);
      await writeFile(join(folder, key), new Uint8Array((await object?.arrayBuffer()) ?? new ArrayBuffer(0)));
    }
    const sql = `select tenant, swarm, count(*)::int as rows, count(distinct (message_id, record))::int as different, sum(value) as sum, sum((attributes->'n')::int)::int as attributes
      from read_parquet('${folder}/telemetry/**/*.parquet', hive_partitioning = true) group by all`;
    const rows = (await connection.runAndReadAll(sql)).getRowObjectsJson();
    expect(rows).toEqual([
      { tenant: tenant(), swarm: swarm(), rows: 48, different: 48, sum: 2 * 276, attributes: 276 },
    ]);
  } finally {
    connection.closeSync();
    duck.closeSync();
    await rm(folder, { recursive: true });
  }
}, 90_000);

test('[DEAD-1] a letter is listed and read by its own tenant, with the reason and the message as it was', async () => {
  const listed = { ok: true, value: { nextCursor: null, data: expect.any(Array) } };
  const page = await ask(`/letters?tenant=${tenant()}`);
  expect(page).toEqual(listed);
  const { data } = (page as { value: { data: { id: string; reason: string }[] } }).value;
  expect(data.map(({ reason }) => reason).sort()).toEqual([
    'batch: records/0/name: expected a name such as battery.voltage',
    expect.stringMatching(/^message: swarm: /),
  ]);
  const letter = data.find(({ reason }) => reason.startsWith('batch'));
  expect(letter).toEqual({
    id: expect.stringMatching(/^\d{4}-\d{2}-\d{2}_[0-9a-f]+$/),
    swarm: swarm(),
    device: expect.any(String),
    reason: expect.any(String),
  });
  expect(await ask(`/letter?tenant=${tenant()}&id=${letter?.id}`)).toMatchObject({
    ok: true,
    value: {
      id: letter?.id,
      tenant: tenant(),
      swarm: swarm(),
      reason: letter?.reason,
      body: { batch: { records: [{ name: 'not a name' }] } },
    },
  });
});

test('[DEAD-2] a tenant sees no letter of another, nor those of nobody, whatever it asks for', async () => {
  const [unknown] = await keys('dead-letters/tenant=unknown/');
  const [, day, name] = /date=(.*)\/(.*)\.json$/.exec(unknown ?? '') ?? [];
  expect(day).toMatch(/^\d{4}-\d{2}-\d{2}$/);
  const own = (await keys(`dead-letters/tenant=${tenant()}/`))
    .map((key) => /date=(.*)\/(.*)\.json$/.exec(key))
    .map((parts) => `${parts?.[1]}_${parts?.[2]}`);
  expect(await ask(`/letters?tenant=${tenant(2)}`)).toEqual({ ok: true, value: { data: [], nextCursor: null } });
  const nothing = { ok: false, error: { code: 'dead_letter_not_found' } };
  for (const id of [...own, `${day}_${name}`])
    expect(await ask(`/letter?tenant=${tenant(2)}&id=${id}`)).toEqual(nothing);
  for (const id of [
    `${day}_${name}`,
    '',
    '..',
    `${day}_../../tenant=unknown/date=${day}/${name}`,
    `${day}_${name}%2f`,
  ]) {
    expect(await ask(`/letter?tenant=${tenant()}&id=${encodeURIComponent(id)}`)).toEqual(nothing);
  }
});

test('[DEAD-3] a list goes on from its cursor until it is over, and a cursor that is none is refused', async () => {
  const seen: string[] = [];
  let cursor: string | null = '';
  for (let page = 0; page < 3 && cursor !== null; page++) {
    const answer = await ask(`/letters?tenant=${tenant()}&limit=1${cursor === '' ? '' : `&cursor=${cursor}`}`);
    const { data, nextCursor } = (answer as { value: { data: { id: string }[]; nextCursor: string | null } }).value;
    seen.push(...data.map(({ id }) => id));
    cursor = nextCursor;
  }
  expect(cursor).toBeNull();
  expect(seen).toEqual([...new Set(seen)].sort());
  expect(seen).toHaveLength(2);
  for (const bad of ['x', '../../', '2026-11-20_a/b']) {
    expect(await ask(`/letters?tenant=${tenant()}&cursor=${encodeURIComponent(bad)}`)).toEqual({
      ok: false,
      error: { code: 'cursor_invalid' },
    });
  }
});

test('[TELEMETRY-8] what was not stored is reported with counts and cause, and nothing of the message', async () => {
  const said = (await ask('/reports')) as readonly object[];
  // Nothing has failed: there is no cause, and none is made up.
  expect(said[0]).toMatchObject({ level: 'error', event: 'telemetry', failed: 0 });
  expect(said.filter((line) => 'cause' in line)).toEqual([]);
  const reports = JSON.stringify(said);
  expect(reports).toContain('"poison":');
  expect(reports).not.toContain('not a name');
  expect(reports).not.toContain(tenant());
});
