// Requests that are none, or that no client sends: what stands in a head before anybody knows what is asked. None is answered
// with a fault, and none with more than what everybody may know.

import { connect } from 'node:net';
import { expect, inject, test } from 'vitest';
import { url } from '../conformance/client.ts';

const { port: text, host } = new URL(url);
const port = Number(text);
const NAMED = `Host: ${host}\r\n`;

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly isClosed: boolean;
}

/** Sends bytes, one for each character, and hears what comes within a moment or until the end. */
function ask(bytes: string): Promise<Answer> {
  return new Promise((done) => {
    let heard = '';
    const end = (isClosed: boolean) => () => {
      clearTimeout(timer);
      socket.destroy();
      done({ status: Number(/^HTTP\/1\.[01] (\d{3})/.exec(heard)?.[1] ?? 0), text: heard, isClosed });
    };
    const socket = connect(port, '127.0.0.1', () => socket.write(Buffer.from(bytes, 'latin1')));
    const timer = setTimeout(end(false), 10_000);
    socket.on('data', (chunk: Buffer) => {
      heard += chunk.toString('latin1');
      const [head = '', body] = heard.split('\r\n\r\n', 2);
      // Whoever closes says so: then the end is waited for.
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? Number.NaN);
      if (!/connection: close/i.test(head) && (body?.length ?? -1) >= length) end(false)();
    });
    socket.on('error', end(true));
    socket.on('close', end(true));
  });
}

/** None of it is a fault, or shows where our code stands. */
function expectPlain({ status, text }: Answer, name: string): void {
  expect(status === 501 || status < 500, `${name}: ${text.slice(0, 200)}`).toBe(true);
  expect(text, name).not.toMatch(/\n\s+at |\.ts:|\.js:|node_modules|Error:/);
  expect(text, name).not.toContain(inject('platform').home);
}

test('[LOCAL-7] a tunnel ends as soon as it is asked for, whatever it is to', async () => {
  for (const target of [host, 'example.com:443', '127.0.0.1:22', '/v1/tasks', '*', 'x'])
    for (const headers of [NAMED, '', 'Host: x\r\n']) {
      const answer = await ask(`CONNECT ${target} HTTP/1.1\r\n${headers}\r\nGET /healthz HTTP/1.1\r\n${NAMED}\r\n`);
      expectPlain(answer, `CONNECT ${target}`);
      expect(answer.isClosed, target).toBe(true);
      // What was sent into the tunnel was not served.
      expect(answer.text, target).not.toContain('"ok"');
    }
});

const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\n';
const json = 'Content-Type: application/json\r\n';

test.each([
  ['TRACE', `TRACE /v1/tasks HTTP/1.1\r\n${NAMED}Cookie: a=b\r\n\r\n`, [405]],
  ['a method that nobody knows', `TRACK /v1/tasks HTTP/1.1\r\n${NAMED}\r\n`, [501]],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [0]],
  ['PRI as a method', `PRI * HTTP/1.1\r\n${NAMED}\r\n`, [501]],
  ['a target for all', `OPTIONS * HTTP/1.1\r\n${NAMED}\r\n`, [421]],
  ['a target without a slash', `GET v1/tasks HTTP/1.1\r\n${NAMED}\r\n`, [200, 400, 404, 421]],
  ['an absolute target that is no URL', `GET http://[/ HTTP/1.1\r\n${NAMED}\r\n`, [400]],
  ['an absolute target of a file', `GET file:///etc/passwd HTTP/1.1\r\n${NAMED}\r\n`, [400]],
  ['an absolute target with a user', `GET http://a:b@${host}/v1/tasks HTTP/1.1\r\n${NAMED}\r\n`, [401, 421]],
  ['no target', `GET  HTTP/1.1\r\n${NAMED}\r\n`, [400]],
  ['a target with U+0000', `GET /\0 HTTP/1.1\r\n${NAMED}\r\n`, [400]],
  ['a target with an escape', `GET /\x1b[31m HTTP/1.1\r\n${NAMED}\r\n`, [400]],
  ['a target in eight bits', `GET /\xff\xfe HTTP/1.1\r\n${NAMED}\r\n`, [400]],
  [
    'an expectation nobody knows',
    `POST /v1/tasks HTTP/1.1\r\n${NAMED}${json}Expect: x\r\nContent-Length: 2\r\n\r\n{}`,
    [401, 417],
  ],
  [
    'an expectation',
    `POST /v1/tasks HTTP/1.1\r\n${NAMED}${json}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n`,
    [100, 401],
  ],
  [
    'an upgrade where there is none',
    `GET /v1/tasks HTTP/1.1\r\n${NAMED}${upgrade}${key}Sec-WebSocket-Version: 13\r\n\r\n`,
    [401],
  ],
  [
    'an upgrade of another version',
    `GET /v1/devices/connect HTTP/1.1\r\n${NAMED}${upgrade}${key}Sec-WebSocket-Version: 1\r\n\r\n`,
    [401],
  ],
  ['an upgrade without a key', `GET /v1/devices/connect HTTP/1.1\r\n${NAMED}${upgrade}\r\n`, [401]],
  [
    'an upgrade to HTTP/2',
    `GET /healthz HTTP/1.1\r\n${NAMED}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n`,
    [200],
  ],
  ['no Host', 'GET /v1/tasks HTTP/1.1\r\n\r\n', [400]],
  ['two Hosts', `GET /v1/tasks HTTP/1.1\r\n${NAMED}Host: evil.example\r\n\r\n`, [400, 421]],
  ['a Host that is none', 'GET /v1/tasks HTTP/1.1\r\nHost: a b\r\n\r\n', [400, 421]],
  ['two lengths', `POST /v1/tasks HTTP/1.1\r\n${NAMED}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`, [400]],
  ['a length below zero', `POST /v1/tasks HTTP/1.1\r\n${NAMED}Content-Length: -1\r\n\r\n`, [400]],
  ['a packing of the transfer', `POST /v1/tasks HTTP/1.1\r\n${NAMED}Transfer-Encoding: gzip\r\n\r\n`, [400, 501]],
  ['a version that is none', `GET /healthz HTTP/9.9\r\n${NAMED}\r\n`, [400, 505]],
  ['a greeting in TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', [0, 400]],
  ['a header with U+0000', `GET /healthz HTTP/1.1\r\n${NAMED}X: a\0b\r\n\r\n`, [400]],
  ['a header over two lines', `GET /healthz HTTP/1.1\r\n${NAMED}X: a\r\n b\r\n\r\n`, [400]],
  ['twenty thousand headers', `GET /healthz HTTP/1.1\r\n${NAMED}${'X: x\r\n'.repeat(20_000)}\r\n`, [431]],
] as const)('[LOCAL-7] %s is answered plainly', async (name, bytes, statuses) => {
  const answer = await ask(bytes);
  // A version beyond HTTP/1.1 is refused by closing, or by its status.
  expect(statuses, `${name}: ${answer.text.slice(0, 200)}`).toContain(answer.status);
  if (answer.status !== 505) expectPlain(answer, name);
});

test('[LOCAL-7] an absolute target under another name is not served as ours', async () => {
  const answer = await ask(`GET http://evil.example/v1/openapi.json HTTP/1.1\r\nHost: evil.example\r\n\r\n`);
  expect(answer.status).toBe(421);
});
