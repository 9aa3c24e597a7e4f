// Until when a caller counts as who they are without being asked for anew: what they open meanwhile lasts no longer.

import { expect, test } from 'vitest';
import { newId } from '../../core/ids.ts';
import { mintToken } from '../../core/keys/token.ts';
import { type AuthDeps, authenticate } from '../../functions/api/middleware/authenticate.ts';
import { sessionTokenMs } from '../../functions/directory/limits.ts';
import { mintSessionToken } from '../../functions/directory/session-token.ts';
import { entropyOf, FIRST_KEY, START, SWARM, TENANT } from '../core/memory-swarm.ts';

const secret = Buffer.alloc(32, 7);
const baseUrl = 'https://swarm.example.com';
/** What a read with a key or a token needs of it: no directory is asked. */
const deps = {
  tokenKey: secret,
  directory: { keys: { sessionTokens: secret }, baseUrl },
  baseUrl,
  now: () => START + 60_000,
} as unknown as AuthDeps;

async function untilOf(bearer: string): Promise<number | null | undefined> {
  const request = new Request(`${baseUrl}/v1/journal/stream`, { headers: { authorization: `Bearer ${bearer}` } });
  const caller = await authenticate(request, deps);
  return caller.ok ? caller.value.until : undefined;
}

test('[READER-3] a session token counts until it ends, a key until its swarm says otherwise', async () => {
  const session = {
    user: { id: newId('usr', START, entropyOf(1)), email: 'a@example.com', name: 'A' },
    tenant: { id: TENANT, name: 'T' },
    swarm: { id: SWARM, name: 'main' },
    role: 'viewer',
  } as const;
  const { token } = await mintSessionToken(session, { key: secret, issuer: baseUrl, now: () => START });
  expect(await untilOf(token)).toBe(START + sessionTokenMs);
  expect(await untilOf(mintToken('sk', { t: TENANT, s: SWARM, k: FIRST_KEY, p: ['journal:read'] }, secret))).toBe(null);
});
