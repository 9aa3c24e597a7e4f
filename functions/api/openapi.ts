// The OpenAPI 3.1 document, made from the routes and the schemas that they parse with. Made at the first request for it and
// kept: a start does not pay for it.

import { OpenAPIHono } from '@hono/zod-openapi';
import { z } from 'zod';
import { json } from '../../core/wire/terms.ts';
import { meaningOf, type ProblemCode } from './problems.ts';
import { type Answered, isIdParam, type Route, TAGS } from './route.ts';
import { EXAMPLE } from './shapes/parts.ts';
import { type Shape, shape } from './shapes/shape.ts';

/** Grows with every change that a client can see. */
export const API_VERSION = '0.1.0';

/** What every problem says (RFC 9457). */
export const Problem: Shape = shape(
  'Problem',
  z.looseObject({
    type: z.string().meta({ description: 'The page that explains the code.' }),
    title: z.string(),
    status: z.number().int(),
    detail: z.string(),
    code: z.string().meta({ description: 'Stable: decide by this.' }),
    requestId: z.string(),
    errors: z.array(z.object({ pointer: z.string(), message: z.string() })).optional(),
  }),
  {
    type: 'https://starling.example/docs/errors#task_not_found',
    title: 'There is no such task',
    status: 404,
    detail: 'There is no such task.',
    code: 'task_not_found',
    requestId: EXAMPLE.request,
  },
);

/** Problems of every route; of those that take a body; of those that ask who you are. */
const ALWAYS: readonly ProblemCode[] = ['rate_limited', 'share_used', 'internal', 'unavailable'];
const WITH_BODY: readonly ProblemCode[] = ['invalid_json', 'body_too_large', 'unsupported_media_type'];
const WITH_CONTENT: readonly ProblemCode[] = ['content_too_large'];
const WITH_CALLER: readonly ProblemCode[] = ['unauthenticated', 'token_expired', 'key_revoked', 'origin_not_allowed'];
const WITH_COMMAND: readonly ProblemCode[] = ['idempotency_key_reused'];
/** Reads that take `at`. */
const OF_THE_PAST: readonly ProblemCode[] = [
  'moment_ahead',
  'moment_before_genesis',
  'history_expired',
  'history_damaged',
];

const DESCRIPTION = `Starling is a control plane for swarms of AI agents. Sign up, connect devices, send work, and follow every decision in a journal that proves itself.

* **Errors** are problems (RFC 9457) with a stable \`code\`. A 4xx never changes anything.
* **Idempotency-Key** on a POST: the same key and body get the same answer for ever, with \`Idempotent-Replayed: true\`; another body gets 422.
* **Prefer: wait=30** on tasks waits for the end.
* **Lists** take \`limit\` and \`cursor\` and answer \`{ data, nextCursor }\`.
* **RateLimit** and **RateLimit-Policy** say how much is left; 429 comes with \`Retry-After\`.
* **traceparent** comes in, goes out, and stands in every event.
* **Money** is in integer micro-credits, times are RFC 3339 in UTC.`;

type Registered = Parameters<OpenAPIHono['openAPIRegistry']['registerPath']>[0];
type Responses = Registered['responses'];

/** The document as JSON text, for wherever the API is reached. It is made once, and large: a name more costs nothing. */
export function openApiDocument(routes: readonly Route[]): (baseUrl: string) => string {
  const [before = '', after = ''] = documentText(routes).split(SERVER);
  return (baseUrl) => before + JSON.stringify(baseUrl) + after;
}
/** Stands for the one server's address. */
const SERVER = '"{server}"';

function documentText(routes: readonly Route[]): string {
  // `json` is any value: as it stands it is a schema that names itself, which no document can draw out.
  if (!z.globalRegistry.has(json)) {
    z.globalRegistry.add(json, {
      description: 'Any JSON value.',
      type: ['null', 'boolean', 'number', 'string', 'array', 'object'],
    });
  }
  const { openAPIRegistry: registry, getOpenAPI31Document } = new OpenAPIHono();
  const named = new Map<string, z.ZodType>();
  const component = ({ name, schema }: Shape): z.ZodType => {
    const known = named.get(name) ?? schema.openapi(name);
    named.set(name, known);
    return known;
  };
  registry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description: 'An API key (`sk_…`) or a session token.',
  });
  registry.registerComponent('securitySchemes', 'session', {
    type: 'apiKey',
    in: 'cookie',
    name: 'starling.session_token',
    description: 'The session cookie of a browser. A request that changes something also names our origin in `Origin`.',
  });
  for (const route of routes) registry.registerPath(pathOf(route, component));
  const document = getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Starling',
      version: API_VERSION,
      description: DESCRIPTION,
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    servers: [{ url: JSON.parse(SERVER) as string }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
  });
  // The library writes a pattern's flags behind it; JSON Schema has no flags and reads every pattern as Unicode.
  return JSON.stringify(document, (key, value: unknown) =>
    key === 'pattern' && typeof value === 'string' ? value.replace(/(?<=\$)\/[a-z]+$/, '') : value,
  );
}

