import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Defect } from '../../core/assert.ts';
import { cutText, cutTextStart } from '../../core/cut-text.ts';
import { canonical, canonicalStored, hasHalfPair, type Json } from '../../core/json.ts';
import { eachUnfit, findUnfit, hasRepeatedMember, pointerOf } from '../../core/json-text.ts';

/** What is wrong with a text, and where. */
function unfit(text: string): string | null {
  const found = findUnfit(JSON.parse(text) as Json, text);
  return found && `${found.what} ${pointerOf(found.path)}`;
}

describe('what may not enter a journal', () => {
  test.each([
    ['a number of a later language', '{"order":7615917337495251231}', 'number /order'],
    ['one beyond 2^53', '[9007199254740993]', 'number /0'],
    ['the same with a point', '[9007199254740993.0]', 'number /0'],
    ['the same with an exponent', '[1,9.007199254740993e15]', 'number /1'],
    ['one that is too large', '{"a":{"b":1e400}}', 'number /a/b'],
    ['one that is too small', '[-1e-400]', 'number /0'],
    ['more digits than a double has', '[0.1000000000000000055511151231257827]', 'number /0'],
    ['a member twice', '{"a":1,"b":{"c":1,"c":1}}', 'member /b/c'],
    ['a member twice, once escaped', '{"a":1,"\\u0061":2}', 'member /a'],
    ['a member twice behind a text with quotes', '{"x":"\\\\\\"{\\"","a":1,"a":2}', 'member /a'],
    ['half a surrogate pair', '["\\ud83d"]', 'text /0'],
    ['half a pair in a name', '{"\\udc00":1}', 'name /?'],
    ['a name that copying would lose', '{"a":[{"__proto__":1}]}', 'name /a/0/__proto__'],
    ['nesting past the limit', `${'['.repeat(65)}${']'.repeat(65)}`, `depth ${'/0'.repeat(64)}`],
  ])('[DOOR-1] %s', (_, text, where) => {
    expect(unfit(text)).toBe(where);
  });

  test.each([
    '9007199254740991',
    '9007199254740992',
    '7615917337495251000',
    '1e21',
    '1E+2',
    '-0',
    '0e999999',
    '0.1',
    '123456789.123456',
    '5e-324',
    '0.30000000000000004',
    '{"a":"a","b":{"a":1},"c":[{"a":1},{"a":2}]}',
    '{"time":"12:00:00, 3e5:","x":":::"}',
    '"\\ud83d\\ude00\\u0000"',
    `${'['.repeat(64)}${']'.repeat(64)}`,
  ])('[DOOR-1] %s may', (text) => {
    expect(unfit(text)).toBeNull();
  });

  test('[DOOR-1] what JSON.stringify writes may enter, whatever it is of', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5, stringUnit: 'binary' }), fc.boolean(), (value, isSpaced) => {
        const text = JSON.stringify(value, null, isSpaced ? 2 : 0);
        if (!text.includes('__proto__')) expect(unfit(text)).toBeNull();
      }),
      { numRuns: 1_000 },
    );
  });

  test('[DOOR-1] an integer is taken when its digits come back, and only then', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 24n), max: 10n ** 24n }), (whole) => {
        expect(unfit(`[${whole}]`) === null).toBe(BigInt(decimal(Number(whole))) === whole);
      }),
      { numRuns: 2_000 },
    );
  });

  test('[DOOR-1] a search that goes on sees what stands behind a name that may not enter', () => {
    for (const text of ['{"__proto__":1e400}', '{"\\udc00":[1e400]}', '{"__proto__":{"a":["\\ud83d"]}}']) {
      const found: string[] = [];
      eachUnfit(JSON.parse(text) as Json, text, { depthMax: 64 }, ({ what }) => found.push(what) === 0);
      expect(found[0]).toBe('name');
      expect(found).toContain(text.includes('ud83d') ? 'text' : 'number');
    }
  });

  test('[DOOR-4] what is only read is refused for a member that stands twice, and for nothing else', () => {
    for (const [text, isRepeated] of [
      ['{"size":999,"size":1}', true],
      ['{"size":7615917337495251231,"a":"\\ud83d"}', false],
    ] as const)
      expect(hasRepeatedMember(JSON.parse(text), text)).toBe(isRepeated);
  });
});

/** Whole digits of a double as it is printed. */
function decimal(value: number): string {
  const [digits = '', power = '0'] = String(value).split('e');
  const [whole = '', fraction = ''] = digits.split('.');
  return whole + fraction.padEnd(Number(power), '0');
}

describe('text', () => {
  test('[JOURNAL-3] what is not well-formed Unicode has no text (RFC 8785, 3.2.2.2)', () => {
    for (const value of ['\ud800', ['\udc00'], { a: 'x\ud83d' }, { '\ud800': 1 }]) {
      expect(() => canonical(value)).toThrow(Defect);
    }
    expect(canonical('\ud83d\ude00')).toBe('"\ud83d\ude00"');
  });

  test('[DOOR-2] what an earlier version stored keeps its text, and is told from what looks like it', () => {
    expect(canonicalStored({ '\udc00': ['\ud83d'] })).toBe('{"\\udc00":["\\ud83d"]}');
    expect(hasHalfPair(canonicalStored('x\ud83d'))).toBe(true);
    expect(hasHalfPair(canonicalStored('\\ud83d \ud83d\ude00 \\\\udc00'))).toBe(false);
  });

  test('[DOOR-5] is cut at whole characters, at either end', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', '\ud83d\ude00', 'é'), maxLength: 12 }),
        fc.integer({ min: 1, max: 13 }),
        (text, most) => {
          for (const cut of [cutText(text, most), cutTextStart(text, most)]) {
            expect(cut.isWellFormed()).toBe(true);
            expect(cut.length).toBeLessThanOrEqual(most);
            expect(cut.length).toBeGreaterThanOrEqual(Math.min(text.length, most) - 1);
          }
          expect(text.startsWith(cutText(text, most)) && text.endsWith(cutTextStart(text, most))).toBe(true);
        },
      ),
    );
  });
});
