import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Actor } from '../../core/envelope.ts';
import type { KeyId } from '../../core/ids.ts';
import { allows, ROLE_SCOPES, ROLES, SCOPES, type Scope } from '../../core/keys/scopes.ts';
import { mintToken, readToken, tokenCharsMax } from '../../core/keys/token.ts';
import { keyGraceMsMax, keysMax } from '../../core/limits.ts';
import { aSwarm, FIRST_KEY, OWNER, START, SWARM, SYSTEM, TENANT } from './memory-swarm.ts';

const key = (id: string, ...scopes: Scope[]): Actor => ({ kind: 'key', id, scopes });

describe('issuing', () => {
  test('[KEY-1] nobody gives a key more than they have', () => {
    const swarm = aSwarm();
    const own = swarm.do({ type: 'IssueKey', name: 'ci', scopes: ['keys:write', 'tasks:read'] });
    const actor = key(own, 'keys:write', 'tasks:read');
    const refused = swarm.when({ type: 'IssueKey', name: 'more', scopes: ['tasks:read', 'tasks:write'] }, { actor });
    expect(refused.result).toEqual({ ok: false, error: { code: 'scope_exceeds_own', scope: 'tasks:write' } });
    expect(swarm.refusal({ type: 'IssueKey', name: 'all', scopes: ['admin'] }, { actor })).toBe('scope_exceeds_own');
    expect(swarm.refusal({ type: 'IssueKey', name: 'same', scopes: ['tasks:read'] }, { actor })).toBeNull();
    // Nor by rotating a stronger one.
    expect(swarm.refusal({ type: 'RotateKey', key: FIRST_KEY, graceMs: 0 }, { actor })).toBe('scope_exceeds_own');
    const stranger: Actor = { kind: 'device', id: 'dev_x' };
    expect(swarm.refusal({ type: 'IssueKey', name: 'x', scopes: ['tasks:read'] }, { actor: stranger })).toBe(
      'scope_exceeds_own',
    );
    expect(swarm.refusal({ type: 'IssueKey', name: 'x', scopes: ['admin'] }, { actor: SYSTEM })).toBeNull();
  });

  test('[KEY-7] admin stands for every scope, and each role has what the one below it has', () => {
    for (const scope of SCOPES) {
      expect(allows(['admin'], scope)).toBe(true);
      expect(allows([], scope)).toBe(false);
      for (const other of SCOPES) if (other !== 'admin') expect(allows([other], scope)).toBe(other === scope);
    }
    for (const [index, role] of ROLES.entries())
      for (const below of ROLES.slice(index))
        for (const scope of ROLE_SCOPES[below]) expect(allows(ROLE_SCOPES[role], scope)).toBe(true);
    expect(ROLE_SCOPES.viewer.filter((scope) => !scope.endsWith(':read'))).toEqual([]);
    for (const scope of ['keys:write', 'ledger:write', 'members:write', 'admin'] as const)
      expect(allows(ROLE_SCOPES.operator, scope)).toBe(false);
  });

  test('[KEY-5] the limit counts keys in force: what was revoked or rotated makes room', () => {
    const swarm = aSwarm();
    const issue = { type: 'IssueKey', name: 'ci', scopes: ['tasks:read'] } as const;
    for (let n = 1; n < keysMax; n++) swarm.do(issue);
    expect(swarm.refusal(issue)).toBe('limit_reached');
    // At the limit a key can still be rotated, however often.
    let last = FIRST_KEY;
    for (let n = 0; n < 5; n++) last = swarm.do({ type: 'RotateKey', key: last, graceMs: 1_000 }) as KeyId;
    expect(swarm.refusal(issue)).toBe('limit_reached');
    swarm.do({ type: 'RevokeKey', key: last });
    expect(swarm.refusal(issue)).toBeNull();
    expect(swarm.refusal(issue)).toBe('limit_reached');
  });
});

