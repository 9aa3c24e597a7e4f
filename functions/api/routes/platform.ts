// The platform's own addresses: health, the OpenAPI document, and the pages for people.

import { answer } from '../call.ts';
import { openApiDocument } from '../openapi.ts';
import { docsPage } from '../pages/docs.ts';
import { errorsPage } from '../pages/errors-page.ts';
import { homePage } from '../pages/home.ts';
import type { RenderedPage } from '../pages/page.ts';
import { openRoute, type Route } from '../route.ts';
import { Health } from '../shapes/platform.ts';

/** Pages kept, a few kilobytes each: more than there are, unless a name is only known by its form. */
const pagesMax = 64;

/** @param routes all routes, these included: asked for when the document is */
export function platformRoutes(routes: () => readonly Route[]): readonly Route[] {
  // Rendered when first asked for, then kept: there is one platform in an isolate, at few addresses.
  const kept = new Map<string, RenderedPage>();
  const page = (name: string, render: () => RenderedPage): Response => {
    const rendered = kept.get(name) ?? render();
    if (kept.size >= pagesMax) kept.clear();
    kept.set(name, rendered);
    return new Response(rendered.text, { headers: rendered.headers });
  };
  const headers = { 'content-type': 'application/json', 'cache-control': 'public, max-age=300' };
  let documentAt: ReturnType<typeof openApiDocument> | null = null;
  return [
    openRoute({
      method: 'get',
      path: '/healthz',
      operationId: 'getHealth',
      tag: 'Platform',
      summary: 'Ask whether the platform answers',
      answers: { 200: { description: 'It does.', body: Health } },
      limited: 'by-route',
      raw: true,
      serve: () => answer(200, { status: 'ok' }),
    }),
    openRoute({
      method: 'get',
      path: '/v1/openapi.json',
      operationId: 'getOpenApi',
      tag: 'Platform',
      summary: 'Get this document',
      answers: { 200: { description: 'OpenAPI 3.1.', body: { contentType: 'application/json' } } },
      raw: true,
      serve: (_, { deps }) => {
        documentAt ??= openApiDocument(routes());
        return new Response(documentAt(deps.baseUrl), { headers });
      },
    }),
    openRoute({
      method: 'get',
      path: '/docs',
      operationId: 'getDocs',
      tag: 'Platform',
      summary: 'Read the API reference',
      answers: { 200: { description: 'A page that draws this document.', body: { contentType: 'text/html' } } },
      raw: true,
      serve: () => page('docs', docsPage),
    }),
    openRoute({
      method: 'get',
      path: '/docs/errors',
      operationId: 'getErrorDocs',
      tag: 'Platform',
      summary: 'Read what the error codes mean',
      answers: { 200: { description: 'A page with every code.', body: { contentType: 'text/html' } } },
      raw: true,
      serve: () => page('errors', errorsPage),
    }),
    openRoute({
      method: 'get',
      path: '/',
      operationId: 'getHome',
      tag: 'Platform',
      summary: 'Read what this is',
      answers: { 200: { description: 'The first page.', body: { contentType: 'text/html' } } },
      raw: true,
      serve: (_, { deps }) => page(`home ${deps.baseUrl}`, () => homePage(deps.baseUrl)),
    }),
  ];
}
