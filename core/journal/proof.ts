// Checks what a swarm gives an outsider to prove one event or one task: each event's hash, its path to the root, and the
// signature over it. Pure; needs nothing but the answer, and the swarm's key where the outsider knows it.

import { z } from 'zod';
import { canonicalStored } from '../json.ts';
import type { LedgerEvent } from '../ledger/events.ts';
import { evolveTransfer } from '../ledger/evolve.ts';
import type { Transfer } from '../ledger/state.ts';
import type { inclusionProof, taskProof } from '../wire/resources.ts';
import { timeText } from '../work/view.ts';
import { type SignedCheckpoint, verifyCheckpoint } from './checkpoint.ts';
import { type CloudEvent, hashHolds, originOf, readCloudEvent } from './cloud-event.ts';
import type { StoredEvent } from './event.ts';
import { leafOf, nodesOf, verifyInclusion } from './merkle.ts';
import type { Verdict } from './verify.ts';

/** The last moment that RFC 3339 can write. */
const timeMax = Date.parse('9999-12-31T23:59:59.999Z');

/** As the schemas of core/wire read them. */
export type InclusionProof = z.infer<typeof inclusionProof>;
export type TaskProof = z.infer<typeof taskProof>;

/** @param key the swarm's public key as the caller already knows it, if it does */
export function verifyEventProof(proof: InclusionProof, key?: string): Verdict {
  const { event, index, path, leaf, checkpoint } = proof;
  const proved = provedEvent(event as unknown as CloudEvent, { index, path }, checkpoint); // by its schema
  if (typeof proved === 'string') return { ok: false, seq: event.seq, reason: proved };
  if (leaf !== Buffer.from(leafOf(proved.hash)).toString('hex'))
    return { ok: false, seq: index + 1, reason: 'the leaf is not that of the event' };
  return judgeCheckpoint(checkpoint, key);
}

/** All events stand in the journal, they are of this task, and its transfers are what they say. */
export function verifyTaskProof(proof: TaskProof, key?: string): Verdict {
  const { task, events, inclusion, transfers, checkpoint } = proof;
  if (events.length !== inclusion.length)
    return { ok: false, seq: null, reason: 'not every event has its place in the tree' };
  const stored: StoredEvent[] = [];
  for (const [at, event] of events.entries()) {
    const place = inclusion[at] ?? { index: -1, path: [] };
    const proved = provedEvent(event as unknown as CloudEvent, place, checkpoint); // by its schema
    if (typeof proved === 'string') return { ok: false, seq: event.seq, reason: proved };
    if (proved.seq <= (stored.at(-1)?.seq ?? 0))
      return { ok: false, seq: proved.seq, reason: 'the events are not in their order' };
    stored.push(proved);
  }
  if (!stored.some(({ subject }) => subject === `task/${task}`))
    return { ok: false, seq: null, reason: 'no event is of this task' };
  if (canonicalStored(transfers) !== canonicalStored(transfersOf(task, stored)))
    return { ok: false, seq: null, reason: 'the transfers are not what the events say of them' };
  return judgeCheckpoint(checkpoint, key);
}

function judgeCheckpoint(checkpoint: SignedCheckpoint, key: string | undefined): Verdict {
  const { origin, size, head, publicKey } = checkpoint;
  if (key !== undefined && key !== publicKey)
    return { ok: false, seq: null, reason: 'the signing key is not the one held' };
  if (!verifyCheckpoint(checkpoint))
    return { ok: false, seq: null, reason: 'the signature of the checkpoint does not hold' };
  return { ok: true, origin, size, head, publicKey };
}

/** The event, or why it is not proved by its path to the checkpoint's root. */
function provedEvent(
  cloudEvent: CloudEvent,
  { index, path }: { readonly index: number; readonly path: readonly string[] },
  checkpoint: SignedCheckpoint,
): StoredEvent | string {
  const origin = originOf(cloudEvent);
  const event = origin === null ? null : readCloudEvent(origin, cloudEvent);
  if (origin === null || event === null) return 'it is not an event as this journal writes them';
  if (!hashHolds(origin, event)) return 'its hash is not that of its content';
  const nodes = nodesOf(path);
  const [root] = nodesOf([checkpoint.root]) ?? [];
  if (nodes === null || root === undefined || event.seq !== index + 1) return 'its place in the tree cannot be read';
  const isThere = verifyInclusion(leafOf(event.hash), index, checkpoint.size, nodes, root);
  return isThere ? event : 'its path does not lead to the root that was signed';
}

/** The task's holds and what became of them, as the API shows transfers, from nothing but the events. */
function transfersOf(task: string, events: readonly StoredEvent[]): readonly object[] {
  const holds = new Map<string, Transfer>();
  for (const { type, subject, body, at } of events) {
    const read = ledgerBody.safeParse(JSON.parse(body)); // hashed as the swarm wrote it
    if (!ENDS_OR_MAKES.has(type) || !read.success) continue;
    // Its type and its members have just been looked at.
    const event = { type, subject, body: read.data } as LedgerEvent;
    const id = type === 'transfer.held' ? read.data.transfer : (read.data.hold ?? read.data.transfer);
    const known = holds.get(id) ?? null;
    const isOwn = type === 'transfer.held' ? known === null && isHoldOf(task, read.data) : known?.state === 'pending';
    if (isOwn) holds.set(id, evolveTransfer(known, event, at));
  }
  const text = (at: number | null) => (at === null ? null : timeText(at));
  return [...holds.values()].map((transfer) => ({
    ...transfer,
    expiresAt: text(transfer.expiresAt),
    createdAt: timeText(transfer.createdAt),
    resolvedAt: text(transfer.resolvedAt),
  }));
}

const ENDS_OR_MAKES = new Set(['transfer.held', 'transfer.settled', 'transfer.voided', 'transfer.expired']);
const ledgerBody = z.looseObject({
  transfer: z.string(),
  hold: z.string().optional(),
  debit: z.string(),
  credit: z.string(),
  amountMicro: z.int(),
  reference: z.string().optional(),
  expiresAt: z.int().min(0).max(timeMax).optional(),
});

function isHoldOf(task: string, { reference, expiresAt }: z.infer<typeof ledgerBody>): boolean {
  return reference === `task/${task}` && expiresAt !== undefined;
}
