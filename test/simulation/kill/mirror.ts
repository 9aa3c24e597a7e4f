// What an outsider knows of one swarm's journal: every event fetched so far, checked link by link, and folded by rules written
// here a second time. What was once read must never change; checkpoints held from before a kill must still hold after it.

import { type SignedCheckpoint, verifyCheckpoint } from '../../../core/journal/checkpoint.ts';
import { type CloudEvent, fromCloudEvent, hashHolds } from '../../../core/journal/cloud-event.ts';
import { GENESIS } from '../../../core/journal/event.ts';
import { leafOf, rootOf } from '../../../core/journal/merkle.ts';
import { verifyJournal } from '../../../core/journal/verify.ts';
import { type Books, openBooks } from '../model/books.ts';
import { type FactCount, openFactCount } from '../model/fact-count.ts';
import type { Findings } from '../model/findings.ts';
import { openWorkLog, type WorkLog } from '../model/work-log.ts';
import type { Client } from './client.ts';
import { DEEDS } from './promises.ts';

/** What one command of a client made, as the journal says it. */
export interface Made {
  readonly type: string;
  readonly subject: string;
  readonly seq: number;
}

export interface Mirror {
  readonly books: Books;
  readonly work: WorkLog;
  readonly facts: FactCount;
  /** Events read. */
  size(): number;
  hashAt(seq: number): string | undefined;
  /** What the commands under this Idempotency-Key made. */
  madeBy(key: string): readonly Made[];
  /** Idempotency-Keys that made something. */
  keys(): Iterable<string>;
  /** Reads on to the present head, checks it, and holds its checkpoint from now on. */
  catchUp(): Promise<void>;
  /** Asks the server again for the events under every held checkpoint. */
  checkHeld(): Promise<void>;
  /** Reads everything from genesis with the product's own verifier, and compares. */
  verifyWhole(): Promise<void>;
}

interface Page {
  readonly data: readonly CloudEvent[];
  readonly nextCursor: string | null;
}

const pageSize = 1_000;
/** Checkpoints that are held; the oldest and the newest tell the most. */
const heldMax = 12;
/** Leaves under one remembered root. */
const SUBTREE = 256;
const DEED_TYPES: ReadonlySet<string> = new Set(Object.values(DEEDS));

export function openMirror(tenant: string, client: Client, findings: Findings): Mirror {
  const books = openBooks(tenant, findings);
  const work = openWorkLog(tenant, findings);
  const facts = openFactCount(tenant, findings);
  const hashes: string[] = [];
  const leaves: Uint8Array[] = [];
  const subtrees = new Map<number, Uint8Array>();
  const made = new Map<string, Made[]>();
  const held: SignedCheckpoint[] = [];
  let publicKey: string | null = null;

  function take(origin: string, cloudEvent: CloudEvent): void {
    const event = fromCloudEvent(cloudEvent);
    const wrong = (why: string): void => findings.add('journal', `${tenant} ${hashes.length + 1}`, why);
    if (event.seq !== hashes.length + 1) wrong(`expected seq ${hashes.length + 1}, found ${event.seq}`);
    if (event.previous !== (hashes.at(-1) ?? GENESIS)) wrong('does not follow from the event read before it');
    if (!hashHolds(origin, event)) wrong('its hash is not that of its content');
    if (event.seq === 1) publicKey = String(cloudEvent.data.publicKey);
    hashes.push(event.hash);
    leaves.push(leafOf(event.hash));
    const type = event.type;
    if (event.command.startsWith('idem:') && DEED_TYPES.has(type)) note(event.command.slice(5), cloudEvent);
    // Read back from the journal: each fold reads the members of the types that it knows.
    const body = cloudEvent.data as Readonly<Record<string, never>>;
    books.take(type, body);
    work.take(type, body);
    facts.take(event.command, event.seq);
  }

  function note(key: string, { type, subject, seq, data }: CloudEvent): void {
    const bare = type.replace(/^starling\./, '');
    // The hold of a task is the task's, not a request of its own.
    if (bare !== 'task.requested' && String(data.reference ?? '').startsWith('task/')) return;
    made.set(key, [...(made.get(key) ?? []), { type: bare, subject, seq }]);
  }

  function checkCheckpoint(checkpoint: SignedCheckpoint): void {
    const wrong = (why: string): void => findings.add('checkpoint', `${tenant} ${checkpoint.size}`, why);
    if (!verifyCheckpoint(checkpoint)) wrong('its signature does not hold');
    if (checkpoint.publicKey !== publicKey) wrong('it is signed by another key than the first event names');
    if (checkpoint.head !== hashes[checkpoint.size - 1]) wrong('its head is not the event that stands there');
    const subtree = (start: number, size: number): Uint8Array | null => {
      if (size !== SUBTREE || start % SUBTREE !== 0) return null;
      const known = subtrees.get(start) ?? rootOf({ leaf: leafAt }, size, start);
      subtrees.set(start, known);
      return known;
    };
    const root = Buffer.from(rootOf({ leaf: leafAt, subtree }, checkpoint.size)).toString('hex');
    if (root !== checkpoint.root) wrong('its Merkle root is not that of the events before it');
  }
  const leafAt = (index: number): Uint8Array => leaves[index] ?? new Uint8Array();

  return {
    books,
    work,
    facts,
    size: () => hashes.length,
    hashAt: (seq) => hashes[seq - 1],
    madeBy: (key) => made.get(key) ?? [],
    keys: () => made.keys(),
    async catchUp() {
      const checkpoint = await client.read<SignedCheckpoint>('/v1/journal/checkpoint');
      if (checkpoint.size < hashes.length)
        findings.add(
          'lost',
          `${tenant} event ${checkpoint.size + 1}`,
          `the journal ends at ${checkpoint.size}, ${hashes.length} events were shown`,
        );
      while (hashes.length < checkpoint.size) {
        const { data } = await client.read<Page>(`/v1/journal?from=${hashes.length + 1}&limit=${pageSize}`);
        if (data.length === 0) {
          findings.add(
            'lost',
            `${tenant} event ${hashes.length + 1}`,
            `the checkpoint signs ${checkpoint.size} events, and there is none here`,
          );
          return;
        }
        for (const event of data) take(checkpoint.origin, event);
      }
      checkCheckpoint(checkpoint);
      held.push(checkpoint);
      // The first ones stay: they have seen the most kills.
      if (held.length > heldMax) held.splice(heldMax / 2, 1);
    },
    async checkHeld() {
      for (const { size, head } of held) {
        const { data } = await client.read<Page>(`/v1/journal?from=${size}&limit=1`);
        if (data[0]?.seq !== size || data[0].hash !== head)
          findings.add(
            'checkpoint',
            `${tenant} ${size}`,
            'the journal does not go on from a checkpoint held from before',
          );
      }
    },
    async verifyWhole() {
      const checkpoint = await client.read<SignedCheckpoint>('/v1/journal/checkpoint');
      const verifier = verifyJournal(checkpoint, publicKey ?? undefined);
      for (let seq = 0; seq < checkpoint.size; ) {
        const { data } = await client.read<Page>(`/v1/journal?from=${seq + 1}&limit=${pageSize}`);
        if (data.length === 0) break;
        verifier.take(data);
        for (const event of data) {
          seq = event.seq;
          if (seq <= hashes.length && hashes[seq - 1] !== event.hash)
            findings.add('journal', `${tenant} ${seq}`, 'the event is not the one that was read before');
        }
      }
      const verdict = verifier.finish();
      if (!verdict.ok) findings.add('journal', `${tenant} ${verdict.seq ?? 'whole'}`, verdict.reason);
    },
  };
}
