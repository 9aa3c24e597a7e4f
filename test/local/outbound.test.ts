// Outgoing requests of the local Worker: what is refused, before and after the name is looked up, and what comes back.

import type { LookupAddress } from 'node:dns';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, createServer as createSocketServer, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { Request, type Response } from 'miniflare';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { webhookAgent } from '../../functions/webhooks/send.ts';
import { FAILED_HEADER, outboundHandler, REFUSED_HEADER } from '../../local/outbound.ts';

let server: Server;
let port: number;
const seen: { method: string | undefined; headers: IncomingMessage['headers']; body: string }[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      seen.push({ method: request.method, headers: request.headers, body });
      if (request.url === '/gzip') {
        response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('packed'));
      } else if (request.url === '/forged') {
        response.writeHead(200, { [REFUSED_HEADER]: 'private_address', [FAILED_HEADER]: 'X' }).end();
      } else if (request.url === '/moved') {
        response.writeHead(302, { location: 'http://10.0.0.1/' }).end();
      } else if (request.url === '/cookies') {
        response.writeHead(204, { 'set-cookie': ['a=1', 'b=2'] }).end();
      } else {
        response.end('hello');
      }
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  port = (server.address() as AddressInfo).port;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

/** A resolver that knows one answer, and counts how often it is asked. */
function resolver(...addresses: string[]) {
  const asked: string[] = [];
  const found = addresses.map((address): LookupAddress => ({ address, family: address.includes(':') ? 6 : 4 }));
  const lookup: NonNullable<Parameters<typeof outboundHandler>[0]['lookup']> = (hostname, _options, callback) => {
    asked.push(hostname);
    callback(null, found);
  };
  return { lookup, asked };
}

function verdict(response: Response) {
  return { status: response.status, refused: response.headers.get(REFUSED_HEADER) };
}
const refused = { status: 403, refused: 'private_address' };

test.each([
  'http://127.0.0.1/',
  'http://0x7f.1/',
  'http://2130706433/',
  'http://[::1]/',
  'http://[::ffff:10.0.0.1]/',
  'http://169.254.169.254/latest/meta-data',
  'http://localhost/',
  'http://printer.local/',
  'http://intranet/',
])('an address that is private by its text is refused without a look-up: %s', async (url) => {
  const { lookup, asked } = resolver('93.184.215.14');
  expect(verdict(await outboundHandler({ allowPrivate: false, lookup })(new Request(url)))).toEqual(refused);
  expect(asked).toEqual([]);
});

test.each([[['127.0.0.1']], [['10.1.2.3']], [['169.254.169.254']], [['fd00::1']], [['93.184.215.14', '192.168.0.1']]])(
  'a public name that leads to a private address is refused: %s',
  async (addresses) => {
    const { lookup, asked } = resolver(...addresses);
    const before = seen.length;
    const answer = await outboundHandler({ allowPrivate: false, lookup })(new Request(`http://a.example.com:${port}/`));
    expect(verdict(answer)).toEqual(refused);
    expect(asked).toEqual(['a.example.com']);
    expect(seen).toHaveLength(before);
  },
);

test('the connection goes to the address that was checked: the name is looked up once', async () => {
  const { lookup, asked } = resolver('127.0.0.1');
  const send = outboundHandler({ allowPrivate: true, lookup });
  const answer = await send(new Request(`http://a.example.com:${port}/`));
  expect([answer.status, await answer.text()]).toEqual([200, 'hello']);
  expect(asked).toEqual(['a.example.com']);
});

const send = outboundHandler({ allowPrivate: true });
const at = (path: string) => `http://127.0.0.1:${port}${path}`;

