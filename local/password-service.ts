// Stretches passwords in this process, for the Worker: workerd has one thread, and a hash of 43 ms in it is 43 ms for every tenant.
// One at a time on another thread, so that it takes no more than one processor; a few may wait, further ones are told to come
// again. Reached by a binding alone. Passwords are neither kept nor logged.

import { scrypt } from 'node:crypto';
import { type Request, Response } from 'miniflare';
import { hashBytes, memoryOf, type ScryptCost } from '../functions/directory/password.ts';
import { stretchRequest } from '../functions/directory/password-service.ts';

/** That many wait for at most a second, which a person at a log-in does not notice. */
export const passwordsWaitingMax = 16;
/** Four times what a hash takes today: so much may be asked, and no more. */
const memoryBytesMax = 4 * 192 * 16_384 * 16;

/** Makes the handler of the binding: 200 with the bytes, 429 when too many wait. */
export function passwordService(stretch = stretchOnThread): (request: Request) => Promise<Response> {
  let waiting = 0;
  let last: Promise<unknown> = Promise.resolve();
  return async (request) => {
    const asked = stretchRequest.safeParse(await request.json().catch(() => null));
    if (!asked.success || memoryOf(asked.data.cost) > memoryBytesMax || asked.data.cost.p > 4)
      return new Response(null, { status: 400 });
    // One is being done, and the others wait.
    if (waiting > passwordsWaitingMax) return new Response(null, { status: 429 });
    waiting++;
    const { password, salt, cost } = asked.data;
    const mine = last.then(() => stretch(password, Buffer.from(salt, 'base64url'), cost));
    last = mine.catch(() => {});
    try {
      return new Response(await mine);
    } finally {
      waiting--;
    }
  };
}

function stretchOnThread(password: string, salt: Uint8Array, cost: ScryptCost): Promise<Uint8Array<ArrayBuffer>> {
  return new Promise((done, failed) => {
    scrypt(password, salt, hashBytes, { ...cost, maxmem: memoryOf(cost) }, (error, bytes) =>
      error === null ? done(new Uint8Array(bytes)) : failed(error),
    );
  });
}
