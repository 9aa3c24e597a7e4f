// Passwords stretched by a service beside the Worker, where the platform has one: the local platform does, because a hash in
// workerd would keep every tenant waiting. The form of the hash and the comparison stay in password.ts.

import { z } from 'zod';
import { Fault } from '../../core/assert.ts';
import { hashBytes, type ScryptCost, type Stretch } from './password.ts';

/** What the service is asked. */
export const stretchRequest = z.strictObject({
  password: z.string(),
  /** base64url */
  salt: z.string(),
  cost: z.strictObject({ N: z.int().positive(), r: z.int().positive(), p: z.int().positive() }),
});

/** Asks a service: 200 with the bytes, or 429 when too many wait. */
export function stretchBy(service: { fetch(url: string, init: RequestInit): Promise<Response> }): Stretch {
  return async (password, salt, cost) => {
    const body = JSON.stringify(requestOf(password, salt, cost));
    const answer = await service.fetch('http://passwords/stretch', { method: 'POST', body });
    const bytes = new Uint8Array(await answer.arrayBuffer());
    if (answer.status === 429) return null;
    if (answer.status !== 200 || bytes.length !== hashBytes)
      throw new Fault(`the service of passwords answered ${answer.status}`, { retryable: true });
    return bytes;
  };
}

function requestOf(password: string, salt: Uint8Array, cost: ScryptCost): z.infer<typeof stretchRequest> {
  return { password, salt: Buffer.from(salt).toString('base64url'), cost: { N: cost.N, r: cost.r, p: cost.p } };
}
