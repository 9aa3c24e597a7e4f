// The whole way of telemetry, from a device's socket to rows that DuckDB reads, whichever cloud lies between. Each way brings
// a running platform, its object storage, and somebody who drains the queue.

import { expect, test } from 'vitest';
import type { ObjectStore } from '../../core/archive/port.ts';
import { call } from '../../local/local-tenant.ts';
import { aConnectedDevice } from './a-connected-device.ts';
import { askFiles, keysOf } from './rows-of-files.ts';

export interface TelemetryPath {
  readonly url: string;
  readonly store: ObjectStore;
  /** Lets what is in the queue, and in its dead letters, be taken out. */
  drain(): Promise<void>;
}

const untilOf = (path: () => TelemetryPath) => (what: () => Promise<unknown>, wanted: unknown) =>
  expect
    .poll(
      async () => {
        await path().drain();
        return await what();
      },
      { timeout: 90_000, interval: 200 },
    )
    .toEqual(wanted);

/** What can be read; call it inside a `describe` that names the way. */
export function telemetryPathContract(path: () => TelemetryPath): void {
  const until = untilOf(path);

  test('[TELEMETRY-10] what a device measures becomes rows of its tenant, each once', {
    timeout: 120_000,
  }, async () => {
    const { url, store } = path();
    const device = await aConnectedDevice(url);
    const other = await aConnectedDevice(url);
    const now = Date.now();
    for (let n = 0; n < 25; n++) {
      device.telemetry({
        records: [
          { name: 'battery.voltage', at: now + n, value: n },
          { name: 'note', at: now + n, text: `✓ 𝄞 ${n}`, attributes: { n, unit: 'V' } },
        ],
      });
    }
    other.telemetry({ records: [{ name: 'battery.voltage', at: now, value: 1_000 }] });
    const folder = (tenant: string) => `telemetry/tenant=${tenant}/`;
    await until(async () => (await keysOf(store, folder(device.tenant))).length, 25);
    await until(async () => (await keysOf(store, folder(other.tenant))).length, 1);
    expect(
      await askFiles(
        store,
        folder(device.tenant),
        `select device, swarm, count(*)::int as rows, count(distinct (message_id, record))::int as different,
          sum(value)::int as sum, count(text)::int as texts, sum((attributes->'n')::int)::int as n, min(text) as first
        from telemetry group by all`,
      ),
    ).toEqual([
      {
        device: device.device,
        swarm: device.swarm,
        rows: 50,
        different: 50,
        sum: 300,
        texts: 25,
        n: 300,
        first: '✓ 𝄞 0',
      },
    ]);
    expect(await askFiles(store, folder(other.tenant), 'select value, device from telemetry')).toEqual([
      { value: 1_000, device: other.device },
    ]);
    expect([device.problems, other.problems]).toEqual([[], []]);
    device.close();
    other.close();
  });
}

/** What cannot be read. */
export function deadLetterPathContract(path: () => TelemetryPath): void {
  const until = untilOf(path);

  test('[TELEMETRY-10] a batch that cannot be read becomes a dead letter that its tenant reads, and nobody else', {
    timeout: 120_000,
  }, async () => {
    const { url } = path();
    const device = await aConnectedDevice(url);
    const other = await aConnectedDevice(url);
    const batch = { records: [{ name: 'not a name', at: 1, text: 'é' }] };
    device.telemetry(batch);
    // The API's own tests look at its shapes; here they are used.
    const letters = async (apiKey: string) =>
      ((await call(url, '/v1/telemetry/dead-letters', { apiKey })) as { data: { id: string }[] }).data;
    const reason = 'batch: records/0/name: expected a name such as battery.voltage';
    await until(
      async () => await letters(device.apiKey),
      [{ id: expect.any(String), swarm: device.swarm, device: device.device, reason }],
    );
    const [letter] = await letters(device.apiKey);
    expect(await call(url, `/v1/telemetry/dead-letters/${letter?.id}`, { apiKey: device.apiKey })).toMatchObject({
      tenant: device.tenant,
      reason,
      body: { batch },
    });
    expect(await letters(other.apiKey)).toEqual([]);
    device.close();
    other.close();
  });
}