describe('rotating and revoking', () => {
  const read = { type: 'CancelTask', task: 'tsk_none' } as const;
  const first = key(FIRST_KEY, 'admin');

  test('[KEY-2] a rotated key is good until its grace ends, its successor at once', () => {
    const swarm = aSwarm();
    const next = swarm.do({ type: 'RotateKey', key: FIRST_KEY, graceMs: 5_000 }, { actor: first });
    expect(swarm.row('key', FIRST_KEY)).toMatchObject({ state: 'active', replacedBy: next, validUntil: START + 5_000 });
    expect(swarm.refusal(read, { actor: key(next, 'admin') })).toBe('task_not_found');
    expect(swarm.refusal({ type: 'RotateKey', key: FIRST_KEY, graceMs: 0 })).toBe('key_not_active');
    swarm.at += 4_999;
    expect(swarm.refusal(read, { actor: first })).toBe('task_not_found');
    swarm.at += 1;
    expect(swarm.refusal(read, { actor: first })).toBe('key_revoked');
    expect(swarm.refusal({ type: 'RotateKey', key: next as KeyId, graceMs: keyGraceMsMax + 1 })).toBe('limit_reached');
  });

  test('[KEY-3] a revoked key is refused from the next request on, whatever it asks', () => {
    const swarm = aSwarm();
    expect(swarm.refusal(read, { actor: first })).toBe('task_not_found');
    expect(swarm.when({ type: 'RevokeKey', key: FIRST_KEY }, { actor: first }).types).toEqual(['key.revoked']);
    expect(swarm.refusal(read, { actor: first })).toBe('key_revoked');
    expect(swarm.refusal({ type: 'RevokeKey', key: FIRST_KEY }, { actor: first })).toBe('key_revoked');
    expect(swarm.refusal(read, { actor: key('key_never_issued', 'admin') })).toBe('key_revoked');
    expect(swarm.when({ type: 'RevokeKey', key: FIRST_KEY }, { actor: OWNER }).types).toEqual([]);
    expect(swarm.refusal({ type: 'RevokeKey', key: 'key_nothing' as KeyId })).toBe('key_not_found');
    expect(swarm.refusal({ type: 'RotateKey', key: FIRST_KEY, graceMs: 0 })).toBe('key_not_active');
  });

  test('[KEY-9] nobody takes away a key that may more than they may, but always their own', () => {
    const swarm = aSwarm();
    const issue = (...scopes: Scope[]) => key(swarm.do({ type: 'IssueKey', name: 'k', scopes }), ...scopes);
    const revoke = (target: string, actor: Actor) => swarm.when({ type: 'RevokeKey', key: target as KeyId }, { actor });
    const weak = issue('keys:write', 'tasks:read');
    const strong = issue('keys:write', 'tasks:read', 'tasks:write');
    const exceeds = (scope: Scope) => ({ ok: false, error: { code: 'scope_exceeds_own', scope } });
    expect(revoke(FIRST_KEY, weak).result).toEqual(exceeds('admin'));
    expect(revoke(strong.id, weak).result).toEqual(exceeds('tasks:write'));
    const operator: Actor = { kind: 'user', id: 'usr_x', scopes: ROLE_SCOPES.operator };
    expect(revoke(FIRST_KEY, operator).result).toEqual(exceeds('admin'));
    expect(revoke(issue('tasks:read').id, { kind: 'device', id: 'dev_x' }).result).toEqual(exceeds('tasks:read'));
    // Not by being told that it is done already, either.
    swarm.do({ type: 'RevokeKey', key: strong.id as KeyId });
    expect(revoke(strong.id, weak).result).toEqual(exceeds('tasks:write'));
    expect(revoke(issue('tasks:read').id, weak).types).toEqual(['key.revoked']);
    // Its own, whatever a later version makes of its scopes.
    expect(revoke(weak.id, { ...weak, scopes: ['keys:write'] } as Actor).types).toEqual(['key.revoked']);
    expect(revoke(FIRST_KEY, OWNER).types).toEqual(['key.revoked']);
    expect(revoke(issue('admin').id, SYSTEM).types).toEqual(['key.revoked']);
  });

  test('[KEY-2] a key in its grace can be revoked at once', () => {
    const swarm = aSwarm();
    swarm.do({ type: 'RotateKey', key: FIRST_KEY, graceMs: 5_000 });
    swarm.do({ type: 'RevokeKey', key: FIRST_KEY });
    expect(swarm.refusal(read, { actor: first })).toBe('key_revoked');
  });
});

describe('tokens', () => {
  const secret = new Uint8Array(randomBytes(32));
  const claims = { t: TENANT, s: SWARM, k: FIRST_KEY, p: ['tasks:read'] as Scope[] };

  test('[KEY-6] a token reads as what it was minted for, by its kind and secret alone', () => {
    const token = mintToken('sk', claims, secret);
    expect(readToken('sk', token, secret)).toEqual({ ok: true, value: claims });
    const invalid = { ok: false, error: { code: 'token_invalid' } };
    expect(readToken('dvc', token, secret)).toEqual(invalid);
    expect(readToken('dvc', token.replace('sk_', 'dvc_'), secret)).toEqual(invalid);
    expect(readToken('sk', token, new Uint8Array(randomBytes(32)))).toEqual(invalid);
    const device = mintToken('dvc', { t: TENANT, s: SWARM, d: 'dev_00000000000000000000000000', q: 3 }, secret);
    expect(readToken('dvc', device, secret)).toMatchObject({ ok: true, value: { q: 3 } });
  });

  test('[KEY-6] a token with any character flipped, added or left out is refused', () => {
    const token = mintToken('sk', claims, secret);
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.= ';
    fc.assert(
      fc.property(fc.nat(token.length - 1), fc.constantFrom(...alphabet), (at, char) => {
        if (token[at] !== char)
          expect(readToken('sk', token.slice(0, at) + char + token.slice(at + 1), secret).ok).toBe(false);
        expect(readToken('sk', token.slice(0, at) + char + token.slice(at), secret).ok).toBe(false);
        expect(readToken('sk', token.slice(0, at) + token.slice(at + 1), secret).ok).toBe(false);
      }),
      { numRuns: 3_000 },
    );
    // Every place by itself as well.
    for (let at = 0; at < token.length; at++) {
      const other = token[at] === 'A' ? 'B' : 'A';
      expect(readToken('sk', token.slice(0, at) + other + token.slice(at + 1), secret).ok).toBe(false);
    }
  });

  test('[KEY-6] what is no token is refused without a fault, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (text) => {
        expect(readToken('sk', text, secret).ok).toBe(false);
        expect(readToken('sk', `sk_${text}`, secret).ok).toBe(false);
      }),
      { numRuns: 1_000 },
    );
    expect(readToken('sk', `sk_${'A'.repeat(tokenCharsMax)}.x`, secret).ok).toBe(false);
  });
});
