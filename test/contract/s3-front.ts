// Stands before a local server of S3 and adds what it lacks: `If-None-Match: *` on a put, as S3 decides it, and faults on
// request. Requests go through as they are.

import { createServer, type IncomingMessage, type ServerResponse, request as send } from 'node:http';
import { buffer } from 'node:stream/consumers';

/** What befalls a request instead of the answer that it would have had. */
export type FrontFault =
  /** 503 SlowDown; nothing was done. */
  | 'throttled'
  /** 500 InternalError; nothing was done. */
  | 'failing'
  /** 409 ConditionalRequestConflict: another writer of the same key is under way. */
  | 'conflict'
  /** 403 AccessDenied. */
  | 'denied'
  /** It was done, and the connection breaks before the answer. */
  | 'done-but-cut';

export interface S3Front {
  readonly url: string;
  /** Chooses for each request; set anew by each test. */
  fault: (method: string, path: string) => FrontFault | null;
  /** Requests since it was last set to nothing. */
  seen: string[];
  stop(): Promise<void>;
}

const ANSWERS = {
  throttled: [503, 'SlowDown'],
  failing: [500, 'InternalError'],
  conflict: [409, 'ConditionalRequestConflict'],
  denied: [403, 'AccessDenied'],
} as const;

export async function startS3Front(target: string): Promise<S3Front> {
  /** Ends when the last conditional put of a path has: S3 decides them one after the other. */
  const putting = new Map<string, Promise<void>>();

  async function pass(incoming: IncomingMessage, body: Buffer, answer: ServerResponse): Promise<void> {
    const forwarded = await forward(target, incoming.method ?? 'GET', incoming.url ?? '/', incoming.headers, body);
    answer.writeHead(forwarded.status, forwarded.headers).end(forwarded.body);
  }

  async function putIfAbsent(incoming: IncomingMessage, body: Buffer, answer: ServerResponse): Promise<void> {
    const path = incoming.url ?? '/';
    const before = putting.get(path) ?? Promise.resolve();
    const mine = before.then(async () => {
      const there = await forward(target, 'HEAD', new URL(path, target).pathname, incoming.headers, Buffer.alloc(0));
      if (there.status === 200) return refuse(answer, [412, 'PreconditionFailed']);
      await pass(incoming, body, answer);
    });
    putting.set(path, mine);
    await mine;
  }

  const front: S3Front = { url: '', fault: () => null, seen: [], stop: async () => {} };
  const server = createServer(async (incoming, answer) => {
    const body = await buffer(incoming);
    const [method, path] = [incoming.method ?? 'GET', decodeURIComponent(incoming.url ?? '/')];
    front.seen.push(`${method} ${path}`);
    const fault = front.fault(method, path);
    if (fault === 'done-but-cut') {
      await forward(target, method, incoming.url ?? '/', incoming.headers, body);
      incoming.socket.destroy();
    } else if (fault !== null) refuse(answer, ANSWERS[fault]);
    else if (method === 'PUT' && incoming.headers['if-none-match'] === '*') await putIfAbsent(incoming, body, answer);
    else await pass(incoming, body, answer);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const stop = async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  };
  return Object.assign(front, { url: `http://127.0.0.1:${port}`, stop });
}

function refuse(answer: ServerResponse, [status, code]: readonly [number, string]): void {
  const text = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`;
  answer.writeHead(status, { 'content-type': 'application/xml' }).end(text);
}

function forward(
  target: string,
  method: string,
  path: string,
  headers: IncomingMessage['headers'],
  body: Buffer,
): Promise<{ status: number; headers: IncomingMessage['headers']; body: Buffer }> {
  const { 'if-none-match': _, ...rest } = headers;
  const kept = method === 'HEAD' ? { host: rest.host ?? '', authorization: rest.authorization ?? '' } : rest;
  return new Promise((done, failed) => {
    const { hostname, port } = new URL(target);
    const outgoing = send({ hostname, port, path, method, headers: kept, agent: false }, async (answer) => {
      done({ status: answer.statusCode ?? 500, headers: answer.headers, body: await buffer(answer) });
    });
    outgoing.once('error', failed);
    outgoing.end(body);
  });
}
