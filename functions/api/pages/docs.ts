// The API reference: a page that draws the OpenAPI document of the platform that serves it.

import { DOCS_SCRIPT } from './docs-script.ts';
import { html, mark, type RenderedPage, renderPage } from './page.ts';
import { REFERENCE_STYLE } from './style.ts';

export function docsPage(): RenderedPage {
  return renderPage({
    title: 'API reference · Starling',
    description: 'Every route of the Starling API: what it takes, what it answers, what it refuses.',
    style: REFERENCE_STYLE,
    script: DOCS_SCRIPT,
    body: html`<div class="frame">
<aside>
<a class="brand" href="/">${mark}Starling</a>
<input id="filter" type="search" placeholder="Find a route" aria-label="Find a route" autocomplete="off">
<nav id="nav" aria-label="Routes"></nav>
</aside>
<main>
<header><h1>API reference</h1><p class="soft">Made from the code that serves it: <a href="/v1/openapi.json">OpenAPI 3.1</a> · <a href="/docs/errors">error codes</a></p></header>
<div id="content"><p class="soft">Loading the document…</p><noscript><p>This page needs JavaScript to draw the document. <a href="/v1/openapi.json">Read it as JSON</a> instead.</p></noscript></div>
</main>
</div>`,
  });
}
