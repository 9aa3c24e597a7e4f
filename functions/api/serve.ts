// Serves one request of one route: who asks, how often, what they send, and then the route itself. The order is the order of
// precedence of the problems: a request that may not be made is not read.

import type { z } from 'zod';
import type { At } from '../../core/history/port.ts';
import { escapePointer } from '../../core/json-text.ts';
import { bodyBytesMax } from '../../core/limits.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Call, OpenCall } from './call.ts';
import { authenticate, type Caller, refuseScope } from './middleware/authenticate.ts';
import { readJson } from './middleware/body.ts';
import { commandIdOf } from './middleware/idempotency.ts';
import { problemResponse } from './middleware/problem.ts';
import type { FieldError, Refusal } from './problems.ts';
import { type Input, isParam, type Route } from './route.ts';
import { take, takeByAddress } from './take.ts';

/** Mistakes told of one request. */
const errorsMax = 20;

/** @param params the texts that stand in the path's places */
export async function serve(route: Route, params: Readonly<Record<string, string>>, open: OpenCall): Promise<Response> {
  const response =
    route.access === 'open' ? await serveOpen(route, params, open) : await serveScoped(route, params, open);
  return response instanceof Response ? response : problemResponse(response, open.frame, open.deps);
}

type Served = Promise<Response | Refusal>;

async function serveOpen(
  route: Extract<Route, { access: 'open' }>,
  params: Record<string, string>,
  call: OpenCall,
): Served {
  if (route.limited === 'address') {
    const refused = takeByAddress(call);
    if (refused) return refused;
  }
  if (route.raw) return route.serve({ params, query: {}, body: undefined }, call);
  const input = await readInput(route, params, call);
  return input.ok ? route.serve(input.value, call) : input.error;
}

async function serveScoped(
  route: Extract<Route, { access: 'scoped' }>,
  params: Record<string, string>,
  open: OpenCall,
): Served {
  const { request, frame, deps } = open;
  const authenticated = await authenticate(request, deps);
  // Guessing at tokens comes out of the guesser's bucket.
  if (!authenticated.ok) return takeByAddress(open) ?? authenticated.error;
  const caller = authenticated.value;
  frame.cookies = caller.cookies;
  const overdrawn = take('caller', `${caller.actor.kind}/${caller.actor.id}`, open);
  if (overdrawn) return overdrawn;
  for (const scope of [route.scope, ...(route.also ?? [])]) {
    const missing = scope ? refuseScope(caller, scope) : null;
    if (missing) return missing;
  }
  return inShare(caller.tenant, bytesOf(route, request), open, () => serveCaller(route, params, caller, open));
}

/** Nothing has been done of what is refused: sent again, it is as good as new. */
const SHARE_USED: Refusal = { code: 'share_used', retryAfterSeconds: 1 };

/** Serves as one of the tenant's requests: in its turn, and refused when it has more than its share while others wait. */
async function inShare(
  tenant: string,
  bytes: number,
  { frame, deps: { turns } }: OpenCall,
  work: () => Served,
): Served {
  if (turns === undefined) return work();
  const leave = turns.enter(tenant, bytes);
  if (leave === null) return SHARE_USED;
  frame.leave = leave;
  try {
    turns.spent(tenant, rowsOfRequest, bytes);
    const turn = turns.next(tenant);
    if (turn) await turn;
    return await work();
  } finally {
    leave();
  }
}

/** What a request brings, as far as it says so; a body without a length is taken for one of some size. A stream is taken in pieces. */
function bytesOf(route: Route, { headers, method }: Request): number {
  if (route.streams !== null || method === 'GET' || method === 'HEAD') return 0;
  const announced = headers.get('content-length');
  const bytes = announced === null ? bytesUnannounced : Number(announced);
  return Number.isFinite(bytes) ? Math.min(Math.max(0, bytes), bodyBytesMax) : bodyBytesMax;
}
const bytesUnannounced = 64 * 1024;

/** What a request costs by itself, in rows: its headers, its key, its answer. */
const rowsOfRequest = 2;

