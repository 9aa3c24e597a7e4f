// Whether a checkpoint that is shown goes on from one that is held: what a device and an auditor ask, each with nothing but
// what it keeps and what it is given. Pure.

import { type SignedCheckpoint, verifyCheckpoint } from './checkpoint.ts';
import { verifyConsistency } from './consistency.ts';
import { nodesOf } from './merkle.ts';

/** Why a checkpoint does not go on from the one that is held. */
export type NotGoingOn =
  /** It is of another journal. */
  | 'other_origin'
  | 'other_key'
  | 'signature_invalid'
  /** It covers less than what was signed before. */
  | 'shorter'
  /** The audit nodes do not lead from one to the other. */
  | 'rewritten';

/**
 * Judges `shown` against `held`, whose signature the holder has checked when it took it. `path` are the audit nodes of
 * RFC 6962 section 2.1.2, hex. Null when the history goes on.
 */
export function judgeContinuation(
  held: SignedCheckpoint,
  shown: SignedCheckpoint,
  path: readonly string[],
): NotGoingOn | null {
  if (shown.origin !== held.origin) return 'other_origin';
  if (shown.publicKey !== held.publicKey) return 'other_key';
  if (!verifyCheckpoint(shown)) return 'signature_invalid';
  if (shown.size < held.size) return 'shorter';
  if (shown.size === held.size && shown.head !== held.head) return 'rewritten';
  const nodes = nodesOf(path);
  const [before, after] = [nodesOf([held.root]), nodesOf([shown.root])];
  if (nodes === null || before?.[0] === undefined || after?.[0] === undefined) return 'rewritten';
  const goesOn = verifyConsistency({ size: held.size, root: before[0] }, { size: shown.size, root: after[0] }, nodes);
  return goesOn ? null : 'rewritten';
}

/** The same, as a sentence for a person. */
export const NOT_GOING_ON: Readonly<Record<NotGoingOn, string>> = {
  other_origin: 'the checkpoint is of another journal than the one that is held',
  other_key: 'the signing key is not the one held',
  signature_invalid: 'the signature of the checkpoint does not hold',
  shorter: 'the journal is shorter than what was signed before',
  rewritten: 'the history does not go on from the checkpoint that is held',
};
