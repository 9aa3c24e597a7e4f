import { expect, test } from 'vitest';
import { readTraceparent } from '../../core/traces/trace-context.ts';

const ids = '12345678901234567890123456789012-1234567890123456';

test.each([
  [`00-${ids}-01`, `00-${ids}-01`],
  [`cc-${ids}-01-later`, `00-${ids}-01`],
  [`cc-${ids}-01`, `00-${ids}-01`],
  [`01-${ids}-fe-what-comes`, `00-${ids}-00`],
  [`cc-${ids}-01.later`, null],
  [`cc-${ids}-011`, null],
  [`ff-${ids}-01`, null],
  [`00-${ids}-01-later`, null],
  [`cc-${'0'.repeat(32)}-1234567890123456-01-x`, null],
  [`CC-${ids}-01`, null],
  ['', null],
])('[TRACE-2] [DOOR-8] the traceparent "%s" is read as %s', (text, read) => {
  expect(readTraceparent(text)).toBe(read);
});
