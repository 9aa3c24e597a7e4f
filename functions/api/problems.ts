// Every reason why the API itself refuses, before or beside a swarm, and the one way from any refusal to what a problem says.
// With REJECTIONS of core/swarm/rejections.ts this is the whole list; docs/reference/errors.md is checked against both.

import { REJECTIONS, type RejectionCode } from '../../core/swarm/rejections.ts';

export const API_PROBLEMS = {
  // The request as such, in the order in which it is looked at.
  misdirected_request: { status: 421, title: 'This is not the platform that the request names' },
  not_found: { status: 404, title: 'There is nothing at this address' },
  method_not_allowed: { status: 405, title: 'This address does not take this method' },
  unauthenticated: { status: 401, title: 'The request does not say who sends it' },
  token_expired: { status: 401, title: 'The session token has expired' },
  origin_not_allowed: { status: 403, title: 'A page of another origin may not use the session cookie' },
  rate_limited: { status: 429, title: 'Too many requests' },
  share_used: { status: 429, title: 'Too many requests at once while others wait' },
  scope_missing: { status: 403, title: 'The key or the role does not allow this' },
  body_too_large: { status: 413, title: 'The body is too large' },
  body_too_slow: { status: 408, title: 'The body did not go on' },
  body_incomplete: { status: 400, title: 'The body broke off' },
  unsupported_media_type: { status: 415, title: 'The body is not of a type that is read here' },
  invalid_json: { status: 400, title: 'The body is not JSON' },
  invalid_request: { status: 400, title: 'The request is not what is expected here' },
  session_required: { status: 401, title: 'Only a log-in session may do this' },
  upgrade_required: { status: 426, title: 'This address speaks WebSocket' },
  subprotocol_unsupported: { status: 400, title: 'No subprotocol of this address is offered' },
  too_many_connections: { status: 429, title: 'The device has too many sockets that prove nothing' },
  squad_full: { status: 503, title: 'The squad of this device has all the sockets that it may have' },
  // Signing up and logging in.
  email_taken: { status: 409, title: 'There is an account with this e-mail address' },
  password_too_weak: { status: 422, title: 'The password is too easy to guess' },
  invalid_credentials: { status: 401, title: 'The e-mail address or the password is wrong' },
  too_many_attempts: { status: 429, title: 'Too many attempts' },
  no_tenant: { status: 403, title: 'You are not a member of any organization' },
  tenant_not_found: { status: 404, title: 'There is no such organization' },
  // Members.
  not_allowed: { status: 403, title: 'Your role does not allow this' },
  member_not_found: { status: 404, title: 'There is no such member' },
  last_owner: { status: 409, title: 'An organization keeps an owner' },
  already_member: { status: 409, title: 'They are a member already' },
  invitation_not_found: { status: 404, title: 'There is no such invitation' },
  invitation_invalid: { status: 404, title: 'The invitation is not open' },
  invitation_for_other_email: { status: 403, title: 'The invitation is for another e-mail address' },
  too_many_invitations: { status: 409, title: 'Too many invitations are open' },
  tenant_full: { status: 409, title: 'The organization has as many members as it may have' },
  // Devices.
  enrollment_token_invalid: { status: 401, title: 'The enrolment token is not one of ours' },
  proof_invalid: { status: 401, title: 'The proof is not a signature by the key that is named' },
  // Webhooks, in and out.
  signature_missing: { status: 401, title: 'The delivery is not signed' },
  signature_invalid: { status: 401, title: 'The signature does not hold' },
  timestamp_too_old: { status: 400, title: 'The delivery was signed too long ago, or in the future' },
  payload_invalid: { status: 400, title: 'The payload cannot be read' },
  address_private: { status: 422, title: 'The address is not on the public Internet' },
  // Telemetry.
  dead_letter_not_found: { status: 404, title: 'There is no such dead letter' },
  // The archive.
  manifest_not_found: { status: 404, title: 'Nothing has been archived yet' },
  // Ourselves.
  storage_exhausted: { status: 507, title: 'There is no room left on the disk of the platform' },
  unavailable: { status: 503, title: 'A part of the platform does not answer' },
  internal: { status: 500, title: 'Something went wrong on our side' },
} as const satisfies Record<string, { readonly status: number; readonly title: string }>;

export type ApiProblemCode = keyof typeof API_PROBLEMS;
export type ProblemCode = ApiProblemCode | RejectionCode;

/** One thing that is wrong with a request. `pointer` is a JSON Pointer (RFC 6901) into the body, or into the query. */
export interface FieldError {
  readonly pointer: string;
  readonly message: string;
}

/** A refusal on its way to the client: a code, and what may be told with it. */
export interface Refusal {
  readonly code: ProblemCode;
  readonly [detail: string]: unknown;
}

/** What a code means to HTTP. A code that this version does not know is a fault of ours, never a blank answer. */
export function meaningOf(code: ProblemCode): { readonly status: number; readonly title: string } {
  return MEANINGS[code] ?? API_PROBLEMS.internal;
}

const MEANINGS: Readonly<Record<ProblemCode, { readonly status: number; readonly title: string }>> = {
  ...REJECTIONS,
  ...API_PROBLEMS,
};

/** Seconds after which the same request may succeed; null when waiting alone does not help. */
export function retryAfterSeconds(refusal: Refusal): number | null {
  if (typeof refusal.retryAfterSeconds === 'number') return refusal.retryAfterSeconds;
  if (typeof refusal.retryAfterMs === 'number') return Math.max(1, Math.ceil(refusal.retryAfterMs / 1_000));
  return meaningOf(refusal.code).status === 503 ? 1 : null;
}
