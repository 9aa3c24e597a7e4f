// The tree of a state: the same rows give the same tree, whichever way they came about.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type ChunkRef,
  carryOn,
  chunksOf,
  type Entry,
  entriesOf,
  type KeyRange,
  kindOf,
  rowsOf,
  stateHash,
  stateHashOf,
} from '../../core/history/state-tree.ts';
import type { RowMap } from '../../core/swarm/replay.ts';
import type { Kind, Rows } from '../../core/swarm/state.ts';

const kinds = ['account', 'swarm', 'task', 'transfer'] as const;
const rowOf = (value: unknown) => value as Rows[Kind]; // the tree does not look into rows

/** Steps of a state: each makes or changes some rows. Ids come in any order, some rows are large. */
const steps = fc.array(
  fc.array(
    fc.record({
      kind: fc.constantFrom(...kinds),
      id: fc.integer({ min: 0, max: 4_000 }).map((n) => `id_${n.toString(32)}`),
      value: fc.oneof(fc.integer(), fc.string({ maxLength: 20 })),
      pad: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 0, 0, 120_000),
    }),
    { maxLength: 60 },
  ),
  { maxLength: 12 },
);

function within(rows: RowMap, { kind, from, until }: KeyRange): Entry[] {
  return entriesOf(rows).filter(
    ([key]) => kindOf(key) === kind && (from === null || key >= from) && (until === null || key < until),
  );
}

/** Without the text. */
const refsOf = (rows: RowMap): ChunkRef[] =>
  [...chunksOf(entriesOf(rows))].map(({ first, hash, rows: count }) => ({ first, hash, rows: count }));

describe('the tree of a state', () => {
  test('[HISTORY-1] a tree carried on from any earlier one is the tree made at once', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const rows: RowMap = new Map();
        let refs: readonly ChunkRef[] = [];
        const stored = new Map<string, string>();
        for (const step of all) {
          const changed: string[] = [];
          for (const { kind, id, value, pad } of step) {
            rows.set(`${kind}/${id}`, rowOf({ id, value, pad: 'x'.repeat(pad) }));
            changed.push(`${kind}/${id}`);
          }
          refs = carryOn(refs, changed, {
            entries: (range) => within(rows, range),
            add: ({ hash, text }) => stored.set(hash, text),
          });
          expect(refs).toEqual(refsOf(rows));
          expect(stateHashOf(refs)).toBe(stateHash(rows));
        }
        // What was ever added is all that a reader needs.
        const read = new Map(refs.flatMap(({ hash }) => [...rowsOf(stored.get(hash) ?? '')]));
        expect(entriesOf(read)).toEqual(entriesOf(rows));
      }),
      { numRuns: 200 },
    );
  });

  test('[HISTORY-1] the order in which rows were made does not show', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.string({ minLength: 1, maxLength: 6 }), { maxLength: 300 }),
        fc.nat(),
        (ids, turn) => {
          const entry = (id: string) => [`task/${id}`, rowOf({ id })] as const;
          const turned = [...ids.slice(turn % (ids.length + 1)), ...ids.slice(0, turn % (ids.length + 1))];
          expect(stateHash(new Map(turned.map(entry)))).toBe(stateHash(new Map(ids.map(entry))));
        },
      ),
    );
  });

  test('[HISTORY-1] one changed row changes the hash of the state', () => {
    const rows: RowMap = new Map(Array.from({ length: 1_000 }, (_, n) => [`task/${n}`, rowOf({ n })]));
    const before = stateHash(rows);
    for (const key of rows.keys()) {
      const row = rows.get(key);
      rows.set(key, rowOf({ n: -1 }));
      expect(stateHash(rows)).not.toBe(before);
      rows.set(key, row as Rows[Kind]); // it was there
      if (Number(key.slice(5)) > 50) break;
    }
    expect(stateHash(rows)).toBe(before);
  });

  test('what one row changes is one chunk, of about a hundred rows', () => {
    const rows: RowMap = new Map(Array.from({ length: 20_000 }, (_, n) => [`task/${n}`, rowOf({ n })]));
    const refs = refsOf(rows);
    expect(refs.length).toBeGreaterThan(20_000 / 256);
    expect(refs.length).toBeLessThan(20_000 / 64);
    rows.set('task/777', rowOf({ n: 0 }));
    const added: string[] = [];
    carryOn(refs, ['task/777'], { entries: (range) => within(rows, range), add: ({ first }) => added.push(first) });
    expect(added).toHaveLength(1);
  });
});
