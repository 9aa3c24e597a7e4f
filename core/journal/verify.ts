// Proves a journal from genesis to a signed head: every hash, every link, every seq, the Merkle root and the signature. Pure:
// whoever calls it brings the events, page by page.

import { type SignedCheckpoint, verifyCheckpoint } from './checkpoint.ts';
import { type CloudEvent, hashHolds, readCloudEvent } from './cloud-event.ts';
import { GENESIS } from './event.ts';
import { leafOf, rootOf } from './merkle.ts';

export type Verdict =
  | {
      readonly ok: true;
      readonly origin: string;
      readonly size: number;
      readonly head: string;
      readonly publicKey: string;
    }
  | { readonly ok: false; readonly seq: number | null; readonly reason: string };

export interface JournalVerifier {
  /** Takes the next events, in order. Answers with the first bad seq, or null. */
  take(events: readonly CloudEvent[]): Verdict | null;
  /** The end: what was taken must be what the checkpoint signs. Events past the checkpoint's size were checked, not signed. */
  finish(): Verdict;
}

/** @param heldKey the swarm's public key as the caller already knows it, if it does */
export function verifyJournal(checkpoint: SignedCheckpoint, heldKey?: string): JournalVerifier {
  let previous = GENESIS;
  let seq = 0;
  let bad: Verdict | null = null;
  let head = GENESIS;
  const leaves: Uint8Array[] = [];
  const fail = (at: number | null, reason: string): Verdict => {
    bad ??= { ok: false, seq: at, reason };
    return bad;
  };
  return {
    take(events) {
      for (const cloudEvent of events) {
        if (bad) return bad;
        const event = readCloudEvent(checkpoint.origin, cloudEvent);
        if (event === null) return fail(seq + 1, 'it is not an event as this journal writes them');
        if (event.seq !== seq + 1) return fail(seq + 1, `expected seq ${seq + 1}, found ${event.seq}`);
        if (event.previous !== previous) return fail(event.seq, 'does not follow from the event before it');
        if (!hashHolds(checkpoint.origin, event)) return fail(event.seq, 'its hash is not that of its content');
        if (event.seq === 1 && cloudEvent.data.publicKey !== checkpoint.publicKey)
          return fail(1, 'the checkpoint is signed by another key than the first event names');
        seq = event.seq;
        previous = event.hash;
        if (seq <= checkpoint.size) leaves.push(leafOf(event.hash));
        if (seq === checkpoint.size) head = event.hash;
      }
      return bad;
    },
    finish() {
      if (bad) return bad;
      if (heldKey !== undefined && heldKey !== checkpoint.publicKey)
        return fail(null, 'the signing key is not the one held');
      if (!verifyCheckpoint(checkpoint)) return fail(null, 'the signature of the checkpoint does not hold');
      if (seq < checkpoint.size)
        return fail(seq + 1, `the checkpoint signs ${checkpoint.size} events, ${seq} were shown`);
      if (head !== checkpoint.head) return fail(checkpoint.size, 'the head is not the one that was signed');
      const root = rootOf({ leaf: (index) => leaves[index] ?? new Uint8Array() }, leaves.length);
      if (Buffer.from(root).toString('hex') !== checkpoint.root)
        return fail(null, 'the Merkle root is not the one that was signed');
      return { ok: true, origin: checkpoint.origin, size: checkpoint.size, head, publicKey: checkpoint.publicKey };
    },
  };
}
