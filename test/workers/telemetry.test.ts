// Telemetry and the cryptography of webhooks in workerd itself: what Node can do is not always what a Worker can.

/// <reference types="@cloudflare/vitest-plugin/types" />

import { createExecutionContext, createMessageBatch, getQueueResult } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { parquetReadObjects } from 'hyparquet';
import { expect, test } from 'vitest';
import type { ObjectStore } from '../../core/archive/port.ts';
import { objectBytesMax } from '../../core/limits.ts';
import { deriveKey, open, seal } from '../../functions/secrets.ts';
import { r2Store } from '../../functions/storage/r2-store.ts';
import { handleQueue } from '../../functions/telemetry/handle-queue.ts';
import { signDelivery } from '../../functions/webhooks/sign.ts';
import { newSecret, newSigner } from '../../functions/webhooks/signing-key.ts';
import { verifyDelivery } from '../../functions/webhooks/verify.ts';
import { aMessage, aRecord, NOON, swarm, tenant } from '../telemetry/queue-batch.ts';

// Bindings that wrangler.toml declares.
const { ARCHIVE, ARCHIVE_STORE } = env as unknown as { ARCHIVE: R2Bucket; ARCHIVE_STORE: ObjectStore };

async function deliver(queue: string, bodies: Readonly<Record<string, unknown>>) {
  const messages = Object.entries(bodies).map(([id, body]) => ({ id, body, timestamp: new Date(NOON), attempts: 1 }));
  const batch = createMessageBatch(queue, messages);
  const reports: unknown[] = [];
  const context = createExecutionContext();
  await handleQueue(batch, { store: r2Store(ARCHIVE), now: () => NOON, report: (...report) => reports.push(report) });
  return { answers: await getQueueResult(batch, context), reports };
}

test('[TELEMETRY-9] in workerd messages become Parquet objects; they are acknowledged one by one, poison is retried', async () => {
  const { answers, reports } = await deliver('starling-telemetry', {
    m1: aMessage([aRecord({ value: 1 }), aRecord({ value: 2, text: '✓', attributes: { unit: 'V' } })]),
    m2: { poison: true },
    m3: aMessage([aRecord({ value: 3 })]),
  });
  expect(answers).toMatchObject({
    outcome: 'ok',
    ackAll: false,
    explicitAcks: ['m1', 'm3'],
    retryMessages: [{ msgId: 'm2' }],
  });
  expect(reports).toEqual([['telemetry', { files: 2, rows: 3, acknowledged: 2, poison: 1, failed: 0 }]]);
  const { objects } = await ARCHIVE.list({
    prefix: `telemetry/tenant=${tenant()}/swarm=${swarm()}/date=2026-11-20/hour=12/`,
  });
  expect(objects).toHaveLength(2);
  const found = await Promise.all(objects.map(({ key }) => ARCHIVE.get(key)));
  expect(found.map((object) => object?.httpMetadata?.contentType)).toEqual([
    'application/vnd.apache.parquet',
    'application/vnd.apache.parquet',
  ]);
  const files = found.map(async (object) =>
    parquetReadObjects({ file: (await object?.arrayBuffer()) ?? new ArrayBuffer(0) }),
  );
  const rows = (await Promise.all(files)).flat().toSorted((a, b) => Number(a.value) - Number(b.value));
  expect(rows).toMatchObject([
    { value: 1, text: null, attributes: null, record: 0, received_at: new Date(NOON) },
    { value: 2, text: '✓', attributes: { unit: 'V' }, record: 1, message_id: rows[0]?.message_id },
    { value: 3, record: 0, message_id: expect.stringMatching(/^[0-9a-f]{32}$/) },
  ]);
});

test('[DEAD-8] in workerd a dead letter becomes a JSON object and is acknowledged', async () => {
  const { answers, reports } = await deliver('starling-telemetry-dead', { d1: { tenant: tenant() } });
  expect(answers).toMatchObject({ explicitAcks: ['d1'], retryMessages: [] });
  expect(reports).toEqual([]);
  const object = await ARCHIVE.get(`dead-letters/tenant=${tenant()}/date=2026-11-20/d1.json`);
  expect(await object?.json()).toMatchObject({ id: '2026-11-20_d1', tenant: tenant(), body: { tenant: tenant() } });
});

test('[STORE-9] by RPC an object reaches the store as it would without, up to the limit, and a key that is none of ours does not', async () => {
  const bytes = crypto.getRandomValues(new Uint8Array(60_000));
  const contentType = 'application/octet-stream';
  const key = 'snapshots/tnt_1/swm_1/a.json.gz';
  expect(await ARCHIVE_STORE.put(key, bytes, { contentType, ifAbsent: true })).toBe('stored');
  expect(await ARCHIVE_STORE.put(key, new Uint8Array(1), { contentType, ifAbsent: true })).toBe('present');
  expect(await ARCHIVE_STORE.get(key)).toEqual(bytes);
  expect(await ARCHIVE_STORE.list('snapshots/tnt_1/', null, 10)).toEqual({
    objects: [{ key, bytes: bytes.length }],
    cursor: null,
  });
  await ARCHIVE_STORE.delete([key]);
  expect(await ARCHIVE_STORE.get(key)).toBeNull();
  const most = new Uint8Array(objectBytesMax);
  expect(await ARCHIVE_STORE.put(key, most, { contentType })).toBe('stored');
  expect((await ARCHIVE_STORE.get(key))?.length).toBe(objectBytesMax);
  await ARCHIVE_STORE.delete([key]);
  // Awaited here: a promise of RPC is more than a promise, and would be asked for more than its value.
  const refusal = async (call: () => Promise<unknown>) => {
    try {
      await call();
      return null;
    } catch (cause) {
      return String(cause);
    }
  };
  for (const bad of ['other/a', 'snapshots/../telemetry/a', 'snapshots']) {
    expect(await refusal(() => ARCHIVE_STORE.put(bad, new Uint8Array(1), { contentType }))).toContain('a key of');
    expect(await refusal(() => ARCHIVE_STORE.get(bad))).toContain('a key of');
  }
});

test('[SIGN-4] in workerd a webhook is signed and verified with both kinds of key', () => {
  const [secret, signer] = [newSecret(), newSigner()];
  const body = '{"type":"task.succeeded"}';
  const headers = new Headers(
    signDelivery({ id: 'dlv_1', at: NOON, body, secrets: [secret], publicSigner: signer.secretKey }),
  );
  const verify = (key: string, text: string) =>
    verifyDelivery({
      preset: 'standard-webhooks',
      secret: key,
      headers,
      body: new TextEncoder().encode(text),
      now: NOON,
    });
  for (const key of [secret, signer.publicKey]) {
    expect(verify(key, body)).toEqual({
      ok: true,
      value: {
        ...{ deliveryId: 'dlv_1', eventType: 'task.succeeded', payload: { type: 'task.succeeded' } },
        ...{ inexact: null, isNamed: true, once: null },
      },
    });
    expect(verify(key, `${body} `)).toMatchObject({ ok: false, error: { code: 'signature_invalid' } });
  }
});

test('[SECRET-5] in workerd a secret is sealed and opened, and stays shut to another owner', () => {
  const key = deriveKey('a-master-secret-of-32-bytes-or-so', 'webhook-secrets');
  const sealed = seal('whsec_secret', key, 'trg_1');
  expect(open(sealed, key, 'trg_1')).toEqual({ ok: true, value: 'whsec_secret' });
  expect(open(sealed, key, 'trg_2')).toEqual({ ok: false, error: { code: 'secret_unreadable' } });
});
