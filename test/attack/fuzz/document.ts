// What can be asked, from the OpenAPI document of the platform itself, and which codes it may answer with, from its page of errors.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Parameter {
  readonly name: string;
  readonly in: 'query' | 'header' | 'path';
  readonly example?: unknown;
  readonly schema?: { readonly enum?: readonly unknown[]; readonly type?: string };
}

export interface Operation {
  readonly method: string;
  readonly path: string;
  readonly operationId: string;
  readonly parameters: readonly Parameter[];
  /** The type of a body and an example of one; null when there is none. */
  readonly body: { readonly type: string; readonly example: unknown } | null;
  /** Statuses that may come. */
  readonly statuses: ReadonlySet<number>;
  /** Hashes a password, or copies a swarm: asked less often. */
  readonly isHeavy: boolean;
}

interface Documented {
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly example?: unknown }>> };
  readonly responses: Readonly<Record<string, unknown>>;
}

const HEAVY = /signup|login|join|accept|\/forks|\/imports|\/export|segments/;

export async function readOperations(url: string): Promise<readonly Operation[]> {
  const document = (await (await fetch(`${url}/v1/openapi.json`)).json()) as {
    paths: Record<string, Record<string, Documented>>;
  };
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId, parameters = [], requestBody, responses }]) => {
      const [[type, body] = []] = Object.entries(requestBody?.content ?? {});
      return {
        ...{ method: method.toUpperCase(), path, operationId, parameters },
        body: type === undefined ? null : { type, example: body?.example },
        statuses: new Set(Object.keys(responses).map(Number)),
        isHeavy: HEAVY.test(path),
      };
    }),
  );
}

/** Every code of docs/reference/errors.md, with the status that it comes with. */
export function readCodes(): ReadonlyMap<string, number> {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/reference/errors.md'), 'utf8');
  return new Map(
    [...page.matchAll(/^\| `([a-z_]+)` \| (\d{3}) \|/gm)].map(([, code = '', status]) => [code, Number(status)]),
  );
}
