// The document and the pages as they are served.

import { createConfig, lintFromString } from '@redocly/openapi-core';
import { expect, test } from 'vitest';
import { send } from './client.ts';

test('the OpenAPI document that is served passes an OpenAPI linter', async () => {
  const answer = await send('GET', '/v1/openapi.json');
  expect(answer.json.openapi).toBe('3.1.0');
  const config = await createConfig({ extends: ['recommended'] });
  const problems = await lintFromString({ source: answer.text, absoluteRef: 'openapi.json', config });
  expect(problems.filter(({ severity }) => severity === 'error')).toEqual([]);
});

test.each(['/', '/docs', '/docs/errors'])('the page %s is there, under a policy that lets nothing in', async (path) => {
  const page = await send('GET', path);
  expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
  expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
  expect(page.headers.get('x-content-type-options')).toBe('nosniff');
});

test('the page of a problem explains its code', async () => {
  const problem = await send('GET', '/v1/nothing');
  const { pathname, hash } = new URL(problem.json.type);
  expect((await send('GET', pathname)).text).toContain(`id="${hash.slice(1)}"`);
});

test('health is asked without a key', async () => {
  const health = await send('GET', '/healthz');
  expect([health.status, health.json]).toEqual([200, { status: 'ok' }]);
});
