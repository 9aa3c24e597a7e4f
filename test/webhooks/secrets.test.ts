import fc from 'fast-check';
import { expect, test } from 'vitest';
import { deriveKey, isSame, open, seal } from '../../functions/secrets.ts';

const MASTER = 'a-master-secret-of-32-bytes-or-so';
const KEY = deriveKey(MASTER, 'webhook-secrets');
const unreadable = { ok: false, error: { code: 'secret_unreadable' } };

test('[SECRET-1] keys are derived as RFC 5869 says, and each purpose has its own', async () => {
  expect(deriveKey(MASTER, 'webhook-secrets')).toEqual(KEY);
  expect(deriveKey(Buffer.from(MASTER), 'webhook-secrets')).toEqual(KEY);
  expect(deriveKey(MASTER, 'tokens')).not.toEqual(KEY);
  // The oracle is Web Crypto.
  const material = await crypto.subtle.importKey('raw', Buffer.from(MASTER), 'HKDF', false, ['deriveBits']);
  const info = Buffer.from('starling/webhook-secrets');
  const bits = await crypto.subtle.deriveBits(
    { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info },
    material,
    256,
  );
  expect(Buffer.from(KEY)).toEqual(Buffer.from(bits));
});

test('[SECRET-1] a master secret of 31 bytes is refused, and the refusal does not tell it', () => {
  const short = 'x'.repeat(31);
  expect(() => deriveKey(short, 'tokens')).toThrow(/at least 32 bytes/);
  expect(() => deriveKey(short, 'tokens')).not.toThrow(new RegExp(short));
  expect(deriveKey('x'.repeat(32), 'tokens')).toHaveLength(32);
  expect(deriveKey('é'.repeat(16), 'tokens')).toHaveLength(32);
  expect(() => deriveKey(MASTER, '')).toThrow();
});

test('[SECRET-2] a sealed text opens with the same key and the same owner, and with nothing else', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (plaintext, aad) => {
      const sealed = seal(plaintext, KEY, aad);
      expect(sealed).toMatch(/^v1\.[A-Za-z0-9_-]+$/);
      expect(open(sealed, KEY, aad)).toEqual({ ok: true, value: plaintext });
      expect(open(sealed, KEY, `${aad}x`)).toEqual(unreadable);
      expect(open(sealed, deriveKey(MASTER, 'other'), aad)).toEqual(unreadable);
      expect(seal(plaintext, KEY, aad)).not.toBe(sealed);
    }),
    { numRuns: 1_000 },
  );
});

test('[SECRET-2] a sealed text opens in Web Crypto: nonce, ciphertext and tag stand where AES-GCM puts them', async () => {
  const bytes = Buffer.from(seal('whsec_secret', KEY, 'trg_1').slice(3), 'base64url');
  const key = await crypto.subtle.importKey('raw', Buffer.from(KEY), 'AES-GCM', false, ['decrypt']);
  const plain = await crypto.subtle.decrypt(
    { name: 'AES-GCM', iv: bytes.subarray(0, 12), additionalData: Buffer.from('trg_1') },
    key,
    bytes.subarray(12),
  );
  expect(Buffer.from(plain).toString()).toBe('whsec_secret');
});

test('[SECRET-3] one changed, added or missing character leaves a sealed text shut', () => {
  const sealed = seal('a secret', KEY, 'trg_1');
  for (let i = 0; i < sealed.length; i++) {
    const other = sealed[i] === 'A' ? 'B' : 'A';
    expect(open(sealed.slice(0, i) + other + sealed.slice(i + 1), KEY, 'trg_1')).toEqual(unreadable);
    expect(open(sealed.slice(0, i), KEY, 'trg_1')).toEqual(unreadable);
  }
  for (const tail of ['A', '=', ' ', '\n', '.']) expect(open(sealed + tail, KEY, 'trg_1')).toEqual(unreadable);
  expect(open('', KEY, '')).toEqual(unreadable);
});

test('[SECRET-4] a comparison says whether two values are the same', () => {
  expect([
    isSame('abc', 'abc'),
    isSame('abc', 'abd'),
    isSame('abc', 'ab'),
    isSame('', ''),
    isSame('é', Buffer.from('é')),
  ]).toEqual([true, false, false, true, true]);
});
