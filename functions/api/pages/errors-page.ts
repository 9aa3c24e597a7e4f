// The page that a problem's `type` leads to: every code, and what it means.

import { REJECTIONS } from '../../../core/swarm/rejections.ts';
import { API_PROBLEMS } from '../problems.ts';
import { type Html, html, mark, type RenderedPage, renderPage } from './page.ts';
import { PROSE_STYLE } from './style.ts';

export function errorsPage(): RenderedPage {
  return renderPage({
    title: 'Errors · Starling',
    description: 'Every error code of the Starling API, with its HTTP status and its meaning.',
    style: PROSE_STYLE,
    body: html`<div class="column">
<header><a class="brand" href="/">${mark}Starling</a><nav><a href="/docs">API reference</a></nav></header>
<main>
<h1>Errors</h1>
<p class="lead">Every refusal is a problem (RFC 9457) with one of these codes. Codes are stable; decide by them. A request that was refused has changed nothing.</p>
<h2>Of the API</h2>
${table(API_PROBLEMS)}
<h2>Of a swarm</h2>
${table(REJECTIONS)}
</main>
<footer>If a problem has no explanation here that helps, its <code>requestId</code> finds it in our records.</footer>
</div>`,
  });
}

function table(codes: Readonly<Record<string, { readonly status: number; readonly title: string }>>): Html {
  const rows = Object.entries(codes).map(
    ([code, { status, title }]) =>
      html`<tr id="${code}"><td><a href="#${code}"><code>${code}</code></a></td><td>${status}</td><td>${title}</td></tr>`,
  );
  return html`<table><thead><tr><th>Code</th><th>Status</th><th>Meaning</th></tr></thead><tbody>${rows}</tbody></table>`;
}
