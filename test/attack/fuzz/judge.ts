// Whether an answer is one that the documents allow.

import type { FuzzRequest } from './make-request.ts';
import type { Outcome } from './raw-http.ts';

export interface JudgeDeps {
  /** Documented codes with their statuses. */
  readonly codes: ReadonlyMap<string, number>;
  /** Texts of others, and of this machine, that stand in no answer. */
  readonly secrets: readonly string[];
}

/** What an answer of ours never holds: where the code stands, and how it failed. */
const STACK =
  /\n\s+at [\w.<]+.*:\d+|\.ts:\d+|\.js:\d+:\d+|node_modules|durable-objects\/|SQLITE_|file:\/\/\/(?!etc)|(Type|Range|Reference)Error\b/;
/** Codes that pass by themselves, and whose cause these requests may well be. */
const PASSING = new Set(['swarm_filling', 'breaker_open']);

/** What is wrong with it, in a few words that are the same for the same fault; null when nothing is. */
export function judge(request: FuzzRequest, outcome: Outcome, { codes, secrets }: JudgeDeps): string | null {
  // Of what is no HTTP the end may never come.
  if (outcome === 'late') return request.isMalformed ? null : 'no answer in time';
  if (outcome === 'closed') return request.isMalformed ? null : 'closed without an answer';
  const { status, headers, text } = outcome;
  for (const secret of secrets) if (text.includes(secret)) return 'says what is somebody else’s';
  const isPage = headers.get('content-type')?.startsWith('text/html') === true;
  if (!isPage && STACK.test(text)) return 'a stack or a path';
  if (status < 400) return null;
  if (request.method === 'HEAD') return status >= 500 ? `status ${status}` : null;
  // It has not come to us: workerd does not know the method, or cannot read it as HTTP.
  if (!headers.has('x-request-id')) {
    if (status === 501 && text.startsWith('ERROR: Unrecognized request method')) return null;
    if (request.isMalformed && status < 500) return null;
  }
  if (!headers.get('content-type')?.startsWith('application/problem+json')) return `status ${status} is no problem`;
  const code = codeOf(text);
  if (code === null) return `status ${status} has no code`;
  const documented = codes.get(code);
  if (documented === undefined) return `code ${code} is not documented`;
  if (documented !== status) return `code ${code} came with ${status}`;
  if (status >= 500 && !PASSING.has(code)) return `status ${status} ${code}`;
  const { statuses } = request.operation;
  if (
    request.method === request.operation.method &&
    !request.isElsewhere &&
    !statuses.has(status) &&
    !EVERYWHERE.has(code)
  )
    return `status ${status} ${code} is not documented for ${request.operation.operationId}`;
  return null;
}

/** Told before it is known which operation was meant, or of the address. */
const EVERYWHERE = new Set(['not_found', 'method_not_allowed', 'host_unknown', 'misdirected_request']);

export function codeOf(text: string): string | null {
  try {
    const { code } = JSON.parse(text) as { code?: unknown };
    return typeof code === 'string' ? code : null;
  } catch {
    return null;
  }
}
