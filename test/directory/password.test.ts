// How passwords are kept, and which are too weak.

import { expect, test } from 'vitest';
import { err, ok } from '../../core/result.ts';
import { hashPassword, passwordWeakness, stretchHere, verifyPassword } from '../../functions/directory/password.ts';

const hashOf = async (password: string) => {
  const hash = await hashPassword(password, stretchHere);
  if (!hash.ok) throw new Error(hash.error.code);
  return hash.value;
};
const fits = async (password: string, hash: string) => await verifyPassword(password, hash, stretchHere);

test('[DIRECTORY-10] a hash fits its own password alone, and no two hashes are alike', async () => {
  const hash = await hashOf('correct horse battery');
  expect(hash).toMatch(/^scrypt\$16384\$16\$1\$[\w-]{22}\$[\w-]{43}$/);
  expect(await fits('correct horse battery', hash)).toEqual(ok(true));
  expect(await fits('correct horse batterY', hash)).toEqual(ok(false));
  expect(await hashOf('correct horse battery')).not.toBe(hash);
});

test('[DIRECTORY-10] the same password composed in another way is the same password', async () => {
  expect(await fits('cafe\u0301 au lait', await hashOf('caf\u00e9 au lait'))).toEqual(ok(true));
});

test('[DIRECTORY-10] a hash of another form fits nothing', async () => {
  for (const hash of [
    '',
    'scrypt',
    'salt:hash',
    'scrypt$16384$16$1$AAAA$BBBB',
    `scrypt$16384$16$1$${'A'.repeat(22)}$`,
  ]) {
    expect(await fits('', hash)).toEqual(ok(false));
  }
});

test('[DIRECTORY-10] when too many wait, that is the answer, and nothing is compared', async () => {
  const hash = await hashOf('correct horse battery');
  const busy = err({ code: 'rate_limited', retryAfterSeconds: 1 });
  expect(await hashPassword('correct horse battery', async () => null)).toEqual(busy);
  expect(await verifyPassword('correct horse battery', hash, async () => null)).toEqual(busy);
});

test('[DIRECTORY-3] a password must be hard enough to guess', () => {
  const cases: [string, string | null][] = [
    ['1234567', 'too_short'],
    ['PASSWORD', 'too_common'],
    ['aaaaaaaaaaaa', 'too_common'],
    ['ada.lovelace', 'is_email'],
    ['ada.lovelace@example.com', 'is_email'],
    ['x'.repeat(60) + 'y'.repeat(69), 'too_long'],
    ['x'.repeat(60) + 'y'.repeat(68), null],
    ['12345679', null],
    ['ada.lovelace1', null],
  ];
  for (const [password, weakness] of cases) {
    expect(passwordWeakness(password, 'ada.lovelace@example.com')).toBe(weakness);
  }
});
