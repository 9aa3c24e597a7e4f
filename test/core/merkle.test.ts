import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sha256 } from '../../core/hash.ts';
import { inclusionPath, leafOf, rootOf, type TreeReader, verifyInclusion } from '../../core/journal/merkle.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const treeOf = (leaves: readonly Uint8Array[]): TreeReader => ({ leaf: (index) => leaves[index] ?? new Uint8Array() });

// The inputs and answers that the Certificate Transparency project tests RFC 6962 with.
const INPUTS = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];
const LEAVES = INPUTS.map(leafOf);

test.each(ROOTS.map((root, size) => [size, root] as const))(
  '[JOURNAL-9] the root over %d leaves is that of RFC 6962',
  (size, root) => {
    expect(hex(rootOf(treeOf(LEAVES), size))).toBe(root);
  },
);

test.each([
  [0, 1, []],
  [
    0,
    8,
    [
      '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    ],
  ],
  [
    5,
    8,
    [
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ],
  ],
  [2, 3, ['fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125']],
] as const)('[JOURNAL-9] the path of leaf %d of %d is that of RFC 6962', (index, size, path) => {
  expect(inclusionPath(treeOf(LEAVES), index, size).map(hex)).toEqual(path);
});

const tree = fc
  .integer({ min: 1, max: 200 })
  .chain((size) => fc.tuple(fc.constant(size), fc.nat(size - 1), fc.nat(1e6)));

test('[JOURNAL-9] the path of any leaf holds for that leaf, place, size and root, and for nothing else', () => {
  fc.assert(
    fc.property(tree, fc.nat(255), ([size, index, seed], flip) => {
      const leaves = Array.from({ length: size }, (_, n) => leafOf(sha256(`${seed}/${n}`)));
      const root = rootOf(treeOf(leaves), size);
      const path = inclusionPath(treeOf(leaves), index, size);
      const leaf = leaves[index] ?? new Uint8Array();
      expect(verifyInclusion(leaf, index, size, path, root)).toBe(true);
      expect(path.length).toBeLessThanOrEqual(Math.ceil(Math.log2(size)));
      const flipped = (bytes: Uint8Array) =>
        bytes.map((byte, at) => (at === flip % 32 ? byte ^ (1 << (flip % 8)) : byte));
      expect(verifyInclusion(flipped(leaf), index, size, path, root)).toBe(false);
      expect(verifyInclusion(leaf, index, size, path, flipped(root))).toBe(false);
      for (const at of path.keys())
        expect(
          verifyInclusion(
            leaf,
            index,
            size,
            path.map((node, n) => (n === at ? flipped(node) : node)),
            root,
          ),
        ).toBe(false);
      expect(verifyInclusion(leaf, index, size, [...path, leaf], root)).toBe(false);
      if (path.length > 0) expect(verifyInclusion(leaf, index, size, path.slice(1), root)).toBe(false);
      for (const other of [index - 1, index + 1, size, -1])
        expect(verifyInclusion(leaf, other, size, path, root)).toBe(false);
    }),
    { numRuns: 1_000 },
  );
});

test('[JOURNAL-9] subtrees that are kept give the same root', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300 }), fc.constantFrom(1, 2, 4, 8, 16, 32), (size, kept) => {
      const leaves = Array.from({ length: size }, (_, n) => leafOf(sha256(String(n))));
      const plain = treeOf(leaves);
      let asked = 0;
      const caching: TreeReader = {
        ...plain,
        subtree(start, count) {
          if (count !== kept || start % kept !== 0) return null;
          asked++;
          return rootOf(plain, count, start);
        },
      };
      expect(hex(rootOf(caching, size))).toBe(hex(rootOf(plain, size)));
      expect(asked).toBe(kept > 1 ? Math.floor(size / kept) : 0);
    }),
    { numRuns: 1_000 },
  );
});
