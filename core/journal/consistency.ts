// Consistency proofs: that a longer journal goes on from a shorter one, by RFC 6962 section 2.1.2. Whoever holds a checkpoint
// sees from a few hashes that nothing under it was rewritten, without the events between [P7].

import { assert } from '../assert.ts';
import { nodeOf, rootOf, splitOf, type TreeReader } from './merkle.ts';

/** The audit nodes from the tree over the first `from` leaves to the one over the first `to`; empty when they are the same. */
export function consistencyPath(reader: TreeReader, from: number, to: number): Uint8Array[] {
  assert(from >= 1 && from <= to, 'the shorter tree is not empty, and not the longer one');
  return subproof(reader, from, to, 0, true);
}

/** `isWhole`: the verifier has the root over these `from` leaves already. */
function subproof(reader: TreeReader, from: number, size: number, start: number, isWhole: boolean): Uint8Array[] {
  if (from === size) return isWhole ? [] : [rootOf(reader, size, start)];
  const left = splitOf(size);
  return from <= left
    ? [...subproof(reader, from, left, start, isWhole), rootOf(reader, size - left, start + left)]
    : [...subproof(reader, from - left, size - left, start + left, false), rootOf(reader, left, start)];
}

/** A tree as a checkpoint signs it. */
export interface SizedRoot {
  readonly size: number;
  readonly root: Uint8Array;
}

/** Checks the audit nodes by RFC 9162 section 2.1.4.2. Nothing goes on from a tree without leaves. */
export function verifyConsistency(before: SizedRoot, after: SizedRoot, path: readonly Uint8Array[]): boolean {
  if (before.size < 1 || before.size > after.size) return false;
  if (before.size === after.size) return path.length === 0 && isSame(before.root, after.root);
  // A complete subtree is its own first node: its root is held already.
  const nodes = isPowerOfTwo(before.size) ? [before.root, ...path] : path;
  const [first, ...rest] = nodes;
  if (first === undefined) return false;
  let fn = before.size - 1;
  let sn = after.size - 1;
  while (fn % 2 === 1) [fn, sn] = [half(fn), half(sn)];
  let old = first;
  let now = first;
  for (const node of rest) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      old = nodeOf(node, old);
      now = nodeOf(node, now);
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else {
      now = nodeOf(now, node);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  return sn === 0 && isSame(old, before.root) && isSame(now, after.root);
}

/** Sizes may be larger than what bit operations hold. */
function half(n: number): number {
  return Math.floor(n / 2);
}

function isPowerOfTwo(n: number): boolean {
  let power = 1;
  while (power < n) power *= 2;
  return power === n;
}

function isSame(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}
