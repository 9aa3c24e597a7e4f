// What a route is: one definition from which the validation, the types and the OpenAPI document are made. A route says its
// schemas, the one scope it needs, and what it asks of the swarm; everything around that is done by serve.ts, once.

import { z } from 'zod';
import { type Id, type IdPrefix, isId } from '../../core/ids.ts';
import type { Scope } from '../../core/keys/scopes.ts';
import type { Call, OpenCall } from './call.ts';
import type { ProblemCode } from './problems.ts';
import { moment } from './shapes/parts.ts';
import type { Shape } from './shapes/shape.ts';

/** An id in a path. One that is not well formed is as little found as one of another tenant. */
export interface IdParam<P extends IdPrefix = IdPrefix> {
  readonly prefix: P;
  readonly missing: ProblemCode;
}

/** Some other text in a path. */
export interface TextParam {
  readonly prefix: null;
  readonly description: string;
  readonly example: string;
}

type Params = Readonly<Record<string, IdParam | TextParam>>;
type ParamValues<P extends Params> = {
  readonly [K in keyof P]: P[K] extends IdParam<infer Prefix> ? Id<Prefix> : string;
};

/** What a route answers with: a shape of JSON, or a body of another type, or nothing. */
export type AnswerBody = Shape | { readonly contentType: string } | null;

export interface Answered {
  readonly description: string;
  readonly body: AnswerBody;
}

/** What is sent to a route that reads its body itself. */
export interface Streamed {
  readonly contentType: string;
  /** How one begins. */
  readonly example: string;
}

/** What stands in the documentation of a route. */
export interface About {
  readonly operationId: string;
  readonly tag: Tag;
  readonly summary: string;
  readonly description?: string;
  readonly answers: Readonly<Record<number, Answered>>;
  /** Problems of its own; those that every route may answer with are added. */
  readonly refuses?: readonly ProblemCode[];
}

export const TAGS = {
  Accounts: 'Signing up, logging in, and the session of a browser.',
  Members: 'The people of an organization, their roles, and invitations.',
  Keys: 'API keys: made with scopes, rotated with grace, revoked at once.',
  Tasks: 'One call of one operation, with a budget and a deadline.',
  Missions: 'An objective with a plan: tasks that wait for each other.',
  Operations: 'What the swarm can do now, and who would do it at what price.',
  Devices: 'Machines that run the edge node: enrolment, presence, desired state.',
  Triggers: 'Inbound webhooks that start tasks and missions.',
  Webhooks: 'Outbound webhooks, as Standard Webhooks 1.0.',
  Ledger: 'Credits: accounts and transfers, double entry.',
  Journal: 'Every event, with its hash and its proof.',
  History: 'The past: any moment as it was, and what changed between two.',
  Archive: 'Old events in object storage: segments, snapshots, and how long history is kept.',
  Exports: 'The whole journal, taken out and brought in.',
  Forks: 'A swarm of its own from any moment of this one: to try things, and to compare what comes of them.',
  Telemetry: 'What devices measure, and what of it could not be stored.',
  Platform: 'Health, this document, and its pages.',
} as const;
export type Tag = keyof typeof TAGS;

export const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;
export type Method = (typeof METHODS)[number];

/** What a request brings, parsed. */
export interface Input<P = unknown, Q = unknown, B = unknown> {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
}

interface Definition<P extends Params, Q extends z.ZodObject, B extends z.ZodType> extends About {
  readonly method: Method;
  readonly path: string;
  readonly params?: P;
  /** Query parameters; any other one is refused. */
  readonly query?: Q;
  readonly body?: Shape<B>;
  /** True when the body may be left out: it is then read as `{}`. */
  readonly bodyOptional?: boolean;
  /** A body that is no JSON, and that the route itself reads as it comes. */
  readonly streams?: Streamed;
}

interface Scoped<P extends Params, Q extends z.ZodObject, B extends z.ZodType> extends Definition<P, Q, B> {
  /** True for a read that may be of the past: it takes `at`, and `show` answers for that moment. */
  readonly past?: true;
  /** The one scope that it needs; null for anyone who says who they are. */
  readonly scope: Scope | null;
  /** Those that it needs as well: of what it shows, and of what the thing that it makes goes on to do. */
  readonly also?: readonly Scope[];
  serve(input: Input<ParamValues<P>, z.output<Q>, z.output<B>>, call: Call): Promise<Response>;
}

interface Open<P extends Params, Q extends z.ZodObject, B extends z.ZodType> extends Definition<P, Q, B> {
  /** True for pages and other people's protocols: the route itself reads the query and the body. */
  readonly raw?: boolean;
  /** Whose bucket a request comes out of: its network address's, or the route sees to it. */
  readonly limited?: 'address' | 'by-route';
  serve(input: Input<ParamValues<P>, z.output<Q>, z.output<B>>, call: OpenCall): Response | Promise<Response>;
}

/** A route as the rest of the API sees it: what its input is has been forgotten, and is seen to by serve.ts. */
export type Route = About & {
  readonly method: Method;
  readonly path: string;
  readonly params: Params;
  readonly query: z.ZodObject | null;
  readonly body: Shape | null;
  readonly bodyOptional: boolean;
  readonly streams: Streamed | null;
} & (
    | {
        readonly access: 'scoped';
        readonly scope: Scope | null;
        readonly also?: readonly Scope[];
        readonly past?: true;
        serve(input: Input, call: Call): Promise<Response>;
      }
    | {
        readonly access: 'open';
        readonly raw: boolean;
        readonly limited: 'address' | 'by-route';
        serve(input: Input, call: OpenCall): Response | Promise<Response>;
      }
  );

/** A route for callers who say who they are. */
export function route<P extends Params, Q extends z.ZodObject, B extends z.ZodType>(given: Scoped<P, Q, B>): Route {
  return {
    ...given,
    ...partsOf(given),
    ...(given.past ? { query: (given.query ?? z.strictObject({})).extend({ at: moment.optional() }) } : {}),
    access: 'scoped',
    // serve.ts parses the input with the very schemas that the types here are inferred from.
    serve: given.serve as (input: Input, call: Call) => Promise<Response>,
  };
}

/** A route for anyone. */
export function openRoute<P extends Params, Q extends z.ZodObject, B extends z.ZodType>(given: Open<P, Q, B>): Route {
  const { raw = false, limited = 'address' } = given;
  return {
    ...given,
    ...partsOf(given),
    access: 'open',
    raw,
    limited,
    // As above.
    serve: given.serve as (input: Input, call: OpenCall) => Response | Promise<Response>,
  };
}

function partsOf(given: Definition<Params, z.ZodObject, z.ZodType>) {
  return {
    params: given.params ?? {},
    query: given.query ?? null,
    body: given.body ?? null,
    bodyOptional: given.bodyOptional ?? false,
    streams: given.streams ?? null,
  };
}

/** An id in a path. */
export function idParam<P extends IdPrefix>(prefix: P, missing: ProblemCode): IdParam<P> {
  return { prefix, missing };
}

/** True for a place in a path where an id stands. */
export function isIdParam(param: IdParam | TextParam): param is IdParam {
  return param.prefix !== null;
}

/** True when a path's text has the form of the id that is expected there. */
export function isParam(param: IdParam | TextParam, text: string): boolean {
  return param.prefix === null || isId(param.prefix, text);
}
