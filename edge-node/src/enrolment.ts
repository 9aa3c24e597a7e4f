// Enrolment: an enrolment token and this device's key become its lasting credential, once.

import { createHash } from 'node:crypto';
import { canonical } from '../../core/json.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { enrolledDevice } from '../../core/wire/enrollment.ts';
import { openHome } from './home.ts';
import { type Enrolment, enrolment, openIdentity, readEnrolment, writeEnrolment } from './identity.ts';

export interface EnrolRequest {
  readonly home: string;
  readonly token: string;
  readonly name: string;
}

export type EnrolRefused<E> =
  | { readonly code: 'already_enrolled'; readonly device: string }
  | { readonly code: 'refused'; readonly cause: E }
  | { readonly code: 'answer_invalid' };

/** Posts the body of `enrollDevice` with this idempotency key. */
export type PostEnrolment<E> = (body: unknown, idempotencyKey: string) => Promise<Result<unknown, E>>;

/**
 * Enrols the device that lives in `home` and keeps what it is given there. Cut off half-way and repeated with the same
 * token it ends the same: the key and the idempotency key are the same again.
 */
export async function enrolDevice<E>(
  request: EnrolRequest,
  post: PostEnrolment<E>,
): Promise<Result<Enrolment, EnrolRefused<E>>> {
  openHome(request.home);
  const known = readEnrolment(request.home);
  if (known !== null) return err({ code: 'already_enrolled', device: known.device });
  const identity = openIdentity(request.home);
  const { token, name } = request;
  const proof = identity.sign(canonical({ did: identity.did, purpose: 'starling.enroll', token }));
  const idempotencyKey = createHash('sha256').update(`${identity.did}\n${token}`).digest('hex');
  const answer = await post({ token, did: identity.did, proof, name }, idempotencyKey);
  if (!answer.ok) return err({ code: 'refused', cause: answer.error });
  const enrolled = enrolment.safeParse({ ...enrolledDevice.safeParse(answer.value).data, name });
  if (!enrolled.success) return err({ code: 'answer_invalid' });
  writeEnrolment(request.home, enrolled.data);
  return ok(enrolled.data);
}
