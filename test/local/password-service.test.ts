// Passwords hashed beside workerd: one at a time, a few wait, further ones are sent away.

import { scryptSync } from 'node:crypto';
import { Request } from 'miniflare';
import { expect, test } from 'vitest';
import { stretchBy } from '../../functions/directory/password-service.ts';
import { passwordService, passwordsWaitingMax } from '../../local/password-service.ts';

const cost = { N: 16_384, r: 16, p: 1 };
const salt = new Uint8Array(16).fill(3);
const ask = (service: ReturnType<typeof passwordService>, body: unknown) =>
  service(new Request('http://passwords/stretch', { method: 'POST', body: JSON.stringify(body) }));
const asked = { password: 'a long enough one', salt: Buffer.from(salt).toString('base64url'), cost };

test('[DIRECTORY-10] the service makes the same bytes as the Worker itself', async () => {
  const service = passwordService();
  const stretch = stretchBy({
    // Miniflare's declarations of requests and answers differ from the runtime's in parts that are not used.
    fetch: async (url, init) => (await service(new Request(url, init as object))) as unknown as Response,
  });
  expect(await stretch('a long enough one', salt, cost)).toEqual(
    new Uint8Array(scryptSync('a long enough one', salt, 32, { ...cost, maxmem: 2 ** 26 })),
  );
});

test('[LOCAL-3] one password is hashed at a time, sixteen wait, and the next is told to come again', async () => {
  let running = 0;
  let most = 0;
  const turns: (() => void)[] = [];
  const service = passwordService(async () => {
    most = Math.max(most, ++running);
    await new Promise<void>((done) => turns.push(done));
    running--;
    return new Uint8Array(32);
  });
  const all = Array.from({ length: passwordsWaitingMax + 1 }, () => ask(service, asked));
  await expect.poll(() => turns.length).toBe(1);
  expect((await ask(service, asked)).status).toBe(429);
  for (let n = 0; n < all.length; n++) {
    await expect.poll(() => turns.length).toBe(n + 1);
    turns[n]?.();
  }
  expect((await Promise.all(all)).map(({ status }) => status)).toEqual(all.map(() => 200));
  expect(most).toBe(1);
  // There is room again.
  const next = ask(service, asked);
  await expect.poll(() => turns.length).toBe(all.length + 1);
  turns.at(-1)?.();
  expect((await next).status).toBe(200);
});

test('[LOCAL-3] one that fails keeps nobody else from theirs', async () => {
  let count = 0;
  const service = passwordService(async () => {
    if (count++ === 0) throw new Error('no memory');
    return new Uint8Array(32);
  });
  const [first, second] = await Promise.allSettled([ask(service, asked), ask(service, asked)]);
  expect(first.status).toBe('rejected');
  expect(second).toMatchObject({ value: { status: 200 } });
});

test('[LOCAL-3] what would take the machine’s memory is refused', async () => {
  const service = passwordService(() => Promise.reject(new Error('asked for')));
  for (const body of [
    null,
    {},
    { ...asked, cost: { ...cost, N: 2 ** 20 } },
    { ...asked, cost: { ...cost, r: 999 } },
    { ...asked, cost: { ...cost, p: 5 } },
    { ...asked, cost: { ...cost, N: -1 } },
  ])
    expect((await ask(service, body)).status).toBe(400);
});
