import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Defect } from '../../core/assert.ts';
import { canonical, isLargerThan, type Json, jsonDepth, jsonDepthMax } from '../../core/json.ts';

/** The number with these bits. */
function float(hex: string): number {
  return Buffer.from(hex, 'hex').readDoubleBE();
}

function nested(depth: number): Json {
  return Array.from({ length: depth }).reduce<Json>((inner, _, n) => (n % 2 ? [inner] : { a: inner }), 0);
}

describe('canonical JSON', () => {
  test('[JOURNAL-3] the example of RFC 8785, section 3.2.2', () => {
    const text = String.raw`{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }`;
    expect(canonical(JSON.parse(text))).toBe(
      String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
    );
  });

  test('[JOURNAL-3] keys are sorted by UTF-16 code units, as in RFC 8785, section 3.2.3', () => {
    const keys = ['\u20ac', '\r', '\ufb33', '1', '\ud83d\ude00', '\u0080', '\u00f6'];
    const sorted = Object.keys(JSON.parse(canonical(Object.fromEntries(keys.map((key) => [key, 0])))));
    // A key that is a number comes first when it is parsed, whatever its place in the text.
    expect(sorted).toEqual(['1', '\r', '\u0080', '\u00f6', '\u20ac', '\ud83d\ude00', '\ufb33']);
    expect(canonical({ '\r': 1, 1: 2 })).toBe(String.raw`{"\r":1,"1":2}`);
  });

  test.each([
    ['0000000000000000', '0'],
    ['8000000000000000', '0'],
    ['0000000000000001', '5e-324'],
    ['8000000000000001', '-5e-324'],
    ['7fefffffffffffff', '1.7976931348623157e+308'],
    ['ffefffffffffffff', '-1.7976931348623157e+308'],
    ['4340000000000000', '9007199254740992'],
    ['c340000000000000', '-9007199254740992'],
    ['4430000000000000', '295147905179352830000'],
    ['44b52d02c7e14af5', '9.999999999999997e+22'],
    ['44b52d02c7e14af6', '1e+23'],
    ['44b52d02c7e14af7', '1.0000000000000001e+23'],
    ['444b1ae4d6e2ef4e', '999999999999999700000'],
    ['444b1ae4d6e2ef4f', '999999999999999900000'],
    ['444b1ae4d6e2ef50', '1e+21'],
    ['3eb0c6f7a0b5ed8c', '9.999999999999997e-7'],
    ['3eb0c6f7a0b5ed8d', '0.000001'],
    ['41b3de4355555553', '333333333.3333332'],
    ['41b3de4355555554', '333333333.33333325'],
    ['41b3de4355555555', '333333333.3333333'],
    ['41b3de4355555556', '333333333.3333334'],
    ['41b3de4355555557', '333333333.33333343'],
    ['becbf647612f3696', '-0.0000033333333333333333'],
    ['43143ff3c1cb0959', '1424953923781206.2'],
  ])('[JOURNAL-3] the number %s of RFC 8785, appendix B, is written %s', (bits, text) => {
    expect(canonical(float(bits))).toBe(text);
  });

  test.each([
    ['a number that is none', Number.NaN],
    ['a number without end', [Number.POSITIVE_INFINITY]],
    ['a function', { a: () => 1 }],
    ['nothing at all', undefined],
    ['a big integer', 1n],
    ['nesting without end', nested(200)],
  ])('[JOURNAL-3] %s has no text', (_, value) => {
    expect(() => canonical(value)).toThrow(Defect);
  });

  test('[JOURNAL-3] the same value has the same text, whatever the order of its members, and the text says the value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6, noUnicodeString: false }), (value) => {
        const text = canonical(value);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonical(JSON.parse(text))).toBe(text);
        expect(canonical(reversed(JSON.parse(text)))).toBe(text);
      }),
      { numRuns: 2_000 },
    );
  });

  test('[JOURNAL-3] a member of any name is kept, also one that objects have of themselves', () => {
    const text = '{"__proto__":1,"constructor":2,"toString":null}';
    expect(canonical(JSON.parse(text))).toBe(text);
    expect(canonical({ b: undefined, a: 1 })).toBe('{"a":1}');
  });
});

describe('limits', () => {
  test('[JOURNAL-13] what is accepted at the greatest depth has a text, also inside what Starling puts around it', () => {
    const deepest = nested(jsonDepthMax);
    expect(jsonDepth(deepest)).toBe(jsonDepthMax);
    expect(jsonDepth(nested(jsonDepthMax + 1))).toBe(jsonDepthMax + 1);
    // Counting stops soon: a bottomless value costs no more than the limit.
    expect(jsonDepth(nested(5_000))).toBeLessThanOrEqual(jsonDepthMax + 2);
    expect(() =>
      canonical({ type: 'TakeFact', body: { description: { operations: [{ input: { a: deepest } }] } } }),
    ).not.toThrow();
  });

  test('[JOURNAL-13] size is counted in bytes of UTF-8', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), fc.nat(80), (text, max) => {
        expect(isLargerThan(text, max)).toBe(Buffer.byteLength(text) > max);
      }),
      { numRuns: 2_000 },
    );
  });
});

function reversed(value: Json): Json {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((member: Json) => reversed(member));
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, member]) => [name, reversed(member)]),
  );
}
