// Somebody names the platform as they like: in Host, in the address of the request, in the name of a page that was pointed at
// this machine. Where links, cookies, tokens and proofs lead follows the name, so no name but ours may do anything.

import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Platform, startPlatform } from '../../local/platform.ts';
import { type Organization, send, signUp, url } from '../conformance/client.ts';
import { asked, scopedOperations } from '../conformance/operations.ts';

const port = Number(new URL(url).port);
const ours = `localhost:${port}`;
let us: Organization;
let home: string;
let listed: Platform;

beforeAll(async () => {
  us = await signUp('Names');
  home = mkdtempSync(join(tmpdir(), 'starling-names-'));
  const bindings = { STARLING_HOSTS: 'box.lan, tunnel.lan:9000' };
  listed = await startPlatform({ home, port: 0, bindings });
}, 60_000);
afterAll(async () => {
  await listed.dispose();
  rmSync(home, { recursive: true, force: true });
});

interface Raw {
  readonly status: number;
  readonly text: string;
}

/** Sends the bytes of a request, as no client would. */
function raw(target: string, lines: readonly string[], { method = 'GET', body = '', at = port } = {}): Promise<Raw> {
  const { promise, resolve, reject } = Promise.withResolvers<Raw>();
  const length = body === '' ? [] : [`Content-Length: ${Buffer.byteLength(body)}`, 'Content-Type: application/json'];
  const head = [`${method} ${target} HTTP/1.1`, ...lines, 'Connection: close', ...length, '', ''].join('\r\n');
  let text = '';
  const socket = connect(at, '127.0.0.1', () => socket.write(head + body));
  socket.setTimeout(20_000, () => socket.destroy(new Error(`no answer to ${target}`)));
  socket.on('data', (chunk) => {
    text += chunk.toString('utf8');
  });
  socket.on('error', reject);
  socket.on('close', () => resolve({ status: Number(text.slice(9, 12)), text }));
  return promise;
}

const host = (name: string) => [`Host: ${name}`];
const signUpBody = () =>
  JSON.stringify({ email: `${randomUUID()}@example.com`, password: `pass ${randomUUID()}`, organization: 'Rebound' });

/** Names that are not ours, or are more than a name. */
const FOREIGN: readonly (readonly string[])[] = [
  host('evil.example'),
  host(`evil.example:${port}`),
  host('localhost'),
  host(`localhost:${port + 1}`),
  host(`localhost.:${port}`),
  host(`localhost.evil.example:${port}`),
  host(`evil.localhost:${port}`),
  host(`0.0.0.0:${port}`),
  host(`[::]:${port}`),
  host(`[::ffff:127.0.0.1]:${port}`),
  host(`evil.example@localhost:${port}`),
  host(`localhost:${port}@evil.example`),
  host(`localhost:${port}/v1/tasks?`),
  host(`localhost:${port}#`),
  host(`localhost:${port}, evil.example`),
  host(`localhost:${port} evil.example`),
  host('starling.evil.workers.dev'),
  ['Host: evil.example', `Host: ${ours}`],
  [`Host: ${ours}`, 'Host: evil.example'],
  ['Host: evil.example', `X-Forwarded-Host: ${ours}`, `Forwarded: host=${ours}`],
];

/** What a page of another name would do, with a key if it has one. */
const WANTED: readonly (readonly [string, string, string?])[] = [
  ['GET', '/'],
  ['GET', '/docs'],
  ['GET', '/v1/openapi.json'],
  ['GET', '/v1/tasks'],
  ['GET', '/healthz/'],
  ['POST', '/healthz', '{}'],
  ['POST', '/v1/signup', 'sign-up'],
  ['POST', '/v1/login', 'log-in'],
  ['POST', '/v1/invitations/join', '{"token":"x","password":"y"}'],
  ['POST', '/api/auth/request-password-reset', 'reset'],
  ['POST', '/api/auth/sign-in/email', 'log-in'],
  ['POST', '/v1/tasks', '{"operation":"swarm.echo","input":1}'],
  ['POST', '/hooks/trg_x.y', '{}'],
  ['POST', '/v1/devices/enroll', '{}'],
];

function bodyOf(kind: string | undefined): string {
  if (kind === 'sign-up') return signUpBody();
  if (kind === 'log-in') return JSON.stringify({ email: us.email, password: us.password });
  if (kind === 'reset') return JSON.stringify({ email: us.email });
  return kind ?? '';
}

