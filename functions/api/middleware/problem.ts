// Refusals and faults as RFC 9457 problems. What a fault was stays with us; the client gets the request's id to ask with.

import { Fault } from '../../../core/assert.ts';
import { cutText } from '../../../core/cut-text.ts';
import { type FieldError, meaningOf, type Refusal, retryAfterSeconds } from '../problems.ts';
import type { Frame } from './frame.ts';

export interface ProblemDeps {
  readonly baseUrl: string;
  report(fault: unknown, requestId: string): void;
}

/** Members of a problem that a refusal's own details never take. */
const OWN = new Set(['type', 'title', 'status', 'detail', 'code', 'requestId', 'errors', 'retryAfterMs']);
/** How much of a refusal's details is told: they are small by nature, and a problem stays one. */
const detailCharsMax = 500;

/** The answer to a refused request. */
export function problemResponse(refusal: Refusal, frame: Frame, deps: Pick<ProblemDeps, 'baseUrl'>): Response {
  const { code } = refusal;
  const { status, title } = meaningOf(code);
  const told = detailsOf(refusal);
  const problem = {
    type: `${deps.baseUrl}/docs/errors#${code}`,
    title,
    status,
    detail: typeof refusal.detail === 'string' ? refusal.detail : sentence(title, told),
    code,
    requestId: frame.requestId,
    ...(isErrors(refusal.errors) ? { errors: refusal.errors } : {}),
    ...told,
  };
  const headers = new Headers({ 'content-type': 'application/problem+json' });
  const seconds = retryAfterSeconds(refusal);
  if (seconds !== null) headers.set('retry-after', String(seconds));
  // RFC 9110 11.6.1: a 401 says how to do better. Not where a person mistyped a password: browsers would ask for another.
  if (status === 401 && code !== 'invalid_credentials') headers.set('www-authenticate', 'Bearer realm="starling"');
  // RFC 9110 15.5.16: a 415 for a packing says which ones would do.
  if (typeof refusal.acceptEncoding === 'string') headers.set('accept-encoding', refusal.acceptEncoding);
  if (Array.isArray(refusal.allow)) headers.set('allow', refusal.allow.join(', '));
  return new Response(JSON.stringify(problem), { status, headers });
}

/** The answer when something threw. A full disk and other faults may pass, a defect does not: 507, 503 and 500. */
export function faultResponse(fault: unknown, frame: Frame, deps: ProblemDeps): Response {
  deps.report(fault, frame.requestId);
  if (isDiskFull(fault))
    return problemResponse({ code: 'storage_exhausted', retryAfterSeconds: diskRetrySeconds }, frame, deps);
  return problemResponse({ code: isPassing(fault) ? 'unavailable' : 'internal' }, frame, deps);
}
/** Room comes back when somebody makes some. */
const diskRetrySeconds = 10;

/**
 * True when there is no room left for what was to be written. An object's fault says so in the words of SQLite, and has kept
 * nothing of what it was asked; other storage in those of the system. Causes are looked at as well.
 */
export function isDiskFull(fault: unknown): boolean {
  return causesOf(fault).some(({ message }) =>
    /SQLITE_FULL|database or disk is full|\bENOSPC\b|no space left on device/i.test(message),
  );
}

/** A fault and what is behind it: a query that failed wraps why. */
function causesOf(fault: unknown): readonly Error[] {
  const causes: Error[] = [];
  for (let cause = fault; cause instanceof Error && causes.length < causesMax; cause = cause.cause) causes.push(cause);
  return causes;
}
const causesMax = 5;

/**
 * True for a fault that may be over in a moment: our own, and those of the platform, which arrive from an object without
 * their class but with these marks (`overloaded`: it has too much to do; `retryable`: it was moved or restarted;
 * `durableObjectReset`: its storage failed, nothing of the call was kept, and it begins anew). A fault of the runtime itself,
 * such as storage that cannot be opened, has no mark: all that it tells is a reference to its own log.
 */
export function isPassing(fault: unknown): boolean {
  if (fault instanceof Fault) return fault.retryable;
  return causesOf(fault).some(
    (cause) => MARKS.some((mark) => isMarked(cause, mark)) || OF_THE_RUNTIME.test(cause.message),
  );
}

/** True when the object has too much to do: asking again at once would make it worse. */
export function isOverloaded(fault: unknown): boolean {
  return causesOf(fault).some((cause) => isMarked(cause, 'overloaded'));
}

const OF_THE_RUNTIME = /^(?:D1_ERROR: )?internal error; reference = \w+$/;
const MARKS = ['overloaded', 'retryable', 'durableObjectReset'] as const;

function isMarked(fault: Error, mark: (typeof MARKS)[number]): boolean {
  return mark in fault && (fault as Error & Record<typeof mark, unknown>)[mark] === true;
}

/** What else a refusal tells: small values under names of its own. */
function detailsOf(refusal: Refusal): Record<string, unknown> {
  const told: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(refusal)) {
    if (OWN.has(name) || value === undefined) continue;
    const isSmall = typeof value !== 'object' || value === null || JSON.stringify(value).length <= detailCharsMax;
    if (isSmall) told[name] = typeof value === 'string' ? cutText(value, detailCharsMax) : value;
  }
  return told;
}

function sentence(title: string, told: Record<string, unknown>): string {
  const parts = Object.entries(told).flatMap(([name, value]) =>
    typeof value === 'string' || typeof value === 'number' ? [`${name} ${value}`] : [],
  );
  return parts.length === 0 ? `${title}.` : `${title}: ${parts.join(', ')}.`;
}

function isErrors(errors: unknown): errors is readonly FieldError[] {
  return Array.isArray(errors) && errors.length > 0;
}
