import fc from 'fast-check';
import { expect, test } from 'vitest';
import { deliveryAttemptsMax, jitterShare, nextDelivery, retryAfterMsMax } from '../../core/webhooks/schedule.ts';

const HOUR = 3_600_000;
const pauses = (entropy: number, retryAfterMs?: number) =>
  Array.from({ length: deliveryAttemptsMax }, (_, attempt) => nextDelivery(attempt, entropy, retryAfterMs)).map(Number);
const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0);

test('[RETRY-1] ten attempts are made over 75 h 35 min 5 s, the first at once', () => {
  expect(deliveryAttemptsMax).toBe(10);
  expect(pauses(0.5)[0]).toBe(0);
  expect(sum(pauses(0.5))).toBe(75 * HOUR + 35 * 60_000 + 5_000);
  expect(nextDelivery(10, 0.5)).toBe('give_up');
  expect(nextDelivery(11, 0.5, HOUR)).toBe('give_up');
});

test('[RETRY-1] jitter keeps the whole between 68 h and 84 h, and the pauses in order', () => {
  const number = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(fc.array(number, { minLength: 10, maxLength: 10 }), (entropy) => {
      const drawn = entropy.map((one, attempt) => Number(nextDelivery(attempt, one)));
      expect(sum(drawn)).toBeGreaterThan(68 * HOUR);
      expect(sum(drawn)).toBeLessThan(84 * HOUR);
      for (let i = 1; i < drawn.length - 2; i++) expect(drawn[i]).toBeGreaterThan(drawn[i - 1] ?? 0);
    }),
    { numRuns: 1_000 },
  );
});

test('[RETRY-1] the same arguments give the same pause, and another entropy another one', () => {
  expect(nextDelivery(3, 0.25)).toBe(nextDelivery(3, 0.25));
  expect(nextDelivery(3, 0)).toBe(27 * 60_000);
  expect(nextDelivery(3, 0.999999)).toBe(33 * 60_000);
});

test('[RETRY-2] a pause is at least what the receiver asked for, at most a day and its jitter', () => {
  const number = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 9 }),
      number,
      fc.integer({ min: -1_000, max: 10 * 24 * HOUR }),
      (attempt, entropy, asked) => {
        const pause = Number(nextDelivery(attempt, entropy, asked));
        expect(pause).toBeGreaterThanOrEqual(Math.min(asked, retryAfterMsMax));
        expect(pause).toBeGreaterThanOrEqual(Number(nextDelivery(attempt, entropy)));
        expect(pause).toBeLessThanOrEqual(retryAfterMsMax * (1 + jitterShare));
      },
    ),
    { numRuns: 1_000 },
  );
});

test.each([
  [-1, 0.5],
  [1.5, 0.5],
  [1, 1],
  [1, -0.1],
  [1, Number.NaN],
])('[RETRY-1] attempt %d with entropy %d is a defect, not a pause', (attempt, entropy) => {
  expect(() => nextDelivery(attempt, entropy)).toThrow();
});
