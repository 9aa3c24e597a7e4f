// Enrolment: a token made by a member becomes a device's lasting credential, once.

import { z } from 'zod';
import { idOf } from './terms.ts';

/** POST /v1/devices/enrollments */
export const createEnrollment = z.strictObject({
  name: z.string().min(1).max(100).optional(),
  autonomyLevel: z.number().int().min(0).max(3).optional(),
});
export const enrollment = z.object({ id: idOf('enr'), token: z.string(), expiresAt: z.string() });

/**
 * POST /v1/devices/enroll, authorised by the enrolment token alone. `proof` is the Ed25519 signature, base64url, of the
 * canonical JSON of `{ did, purpose: 'starling.enroll', token }`, so that nobody enrols a key that is not theirs.
 */
export const enrollDevice = z.strictObject({
  token: z.string().max(600),
  did: z
    .string()
    .max(100)
    .regex(/^did:key:z6Mk[1-9A-HJ-NP-Za-km-z]+$/, 'expected an Ed25519 did:key'),
  proof: z.string().max(100),
  name: z.string().min(1).max(100),
});
/** `credential` goes into `Authorization: Bearer` at GET /v1/devices/connect; it names device, swarm and squad. */
export const enrolledDevice = z.object({
  device: idOf('dev'),
  tenant: idOf('tnt'),
  swarm: idOf('swm'),
  credential: z.string(),
  connectUrl: z.string(),
});
export type EnrolledDevice = z.infer<typeof enrolledDevice>;
