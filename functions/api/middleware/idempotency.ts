// The id of a command: the client's Idempotency-Key when there is one, and then the swarm keeps the answer for ever [P6];
// else one of our own, which nobody can send again.

import { err, ok, type Result } from '../../../core/result.ts';
import type { Refusal } from '../problems.ts';

export interface CommandId {
  readonly id: string;
  /** True when the sender made it: the same id gives the same answer for ever. */
  readonly remember: boolean;
}

/** Visible ASCII; 255 is also the directory's limit. */
const form = /^[\x21-\x7e]{1,255}$/;

/** The prefix keeps a client's keys apart from the ids that the platform makes. */
export function commandIdOf(headers: Headers, requestId: string): Result<CommandId, Refusal> {
  const key = headers.get('idempotency-key');
  if (key === null) return ok({ id: `api:${requestId}`, remember: false });
  if (form.test(key)) return ok({ id: `idem:${key}`, remember: true });
  return err({
    code: 'invalid_request',
    detail: 'Idempotency-Key has 1 to 255 visible ASCII characters.',
    errors: [{ pointer: '', message: 'Idempotency-Key: expected 1 to 255 visible ASCII characters' }],
  });
}
