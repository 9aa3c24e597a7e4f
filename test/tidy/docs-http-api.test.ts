// docs/reference/http-api.md has every route with what it needs, and states the limits that the code has.

import { expect, test } from 'vitest';
import { jsonDepthMax } from '../../core/json.ts';
import { SCOPES } from '../../core/keys/scopes.ts';
import {
  bodyBytesMax,
  journalPageMax,
  listLimitDefault,
  listLimitMax,
  taskInputBytesMax,
  waitSecondsMax,
} from '../../core/limits.ts';
import { ROUTES } from '../../functions/api/app.ts';
import { RATE_LIMITS } from '../../functions/api/middleware/rate-limit.ts';
import { type Route, TAGS } from '../../functions/api/route.ts';
import { codeIn, read, sectionsOf, table } from './docs-pages.ts';

const page = read('docs/reference/http-api.md');

/** What stands in place of a scope where a route has none. */
const OTHERWISE: Readonly<Record<string, string>> = {
  getSession: '*cookie*',
  listTenants: '*cookie*',
  switchTenant: '*cookie*',
  enrollDevice: '*token*',
  connectDevice: '*device*',
  receiveWebhook: '*signature*',
};

function needOf(route: Route): string {
  if (route.access === 'open') return OTHERWISE[route.operationId] ?? '*open*';
  return route.scope === null ? '*any*' : `\`${route.scope}\``;
}

test.each(Object.keys(TAGS))('the routes of %s are on the page, in order, with what they need', (tag) => {
  const known = ROUTES.filter((route) => route.tag === tag);
  const said = table(page, `### ${tag}`).map(([route, need]) => `${codeIn(route)[0]} ${need}`);
  expect(said).toEqual(known.map((route) => `${route.method.toUpperCase()} ${route.path} ${needOf(route)}`));
});

test('the scopes that routes need are named', () => {
  const needed = new Set(ROUTES.flatMap((route) => (route.access === 'scoped' && route.scope ? [route.scope] : [])));
  const named = new Set(codeIn(sectionsOf(page).get('## Who asks')));
  for (const scope of SCOPES) expect(named.has(scope), scope).toBe(needed.has(scope) || scope === 'admin');
});

test('the limits are those of the code', () => {
  expect(bodyBytesMax).toBe(1024 * 1024);
  const thousands = (n: number) => n.toLocaleString('en-US');
  for (const words of [
    `nested at most ${jsonDepthMax} deep`,
    `at most ${taskInputBytesMax / 1024} KiB`,
    `at most ${waitSecondsMax}\nseconds`,
    `(1 to ${listLimitMax}, ${listLimitDefault} when left out)`,
    `up to ${thousands(journalPageMax)} at once`,
  ])
    expect(page).toContain(words);
  const policies = table(page, '## Rate limits').map(([name, , quota, window]) => [codeIn(name)[0], quota, window]);
  expect(policies).toEqual(
    Object.entries(RATE_LIMITS).map(([name, { quota, windowSeconds }]) => [
      name,
      thousands(quota),
      `${windowSeconds} s`,
    ]),
  );
});