test('[NAME-2] under a name that is not ours nothing is done, sign-up and password reset included', async () => {
  const before = (await send('GET', '/v1/journal/checkpoint', { key: us.key })).json.size;
  for (const lines of FOREIGN)
    for (const [method, path, kind] of WANTED) {
      const sent = [...lines, `Authorization: Bearer ${us.key}`, `Cookie: ${us.cookie}`];
      const { status, text } = await raw(path, sent, { method, body: bodyOf(kind) });
      const about = `${method} ${path} ${lines.join(' ')}`;
      expect(status, about).toBe(421);
      expect(text, about).toContain('misdirected_request');
      expect(text.toLowerCase(), about).not.toMatch(/evil|set-cookie/);
    }
  expect((await send('GET', '/v1/journal/checkpoint', { key: us.key })).json.size).toBe(before);
});

test('[NAME-2] no route is left out, sockets included', async () => {
  for (const operation of await scopedOperations()) {
    const sent = [...host('evil.example'), `Authorization: Bearer ${us.key}`];
    const { status } = await raw(asked(operation), sent, { method: operation.method });
    expect(status, operation.operationId).toBe(421);
  }
  const upgrade = ['Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='];
  const { status } = await raw('/v1/devices/connect', [...host('evil.example'), ...upgrade]);
  expect(status).toBe(421);
});

test('[NAME-2] only health answers under any name, and says that it is well', async () => {
  for (const name of ['evil.example', `192.0.2.7:${port}`, 'localhost', `[2001:db8::1]:${port}`]) {
    const { status, text } = await raw('/healthz', host(name));
    expect([status, text.slice(text.indexOf('\r\n\r\n') + 4)], name).toEqual([200, '{"status":"ok"}']);
  }
});

test('[NAME-1] every link of an answer leads to the name that was called, and it is one of ours', async () => {
  for (const name of ['localhost', 'LOCALHOST', '127.0.0.1', '[::1]', '2130706433', '[0:0:0:0:0:0:0:1]']) {
    const { status, text } = await raw('/v1/openapi.json', host(`${name}:${port}`));
    expect(status, name).toBe(200);
    const server = /"servers":\[\{"url":"([^"]+)"/.exec(text)?.[1] ?? '';
    expect([`http://localhost:${port}`, `http://127.0.0.1:${port}`, `http://[::1]:${port}`]).toContain(server);
  }
  const there = Number(new URL(listed.url).port);
  for (const [name, status] of [
    ['box.lan', 200],
    [`box.lan:${there}`, 200],
    ['tunnel.lan:9000', 200],
    [`tunnel.lan:${there}`, 421],
    [`x.box.lan:${there}`, 421],
  ] as const) {
    const answer = await raw('/v1/openapi.json', host(name), { at: there });
    expect([name, answer.status]).toEqual([name, status]);
    if (status === 200) expect(answer.text).toContain(`"servers":[{"url":"http://${name}"}]`);
  }
});

test('[NAME-2] what a request says of another host, in its target or beside Host, changes nothing', async () => {
  const forwarded = ['X-Forwarded-Host: evil.example', 'X-Forwarded-Proto: https', 'Forwarded: host=evil.example'];
  const answers = [
    await raw('http://evil.example/v1/openapi.json', host(ours)),
    await raw('/v1/openapi.json', [...host(ours), ...forwarded]),
  ];
  for (const { text } of answers) expect(text).not.toContain('evil');
  const { status } = await raw(`http://${ours}/v1/openapi.json`, host('evil.example'));
  expect(status).toBe(421);
});

test('[NAME-6] a page of one name of ours does nothing with the cookie of another, nor does a page of none', async () => {
  const json = { operation: 'swarm.echo', input: 1 };
  const foreign = [`http://127.0.0.1:${port}`, `http://localhost:${port + 1}`, `https://localhost:${port}`, 'null'];
  for (const origin of foreign) {
    const answer = await send('POST', '/v1/tasks', { headers: { cookie: us.cookie, origin }, json });
    expect([origin, answer.status, answer.json.code]).toEqual([origin, 403, 'origin_not_allowed']);
  }
  const own = await send('POST', '/v1/tasks', { headers: { cookie: us.cookie, origin: url }, json });
  expect(own.status).toBe(202);
});
