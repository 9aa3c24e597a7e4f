import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readTime } from '../../core/rfc3339.ts';
import { createTask } from '../../core/wire/tasks.ts';
import { timeOf } from '../../edge-node/src/cli/output.ts';
import { moment } from '../../functions/api/shapes/parts.ts';

/** Every door that takes a time: a body, `at=`, the command line. */
function doors(text: string): boolean[] {
  return [
    createTask.safeParse({ operation: 'swarm.echo', input: 1, deadline: text }).success,
    moment.safeParse(text).success,
    timeOf(text, 0) !== null,
  ];
}

test.each([
  '2026-02-30T00:00:00Z',
  '2026-11-31T00:00:00Z',
  '2025-02-29T00:00:00Z',
  '1900-02-29T00:00:00Z',
  '2026-00-10T00:00:00Z',
  '2026-13-10T00:00:00Z',
  '2026-12-20T24:00:00Z',
  '2026-12-20T10:60:00Z',
  '2016-12-31T23:59:60Z',
  '2026-12-20T10:00:00+24:00',
  '2026-12-20T10:00:00+01:60',
  '2026-12-20T10:00Z',
  '2026-12-20T10:00:00',
  '2026-12-20 10:00:00Z',
  '2026-12-20T10:00:00.Z',
  '+02026-12-20T10:00:00Z',
])('[DOOR-6] %s is no time, at any door', (text) => {
  expect(doors(text)).toEqual([false, false, false]);
});

test.each([
  ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
  ['2000-02-29t00:00:00z', '2000-02-29T00:00:00.000Z'],
  ['2026-12-20T10:00:00.123456789+01:30', '2026-12-20T08:30:00.123Z'],
  ['2026-12-20T10:00:00.5-00:00', '2026-12-20T10:00:00.500Z'],
  ['2026-12-20T23:59:59-23:59', '2026-12-21T23:58:59.000Z'],
])('[DOOR-6] %s is %s, at every door', (text, same) => {
  expect(new Date(readTime(text) ?? 0).toISOString()).toBe(same);
  expect(doors(text)).toEqual([true, true, true]);
});

test('[DOOR-6] a time that Starling writes is read as what it is', () => {
  fc.assert(
    fc.property(
      fc.date({
        min: new Date('0000-01-01T00:00:00Z'),
        max: new Date('9999-12-31T23:59:59.999Z'),
        noInvalidDate: true,
      }),
      (date) => {
        expect(readTime(date.toISOString())).toBe(date.getTime());
      },
    ),
  );
});
