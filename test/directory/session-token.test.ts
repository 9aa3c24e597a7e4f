// Session tokens: what one says, how long, and that nothing else passes for one.

import * as fc from 'fast-check';
import { SignJWT } from 'jose';
import { expect, test } from 'vitest';
import { newId } from '../../core/ids.ts';
import { ROLE_SCOPES, ROLES } from '../../core/keys/scopes.ts';
import { sessionTokenMs } from '../../functions/directory/limits.ts';
import {
  mintSessionToken,
  type SessionTokenDeps,
  verifySessionToken,
} from '../../functions/directory/session-token.ts';

const at = Date.UTC(2026, 10, 20, 12);
const entropy = new Uint8Array(10).fill(3);
const deps = (later = 0): SessionTokenDeps => ({
  key: new Uint8Array(32).fill(1),
  issuer: 'https://starling.example',
  now: () => at + later,
});
const session = {
  user: { id: newId('usr', at, entropy), email: 'ada@example.com', name: 'ada' },
  tenant: { id: newId('tnt', at, entropy), name: 'Ada Ltd' },
  swarm: { id: newId('swm', at, entropy), name: 'main' },
  role: 'operator',
} as const;
const invalid = { ok: false, error: { code: 'token_invalid' } };

test('[DIRECTORY-20] a session token says who, where, in which role and with which scopes', async () => {
  for (const role of ROLES) {
    const { token, expiresAt } = await mintSessionToken({ ...session, role }, deps());
    expect(expiresAt).toBe(at + sessionTokenMs);
    expect(await verifySessionToken(token, deps())).toMatchObject({
      ok: true,
      value: {
        sub: session.user.id,
        tenant: session.tenant.id,
        swarm: session.swarm.id,
        role,
        scopes: ROLE_SCOPES[role],
        iat: at / 1_000,
        exp: expiresAt / 1_000,
      },
    });
  }
});

test('[DIRECTORY-21] a session token ends after fifteen minutes', async () => {
  const { token } = await mintSessionToken(session, deps());
  expect(await verifySessionToken(token, deps(sessionTokenMs - 1_000))).toMatchObject({ ok: true });
  expect(await verifySessionToken(token, deps(sessionTokenMs))).toEqual({
    ok: false,
    error: { code: 'token_expired' },
  });
});

test('[DIRECTORY-21] a session token that a clock far ahead has minted is refused', async () => {
  const { token } = await mintSessionToken(session, deps(400 * 24 * 3_600_000));
  expect(await verifySessionToken(token, deps())).toEqual(invalid);
});

test('[DIRECTORY-22] a token with any character changed is refused', async () => {
  const { token } = await mintSessionToken(session, deps());
  const anyChange = fc.record({ i: fc.nat(token.length - 1), c: fc.constantFrom(...'ABCxyz019-_.=+/ ') });
  await fc.assert(
    fc.asyncProperty(anyChange, async ({ i, c }) => {
      fc.pre(token[i] !== c);
      expect(await verifySessionToken(token.slice(0, i) + c + token.slice(i + 1), deps())).toEqual(invalid);
    }),
    { numRuns: 1_000 },
  );
});

test('[DIRECTORY-22] what is not a token of this platform is refused', async () => {
  const { token } = await mintSessionToken(session, deps());
  const [head = '', body = '', mac = ''] = token.split('.');
  const none = Buffer.from(JSON.stringify({ alg: 'none', typ: 'session+jwt' })).toString('base64url');
  for (const text of [
    '',
    '.',
    '..',
    'a.b.c',
    `${head}.${body}`,
    `${none}.${body}.`,
    `${none}.${body}.${mac}`,
    `${token}=`,
    'x'.repeat(5_000),
  ]) {
    expect(await verifySessionToken(text, deps())).toEqual(invalid);
  }
  expect(await verifySessionToken(token, { ...deps(), key: new Uint8Array(32).fill(2) })).toEqual(invalid);
  expect(await verifySessionToken(token, { ...deps(), issuer: 'https://other.example' })).toEqual(invalid);
});

test('[DIRECTORY-22] a token of another kind under the same key is refused', async () => {
  const mint = (claims: Record<string, unknown>, typ: string, aud: string) =>
    new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256', typ })
      .setSubject(session.user.id)
      .setIssuer(deps().issuer)
      .setAudience(aud)
      .setIssuedAt(at / 1_000)
      .setExpirationTime(at / 1_000 + 60)
      .sign(deps().key);
  const claims = { tenant: session.tenant.id, swarm: session.swarm.id, role: 'viewer', scopes: [] };
  expect(await verifySessionToken(await mint(claims, 'session+jwt', 'starling'), deps())).toMatchObject({ ok: true });
  expect(await verifySessionToken(await mint(claims, 'JWT', 'starling'), deps())).toEqual(invalid);
  expect(await verifySessionToken(await mint(claims, 'session+jwt', 'elsewhere'), deps())).toEqual(invalid);
  for (const change of [
    { role: 'root' },
    { tenant: session.swarm.id },
    { scopes: ['everything'] },
    { swarm: undefined },
  ]) {
    expect(await verifySessionToken(await mint({ ...claims, ...change }, 'session+jwt', 'starling'), deps())).toEqual(
      invalid,
    );
  }
});
