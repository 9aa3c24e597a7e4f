// The OpenAPI document: complete, true to the schemas, and accepted by a linter that is not ours.

import { createConfig, lintFromString } from '@redocly/openapi-core';
import { expect, test } from 'vitest';
import { REJECTIONS } from '../../core/swarm/rejections.ts';
import { ROUTES } from '../../functions/api/app.ts';
import { Problem } from '../../functions/api/openapi.ts';
import { API_PROBLEMS, meaningOf } from '../../functions/api/problems.ts';
import { platformRoutes } from '../../functions/api/routes/platform.ts';
import type { Shape } from '../../functions/api/shapes/shape.ts';
import { anApi } from './an-api.ts';

interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly security: readonly object[];
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: { readonly content: Record<string, { readonly example?: unknown }> };
  readonly responses: Record<string, { readonly content?: Record<string, { example?: unknown; examples?: object }> }>;
}
interface Document {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: Record<string, unknown> };
}

const api = anApi();
const { text } = await api.send('GET', '/v1/openapi.json', { key: null });
const document = JSON.parse(text) as Document;
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
);

test('the document passes the recommended rules of an OpenAPI linter without an error', async () => {
  const config = await createConfig({ extends: ['recommended'] });
  const problems = await lintFromString({ source: text, absoluteRef: 'openapi.json', config });
  const said = problems.map(
    ({ severity, ruleId, location, message }) => `${severity} ${ruleId} ${location[0]?.pointer}: ${message}`,
  );
  // `/v1/devices/connect` and `/v1/devices/{id}` are told apart by the order of the routes; no id has that form. A socket is
  // opened with 101. This server is a local one.
  const known = /^warn (no-ambiguous-paths|no-server-example\.com|operation-2xx-response .*connect)/;
  expect(said.filter((line) => !known.test(line))).toEqual([]);
});

test('it is made once, and says for each name where the API is reached', async () => {
  let made = 0;
  const [route] = platformRoutes(() => {
    made++;
    return ROUTES;
  }).filter(({ path }) => path === '/v1/openapi.json');
  const at = async (baseUrl: string): Promise<unknown> => {
    // A page asks for nothing but its name.
    const response = await route?.serve({ params: {}, query: {}, body: undefined }, { deps: { baseUrl } } as never);
    return JSON.parse(await (response as Response).text()).servers;
  };
  for (const name of ['http://a.example', 'https://b.example:8443', 'http://[::1]:1'])
    expect(await at(name)).toEqual([{ url: name }]);
  expect(made).toBe(1);
});

test('it says OpenAPI 3.1 and has every route once', () => {
  expect(document.openapi).toBe('3.1.0');
  const routes = ROUTES.map(({ method, path }) => `${method} ${path}`);
  expect(operations.map(({ method, path }) => `${method} ${path}`).toSorted()).toEqual(routes.toSorted());
  expect(new Set(routes).size).toBe(routes.length);
});

test('every operation has an id, a tag, security, an example of its body and of its answers, and problems', () => {
  const ids = operations.map(({ operation }) => operation.operationId);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { operation, path, method } of operations) {
    const where = `${method} ${path}`;
    expect(operation.tags, where).toHaveLength(1);
    expect(operation.security, where).toBeInstanceOf(Array);
    for (const content of Object.values(operation.requestBody?.content ?? {}))
      expect(content, where).toHaveProperty('example');
    const statuses = Object.keys(operation.responses);
    expect(
      statuses.some((status) => Number(status) < 300),
      where,
    ).toBe(true);
    expect(statuses, where).toContain('500');
    for (const [status, answer] of Object.entries(operation.responses)) {
      for (const [type, content] of Object.entries(answer.content ?? {})) {
        if (!/^application\/(problem\+)?json$/.test(type) || path === '/v1/openapi.json') continue;
        expect(Number(status) >= 400 ? content.examples : content.example, `${where} ${status}`).toBeDefined();
      }
    }
  }
});

const shapes = new Map<string, Shape>([['Problem', Problem]]);
for (const route of ROUTES) {
  if (route.body) shapes.set(route.body.name, route.body);
  for (const { body } of Object.values(route.answers)) if (body && 'schema' in body) shapes.set(body.name, body);
}

test.each([...shapes.values()].map((shape) => [shape.name, shape] as const))(
  'the example of %s is one',
  (name, shape) => {
    expect(shape.schema.safeParse(shape.example).error?.issues ?? []).toEqual([]);
    expect(document.components.schemas).toHaveProperty(name);
  },
);

test('two shapes of one name are one shape', () => {
  for (const route of ROUTES) {
    if (route.body) expect(shapes.get(route.body.name)?.schema).toBe(route.body.schema);
  }
});

test('any JSON value is drawn as one, and bounds and patterns stand in the document', () => {
  const { NewTask } = document.components.schemas as Record<string, { properties: Record<string, object> }>;
  expect(NewTask?.properties.input).toMatchObject({ type: expect.arrayContaining(['null', 'object']) });
  expect(NewTask?.properties.maxCreditsMicro).toMatchObject({ type: 'integer', minimum: 1 });
});

test('no code of the API is one of the swarm’s, and every code has a page’s place', async () => {
  const codes = [...Object.keys(API_PROBLEMS), ...Object.keys(REJECTIONS)];
  expect(new Set(codes).size).toBe(codes.length);
  const page = await api.send('GET', '/docs/errors', { key: null });
  for (const code of codes) expect(page.text).toContain(`id="${code}"`);
  expect(meaningOf('of a later version' as never)).toEqual(API_PROBLEMS.internal);
});

test.each(['/', '/docs', '/docs/errors'])(
  'the page %s loads nothing from elsewhere, and its policy says so',
  async (path) => {
    const page = await api.send('GET', path, { key: null });
    expect(page.status).toBe(200);
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    const policy = page.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain('unsafe');
    expect(page.text).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
    expect(page.text).not.toMatch(/\son\w+=|\sstyle=/);
    for (const [, tag = '', inline = ''] of page.text.matchAll(/<(style|script)>([\s\S]*?)<\/\1>/g)) {
      const hash = Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(inline))).toString('base64');
      expect(policy).toContain(`${tag}-src 'sha256-${hash}'`);
    }
  },
);

test('the script of the reference is JavaScript', async () => {
  const page = await api.send('GET', '/docs', { key: null });
  const script = /<script>([\s\S]*)<\/script>/.exec(page.text)?.[1] ?? '';
  expect(script).not.toBe('');
  expect(() => new Function(script)).not.toThrow();
});
