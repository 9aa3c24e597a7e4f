// Proves a journal from genesis, or from a checkpoint that is held, to a signed head: every hash, every link, every seq, the
// Merkle root and the signature. Pure: whoever calls it brings the events, page by page.

import { type SignedCheckpoint, verifyCheckpoint } from './checkpoint.ts';
import { type CloudEvent, hashHolds, originOf, readCloudEvent } from './cloud-event.ts';
import { GENESIS, type StoredEvent } from './event.ts';
import { leafOf, rootOf } from './merkle.ts';
import { turnsBack } from './turns-back.ts';

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

/** What stands before the first event that is shown. */
export interface Before {
  /** Events before it. */
  readonly size: number;
  /** Hash of the last of them. */
  readonly head: string;
  /** The origin in force there; null when nobody knows: the first event shown then says it. */
  readonly origin: string | null;
}

const BEGINNING: Before = { size: 0, head: GENESIS, origin: null };

/** The event that ends what was imported and begins the new swarm's own: the one place where the origin may change. */
const IMPORTED = 'swarm.imported';

/**
 * @param heldKey the swarm's public key as the caller already knows it, if it does
 * @param after where the events begin, when that is not the first. The Merkle root is then the caller's to prove, by
 * consistency (continuation.ts)
 */
export function verifyJournal(
  checkpoint: SignedCheckpoint,
  heldKey?: string,
  after: Before = BEGINNING,
): JournalVerifier {
  let { size: seq, head: previous, origin } = after;
  /** The time of the last event; unknown before the first one shown. */
  let at = 0;
  let head = after.size === checkpoint.size ? after.head : null;
  let bad: Verdict | null = null;
  const leaves: Uint8Array[] = [];
  const fail = (at: number | null, reason: string): Verdict => {
    bad ??= { ok: false, seq: at, reason };
    return bad;
  };

  function takeOne(cloudEvent: CloudEvent): Verdict | null {
    const own = originOf(cloudEvent);
    const event = own === null ? null : readCloudEvent(own, cloudEvent);
    if (own === null || event === null) return fail(seq + 1, 'it is not an event as this journal writes them');
    if (event.seq !== seq + 1) return fail(seq + 1, `expected seq ${seq + 1}, found ${event.seq}`);
    if (event.previous !== previous) return fail(event.seq, 'does not follow from the event before it');
    if (origin !== null && own !== origin && !isImport(event, cloudEvent, origin))
      return fail(event.seq, 'it is of another origin, and no import says so');
    if (!hashHolds(own, event)) return fail(event.seq, 'its hash is not that of its content');
    if (event.at < at && own === origin && !turnsBack(event, at))
      return fail(event.seq, 'it is of an earlier time than the event before it, and no correction says so');
    if (event.seq <= checkpoint.size) {
      // What was imported names the key of the swarm that it comes from; only the own key signs.
      const namesKey = (event.seq === 1 && own === checkpoint.origin) || event.type === IMPORTED;
      if (namesKey && cloudEvent.data.publicKey !== checkpoint.publicKey)
        return fail(event.seq, 'the checkpoint is signed by another key than this event names');
      if (after.size === 0) leaves.push(leafOf(event.hash));
      if (event.seq === checkpoint.size) {
        head = event.hash;
        if (own !== checkpoint.origin) return fail(event.seq, 'the checkpoint is of another origin');
      }
    }
    seq = event.seq;
    at = event.at;
    previous = event.hash;
    origin = own;
    return null;
  }

  return {
    take(events) {
      for (const event of events) if (bad || takeOne(event)) return bad;
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
      if (after.size === 0) {
        const root = rootOf({ leaf: (index) => leaves[index] ?? new Uint8Array() }, leaves.length);
        if (Buffer.from(root).toString('hex') !== checkpoint.root)
          return fail(null, 'the Merkle root is not the one that was signed');
      }
      return {
        ok: true,
        origin: checkpoint.origin,
        size: checkpoint.size,
        head: checkpoint.head,
        publicKey: checkpoint.publicKey,
      };
    },
  };
}

/** An import names the journal that it goes on from as it stands right before it, and the key that signs from here on. */
function isImport(event: StoredEvent, { data }: CloudEvent, origin: string): boolean {
  const from = data.from;
  if (event.type !== IMPORTED || typeof from !== 'object' || from === null || !('head' in from)) return false;
  return from.origin === origin && from.size === event.seq - 1 && from.head === event.previous;
}
