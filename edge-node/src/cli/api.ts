// The one way to the server: JSON in and out, problems as values, an idempotency key on every POST, and so every request
// may be repeated. Repeats are few, with growing pauses and jitter.

import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Json } from '../../../core/json.ts';
import { hasRepeatedMember } from '../../../core/json-text.ts';
import { err, ok, type Result } from '../../../core/result.ts';
import { printable } from './output.ts';
import type { Terminal } from './terminal.ts';

/** Tries of one request in all. */
export const triesMax = 5;
const pauseMsMin = 200;
const pauseMsMax = 5_000;
/** A server may ask for a pause; a longer one is answered by giving up. */
const retryAfterSecondsMax = 30;
/** One try, without the time that the server was asked to wait. */
const tryMsMax = 30_000;
/** One try that brings a file. */
const uploadMsMax = 60 * 60_000;
/** An answer: a page of the journal is the largest. */
const answerBytesMax = 64 * 1024 * 1024;

/** Statuses that say nothing about the request: the same one may succeed in a moment. */
const PASSING: readonly number[] = [408, 425, 429, 500, 502, 503, 504];

export interface ApiRequest {
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: unknown;
  /** `Prefer: wait`. */
  readonly waitSeconds?: number;
  readonly idempotencyKey?: string;
  /** In place of the API key; null sends none. */
  readonly authorization?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** In place of `body`: bytes, from their beginning each time that it is called. */
  readonly upload?: () => ReadableStream<Uint8Array>;
}

export interface ApiAnswer {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Headers;
}

/** Why there is no answer to work with. */
export type ApiError =
  | {
      readonly kind: 'problem';
      readonly status: number;
      readonly code: string;
      readonly title: string;
      readonly detail: string;
      readonly requestId: string | null;
      readonly errors: readonly { readonly pointer: string; readonly message: string }[];
    }
  | { readonly kind: 'unreachable'; readonly message: string }
  /** Something answered that is not Starling, or not this version of it. */
  | { readonly kind: 'unexpected'; readonly status: number; readonly message: string }
  | { readonly kind: 'interrupted' };

export interface Api {
  readonly url: string;
  get(path: string, request?: ApiRequest): Promise<Result<ApiAnswer, ApiError>>;
  post(path: string, request?: ApiRequest): Promise<Result<ApiAnswer, ApiError>>;
  patch(path: string, request?: ApiRequest): Promise<Result<ApiAnswer, ApiError>>;
  delete(path: string, request?: ApiRequest): Promise<Result<ApiAnswer, ApiError>>;
  /** A stream of server-sent events, as it comes; one try. */
  stream(path: string, headers: Readonly<Record<string, string>>): Promise<Result<Response, ApiError>>;
}

export type ApiDeps = Pick<Terminal, 'fetch' | 'pause' | 'random' | 'interrupted'>;

/** @param url origin of the server; @param key the API key, or null to call without */
export function createApi(url: string, key: string | null, deps: ApiDeps): Api {
  const caller: Caller = { url, key, deps };
  return {
    url,
    get: (path, request = {}) => call(caller, 'GET', path, request),
    post: (path, request = {}) => call(caller, 'POST', path, { idempotencyKey: randomUUID(), ...request }),
    // What either asks for is so, however often it is asked.
    patch: (path, request = {}) => call(caller, 'PATCH', path, request),
    delete: (path, request = {}) => call(caller, 'DELETE', path, request),
    async stream(path, headers) {
      const answered = await tryOnce(
        caller,
        'GET',
        path,
        { headers: { accept: 'text/event-stream', ...headers } },
        deps.interrupted,
      );
      if (!answered.ok) return answered;
      const response = answered.value;
      if (response.ok) return ok(response);
      return err(await problemOf(response));
    },
  };
}

interface Caller {
  readonly url: string;
  readonly key: string | null;
  readonly deps: ApiDeps;
}

async function call(
  caller: Caller,
  method: string,
  path: string,
  request: ApiRequest,
): Promise<Result<ApiAnswer, ApiError>> {
  const { deps } = caller;
  for (let tries = 1; ; tries++) {
    const ms = (request.upload ? uploadMsMax : tryMsMax) + (request.waitSeconds ?? 0) * 1_000;
    const signal = AbortSignal.any([deps.interrupted, AbortSignal.timeout(ms)]);
    const response = await tryOnce(caller, method, path, request, signal);
    const outcome = response.ok ? await read(response.value) : response;
    if (outcome.ok) return outcome;
    if (deps.interrupted.aborted) return err({ kind: 'interrupted' });
    const asked = response.ok ? retryAfterSeconds(response.value.headers) : 0;
    if (!isPassing(outcome.error) || tries >= triesMax || asked > retryAfterSecondsMax) return outcome;
    const grown = Math.min(pauseMsMin * 2 ** (tries - 1), pauseMsMax);
    await deps.pause(Math.max(asked * 1_000, grown / 2 + (grown / 2) * deps.random()), deps.interrupted);
  }
}

