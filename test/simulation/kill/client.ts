// One tenant's client: sends a request until it is answered, always under the same key, and remembers what was promised.

import { setTimeout as pause } from 'node:timers/promises';

/** A client gives up on one request after so long: by then the server is lost. */
const answerMsMax = 90_000;
/** One try; longer than any wait that a request asks for. */
const tryMsMax = 15_000;
const retryMs = 40;

export interface Asked {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: unknown;
  /** The Idempotency-Key. */
  readonly key?: string;
  readonly prefer?: string;
}

export interface Answered {
  readonly status: number;
  /** The bytes of the body, as text. */
  readonly answer: string;
  /** True when the server says that it gave this answer before. */
  readonly replayed: boolean;
}

export interface Client {
  /** Sends until the answer is 2xx or a refusal (4xx). */
  ask(asked: Asked): Promise<Answered>;
  /** The same, for what must not be refused. */
  acknowledged(asked: Asked): Promise<Answered>;
  /** GET, parsed. The caller names the shape. */
  read<T>(path: string): Promise<T>;
  /** Requests that were sent more than once. */
  retries(): number;
}

/** @param apiKey null for what is open to anyone */
export function openClient(url: string, apiKey: string | null): Client {
  let retries = 0;
  async function once({ method, path, body, key, prefer }: Asked): Promise<Answered> {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        ...(apiKey === null ? {} : { authorization: `Bearer ${apiKey}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(key === undefined ? {} : { 'idempotency-key': key }),
        ...(prefer === undefined ? {} : { prefer }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(tryMsMax),
    });
    const answer = await response.text();
    // A cut connection may end a body early without an error when its length was not announced.
    const announced = response.headers.get('content-length');
    if (announced !== null && Number(announced) !== Buffer.byteLength(answer)) throw new Error('a short answer');
    return { status: response.status, answer, replayed: response.headers.get('idempotent-replayed') === 'true' };
  }
  async function ask(asked: Asked): Promise<Answered> {
    const until = performance.now() + answerMsMax;
    for (;;) {
      const answered = await once(asked).catch(() => null);
      if (answered !== null && isFinal(answered)) return answered;
      if (performance.now() > until)
        throw new Error(
          `${asked.method} ${asked.path} was not answered: ${answered?.status ?? 'no connection'} ${answered?.answer ?? ''}`,
        );
      retries++;
      await pause(retryMs);
    }
  }
  async function acknowledged(asked: Asked): Promise<Answered> {
    const answered = await ask(asked);
    if (answered.status >= 300) throw new Error(`${asked.method} ${asked.path} was refused: ${answered.answer}`);
    return answered;
  }
  return {
    ask,
    acknowledged,
    read: async <T>(path: string) => JSON.parse((await acknowledged({ method: 'GET', path })).answer) as T,
    retries: () => retries,
  };
}

/** 2xx and refusals end a request; overload and faults do not. */
function isFinal({ status }: Answered): boolean {
  return status >= 200 && status < 500 && status !== 429;
}
