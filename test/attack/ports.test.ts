// Somebody else on the same machine, without a key: what do our processes listen on, and what do they answer?

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { root } from '../tidy/repository.ts';
import { type Listening, listeningOf } from './listening.ts';

/** What opens doors in Miniflare's entry: its own paths, and headers with which it believes a caller. */
const PATHS = [
  '/',
  '/healthz',
  '/v1/tasks',
  '/cdn-cgi/local/r2/public/starling-archive/x',
  '/cdn-cgi/local/r2/s3/starling-archive',
  '/cdn-cgi/local/platform-proxy',
  '/cdn-cgi/local/explorer',
  '/cdn-cgi/local/explorer/api/d1/database',
  '/cdn-cgi/local/scheduled',
  '/core/do-storage/starling-SwarmObject',
  '/core/dev-registry',
  '/core/public-url',
  '/core/error',
];
const HEADERS = [
  {},
  { 'mf-route-override': 'starling' },
  { 'mf-original-url': 'x:../cdn-cgi/local/r2/public/starling-archive/x' },
  { 'mf-op': 'GET', 'mf-op-target': '[1]', 'mf-op-secret': '00'.repeat(16) },
  { 'mf-custom-fetch-service': '0:#:PASSWORDS' },
  { 'mf-loopback-secret': '00'.repeat(32) },
  { 'mf-loopback-secret': '' },
];

describe.skipIf(process.platform !== 'linux')('without a key, from the same machine', () => {
  const home = mkdtempSync(join(tmpdir(), 'starling-ports-'));
  let server: ChildProcess;
  let port: number;
  let all: Listening[];
  beforeAll(async () => {
    server = spawn(process.execPath, ['local/serve.ts'], {
      cwd: root,
      env: { ...process.env, STARLING_HOME: home, PORT: '0' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    // Its last words: the device has connected, the first mission has run.
    await new Promise<void>((done, failed) => {
      for (const stream of [server.stdout, server.stderr])
        stream?.on('data', (chunk: Buffer) => {
          said += chunk.toString();
          if (said.includes('API docs:')) done();
        });
      server.once('exit', () => failed(new Error(said)));
    });
    port = Number(/^ready http:\/\/localhost:(\d+)$/m.exec(said)?.[1]);
    all = listeningOf(server.pid ?? 0);
  }, 120_000);
  afterAll(async () => {
    const ended = new Promise((done) => server.once('exit', done));
    server.kill('SIGTERM');
    await ended;
    rmSync(home, { recursive: true, force: true });
  });

  test('[LOCAL-1] the public port is the only one that answers', async () => {
    expect(all.some(({ command }) => command.includes('workerd serve'))).toBe(true);
    expect(all.some(({ command }) => command.includes('device run'))).toBe(true);
    const ports = all.flatMap(({ tcp, command }) => tcp.map((one) => ({ ...one, command })));
    expect(ports.map((one) => one.port)).toContain(port);
    for (const one of ports) {
      // Nothing but this machine reaches any of them.
      expect(one.address, one.command).toBe('127.0.0.1');
      if (one.port === port) continue;
      for (const path of PATHS)
        for (const headers of HEADERS)
          for (const method of ['GET', 'POST', 'DELETE'])
            expect(await ask(one.port, method, path, headers), `${one.command} ${method} ${path}`).toEqual({
              status: 403,
              text: 'Forbidden',
            });
    }
  });

  test('[LOCAL-1] workerd has one port, and its entry is a socket in a folder for its owner alone', () => {
    const [workerd] = all.filter(({ command }) => command.includes('workerd serve'));
    expect(workerd?.tcp).toEqual([{ address: '127.0.0.1', port }]);
    expect(workerd?.unix).toHaveLength(1);
    for (const { pid, unix } of all)
      for (const path of unix) {
        const folder = dirname(resolve(readlinkSync(`/proc/${pid}/cwd`), path));
        expect(folder.startsWith(home), path).toBe(true);
        expect(statSync(folder).mode & 0o777, folder).toBe(0o700);
        expect(statSync(home).mode & 0o777).toBe(0o700);
      }
  });

  test('[LOCAL-1] the public port believes no header of Miniflare’s, and serves none of its paths', async () => {
    for (const path of PATHS.filter((one) => one.startsWith('/cdn-cgi/') || one.startsWith('/core/')))
      for (const headers of HEADERS) expect((await ask(port, 'GET', path, headers)).status, path).toBe(404);
    for (const headers of HEADERS) expect((await ask(port, 'GET', '/v1/tasks', headers)).status).toBe(401);
  });
});

function ask(port: number, method: string, path: string, headers: Record<string, string>) {
  return new Promise<{ status: number; text: string }>((done, failed) => {
    const asked = request({ host: '127.0.0.1', port, method, path, headers, agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => done({ status: response.statusCode ?? 0, text }));
    });
    asked.once('error', failed);
    asked.end();
  });
}