async function tryOnce(
  { url, key, deps }: Caller,
  method: string,
  path: string,
  request: ApiRequest,
  signal: AbortSignal,
): Promise<Result<Response, ApiError>> {
  const address = new URL(path, url);
  for (const [name, value] of Object.entries(request.query ?? {})) {
    if (value !== undefined) address.searchParams.set(name, String(value));
  }
  const authorization =
    request.authorization === undefined ? (key === null ? null : `Bearer ${key}`) : request.authorization;
  const headers: Record<string, string> = {
    accept: 'application/json',
    'user-agent': 'starling-command/0.1.0',
    ...(authorization === null ? {} : { authorization }),
    ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(request.idempotencyKey === undefined ? {} : { 'idempotency-key': request.idempotencyKey }),
    ...(request.waitSeconds === undefined ? {} : { prefer: `wait=${request.waitSeconds}` }),
    ...request.headers,
  };
  const body = request.upload?.() ?? (request.body === undefined ? null : JSON.stringify(request.body));
  try {
    // A redirect would carry the key elsewhere: none is followed.
    const sent = {
      method,
      headers,
      body,
      signal,
      redirect: 'error',
      ...(request.upload ? { duplex: 'half' } : {}),
    } as const;
    return ok(await deps.fetch(address, sent));
  } catch (error) {
    return err({ kind: 'unreachable', message: `${url}: ${reasonOf(error)}` });
  }
}

async function read(response: Response): Promise<Result<ApiAnswer, ApiError>> {
  if (!response.ok) return err(await problemOf(response));
  const { status, headers } = response;
  const text = await textOf(response);
  if (!text.ok) return text;
  if (text.value === '') return ok({ status, body: null, headers });
  const body = parseJson(text.value);
  if (body === undefined) return err({ kind: 'unexpected', status, message: 'the answer is not JSON' });
  return ok({ status, body, headers });
}

const problem = z.object({
  code: z.string(),
  title: z.string().default(''),
  detail: z.string().default(''),
  requestId: z.string().nullable().default(null),
  errors: z.array(z.object({ pointer: z.string(), message: z.string() })).default([]),
});

async function problemOf(response: Response): Promise<ApiError> {
  const { status } = response;
  const text = await textOf(response);
  if (!text.ok) return text.error;
  const parsed = problem.safeParse(parseJson(text.value));
  if (parsed.success) return { kind: 'problem', status, ...parsed.data };
  return { kind: 'unexpected', status, message: `the server answered ${status}` };
}

async function textOf(response: Response): Promise<Result<string, ApiError>> {
  const { status } = response;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response.body ?? []) {
      bytes += chunk.byteLength;
      if (bytes > answerBytesMax) return err({ kind: 'unexpected', status, message: 'the answer is too large' });
      chunks.push(chunk);
    }
  } catch (error) {
    return err({ kind: 'unreachable', message: `the answer broke off: ${reasonOf(error)}` });
  }
  return ok(Buffer.concat(chunks).toString('utf8'));
}

function isPassing(error: ApiError): boolean {
  if (error.kind === 'unreachable') return true;
  return (error.kind === 'problem' || error.kind === 'unexpected') && PASSING.includes(error.status);
}

function retryAfterSeconds(headers: Headers): number {
  const text = headers.get('retry-after') ?? '';
  return /^\d{1,6}$/.test(text) ? Number(text) : 0;
}

/** The cause in a few words. fetch hides it one level down; neither holds a header or a body. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'no answer';
  if (error.name === 'TimeoutError') return 'no answer in time';
  const { cause } = error;
  if (cause instanceof Error)
    return 'code' in cause && typeof cause.code === 'string' ? cause.code : printable(cause.message);
  return printable(error.message);
}

function parseJson(text: string): unknown {
  try {
    const value = JSON.parse(text) as Json; // what JSON.parse gives is Json
    // An answer that can be read in two ways is none.
    return hasRepeatedMember(value, text) ? undefined : value;
  } catch {
    return undefined; // Nothing of ours is undefined in JSON: the caller takes it for "not JSON".
  }
}
