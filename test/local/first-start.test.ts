// What a stranger does: `npm start` on a new home, the first mission, the README's tour and the guides, typed as they stand.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { blocksOf, read } from '../tidy/docs-pages.ts';
import { root } from '../tidy/repository.ts';
import { noPython } from '../verify/python.ts';

const startMsMax = 90_000;
const scriptMsMax = 60_000;
/** What `npx starling` comes to in this folder, without npm's own start, which takes longer than most commands. */
const DIRECTLY = `npx() { "${join(root, 'node_modules', '.bin')}/$1" "\${@:2}"; }\n`;
const home = mkdtempSync(join(tmpdir(), 'starling-first-start-'));
let server: ChildProcess;
let url: string;
let said = '';

beforeAll(async () => {
  const port = await freePort();
  url = `http://localhost:${port}`;
  server = spawn(process.execPath, ['local/serve.ts'], {
    cwd: root,
    env: { ...process.env, STARLING_HOME: home, PORT: String(port) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  // Its last words are where the docs are.
  await new Promise<void>((resolve, reject) => {
    for (const stream of [server.stdout, server.stderr])
      stream?.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        if (said.includes('API docs:')) resolve();
      });
    server.once('exit', (code) => reject(new Error(`the platform ended (${code}): ${said}`)));
  });
}, startMsMax);

afterAll(async () => {
  const ended = new Promise((resolve) => server.once('exit', resolve));
  if (server.exitCode === null) {
    server.kill('SIGTERM');
    await ended;
  }
  rmSync(home, { recursive: true, force: true });
});

describe('the first start', () => {
  test('says when it is ready, and prints the report of the first mission with its cost and its proof', () => {
    expect(said).toContain(`ready ${url}\n`);
    for (const heading of [
      '## What it is made of',
      '## What is used most',
      '## Who did what, and what it cost',
      '## The proof',
    ])
      expect(said).toContain(heading);
    expect(said).toMatch(/report: report\.assemble by dev_\w+, 0\.000500 credits/);
    expect(said).toMatch(/\d+ events, every hash and link checked from the first to the signed head/);
    expect(said).not.toContain('did not end well');
  });

  // Pages whose commands need nothing but the platform that `npm start` has started.
  test.each([
    'README.md',
    'docs/start.md',
    'docs/guides/first-task.md',
    'docs/guides/missions.md',
    'docs/guides/rewind.md',
    'docs/guides/fork-and-what-if.md',
    'docs/guides/verify.md',
    'docs/guides/prove-to-an-outsider.md',
    'docs/guides/query-the-archive.md',
    'docs/guides/export-and-import.md',
    'docs/guides/traces-and-metrics.md',
  ])(
    'every command of %s does what the page says it does',
    async (page) => {
      const blocks = blocksOf(read(page)).filter(
        ({ language, text }) => language === 'sh' && !/^(npm|git|cd) /m.test(text),
      );
      expect(blocks.length).toBeGreaterThan(0);
      // A stranger's first page is typed as it stands, npm and all.
      const npx = page === 'README.md' ? '' : DIRECTLY;
      const prelude = `${npx}export STARLING_URL=${url} STARLING_API_KEY="$(node -p "require('${join(home, 'local.json')}').apiKey")"\n`;
      const script = blocks
        .map(({ text }) => text)
        .join('\n')
        .replaceAll('http://localhost:8787', url)
        .replaceAll('./.starling/', `${home}/`)
        .replaceAll(noPython ? /^python3 .*$/gm : /$^/g, ':');
      const run = promisify(execFile)('bash', ['-euo', 'pipefail', '-c', prelude + script], {
        cwd: root,
        timeout: scriptMsMax,
        env: {
          ...process.env,
          PATH: `${dirname(process.execPath)}:${process.env.PATH}`,
          STARLING_CONFIG: join(home, 'config.json'),
        },
      });
      await expect(run).resolves.toMatchObject({ stderr: expect.not.stringContaining('starling: ') });
    },
    scriptMsMax + 5_000,
  );

  test('a stop by SIGTERM is clean', async () => {
    const ended = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGTERM');
    expect(await ended).toBe(0);
  });
});

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
