// A client of the platform under test, as a stranger would write one: an address, a key, JSON. It knows nothing of our code.

import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import { inject } from 'vitest';

/** Where the platform answers: the one that the run started, or any other that the environment names. */
export const url = process.env.STARLING_TEST_URL ?? inject('platform').url;

export interface Sent {
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly body?: string | Uint8Array<ArrayBuffer> | ReadableStream;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: what a stranger's client knows of a JSON answer before it looks.
  readonly json: any;
}

/** Sends one request. `path` may be a whole URL of the platform. */
export async function send(
  method: string,
  path: string,
  { key, headers = {}, json, body }: Sent = {},
): Promise<Answer> {
  const response = await fetch(new URL(path, url), {
    method,
    redirect: 'manual',
    headers: {
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    ...(body === undefined ? {} : { body, duplex: 'half' }),
  });
  const text = await response.text();
  const isJson = /[/+]json\b/.test(response.headers.get('content-type') ?? '') && text !== '';
  return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : null };
}

export interface Organization {
  readonly email: string;
  readonly password: string;
  readonly tenant: string;
  readonly swarm: string;
  readonly user: string;
  readonly keyId: string;
  /** The first API key. */
  readonly key: string;
  /** The session cookie. */
  readonly cookie: string;
}

/** Signs a new organization up. */
export async function signUp(organization = 'Conformance'): Promise<Organization> {
  const email = `${randomUUID()}@example.com`;
  const password = `pass phrase ${randomUUID()}`;
  const answer = await send('POST', '/v1/signup', { json: { email, password, organization } });
  if (answer.status !== 201) throw new Error(`sign-up answered ${answer.status}: ${answer.text}`);
  const { tenant, swarm, user, apiKey } = answer.json;
  const cookie = cookieOf(answer.headers);
  return {
    email,
    password,
    tenant: tenant.id,
    swarm: swarm.id,
    user: user.id,
    keyId: apiKey.id,
    key: apiKey.secret,
    cookie,
  };
}

/** The cookies that an answer sets, as a browser sends them back. */
export function cookieOf(headers: Headers): string {
  return headers
    .getSetCookie()
    .map((cookie) => cookie.split(';', 1)[0])
    .join('; ');
}

/** The status and the code of an answer: what a client decides by. */
export function told({ status, json }: Answer): [number, string] {
  return [status, json?.code];
}

export interface Received {
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** A receiver of webhooks on this machine. `answer` says what each delivery is answered with. */
export async function aReceiver(
  answer: (received: Received, nth: number) => { status: number; headers?: Record<string, string> },
) {
  const received: Received[] = [];
  const waiting = new Set<() => void>();
  const server = createServer((request, response) => {
    void readBody(request).then((body) => {
      const one = { headers: request.headers as Record<string, string>, body }; // none of ours comes twice
      received.push(one);
      const { status, headers = {} } = answer(one, received.length);
      response.writeHead(status, headers).end();
      for (const wake of waiting) wake();
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/in`,
    received,
    /** Resolves when so many have come. */
    async until(count: number): Promise<void> {
      while (received.length < count) {
        await new Promise<void>((wake) => {
          const once = () => {
            waiting.delete(once);
            wake();
          };
          waiting.add(once);
        });
      }
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
