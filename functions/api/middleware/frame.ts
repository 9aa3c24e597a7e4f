// What surrounds every request: its id, its trace, and the headers that every answer has. It stands outside the router, so
// that an answer with a socket or a stream passes through as it came.

import { type Id, newId } from '../../../core/ids.ts';
import { traceparentPattern } from '../../../core/wire/terms.ts';

/** One request, from its arrival to its answer. */
export interface Frame {
  readonly requestId: Id<'req'>;
  /** W3C `traceparent`: the caller's when it is well formed, else a new one. */
  readonly trace: string;
  /** True when it came by TLS. */
  readonly isSecure: boolean;
  /** Set on the way, for the answer's headers. */
  rateLimit: { readonly policy: string; readonly state: string } | null;
  /** True when the answer was given before. */
  replayed: boolean;
  /** Of a session whose end moved. */
  cookies: readonly string[];
}

export interface FrameDeps {
  now(): number;
  entropy(count: number): Uint8Array;
}

const ID_BYTES = 10;
const TRACE_BYTES = 16;
const SPAN_BYTES = 8;

export function openFrame(request: Request, deps: FrameDeps): Frame {
  const given = request.headers.get('traceparent');
  const isTraced = given !== null && traceparentPattern.test(given);
  const bytes = deps.entropy(isTraced ? ID_BYTES : ID_BYTES + TRACE_BYTES + SPAN_BYTES);
  return {
    requestId: newId('req', deps.now(), bytes.subarray(0, ID_BYTES)),
    trace: isTraced ? given : newTrace(bytes.subarray(ID_BYTES)),
    isSecure: request.url.startsWith('https:'),
    rateLimit: null,
    replayed: false,
    cookies: [],
  };
}

/** A new trace, marked as recorded: its ids stand in the journal. */
function newTrace(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex');
  return `00-${hex.slice(0, 2 * TRACE_BYTES)}-${hex.slice(2 * TRACE_BYTES)}-01`;
}

/** Adds to an answer what every answer says. */
export function closeFrame(response: Response, frame: Frame): Response {
  // An upgrade carries a socket, and its headers are the squad's: it leaves as it came.
  if (response.status === 101) return response;
  const { headers } = response;
  headers.set('x-request-id', frame.requestId);
  headers.set('traceparent', frame.trace);
  headers.set('x-content-type-options', 'nosniff');
  if (!headers.has('cache-control')) headers.set('cache-control', 'no-store');
  if (frame.isSecure) headers.set('strict-transport-security', 'max-age=31536000');
  if (frame.replayed) headers.set('idempotent-replayed', 'true');
  if (frame.rateLimit) {
    headers.set('ratelimit-policy', frame.rateLimit.policy);
    headers.set('ratelimit', frame.rateLimit.state);
  }
  for (const cookie of frame.cookies) headers.append('set-cookie', cookie);
  return response;
}
