// How passwords are kept, and which are too weak.

import { expect, test } from 'vitest';
import { hashPassword, passwordWeakness, verifyPassword } from '../../functions/directory/password.ts';

test('[DIRECTORY-10] a hash fits its own password alone, and no two hashes are alike', () => {
  const hash = hashPassword('correct horse battery');
  expect(hash).toMatch(/^scrypt\$16384\$16\$1\$[\w-]{22}\$[\w-]{43}$/);
  expect(verifyPassword('correct horse battery', hash)).toBe(true);
  expect(verifyPassword('correct horse batterY', hash)).toBe(false);
  expect(hashPassword('correct horse battery')).not.toBe(hash);
});

test('[DIRECTORY-10] the same password composed in another way is the same password', () => {
  expect(verifyPassword('cafe\u0301 au lait', hashPassword('caf\u00e9 au lait'))).toBe(true);
});

test('[DIRECTORY-10] a hash of another form fits nothing', () => {
  for (const hash of [
    '',
    'scrypt',
    'salt:hash',
    'scrypt$16384$16$1$AAAA$BBBB',
    `scrypt$16384$16$1$${'A'.repeat(22)}$`,
  ]) {
    expect(verifyPassword('', hash)).toBe(false);
  }
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