test('method, headers and body arrive; what the local runtime added does not', async () => {
  const headers = { 'webhook-id': 'msg_1', 'content-type': 'text/plain', 'cf-worker': 'x', 'mf-original-url': 'y' };
  await send(new Request(at('/in'), { method: 'POST', body: 'the body', headers }));
  expect(seen.at(-1)).toMatchObject({ method: 'POST', body: 'the body' });
  expect(seen.at(-1)?.headers).toMatchObject({ 'webhook-id': 'msg_1', 'content-type': 'text/plain' });
  expect(seen.at(-1)?.headers).not.toHaveProperty('cf-worker');
  expect(seen.at(-1)?.headers).not.toHaveProperty('mf-original-url');
});

test('a redirect is not followed here: it comes back, and its target comes through the door again', async () => {
  const answer = await send(new Request(at('/moved')));
  expect([answer.status, answer.headers.get('location')]).toEqual([302, 'http://10.0.0.1/']);
});

test('a packed body is unpacked once, and several cookies stay several', async () => {
  const packed = await send(new Request(at('/gzip')));
  expect([await packed.text(), packed.headers.get('content-encoding')]).toEqual(['packed', null]);
  expect((await send(new Request(at('/cookies')))).headers.getSetCookie()).toEqual(['a=1', 'b=2']);
});

test('nobody outside can say in our name that an address was refused', async () => {
  const answer = await send(new Request(at('/forged')));
  expect([answer.headers.get(REFUSED_HEADER), answer.headers.get(FAILED_HEADER)]).toEqual([null, null]);
});

test('where nobody listens, the answer says so', async () => {
  const answer = await send(new Request('http://127.0.0.1:1/'));
  expect([answer.status, answer.headers.get(FAILED_HEADER)]).toEqual([521, 'ECONNREFUSED']);
});

/** A server that answers with a head, and then as `more` does; answers with its port and the end of its next socket. */
async function receiver(head: string, more: (socket: Socket) => void) {
  const sockets = createSocketServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      socket.write(`HTTP/1.1 ${head}\r\n\r\n`);
      more(socket);
    });
  });
  const closed = new Promise<void>((done) =>
    sockets.once('connection', (socket) => socket.once('close', () => done())),
  );
  await new Promise<void>((done) => sockets.listen(0, '127.0.0.1', done));
  onTestFinished(() => void sockets.close());
  return { port: (sockets.address() as AddressInfo).port, closed };
}

function flood(socket: Socket): void {
  const part = Buffer.alloc(64 * 1024, 'x');
  const push = () => {
    while (!socket.destroyed && socket.write(part));
  };
  socket.on('drain', push);
  push();
}

function drip(socket: Socket): void {
  const timer = setInterval(() => socket.write('x'), 50);
  socket.on('close', () => clearInterval(timer));
}

test.each([
  ['sends for ever', '200 OK\r\ncontent-length: 99999999999', flood, 4_096],
  ['never ends', '200 OK', drip, null],
  ['says much and sends little', '410 Gone\r\ncontent-length: 5000', (socket: Socket) => socket.write('few'), 3],
] as const)(
  '[P19] a receiver of webhooks that %s is heard to its beginning, and holds no socket',
  async (_, head, more, bytes) => {
    const { port, closed } = await receiver(head, more);
    const headers = { 'user-agent': webhookAgent };
    const request = new Request(`http://127.0.0.1:${port}/`, { method: 'POST', body: '{}', headers });
    const answer = await outboundHandler({ allowPrivate: true })(request);
    const body = await answer.text();
    expect(answer.status).toBe(Number(head.slice(0, 3)));
    expect(answer.headers.get('content-length')).toBe(null);
    if (bytes === null) expect(body).toMatch(/^x+$/);
    else expect(body).toHaveLength(bytes);
    await closed;
  },
);

test('[P19] a status that is none frees the socket that it came by', async () => {
  const { port, closed } = await receiver('666 No', drip);
  const answer = await outboundHandler({ allowPrivate: true })(new Request(`http://127.0.0.1:${port}/`));
  expect([answer.status, answer.headers.get(FAILED_HEADER)]).toEqual([521, 'BAD_STATUS']);
  await closed;
});
