// A page of our own: complete in itself, with nothing loaded from anywhere else, and a policy that says so. Inline style and
// script are let in by their hashes alone.

import { createHash } from 'node:crypto';

/** Markup that is known to be safe. */
export interface Html {
  readonly html: string;
}

/** Fills a template: texts are escaped, `Html` and lists of it are not. */
export function html(
  parts: TemplateStringsArray,
  ...values: readonly (string | number | Html | readonly Html[])[]
): Html {
  let text = parts[0] ?? '';
  for (const [i, value] of values.entries()) text += markupOf(value) + (parts[i + 1] ?? '');
  return { html: text };
}

function markupOf(value: string | number | Html | readonly Html[]): string {
  if (typeof value === 'string') return escapeHtml(value);
  if (typeof value === 'number') return String(value);
  return 'html' in value ? value.html : value.map((one) => one.html).join('');
}

/** A text as it stands in markup and in quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

export interface Page {
  readonly title: string;
  readonly description: string;
  readonly style: string;
  readonly script?: string;
  readonly body: Html;
}

export interface RenderedPage {
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Renders a page once; it may be answered with as often as it is asked for. */
export function renderPage({ title, description, style, script, body }: Page): RenderedPage {
  const policy = [
    "default-src 'none'",
    `style-src ${hashOf(style)}`,
    ...(script === undefined ? [] : [`script-src ${hashOf(script)}`, "connect-src 'self'"]),
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  const text = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="description" content="${escapeHtml(description)}">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="data:image/svg+xml,${encodeURIComponent(MARK)}">
<style>${style}</style>
</head>
<body>
${body.html}
${script === undefined ? '' : `<script>${script}</script>`}
</body>
</html>
`;
  return {
    text,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'public, max-age=300',
      'content-security-policy': policy.join('; '),
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'permissions-policy': 'camera=(), geolocation=(), microphone=()',
    },
  };
}

function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}

/** A murmuration: dots that turn together. */
const DOTS: readonly (readonly [x: number, y: number, r: number])[] = [
  [4, 19, 1.1],
  [7.2, 16.4, 1.4],
  [10.8, 14.8, 1.8],
  [14.6, 14.6, 2.2],
  [18, 12.6, 1.9],
  [20.6, 9.6, 1.5],
  [22.2, 6, 1.2],
  [8.4, 20.4, 1],
  [12.2, 19, 1.3],
  [16.2, 18.2, 1.5],
  [19.8, 15.8, 1.2],
  [22.8, 12.6, 1],
  [17.2, 8.6, 1.1],
  [13.2, 10.6, 1.2],
];

const circles = DOTS.map(([x, y, r]) => `<circle cx="${x}" cy="${y}" r="${r}"/>`).join('');
const MARK = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 26 26" fill="#5b6ee1">${circles}</svg>`;

/** The mark, for the head of a page. */
export const mark: Html = {
  html: `<svg class="mark" viewBox="0 0 26 26" width="30" height="30" aria-hidden="true">${circles}</svg>`,
};