function pathOf(route: Route, component: (shape: Shape) => z.ZodType): Registered {
  const { method, path, operationId, tag, summary, description } = route;
  const beside = (route.access === 'scoped' && route.also) || [];
  const also = beside.length > 0 ? `, and ${beside.map((each) => `\`${each}\``).join(' and ')} as well` : '';
  const scope =
    route.access === 'scoped' && route.scope !== null ? `\n\nNeeds the scope \`${route.scope}\`${also}.` : '';
  return {
    method,
    path,
    operationId,
    tags: [tag],
    summary,
    description: `${description ?? `${summary}.`}${scope}`,
    security: securityOf(route),
    request: {
      ...(Object.keys(route.params).length > 0 ? { params: paramsOf(route) } : {}),
      ...(route.query ? { query: route.query } : {}),
      ...(hasHeaders(route) ? { headers: headersOf(route) } : {}),
      ...(route.body
        ? {
            body: {
              required: !route.bodyOptional,
              content: { 'application/json': { schema: component(route.body), example: route.body.example } },
            },
          }
        : {}),
      ...(route.streams === null
        ? {}
        : {
            body: {
              required: true,
              content: { [route.streams.contentType]: { schema: z.string(), example: route.streams.example } },
            },
          }),
    },
    responses: { ...answersOf(route.answers, component), ...problemsOf(route, component) },
  };
}

function securityOf(route: Route): Record<string, string[]>[] {
  if (route.access === 'scoped') return [{ bearer: [] }, { session: [] }];
  if (route.path.startsWith('/v1/session')) return [{ session: [] }];
  return route.operationId === 'connectDevice' ? [{ bearer: [] }] : [];
}

function paramsOf({ params }: Route): z.ZodObject {
  return z.object(
    Object.fromEntries(
      Object.entries(params).map(([name, param]) => [
        name,
        isIdParam(param)
          ? z
              .string()
              .meta({ description: `An id that starts with \`${param.prefix}_\`.`, example: exampleId(param.prefix) })
          : z.string().meta({ description: param.description, example: param.example }),
      ]),
    ),
  );
}

function exampleId(prefix: string): string {
  return Object.values(EXAMPLE).find((text) => text.startsWith(`${prefix}_`)) ?? `${prefix}_…`;
}

/** A route that gives the swarm a command, under an id that the client may make. */
function isCommand(route: Route): boolean {
  return route.method === 'post' && (route.access === 'scoped' || route.operationId === 'signUp');
}

function mayWait(route: Route): boolean {
  return route.operationId === 'createTask' || route.operationId === 'getTask';
}

function hasHeaders(route: Route): boolean {
  return isCommand(route) || mayWait(route) || route.operationId === 'followJournal';
}

function headersOf(route: Route): z.ZodObject {
  const text = (description: string, example: string) => z.string().optional().meta({ description, example });
  return z.object({
    ...(isCommand(route)
      ? {
          'Idempotency-Key': text(
            'The same key and body get the same answer for ever. 1 to 255 visible characters.',
            '8c1d6c1e-0f3f-4e0e-9f6e-5d1b2a7c9e10',
          ),
        }
      : {}),
    ...(mayWait(route) ? { Prefer: text('`wait=<seconds>`, at most 30 (RFC 7240).', 'wait=10') } : {}),
    ...(route.operationId === 'followJournal'
      ? { 'Last-Event-ID': text('The last seq that you have seen; the stream goes on after it.', '41') }
      : {}),
  });
}

function answersOf(answers: Readonly<Record<number, Answered>>, component: (shape: Shape) => z.ZodType): Responses {
  return Object.fromEntries(
    Object.entries(answers).map(([status, { description, body }]) => {
      if (body === null) return [status, { description }];
      if ('contentType' in body)
        return [status, { description, content: { [body.contentType]: { schema: z.string() } } }];
      const content = { 'application/json': { schema: component(body), example: body.example } };
      return [status, { description, content }];
    }),
  );
}

/** A body is read where one may come, also to find that it is not wanted. */
function isRead(route: Route): boolean {
  const mayCome = route.method !== 'get' && route.method !== 'delete';
  return route.body !== null || (mayCome && !(route.access === 'open' && route.raw));
}

/** An `Idempotency-Key` counts wherever something changes, though only a POST needs one. */
function changes(route: Route): boolean {
  return isCommand(route) || (route.access === 'scoped' && route.method !== 'get');
}

/** The problems of a route, one answer for each status, with an example for each code. */
function problemsOf(route: Route, component: (shape: Shape) => z.ZodType): Responses {
  const codes = new Set<ProblemCode>([
    ...(route.refuses ?? []),
    ...(route.access === 'open' && route.raw ? [] : (['invalid_request'] as const)),
    ...(route.access === 'scoped' ? WITH_CALLER : []),
    ...(route.access === 'scoped' && route.scope !== null ? (['scope_missing'] as const) : []),
    ...(isRead(route) ? WITH_BODY : []),
    ...(changes(route) ? WITH_COMMAND : []),
    ...(route.access === 'scoped' && route.past ? OF_THE_PAST : []),
    ...(route.access === 'scoped' && route.body ? WITH_CONTENT : []),
    ...ALWAYS,
  ]);
  const byStatus = Map.groupBy(codes, (code) => meaningOf(code).status);
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      {
        description: codes.map((code) => `\`${code}\`: ${meaningOf(code).title}.`).join('\n\n'),
        content: {
          'application/problem+json': {
            schema: component(Problem),
            examples: Object.fromEntries(codes.map((code) => [code, { value: exampleOf(code) }])),
          },
        },
      },
    ]),
  );
}

function exampleOf(code: ProblemCode) {
  const { status, title } = meaningOf(code);
  const type = `https://starling.example/docs/errors#${code}`;
  return { type, title, status, detail: `${title}.`, code, requestId: EXAMPLE.request };
}
