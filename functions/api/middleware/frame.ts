// What surrounds every request: its id, its trace, and the headers that every answer has. It stands outside the router, so
// that an answer with a socket or a stream passes through as it came.

import type { PastMoment } from '../../../core/history/port.ts';
import { type Id, newId } from '../../../core/ids.ts';
import { entrySpanId, readTraceparent } from '../../../core/traces/trace-context.ts';

/** One request, from its arrival to its answer. */
export interface Frame {
  readonly requestId: Id<'req'>;
  /** W3C `traceparent`: the caller's when it can be read, else a new one. */
  readonly trace: string;
  /** True when it came by TLS. */
  readonly isSecure: boolean;
  /** The path of the route that serves it, with its places (`/v1/tasks/{id}`); null when none does. */
  route: string | null;
  /** Set on the way, for the answer's headers. */
  rateLimit: { readonly policy: string; readonly state: string } | null;
  /** True when the answer was given before. */
  replayed: boolean;
  /** The moment that the answer is of, when it is not the present. */
  past: PastMoment | null;
  /** Of a session whose end moved. */
  cookies: readonly string[];
  /** Gives its place among the tenant's requests away early: what only waits keeps nobody from coming in. */
  leave: (() => void) | null;
}

export interface FrameDeps {
  now(): number;
  entropy(count: number): Uint8Array;
}

const ID_BYTES = 10;
const TRACE_BYTES = 16;

export function openFrame(request: Request, deps: FrameDeps): Frame {
  const given = readTraceparent(request.headers.get('traceparent') ?? '');
  const bytes = deps.entropy(given === null ? ID_BYTES + TRACE_BYTES : ID_BYTES);
  return {
    requestId: newId('req', deps.now(), bytes.subarray(0, ID_BYTES)),
    trace: given ?? newTrace(bytes.subarray(ID_BYTES)),
    isSecure: request.url.startsWith('https:'),
    route: null,
    rateLimit: null,
    replayed: false,
    past: null,
    cookies: [],
    leave: null,
  };
}

/** A new trace, marked as recorded: its ids stand in the journal. Its span says that there is none above. */
function newTrace(bytes: Uint8Array): string {
  const traceId = Buffer.from(bytes).toString('hex');
  return `00-${traceId}-${entrySpanId(traceId)}-01`;
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
  if (frame.past) {
    headers.set('starling-seq', String(frame.past.seq));
    headers.set('starling-time', new Date(frame.past.at).toISOString());
    // A snapshot that was passed over: the answer is right, and somebody should look.
    if (frame.past.damaged.length > 0) headers.set('starling-damaged-snapshots', frame.past.damaged.join(', '));
  }
  if (frame.rateLimit) {
    headers.set('ratelimit-policy', frame.rateLimit.policy);
    headers.set('ratelimit', frame.rateLimit.state);
  }
  for (const cookie of frame.cookies) headers.append('set-cookie', cookie);
  return response;
}
