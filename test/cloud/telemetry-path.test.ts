// The built platform, started with one setting or the other; a device at one end, DuckDB at the other.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Platform, startPlatform } from '../../local/platform.ts';
import { aConnectedDevice } from './a-connected-device.ts';
import { archiveOfHome } from './archive-of-home.ts';
import { type LocalAws, startLocalAws } from './local-aws.ts';
import { keysOf } from './rows-of-files.ts';
import { deadLetterPathContract, telemetryPathContract } from './telemetry-path.contract.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'starling-path-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));

describe('telemetry by Queues and R2', () => {
  let platform: Platform;
  beforeAll(async () => {
    platform = await startPlatform({ home: join(folder, 'cloudflare'), port: 0 });
  }, 60_000);
  afterAll(() => platform.dispose());
  // Its dead letters take four times five seconds here; test/telemetry/queue.test.ts has the same queues, faster.
  telemetryPathContract(() => ({ url: platform.url, store: archiveOfHome(platform.home), drain: async () => {} }));
});

describe('telemetry by SQS, Lambda and S3', () => {
  let aws: LocalAws;
  let platform: Platform;
  beforeAll(async () => {
    const { handler } = await import('../../functions/cloud/handler.ts');
    aws = await startLocalAws(handler);
    for (const [name, value] of Object.entries(aws.lambdaEnv)) vi.stubEnv(name, value);
    platform = await startPlatform({
      home: join(folder, 'aws'),
      port: 0,
      allowPrivateAddresses: true,
      bindings: aws.settings,
    });
  }, 60_000);
  afterAll(async () => {
    await platform.dispose();
    await aws.stop();
    vi.unstubAllEnvs();
  });
  const path = () => ({ url: platform.url, store: aws.store, drain: () => aws.drain() });
  telemetryPathContract(path);
  deadLetterPathContract(path);

  test('[TELEMETRY-10] nothing of it goes by the platform’s own queue and bucket', async () => {
    expect(await keysOf(archiveOfHome(platform.home), '')).toEqual([]);
    expect((await keysOf(aws.store, '')).length).toBeGreaterThan(0);
  });

  test('[TELEMETRY-10] a queue that is away is told to the device, and found again when it is back', {
    timeout: 60_000,
  }, async () => {
    const device = await aConnectedDevice(platform.url);
    const batch = { records: [{ name: 'n', at: Date.now(), value: 1 }] };
    const away = aws.fauxqs.inspectQueue('starling-test-telemetry');
    expect(away).toBeDefined();
    aws.fauxqs.deleteQueue('starling-test-telemetry');
    device.telemetry(batch);
    await expect
      .poll(() => device.problems.map(({ code }) => code), { timeout: 20_000 })
      .toEqual(['telemetry_unavailable']);
    aws.fauxqs.createQueue('starling-test-telemetry');
    device.telemetry(batch);
    await expect
      .poll(
        async () => {
          await aws.drain();
          return (await keysOf(aws.store, `telemetry/tenant=${device.tenant}/`)).length;
        },
        { timeout: 20_000 },
      )
      .toBe(1);
    device.close();
  });
});

describe('a sink that is set wrongly', () => {
  test('[SINK-6] is told to the device as unavailable, keeps nobody from the rest, and names no secret', {
    timeout: 60_000,
  }, async () => {
    const said: string[] = [];
    const platform = await startPlatform({
      home: join(folder, 'wrong'),
      port: 0,
      bindings: { STARLING_SINK: 'aws', AWS_SECRET_ACCESS_KEY: 'a-secret-that-is-not-said' },
      log: (_, message) => said.push(message),
    });
    try {
      const device = await aConnectedDevice(platform.url);
      device.telemetry({ records: [{ name: 'n', at: 1 }] });
      await expect
        .poll(() => device.problems.map(({ code }) => code), { timeout: 20_000 })
        .toEqual(['telemetry_unavailable']);
      expect(said.join('\n')).not.toContain('a-secret-that-is-not-said');
      device.close();
    } finally {
      await platform.dispose();
    }
  });
});
