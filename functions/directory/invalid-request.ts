// Bad input as a rejection: where in the body, and what was expected there.

import type { z } from 'zod';

export interface InvalidRequest {
  readonly code: 'invalid_request';
  /** `pointer` is a JSON pointer (RFC 6901) into the body. */
  readonly errors: readonly { readonly pointer: string; readonly message: string }[];
}

/** The rejection for input that a schema refused. The messages name what was expected, never what was given. */
export function invalidRequest(error: z.ZodError): InvalidRequest {
  const errors = error.issues.slice(0, 20).map(({ path, message }) => ({
    pointer: path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''),
    message,
  }));
  return { code: 'invalid_request', errors };
}
