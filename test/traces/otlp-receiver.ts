// A collector for tests: a real HTTP server on loopback that checks every request, and answers by a script.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CheckedSpan, checkRequest } from './check-otlp.ts';

/** What one request is answered with; `hang` answers nothing, `drop` closes the socket, before or after taking the spans. */
export type Answer =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  | 'hang'
  | 'drop';

export const TAKEN: Answer = { status: 200, headers: { 'content-type': 'application/json' }, body: '{}' };

export interface Received {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly bytes: number;
  readonly spans: readonly CheckedSpan[];
}

/** As the specification of OTLP bounds it for ours: one request has no more. */
const requestBytesMax = 1024 * 1024;

export class OtlpReceiver {
  readonly received: Received[] = [];
  /** What was wrong with requests: a test that ends with anything in it has failed. */
  readonly wrong: string[] = [];
  /** Answers to come, in order; then `TAKEN`. */
  script: Answer[] = [];
  readonly #server = createServer((request, response) => void this.#serve(request, response));
  readonly #waiting = new Set<() => void>();
  url = '';

  static async start(port = 0): Promise<OtlpReceiver> {
    const receiver = new OtlpReceiver();
    await new Promise<void>((done) => receiver.#server.listen(port, '127.0.0.1', done));
    receiver.url = `http://127.0.0.1:${(receiver.#server.address() as AddressInfo).port}`; // it listens on TCP
    return receiver;
  }

  /** All spans that were taken, those that came twice too. */
  get spans(): CheckedSpan[] {
    return this.received.flatMap(({ spans }) => spans);
  }

  /** Resolves once `found` holds, asked after each request. */
  async until(found: () => boolean): Promise<void> {
    while (!found())
      await new Promise<void>((wake) => {
        this.#waiting.add(wake);
      });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    try {
      if (request.method !== 'POST') throw new Error(`the method is ${request.method}`);
      if (request.headers['content-type'] !== 'application/json') throw new Error('the content type is not JSON');
      if (body.length > requestBytesMax) throw new Error(`a request of ${body.length} bytes`);
      const spans = checkRequest(new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(body));
      this.received.push({ path: request.url ?? '', headers: request.headers, bytes: body.length, spans });
    } catch (error) {
      this.wrong.push(String(error));
    }
    this.#answer(this.script.shift() ?? TAKEN, request, response);
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  #answer(answer: Answer, request: IncomingMessage, response: ServerResponse): void {
    if (answer === 'drop') request.socket.destroy();
    else if (answer !== 'hang') response.writeHead(answer.status, answer.headers).end(answer.body);
  }
}
