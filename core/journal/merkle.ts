// The Merkle tree over a journal's event hashes, by RFC 6962 section 2.1: leaf = SHA-256(0x00 ‖ hash), node =
// SHA-256(0x01 ‖ left ‖ right). Inclusion proofs show one event to an outsider without the rest of the journal [P7].

import { assert } from '../assert.ts';
import { sha256Bytes } from '../hash.ts';

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** The leaf of an event: its hash, as 32 bytes, behind the leaf prefix. */
export function leafOf(eventHash: string): Uint8Array {
  return sha256Bytes(LEAF, Buffer.from(eventHash, 'hex'));
}

/** Leaves, two hashes of a few bytes each, that cost as much as one event that is decided: what turns count. */
export const leavesInOne = 8;

/** The node over two others. */
export function nodeOf(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256Bytes(NODE, left, right);
}

/** Reads subtree roots. `subtree(start, size)` may answer from a cache for complete, aligned subtrees, or null. */
export interface TreeReader {
  leaf(index: number): Uint8Array;
  subtree?(start: number, size: number): Uint8Array | null;
}

/** The root over the leaves `[start, start + size)`; the SHA-256 of nothing for an empty tree. */
export function rootOf(reader: TreeReader, size: number, start = 0): Uint8Array {
  if (size === 0) return sha256Bytes();
  if (size === 1) return reader.leaf(start);
  const known = reader.subtree?.(start, size);
  if (known) return known;
  const left = splitOf(size);
  return nodeOf(rootOf(reader, left, start), rootOf(reader, size - left, start + left));
}

/** The audit path of the leaf at `index` (from 0) in a tree of `size` leaves, nearest sibling first. */
export function inclusionPath(reader: TreeReader, index: number, size: number, start = 0): Uint8Array[] {
  assert(index >= 0 && index < size, 'the leaf is in the tree');
  if (size === 1) return [];
  const left = splitOf(size);
  return index < left
    ? [...inclusionPath(reader, index, left, start), rootOf(reader, size - left, start + left)]
    : [...inclusionPath(reader, index - left, size - left, start + left), rootOf(reader, left, start)];
}

/** Checks an audit path by RFC 9162 section 2.1.3.2. */
export function verifyInclusion(
  leaf: Uint8Array,
  index: number,
  size: number,
  path: readonly Uint8Array[],
  root: Uint8Array,
): boolean {
  if (index < 0 || index >= size) return false;
  let fn = index;
  let sn = size - 1;
  let hash = leaf;
  for (const sibling of path) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      hash = nodeOf(sibling, hash);
      while (fn % 2 === 0 && fn !== 0) {
        fn = Math.floor(fn / 2);
        sn = Math.floor(sn / 2);
      }
    } else {
      hash = nodeOf(hash, sibling);
    }
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  return sn === 0 && Buffer.compare(hash, root) === 0;
}

/** The nodes of a path as they travel, lower-case hex of 32 bytes each; null when one is written otherwise. */
export function nodesOf(path: readonly string[]): Uint8Array[] | null {
  return path.every((node) => /^[0-9a-f]{64}$/.test(node)) ? path.map((node) => Buffer.from(node, 'hex')) : null;
}

/** The largest power of two below `size`: how many leaves stand under the left child of the root. */
export function splitOf(size: number): number {
  let power = 1;
  while (power * 2 < size) power *= 2;
  return power;
}
