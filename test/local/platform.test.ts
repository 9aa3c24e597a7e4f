// The platform as a whole, on the real Worker: it answers, survives the loss of workerd, and lets go when it is told to.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { call, openLocalTenant } from '../../local/local-tenant.ts';
import { startPlatform } from '../../local/platform.ts';
import { StartError } from '../../local/start-error.ts';

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
    const { tenant } = await openLocalTenant(platform.url, home);
    const before = platform.workerdPid;
    expect(before).toBeTypeOf('number');
    const running = JSON.parse(readFileSync(join(home, 'running.json'), 'utf8'));
    expect(running).toMatchObject({ pid: process.pid, url: platform.url, workerd: { pid: before } });
    process.kill(before ?? Number.NaN, 'SIGKILL');
    await expect.poll(() => platform.workerdPid, { timeout: 20_000 }).not.toBe(before);
    await platform.ready;
    expect((await fetch(`${platform.url}/healthz`)).status).toBe(200);
    expect(await call(platform.url, '/v1/tasks', tenant)).toMatchObject({ data: [] });
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

test('[LOCAL-5] why it does not start is told, not what went wrong while it was let go', {
  timeout: 60_000,
}, async () => {
  const home = join(folder, 'home');
  await (await startPlatform({ home, port: 0 })).dispose();
  const d1 = join(home, 'state', 'd1', 'miniflare-D1DatabaseObject');
  const directory = readdirSync(d1).find((name) => /^[0-9a-f]{64}\.sqlite$/.test(name)) ?? '';
  const forget = (sql: string) => {
    const database = new DatabaseSync(join(d1, directory));
    database.exec(sql);
    database.close();
  };
  // Its tables are there, and it does not know: the first step cannot be done again.
  forget('ALTER TABLE d1_migrations RENAME TO hidden');
  const refusal = await startPlatform({ home, port: 0 }).catch((error: Error) => error);
  expect(refusal).toBeInstanceOf(StartError);
  expect(String(refusal)).toMatch(/the directory cannot be brought up to date: .*already exists/);
  // Folder and guard were let go.
  forget('DROP TABLE d1_migrations; ALTER TABLE hidden RENAME TO d1_migrations');
  await (await startPlatform({ home, port: 0 })).dispose();
});
