// docs/concepts/limits.md names every limit with its value, and no other.

import { describe, expect, it } from 'vitest';
import * as core from '../../core/limits.ts';
import { mappedBytesMax, mappedDepthMax, pointerPartsMax } from '../../core/triggers/mapping.ts';
import { mappingEntriesMax } from '../../core/wire/triggers.ts';
import { eventPatternsMax, webhookUrlCharsMax } from '../../core/wire/webhooks.ts';
import * as operations from '../../edge-node/src/operations/limits.ts';
import { RATE_LIMITS } from '../../functions/api/middleware/rate-limit.ts';
import * as directory from '../../functions/directory/limits.ts';
import { codeIn, read, table } from './docs-pages.ts';

const page = read('docs/concepts/limits.md');
const numberOf = (cell: string | undefined): number => Number((cell ?? '').replaceAll(',', ''));

/** The numbers that a module exports, by name. */
function numbersOf(module: object): Record<string, number> {
  return Object.fromEntries(Object.entries(module).filter(([, value]) => typeof value === 'number'));
}

describe('the page of the limits', () => {
  it.each([
    ['## Limits of a swarm', numbersOf(core)],
    ['## Limits of the directory', numbersOf(directory)],
    [
      '## Limits of inbound webhooks',
      { mappedBytesMax, mappedDepthMax, pointerPartsMax, mappingEntriesMax, eventPatternsMax, webhookUrlCharsMax },
    ],
    ["## Limits of a device's operations", numbersOf(operations)],
  ])('names every limit under "%s" with its value', (heading, inCode) => {
    // The table of attempts has four columns and kinds for rows: it has a test of its own below.
    const rows = table(page, heading).filter((row) => row.length === 3);
    expect(Object.fromEntries(rows.map(([name, value]) => [codeIn(name)[0], numberOf(value)]))).toEqual(inCode);
    expect(rows.length).toBe(Object.keys(inCode).length);
  });

  it('names how often a password may be tried', () => {
    const rows = table(page, '## Limits of the directory').filter((row) => row.length === 4);
    const written = rows.map(([kind, ...cells]) => {
      const [pair, email, address] = cells.map((cell) => {
        const [max = 0, minutes = 0] = (cell.match(/\d+/g) ?? []).map(Number);
        return { max, windowMs: minutes * 60_000 };
      });
      return [codeIn(kind)[0], { pair, email, address }];
    });
    expect(Object.fromEntries(written)).toEqual(directory.ATTEMPT_RULES);
  });

  it('names how many requests are served', () => {
    const rows = table(page, '## Limits of requests');
    const written = rows.map(([bucket, quota, seconds]) => [
      codeIn(bucket)[0],
      { quota: numberOf(quota), windowSeconds: numberOf(seconds) },
    ]);
    expect(Object.fromEntries(written)).toEqual(RATE_LIMITS);
  });
});
