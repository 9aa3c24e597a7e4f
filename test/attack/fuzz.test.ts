// Requests and frames that nobody would send, on a server of their own: whatever comes, it answers as the documents say.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startPlatform } from '../../local/platform.ts';
import { runFuzz } from './fuzz/run-fuzz.ts';
import { sized } from './whole.ts';

const seed = Number(process.env.STARLING_SEED ?? 20_261_128);

test(`[P15] no request and no frame is answered with a 500, a stack or an unknown code, seed ${seed}`, {
  timeout: sized(120_000, 1_200_000),
}, async () => {
  const home = mkdtempSync(join(tmpdir(), 'starling-fuzz-'));
  const platform = await startPlatform({ home, port: 0, allowPrivateAddresses: true });
  try {
    const { findings, crashes } = await runFuzz(platform, { seed, requests: sized(1_500, 50_000) });
    expect(findings).toEqual([]);
    expect(crashes).toBe(0);
  } finally {
    await platform.dispose();
    rmSync(home, { recursive: true, force: true, maxRetries: 3 });
  }
});
