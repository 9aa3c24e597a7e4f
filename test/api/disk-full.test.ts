import { expect, test } from 'vitest';
import { Fault } from '../../core/assert.ts';
import { openFrame } from '../../functions/api/middleware/frame.ts';
import { faultResponse } from '../../functions/api/middleware/problem.ts';

const frame = openFrame(new Request('http://x/'), { now: () => 0, entropy: (count) => new Uint8Array(count) });
const deps = { baseUrl: 'http://x', report: () => {} };

/** A fault as it comes out of an object of workerd whose disk is full, or whose storage failed in another way. */
const reset = (message: string) => Object.assign(new Error(message), { durableObjectReset: true });

test.each([
  ['an object', reset('database or disk is full: SQLITE_FULL'), 507, 'storage_exhausted'],
  [
    'a file',
    Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' }),
    507,
    'storage_exhausted',
  ],
  [
    'storage behind a fault',
    new Fault('not stored', { retryable: true, cause: new Error('No space left on device (os error 28)') }),
    507,
    'storage_exhausted',
  ],
  [
    'the directory, which says no more',
    reset('internal error; reference = 8h22g6r1ebih34si5rn5ff0v'),
    503,
    'unavailable',
  ],
  [
    'the runtime, which says no more and marks nothing',
    new Error('internal error; reference = tpa3shl7hm9qm1t6slnetchd'),
    503,
    'unavailable',
  ],
  [
    'the directory, behind a query',
    new Error('Failed query: select', { cause: reset('internal error; reference = 8h22g6r1ebih34si5rn5ff0v') }),
    503,
    'unavailable',
  ],
  [
    'an object, behind a query',
    new Error('Failed query: insert', { cause: new Error('D1_ERROR: database or disk is full: SQLITE_FULL') }),
    507,
    'storage_exhausted',
  ],
  ['a defect that speaks of one', new Error('no internal error; reference = x'), 500, 'internal'],
  ['a defect', new Error('full of ideas'), 500, 'internal'],
])('[DOOR-10] without room, %s is a fault that passes', async (_, fault, status, code) => {
  const answer = faultResponse(fault, frame, deps);
  expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([status, code]);
  expect(answer.headers.has('retry-after')).toBe(status !== 500);
});
