// The first page: what Starling is, the first three commands, and where to read on.

import { html, mark, type RenderedPage, renderPage } from './page.ts';
import { PROSE_STYLE } from './style.ts';

/** The first three commands, as requests: a test makes them. */
export const FIRST_REQUESTS = [
  {
    title: 'Sign up',
    about: 'You get an organization, its first swarm and an API key. The key is shown once; keep it.',
    method: 'POST',
    path: '/v1/signup',
    headers: {},
    body: { email: 'you@example.com', password: 'a long pass phrase', organization: 'Example' },
  },
  {
    title: 'See what your swarm can do',
    about: 'Every operation, who would do it, and at what price. Devices that you enrol add theirs.',
    method: 'GET',
    path: '/v1/operations',
    headers: {},
    body: null,
  },
  {
    title: 'Send it work',
    about: 'The price is held before the work begins and settled when it ends. Both stand in the journal.',
    method: 'POST',
    path: '/v1/tasks',
    headers: { Prefer: 'wait=10' },
    body: { operation: 'swarm.echo', input: { hello: 'swarm' } },
  },
] as const;

/** How the key of the first answer comes into the next commands. */
const KEPT_KEY = "export STARLING_API_KEY='sk_…'\n";

/** @param baseUrl where the platform is reached */
export function homePage(baseUrl: string): RenderedPage {
  const steps = FIRST_REQUESTS.map(
    (request, i) => html`<li><strong>${request.title}</strong><br><span class="soft">${request.about}</span>
<pre><code>${i === 1 ? KEPT_KEY : ''}${commandOf(request, i > 0, baseUrl)}</code></pre></li>`,
  );
  return renderPage({
    title: 'Starling',
    description: 'A control plane for swarms of AI agents: a supervisor in the cloud, a swarm at the edge.',
    style: PROSE_STYLE,
    body: html`<div class="column">
<header><a class="brand" href="/">${mark}Starling</a><nav><a href="/docs">API reference</a><a href="/docs/errors">Errors</a></nav></header>
<main>
<h1>A supervisor in the cloud, a swarm at the edge</h1>
<p class="lead">Starling runs mixed fleets of agents: hosted models, robots, coding agents on laptops and build machines. You send work; it picks who does it, under your policy, price and budget, and goes on when the connection does not.</p>
<p><a class="go" href="/docs">Read the API reference</a><a class="go quiet" href="/v1/openapi.json">OpenAPI document</a></p>
<h2>The first three commands</h2>
<ol class="steps">${steps}</ol>
<h2>What you can always ask</h2>
<ul class="plain">
<li><strong>What did it do, and why?</strong> Every decision is an event in one journal, chained by hashes and signed.</li>
<li><strong>What did it cost?</strong> Credits move by double entry. A hold comes before the work, and no budget is passed.</li>
<li><strong>Who did it?</strong> A device by its own key, an agent on it, or the swarm itself: the proof of a task says which.</li>
<li><strong>What was it like then?</strong> Any read takes a moment of the past, <span class="mono">?at=</span>, and what changed between two moments is one question.</li>
<li><strong>What if the line is cut?</strong> Devices keep what they found until the cloud has it for good. It counts once.</li>
</ul>
</main>
<footer>Served from <span class="mono">${baseUrl}</span>. Apache-2.0.</footer>
</div>`,
  });
}

function commandOf(request: (typeof FIRST_REQUESTS)[number], isKeyed: boolean, baseUrl: string): string {
  const lines = [`curl -s ${baseUrl}${request.path}`];
  if (isKeyed) lines.push(`-H "Authorization: Bearer $STARLING_API_KEY"`);
  for (const [name, value] of Object.entries(request.headers)) lines.push(`-H '${name}: ${value}'`);
  if (request.body !== null) {
    lines.push(`-H 'Content-Type: application/json'`);
    lines.push(`-d '${JSON.stringify(request.body)}'`);
  }
  return lines.join(' \\\n  ');
}
