import { expect, test } from 'vitest';
import { sha256 } from '../../core/hash.ts';
import { consistencyPath, type SizedRoot, verifyConsistency } from '../../core/journal/consistency.ts';
import { leafOf, rootOf, type TreeReader } from '../../core/journal/merkle.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'hex'));

// The tree that the Certificate Transparency project tests RFC 6962 with, and its consistency proofs.
const INPUTS = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
const known: TreeReader = { leaf: (index) => leafOf(INPUTS[index] ?? '') };

test.each([
  [1, 1, []],
  [
    1,
    8,
    [
      '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    ],
  ],
  [
    6,
    8,
    [
      '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ],
  ],
  [
    2,
    5,
    [
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
    ],
  ],
] as const)('[JOURNAL-16] the proof from %d to %d leaves is that of RFC 6962', (from, to, path) => {
  expect(consistencyPath(known, from, to).map(hex)).toEqual(path);
});

/** Roots and leaves that are computed once: every pair of sizes asks for the same ones. */
function cachingTree(size: number): { tree: TreeReader; roots: readonly SizedRoot[] } {
  const leaves = Array.from({ length: size }, (_, n) => leafOf(sha256(String(n))));
  const kept = new Map<string, Uint8Array>();
  const plain: TreeReader = { leaf: (index) => leaves[index] ?? new Uint8Array() };
  const tree: TreeReader = {
    ...plain,
    subtree(start, count) {
      const key = `${start}/${count}`;
      const root =
        kept.get(key) ??
        rootOf({ ...tree, subtree: (s, c) => (c < count ? (tree.subtree?.(s, c) ?? null) : null) }, count, start);
      kept.set(key, root);
      return root;
    },
  };
  const roots = Array.from({ length: size + 1 }, (_, n) => ({ size: n, root: rootOf(tree, n) }));
  return { tree, roots };
}

const most = 260;
const { tree, roots } = cachingTree(most);
const at = (size: number): SizedRoot => roots[size] ?? { size: 0, root: new Uint8Array() };

test('[JOURNAL-16] every journal is proved to go on from every shorter one, with few hashes', () => {
  for (let to = 1; to <= most; to++)
    for (let from = 1; from <= to; from++) {
      const path = consistencyPath(tree, from, to);
      if (!verifyConsistency(at(from), at(to), path)) throw new Error(`${from} → ${to}`);
      expect(path.length).toBeLessThanOrEqual(Math.ceil(Math.log2(to)) + 1);
    }
});

test('[JOURNAL-16] a proof holds for its sizes, roots and nodes, and for nothing else', () => {
  const flipped = (node: Uint8Array, bit: number) =>
    node.map((byte, n) => (n === (bit >> 3) % 32 ? byte ^ (1 << (bit & 7)) : byte));
  let refused = 0;
  const refuse = (before: SizedRoot, after: SizedRoot, path: readonly Uint8Array[], why: string) => {
    refused++;
    if (verifyConsistency(before, after, path)) throw new Error(`${why}: ${before.size} → ${after.size}`);
  };
  for (let to = 1; to <= most; to += to < 40 ? 1 : 17)
    for (let from = 1; from <= to; from += to < 40 ? 1 : 7) {
      const path = consistencyPath(tree, from, to);
      const [before, after] = [at(from), at(to)];
      const bit = from * 31 + to * 7;
      refuse({ size: from, root: flipped(before.root, bit) }, after, path, 'another earlier root');
      refuse(before, { size: to, root: flipped(after.root, bit) }, path, 'another later root');
      for (const n of path.keys()) {
        refuse(
          before,
          after,
          path.map((node, m) => (m === n ? flipped(node, bit) : node)),
          'another node',
        );
        refuse(before, after, path.toSpliced(n, 1), 'a node missing');
      }
      refuse(before, after, [...path, after.root], 'a node too many');
      if (from < to) refuse(after, before, path, 'backwards');
      refuse({ size: 0, root: before.root }, after, path, 'nothing before');
      if (from < to) refuse({ size: from + 1, root: before.root }, after, path, 'another earlier size');
    }
  expect(refused).toBeGreaterThan(10_000);
});

test('[JOURNAL-16] sizes beyond what bit operations hold are proved as small ones are', () => {
  // Every complete subtree of such a tree has one root: all its leaves are the same.
  const same = leafOf(sha256('same'));
  const complete = new Map<number, Uint8Array>();
  const vast: TreeReader = {
    leaf: () => same,
    subtree(_, size) {
      if (!Number.isInteger(Math.log2(size))) return null;
      const root =
        complete.get(size) ??
        rootOf({ leaf: () => same, subtree: (s, c) => (c < size ? (vast.subtree?.(s, c) ?? null) : null) }, size);
      complete.set(size, root);
      return root;
    },
  };
  for (const [from, to] of [
    [2 ** 31 + 1, 2 ** 33 + 5],
    [2 ** 32, 2 ** 32 + 1],
    [3, 2 ** 40 - 1],
  ] as const) {
    const [before, after] = [from, to].map((size) => ({ size, root: rootOf(vast, size) })) as [SizedRoot, SizedRoot];
    const path = consistencyPath(vast, from, to);
    expect(verifyConsistency(before, after, path)).toBe(true);
    expect(verifyConsistency({ ...before, root: bytes('00'.repeat(32)) }, after, path)).toBe(false);
  }
});
