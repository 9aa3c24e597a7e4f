// A journal that is shown, held to a checkpoint that somebody has kept: it must pass by what that one says. Pure.

import { type SignedCheckpoint, verifyCheckpoint } from './checkpoint.ts';
import { NOT_GOING_ON } from './continuation.ts';
import { leafOf, rootOf } from './merkle.ts';
import type { Before, JournalVerifier, Verdict } from './verify.ts';

/**
 * The same verifier, which also refuses a journal that does not go on from `held`. The events hash what came before them, so
 * that the one at its size tells whether all up to there are the same.
 * @param after where the events begin, when that is not the first
 */
export function heldTo(
  held: SignedCheckpoint,
  checkpoint: SignedCheckpoint,
  verifier: JournalVerifier,
  after: Before | null = null,
): JournalVerifier {
  const begins = after?.size ?? 0;
  /** Of the events under it, when all of them are shown: its root is signed as well, and paths were proved under it. */
  const leaves: Uint8Array[] = [];
  let bad: Verdict | null = null;
  const fail = (seq: number | null, reason: string): Verdict => {
    bad ??= { ok: false, seq, reason };
    return bad;
  };
  const isHeld = (hash: string): boolean => {
    if (hash !== held.head || begins > 0) return hash === held.head;
    const root = rootOf({ leaf: (index) => leaves[index] ?? new Uint8Array() }, leaves.length);
    return Buffer.from(root).toString('hex') === held.root;
  };
  if (begins === held.size && after !== null && after.head !== held.head) fail(held.size, NOT_GOING_ON.rewritten);
  return {
    take(events) {
      const taken = bad ?? verifier.take(events);
      if (taken) return taken;
      for (const { seq, hash } of events) {
        if (begins === 0 && seq <= held.size) leaves.push(leafOf(hash));
        if (seq === held.size && !isHeld(hash)) return fail(held.size, NOT_GOING_ON.rewritten);
      }
      return null;
    },
    finish() {
      const verdict = bad ?? verifier.finish();
      if (!verdict.ok) return verdict;
      if (held.origin !== checkpoint.origin) return fail(null, NOT_GOING_ON.other_origin);
      if (held.publicKey !== checkpoint.publicKey) return fail(null, NOT_GOING_ON.other_key);
      if (!verifyCheckpoint(held)) return fail(null, 'the signature of the checkpoint that is held does not hold');
      if (held.size > checkpoint.size) return fail(null, NOT_GOING_ON.shorter);
      if (held.size < begins) return fail(begins + 1, 'it begins after what the checkpoint that is held covers');
      const isSame = held.size !== checkpoint.size || held.root === checkpoint.root;
      return isSame ? verdict : fail(null, NOT_GOING_ON.rewritten);
    },
  };
}
