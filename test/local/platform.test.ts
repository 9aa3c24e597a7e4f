// The platform as a whole, on the real Worker: it answers, survives the loss of workerd, and lets go when it is told to.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startPlatform } from '../../local/platform.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'starling-platform-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

test('when workerd is killed it comes back on the same port with the same data', { timeout: 60_000 }, async () => {
  const home = join(folder, 'home');
  const platform = await startPlatform({ home, port: 0 });
  try {
    await (await platform.miniflare.getR2Bucket('ARCHIVE')).put('kept', 'yes');
    const before = platform.workerdPid;
    expect(before).toBeTypeOf('number');
    const running = JSON.parse(readFileSync(join(home, 'running.json'), 'utf8'));
    expect(running).toMatchObject({ pid: process.pid, url: platform.url, workerd: { pid: before } });
    process.kill(before ?? Number.NaN, 'SIGKILL');
    await expect.poll(() => platform.workerdPid, { timeout: 20_000 }).not.toBe(before);
    await platform.ready;
    expect((await fetch(`${platform.url}/healthz`)).status).toBe(200);
    const kept = await (await platform.miniflare.getR2Bucket('ARCHIVE')).get('kept');
    expect(await kept?.text()).toBe('yes');
  } finally {
    await platform.dispose();
  }
  await expect(fetch(`${platform.url}/healthz`)).rejects.toThrow();
  const again = await startPlatform({ home, port: Number(new URL(platform.url).port) });
  await again.dispose();
});

test('a port that is taken is refused before anything is started', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await new Promise((done) => other.once('listening', done));
  const address = other.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  await expect(startPlatform({ home: join(folder, 'home'), port })).rejects.toThrow(
    `port ${port} on 127.0.0.1 is taken`,
  );
  other.close();
});
