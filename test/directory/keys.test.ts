// The directory's keys and digests.

import { expect, test } from 'vitest';
import { Defect } from '../../core/assert.ts';
import { deriveKeys, keyedDigest } from '../../functions/directory/keys.ts';

test('[DIRECTORY-11] each purpose has a key of its own, the same at every start', () => {
  const secret = new Uint8Array(32).fill(9);
  const { cookies, digests, sessionTokens } = deriveKeys(secret);
  const all = [cookies, Buffer.from(digests).toString('base64url'), Buffer.from(sessionTokens).toString('base64url')];
  expect(new Set(all).size).toBe(3);
  expect(deriveKeys(secret)).toEqual({ cookies, digests, sessionTokens });
  expect(deriveKeys(new Uint8Array(32).fill(8)).cookies).not.toBe(cookies);
  expect(() => deriveKeys(new Uint8Array(31))).toThrow(Defect);
});

test('[DIRECTORY-11] a digest depends on purpose, key and where one part ends', () => {
  const key = new Uint8Array(32).fill(1);
  const digests = [
    keyedDigest('a', ['bc', 'd'], key),
    keyedDigest('a', ['b', 'cd'], key),
    keyedDigest('a', ['bcd'], key),
    keyedDigest('ab', ['c', 'd'], key),
    keyedDigest('a', ['bc', 'd'], new Uint8Array(32).fill(2)),
  ];
  expect(new Set(digests).size).toBe(digests.length);
  expect(keyedDigest('a', ['bc', 'd'], key)).toBe(digests[0]);
});
