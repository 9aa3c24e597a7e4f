import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ID_PREFIXES, idSource, isId, newId } from '../../core/ids.ts';

const entropy = fc.uint8Array({ minLength: 10, maxLength: 10 });
const time = fc.integer({ min: 0, max: 2 ** 48 });

test('[JOURNAL-11] ids sort by their time, whatever their entropy', () => {
  fc.assert(
    fc.property(time, fc.integer({ min: 1, max: 2 ** 40 }), entropy, entropy, (at, later, a, b) => {
      expect(newId('tsk', at, a) < newId('tsk', at + later, b)).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});

test('[JOURNAL-11] the ids of one command sort in the order in which they were made', () => {
  fc.assert(
    fc.property(time, entropy, fc.integer({ min: 2, max: 600 }), (at, bytes, count) => {
      // The last of all entropies is followed by the first: with 80 bits nobody meets it.
      fc.pre(bytes.some((byte) => byte !== 0xff));
      const ids = idSource(at, Uint8Array.from([bytes[0] === 0xff ? 0 : (bytes[0] ?? 0), ...bytes.slice(1)]));
      const made = Array.from({ length: count }, () => ids.next('tsk'));
      expect([...made].sort()).toEqual(made);
      expect(new Set(made).size).toBe(count);
    }),
    { numRuns: 1_000 },
  );
});

test('[JOURNAL-11] the same time and entropy make the same ids, and the source’s bytes are not its caller’s', () => {
  fc.assert(
    fc.property(time, entropy, (at, bytes) => {
      const before = Uint8Array.from(bytes);
      const [a, b] = [idSource(at, bytes), idSource(at, bytes)];
      for (const prefix of ID_PREFIXES) expect(a.next(prefix)).toBe(b.next(prefix));
      expect(bytes).toEqual(before);
    }),
    { numRuns: 1_000 },
  );
});

test('[JOURNAL-11] an id has the form of its kind, and nothing else has', () => {
  fc.assert(
    fc.property(
      time,
      entropy,
      fc.constantFrom(...ID_PREFIXES),
      fc.constantFrom(...ID_PREFIXES),
      (at, bytes, prefix, other) => {
        const id = newId(prefix, at, bytes);
        expect(isId(prefix, id)).toBe(true);
        expect(isId(other, id)).toBe(prefix === other);
        for (const twin of [
          `${id}0`,
          id.slice(0, -1),
          id.toUpperCase(),
          id.replace(/.$/, 'u'),
          ` ${id}`,
          `${id.slice(0, -1)}\n`,
        ])
          expect(isId(prefix, twin)).toBe(false);
      },
    ),
    { numRuns: 1_000 },
  );
});