async function serveCaller(
  route: Extract<Route, { access: 'scoped' }>,
  params: Record<string, string>,
  caller: Caller,
  open: OpenCall,
): Served {
  const { request, frame } = open;
  const command = commandIdOf(request.headers, frame.requestId);
  if (!command.ok) return command.error;
  const read = await readInput(route, params, open);
  if (!read.ok) return read.error;
  const call: Call = { ...open, caller, command: command.value, at: momentOf(route, read.value) };
  return route.serve(read.value, call);
}

/** The moment that a read is of. */
function momentOf(route: Extract<Route, { access: 'scoped' }>, { query }: Input): Call['at'] {
  // A route of the past has `at` in its schema, which makes a moment of it.
  return route.past ? ((query as { readonly at?: At }).at ?? null) : null;
}

/** Path, query and body, each as the route expects it, or a problem that says where not. */
async function readInput(
  route: Route,
  params: Record<string, string>,
  { request }: OpenCall,
): Promise<Result<Input, Refusal>> {
  for (const [name, param] of Object.entries(route.params)) {
    if (!isParam(param, params[name] ?? '')) return err({ code: param.prefix === null ? 'not_found' : param.missing });
  }
  const query = readQuery(route.query, request.url);
  if (!query.ok) return query;
  if (route.method === 'get' || route.method === 'delete' || route.streams !== null) {
    return ok({ params, query: query.value, body: undefined });
  }
  const read = await readJson(request, bodyBytesMax);
  if (!read.ok) return read;
  const body = readBody(route, read.value);
  return body.ok ? ok({ params, query: query.value, body: body.value }) : body;
}

function readBody(route: Route, value: unknown): Result<unknown, Refusal> {
  if (route.body === null) {
    // Nothing is expected: an empty object is nothing, and anything else was meant to mean something.
    const isNothing = value === undefined || JSON.stringify(value) === '{}';
    return isNothing ? ok(undefined) : err(invalid([{ pointer: '', message: 'expected no body' }]));
  }
  if (value === undefined && !route.bodyOptional)
    return err(invalid([{ pointer: '', message: 'expected a JSON body' }]));
  const parsed = route.body.schema.safeParse(value === undefined ? {} : value);
  return parsed.success ? ok(parsed.data) : err(invalid(errorsOf(parsed.error)));
}

/** A parameter that is not known is refused: ignoring `at` would answer with the present to a question about the past. */
function readQuery(schema: z.ZodObject | null, url: string): Result<unknown, Refusal> {
  const mark = url.indexOf('?');
  const values: Record<string, string> = {};
  if (mark >= 0) {
    for (const [name, value] of new URLSearchParams(url.slice(mark))) {
      const isKnown = schema !== null && Object.hasOwn(schema.shape, name);
      const pointer = `/${escapePointer(name)}`;
      if (!isKnown) return err(invalid([{ pointer, message: 'this query parameter is not known here' }]));
      if (Object.hasOwn(values, name)) return err(invalid([{ pointer, message: 'expected once' }]));
      values[name] = value;
    }
  }
  if (schema === null) return ok(values);
  const parsed = schema.safeParse(values);
  return parsed.success ? ok(parsed.data) : err(invalid(errorsOf(parsed.error)));
}

function invalid(errors: readonly FieldError[]): Refusal {
  return { code: 'invalid_request', errors };
}

/** What a schema found, as places and expectations. A message never repeats what was given. */
function errorsOf(error: z.ZodError): readonly FieldError[] {
  return error.issues.slice(0, errorsMax).flatMap((issue): FieldError[] => {
    const pointer = issue.path.map((part) => `/${escapePointer(String(part))}`).join('');
    if (issue.code !== 'unrecognized_keys') return [{ pointer, message: issue.message }];
    return issue.keys.slice(0, errorsMax).map((key) => ({
      pointer: `${pointer}/${escapePointer(key)}`,
      message: 'this member is not known here',
    }));
  });
}
