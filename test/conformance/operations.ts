// What the platform says it can be asked, from its own OpenAPI document: a route that is added later is asked by these tests
// without anybody thinking of it.

import { send } from './client.ts';
import { PLACES } from './places.ts';

export interface Operation {
  readonly method: string;
  readonly path: string;
  readonly operationId: string;
  readonly tag: string;
  /** The scope that it needs; null when anyone who says who they are may ask. */
  readonly scope: string | null;
  /** A second one that it needs as well. */
  /** Those that it needs beside that one. */
  readonly also: readonly string[];
  /** The answer is a stream that goes on. */
  readonly isEndless: boolean;
  readonly queries: readonly { readonly name: string; readonly required?: boolean }[];
  /** Headers and body of a request that is well formed. */
  readonly sent: {
    readonly json?: unknown;
    readonly body?: string;
    readonly headers?: Readonly<Record<string, string>>;
  };
}

interface Documented {
  readonly operationId: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly security: readonly object[];
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required?: boolean }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly example: unknown }>> };
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, unknown>> }>>;
}

/** Every operation that asks who the caller is. */
export async function scopedOperations(): Promise<readonly Operation[]> {
  const { paths } = (await send('GET', '/v1/openapi.json')).json;
  return Object.entries<Record<string, Documented>>(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, { security }]) => security.length > 1)
      .map(([method, documented]) => operationOf(path, method, documented)),
  );
}

function operationOf(path: string, method: string, documented: Documented): Operation {
  const { operationId, description, tags, parameters = [], requestBody, responses } = documented;
  const [[contentType, body] = []] = Object.entries(requestBody?.content ?? {});
  const sent =
    contentType === undefined
      ? {}
      : contentType === 'application/json'
        ? { json: body?.example }
        : { body: String(body?.example), headers: { 'content-type': contentType } };
  return {
    method: method.toUpperCase(),
    path,
    operationId,
    tag: tags[0] ?? '',
    scope: /Needs the scope `([^`]+)`/.exec(description)?.[1] ?? null,
    also: [
      ...(/Needs the scope `[^`]+`, and (.+) as well/.exec(description)?.[1] ?? '').matchAll(/`([^`]+)`/g),
    ].flatMap(([, scope]) => scope ?? []),
    isEndless: responses[200]?.content?.['text/event-stream'] !== undefined,
    queries: parameters.filter((parameter) => parameter.in === 'query'),
    sent,
  };
}

/** The path with what its query cannot do without: seqs and moments, and the first of both is 1. */
export function asked({ path, queries }: Operation, id = 'x'): string {
  const needed = queries.filter(({ required }) => required).map(({ name }) => `${name}=1`);
  return path.replace(/\{\w+\}/, id) + (needed.length > 0 ? `?${needed.join('&')}` : '');
}

/** What stands in the place of this operation's path; null when there is no place. */
export function placeOf({ path }: Operation): string | null {
  const parts = path.split('/');
  const at = parts.findIndex((part) => part.startsWith('{'));
  if (at < 0) return null;
  const place = PLACES[parts[at - 1] ?? ''];
  if (place === undefined) throw new Error(`say what stands in ${path}`);
  return place;
}

/** An id of the form that is expected in the path of this operation, and that nobody has. */
export function nobodysId(operation: Operation): string {
  const place = placeOf(operation);
  if (place === 'letter') return '2026-11-20_abc';
  if (place === 'segment') return '0000000000000001';
  return `${place === 'fork' || place === 'import' ? 'swm' : place}_01kf2m8z3n5q7r9t1v3x5z7a9b`;
}
