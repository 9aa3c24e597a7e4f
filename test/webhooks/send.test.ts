import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { retryAfterMsMax } from '../../core/webhooks/schedule.ts';
import {
  answerBytesKept,
  answerMsMax,
  type DeliveryToSend,
  readRetryAfter,
  type SendDeps,
  sendDelivery,
} from '../../functions/webhooks/send.ts';
import { newSecret, newSigner } from '../../functions/webhooks/signing-key.ts';
import { REFUSED_HEADER } from '../../local/outbound.ts';

const NOW = Date.parse('2026-11-20T12:00:00Z');
const SECRET = newSecret();
const BODY = '{"type":"task.succeeded","data":{"text":"✓"}}';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;
interface Received {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

let server: Server;
let origin: string;
let answer: Answer;
let received: Received[];

beforeAll(async () => {
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    received.push({
      method: request.method,
      url: request.url,
      headers: request.headers,
      body: Buffer.concat(chunks).toString(),
    });
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A server that listens on TCP has an address of this form.
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(() => {
  received = [];
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const delivery = (change: Partial<DeliveryToSend> = {}): DeliveryToSend => ({
  url: `${origin}/hook?token=hidden`,
  id: 'dlv_1',
  body: BODY,
  secrets: [SECRET],
  attempt: 1,
  ...change,
});
const local: SendDeps = { fetch: (url, init) => fetch(url, init), now: () => NOW, allowPrivate: true };
const never: SendDeps = {
  ...local,
  allowPrivate: false,
  fetch: () => {
    throw new Error('nothing may be sent');
  },
};
const status =
  (code: number, headers: Record<string, string> = {}, text = ''): Answer =>
  (_, response) =>
    response.writeHead(code, headers).end(text);

test('[SEND-1] a delivery is one POST of the body as it stands, signed so that the standardwebhooks library verifies it', async () => {
  answer = status(204);
  const signer = newSigner();
  const sent = await sendDelivery(delivery({ publicSigner: signer.secretKey, attempt: 3 }), {
    ...local,
    now: () => Date.now(),
  });
  expect(sent).toEqual({ outcome: 'delivered', status: 204 });
  expect(received).toMatchObject([
    {
      method: 'POST',
      url: '/hook?token=hidden',
      body: BODY,
      headers: { 'content-type': 'application/json', 'webhook-id': 'dlv_1', 'starling-attempt': '3' },
    },
  ]);
  const headers = Object.fromEntries(
    Object.entries(received[0]?.headers ?? {}).map(([name, value]) => [name, String(value)]),
  );
  expect(new Webhook(SECRET).verify(BODY, headers)).toEqual(JSON.parse(BODY));
  expect(JSON.stringify(received)).not.toContain(SECRET.slice(6));
});

test.each([
  [200, 'delivered', undefined],
  [299, 'delivered', undefined],
  [301, 'retry', 'redirected'],
  [308, 'retry', 'redirected'],
  [400, 'retry', 'answered_error'],
  [404, 'retry', 'answered_error'],
  [410, 'disabled', 'answered_gone'],
  [429, 'retry', 'answered_error'],
  [500, 'retry', 'answered_error'],
  [503, 'retry', 'answered_error'],
])('[SEND-2] an answer of %i comes to %s', async (code, outcome, error) => {
  answer = status(code, { location: `${origin}/elsewhere` });
  const sent = await sendDelivery(delivery(), local);
  expect(sent).toEqual({ outcome, status: code, ...(error === undefined ? {} : { error }) });
  // A redirect is not followed.
  expect(received).toHaveLength(1);
});

test('[SEND-3] of an answer at most 1 kB is kept, without half a character, and a long one is not waited for', async () => {
  answer = (_, response) => {
    response.writeHead(500);
    const more = () => response.write('é'.repeat(2_000), (error) => error ?? setImmediate(more));
    response.write('x');
    more();
  };
  const sent = await sendDelivery(delivery(), local);
  expect(sent).toMatchObject({ outcome: 'retry', status: 500 });
  expect(sent.answer).toBe(`x${'é'.repeat((answerBytesKept - 2) / 2)}`);
});

test('[SEND-3] an answer that breaks off after its status is judged by its status', async () => {
  answer = (_, response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('begun', () => response.destroy());
  };
  expect(await sendDelivery(delivery(), local)).toMatchObject({ outcome: 'delivered', status: 200 });
});

test('[SEND-4] an answer that does not come within 15 s is a failure, and the request is given up', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const arrived = new Promise<IncomingMessage>((resolve) => {
      answer = (request) => resolve(request);
    });
    const sent = sendDelivery(delivery(), local);
    const request = await arrived;
    const closed = new Promise((resolve) => request.socket.once('close', resolve));
    vi.advanceTimersByTime(answerMsMax - 1);
    expect(await Promise.race([sent, Promise.resolve('waiting')])).toBe('waiting');
    vi.advanceTimersByTime(1);
    expect(await sent).toEqual({ outcome: 'retry', error: 'timed_out' });
    await closed;
  } finally {
    vi.useRealTimers();
  }
});

test('[SEND-4] an answer whose body never ends counts by its status when the time is over', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const begun = new Promise<void>((resolve) => {
      answer = (_, response) => {
        response.writeHead(200);
        response.write('begun', () => resolve());
      };
    });
    const sent = sendDelivery(delivery(), {
      ...local,
      fetch: async (url, init) => {
        const response = await fetch(url, init);
        await begun;
        queueMicrotask(() => vi.advanceTimersByTime(answerMsMax));
        return response;
      },
    });
    expect(await sent).toMatchObject({ outcome: 'delivered', status: 200 });
  } finally {
    vi.useRealTimers();
  }
});

test('[SEND-4] a connection that fails is tried again, and its error tells nothing of the URL', async () => {
  answer = (_, response) => response.destroy();
  expect(await sendDelivery(delivery(), local)).toEqual({ outcome: 'retry', error: 'connection_failed' });
  // Port 9 of this machine: nobody listens.
  expect(await sendDelivery(delivery({ url: 'http://127.0.0.1:9/?token=hidden' }), local)).toEqual({
    outcome: 'retry',
    error: 'connection_failed',
  });
});

test('[SEND-5] Retry-After is read in seconds and as an HTTP date, and capped', async () => {
  answer = status(503, { 'retry-after': '120' });
  expect(await sendDelivery(delivery(), local)).toEqual({
    outcome: 'retry',
    status: 503,
    error: 'answered_error',
    retryAfterMs: 120_000,
  });
  answer = status(429, { 'retry-after': 'Fri, 20 Nov 2026 12:01:00 GMT' });
  expect(await sendDelivery(delivery(), local)).toMatchObject({ retryAfterMs: 60_000 });
  const read = (text: string | null) => readRetryAfter(text, NOW);
  expect(
    [
      'Friday, 20-Nov-26 12:00:30 GMT',
      'Fri Nov 20 12:00:30 2026 GMT',
      ' 5 ',
      '9999999999',
      'Sun, 01 Jan 2090 00:00:00 GMT',
    ].map(read),
  ).toEqual([30_000, 30_000, 5_000, retryAfterMsMax, retryAfterMsMax]);
  expect(
    [
      null,
      '',
      '0',
      '-5',
      '1.5',
      '1e3',
      'soon',
      'Fri, 99 Nov 2026',
      '2026-11-20T13:00:00Z',
      'Fri, 20 Nov 2026 11:00:00 GMT',
    ].map(read),
  ).toEqual(Array(10).fill(null));
});

test.each([
  ['ftp://example.com/', 'url_invalid'],
  ['not a url', 'url_invalid'],
  ['https://user:pass@example.com/', 'url_invalid'],
  ['https://:pass@example.com/', 'url_invalid'],
  ['https://example.com/#part', 'url_invalid'],
  ['http://localhost/', 'address_private'],
  ['http://127.1/', 'address_private'],
  ['http://0x7f000001/', 'address_private'],
  ['http://[::ffff:169.254.169.254]/', 'address_private'],
  ['http://１６９.254.169.254/', 'address_private'],
  ['http://metadata.google.internal/', 'address_private'],
  ['http://redis:6379/', 'address_private'],
])('[SEND-6] %s is refused before anything is sent: %s', async (url, error) => {
  expect(await sendDelivery(delivery({ url }), never)).toEqual({ outcome: 'refused', error });
});

test('[SEND-6] a name that the platform’s way out refused is refused, and not tried again', async () => {
  const refusing: SendDeps = {
    ...never,
    fetch: async () => new Response(null, { status: 403, headers: { [REFUSED_HEADER]: 'private_address' } }),
  };
  expect(await sendDelivery(delivery({ url: 'https://rebind.example.com/' }), refusing)).toEqual({
    outcome: 'refused',
    error: 'address_private',
  });
});

test('[SEND-6] a name that leads to a private address is refused where the platform shows it', async () => {
  const resolving = (addresses: readonly string[]): SendDeps => ({ ...never, resolve: async () => addresses });
  const url = 'https://rebind.example.com/';
  expect(await sendDelivery(delivery({ url }), resolving(['93.184.216.34', '10.0.0.1']))).toEqual({
    outcome: 'refused',
    error: 'address_private',
  });
  expect(await sendDelivery(delivery({ url }), resolving(['::1']))).toEqual({
    outcome: 'refused',
    error: 'address_private',
  });
  expect(await sendDelivery(delivery({ url }), resolving([]))).toEqual({ outcome: 'retry', error: 'name_unresolved' });
  const failing = { ...never, resolve: () => Promise.reject(new Error('no such name')) };
  expect(await sendDelivery(delivery({ url }), failing)).toEqual({ outcome: 'retry', error: 'name_unresolved' });
  const asked: string[] = [];
  const fine: SendDeps = {
    ...never,
    resolve: async (host) => {
      asked.push(host);
      return ['93.184.216.34', '2606:4700::1111'];
    },
    fetch: async () => new Response(null, { status: 200 }),
  };
  expect(await sendDelivery(delivery({ url }), fine)).toEqual({ outcome: 'delivered', status: 200 });
  expect(await sendDelivery(delivery({ url: 'https://93.184.216.34/' }), fine)).toEqual({
    outcome: 'delivered',
    status: 200,
  });
  expect(asked).toEqual(['rebind.example.com']);
});

test('[SEND-7] a body over the limit is not sent, and a secret that is not one is a defect', async () => {
  expect(await sendDelivery(delivery({ body: 'x'.repeat(1_024 * 1_024 + 1) }), local)).toEqual({
    outcome: 'refused',
    error: 'body_too_large',
  });
  await expect(sendDelivery(delivery({ secrets: ['whsec_***'] }), local)).rejects.toThrow();
  expect(received).toEqual([]);
});
