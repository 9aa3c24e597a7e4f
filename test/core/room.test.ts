import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalStored, isSame, jsonDepth } from '../../core/json.ts';
import { drawJson, roomFor } from '../../core/room.ts';

const json = fc.jsonValue({ maxDepth: 6 });

test('[SIZE-1] what a value takes is what its canonicalStored text takes, in bytes of UTF-8', () => {
  fc.assert(
    fc.property(fc.oneof(json, fc.string({ unit: 'binary' })), (value) => {
      const bytes = Buffer.byteLength(canonicalStored(value));
      const room = roomFor(bytes);
      expect([drawJson(room, value), room.used(), room.left()]).toEqual([true, bytes, 0]);
      expect(drawJson(roomFor(bytes - 1), value)).toBe(false);
    }),
    { numRuns: 1_000 },
  );
  for (const value of ['\ud800', 'a€𝄞\u0000', [], {}, [{}], -0, 1e300, { a: undefined, b: 1 }])
    expect(drawJson(roomFor(Buffer.byteLength(canonicalStored(value))), value)).toBe(true);
});

test('[SIZE-1] what is nested too deep has no room, however much there is', () => {
  fc.assert(
    fc.property(json, fc.nat(8), (value, depth) => {
      expect(drawJson(roomFor(Number.POSITIVE_INFINITY), value, depth)).toBe(jsonDepth(value) <= depth);
    }),
  );
});

test('[SIZE-1] nothing is looked at behind what does not fit', () => {
  let looked = 0;
  const list = new Proxy(
    Array.from({ length: 1_000_000 }, () => 'x'.repeat(100)),
    {
      get(target, name, all) {
        if (typeof name === 'string' && /^\d+$/.test(name)) looked++;
        return Reflect.get(target, name, all);
      },
    },
  );
  expect(drawJson(roomFor(1_001_000), list)).toBe(false);
  expect(looked).toBeLessThan(12);
});

test('[SIZE-1] a room that was asked for too much gives nothing any more', () => {
  const room = roomFor(10);
  expect([room.take(6), room.take(5), room.take(1), room.left(), room.used()]).toEqual([true, false, false, 0, 6]);
});

test('[SIZE-1] two values are the same when their canonicalStored texts are', () => {
  fc.assert(
    fc.property(json, json, (a, b) => {
      expect(isSame(a, b)).toBe(canonicalStored(a) === canonicalStored(b));
      expect(isSame(a, JSON.parse(canonicalStored(a)))).toBe(true);
      expect(isSame([a, b], [structuredClone(a), b])).toBe(true);
    }),
    { numRuns: 1_000 },
  );
  expect(isSame({ a: undefined }, {})).toBe(true);
  expect(isSame([undefined], [null])).toBe(true);
  expect(isSame({ a: null }, {})).toBe(false);
});
