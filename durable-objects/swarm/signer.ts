// The swarm's word: signs checkpoints on demand and by the clock, keeps every one, and never signs two histories. Before it
// signs, what stands in the tables is compared with the last checkpoint signed, and once in the life of an instance with the
// one in object storage, which a storage that was rolled back does not take along [P7].

import { assert, Fault } from '../../core/assert.ts';
import {
  type Checkpoint,
  type SignedCheckpoint,
  signCheckpoint,
  verifyCheckpoint,
} from '../../core/journal/checkpoint.ts';
import { consistencyPath } from '../../core/journal/consistency.ts';
import { rootOf } from '../../core/journal/merkle.ts';
import { checkpointBacklogMax, checkpointEvents, checkpointMs, clockBehindMs } from '../../core/limits.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Rejection } from '../../core/swarm/rejections.ts';
import { SELF } from '../../core/swarm/state.ts';
import { first, type Sql } from '../sql-port.ts';
import { ALONE, inTurns, type Work } from '../turns.ts';
import { cacheSubtrees, hex, type JournalTree, journalTree, type ReadEvents } from './merkle-tree.ts';
import type { Outside } from './outside-checkpoint.ts';
import type { Chore } from './recorder.ts';
import type { SwarmStore } from './swarm-store.ts';

export interface SignerDeps {
  readonly sql: Sql;
  readonly store: Pick<SwarmStore, 'head' | 'origin' | 'read' | 'halted' | 'halt' | 'seal'>;
  readonly readEvents: ReadEvents;
  /** Where the newest checkpoint is held outside of the swarm's own storage; null when there is no such place. */
  readonly outside: Outside | null;
  /** PKCS#8 DER in base64url. */
  signingKey(): string;
  /** How others get in between; with none of them where nothing is said. */
  readonly work?: Work;
  now(): number;
  /** Resolves when everything written so far is durable: a checkpoint leaves only after the events it covers are. */
  durable(): Promise<void>;
  log(level: 'warn' | 'error', event: string, fields: Readonly<Record<string, unknown>>): void;
}

export interface Signer {
  /** The checkpoint of the first `size` events, of all by default: the one that was given before, or a new one, which is kept. */
  sign(size?: number): Promise<Result<SignedCheckpoint, Rejection>>;
  /** The same for whoever asks from outside: of a size that the journal has gone past nothing new is kept. */
  show(size?: number): Promise<Result<SignedCheckpoint, Rejection>>;
  /** How the journal of `to` events goes on from its first `from`. */
  prove(from: number, to: number): Promise<Result<readonly string[], Rejection>>;
  /**
   * Looks at a checkpoint that somebody holds. One with this swarm's own signature that its history does not go on from
   * ends all signing, with `signing_halted` and `conflict: true`; answers what to hold instead, and the proof that it goes on.
   */
  continueFrom(held: SignedCheckpoint | null, holder: string): Promise<Result<Continuation, Rejection>>;
  last(): SignedCheckpoint | null;
  /** Signed checkpoints of less than `below` events, largest first. */
  list(below: number, limit: number): readonly SignedCheckpoint[];
  /** When the next one is due by the clock, milliseconds since the epoch; null while the journal has not grown. */
  dueAt(): number | null;
  /** True when so much is unsigned that it is signed though the swarm is busy: about once a second then, as often as an object
   *  in R2 may be written. */
  isPressing(): boolean;
  /** Signs the journal as it is and holds it outside. @throws a platform's fault of the place outside */
  run(): Promise<void>;
  /** Why nothing is signed any more, or null. */
  halted(): string | null;
  /** Compares with what is held outside, unless this instance has. Never throws: a place that cannot be reached is said. */
  compareOutside(): Promise<void>;
}

/** A checkpoint, and the audit nodes that lead to it from the one that was shown; none when nothing was. */
export interface Continuation {
  readonly checkpoint: SignedCheckpoint;
  readonly path: readonly string[];
}

const SIGNING_HALTED = 'signing-halted';

export function openSigner(deps: SignerDeps): Signer {
  const { sql, store, outside } = deps;
  let comparing: Promise<void> | null = null;
  /** Whether what is held outside has been read and agrees: only then may it be replaced. */
  let isCompared = outside === null;
  /** Whether what was signed by the clock could not be held outside yet. */
  let isBehind = false;
  /** Asked before every alarm, so it is not read each time. There is no other writer. */
  let newest: Pick<SignedCheckpoint, 'size' | 'at'> | null | undefined;
  let doubt: string | null | undefined;

  function last(): SignedCheckpoint | null {
    return list(Number.MAX_SAFE_INTEGER, 1)[0] ?? null;
  }

  function list(below: number, limit: number): readonly SignedCheckpoint[] {
    return sql
      .all<{ body: string }>(
        'SELECT body FROM checkpoint WHERE size < ? ORDER BY size DESC LIMIT ?',
        below,
        Math.max(0, limit),
      )
      .map(({ body }) => JSON.parse(body) as SignedCheckpoint); // our own rows
  }

  function halted(): string | null {
    if (doubt === undefined)
      doubt = first(sql.all<{ value: string }>('SELECT value FROM meta WHERE key = ?', SIGNING_HALTED))?.value ?? null;
    return doubt;
  }

  /** Nothing is signed while the swarm doubts its books or its history. */
  function refusal(): Rejection | null {
    const why = store.halted();
    if (why !== null) return { code: 'swarm_halted', detail: why };
    const other = halted();
    return other === null ? null : { code: 'signing_halted', detail: other };
  }

  /** Whether the journal still begins with what was signed. Halts the swarm when it does not. */
  async function compareWith(signed: SignedCheckpoint, where: string, tree: JournalTree) {
    const fits = await fitsHistory(signed, tree);
    if (!fits.ok || fits.value) return fits;
    const { seq } = store.head();
    const why = `history_rewritten: of ${signed.size} events that were signed (${where}), the journal of ${seq} holds others or fewer`;
    deps.log('error', 'history_rewritten', { origin: signed.origin, size: signed.size, journal: seq, where });
    store.halt(why);
    return err<Rejection>({ code: 'swarm_halted', detail: why });
  }

  async function fitsHistory(signed: SignedCheckpoint, tree: JournalTree): Promise<Result<boolean, Rejection>> {
    if (signed.size > store.head().seq) return ok(false);
    const readable = await tree.ensure(signed.size - 1, signed.size);
    if (!readable.ok) return readable;
    return ok(tree.hashAt(signed.size) === signed.head && hex(rootOf(tree, signed.size)) === signed.root);
  }

  async function compareOnce(): Promise<void> {
    if (outside === null) return;
    const origin = store.origin();
    if (origin === null) return;
    const held = await outside.read(origin);
    if (held === null) {
      isCompared = true;
      return;
    }
    if (held.origin !== origin || held.publicKey !== publicKey() || !verifyCheckpoint(held)) {
      deps.log('error', 'checkpoint_outside_invalid', { origin });
      isCompared = true;
      return;
    }
    const compared = await compareWith(held, 'object storage', journalTree(sql, deps.readEvents));
    isCompared = compared.ok;
  }

  function publicKey(): string {
    return store.read.row('swarm', SELF)?.publicKey ?? '';
  }

  function compareOutside(): Promise<void> {
    // Nothing can be held of a swarm that is not created yet. An imported one goes by the original's name: what is held under it
    // is the original's, perhaps another tenant's, and may well be longer.
    if (store.origin() === null || store.seal() !== null) return Promise.resolve();
    comparing ??= compareOnce().catch((cause: unknown) => {
      comparing = null;
      deps.log('warn', 'checkpoint_outside_unreachable', { cause: cause instanceof Error ? cause.name : 'none' });
    });
    return comparing;
  }

  async function sign(wanted?: number, isKept = true): Promise<Result<SignedCheckpoint, Rejection>> {
    await compareOutside();
    const tree = journalTree(sql, deps.readEvents);
    const before = last();
    if (before !== null) {
      const compared = await compareWith(before, 'its own record', tree);
      if (!compared.ok) return compared;
    }
    // All that can be kept of the tree, so that the root is a few dozen reads, however much has come since the last one.
    await inTurns(cacheSubtrees(sql, store.head().seq), deps.work ?? ALONE);
    const size = wanted ?? store.head().seq;
    if (size < 1 || size > store.head().seq) return err({ code: 'size_ahead', size: store.head().seq });
    const refused = refusal();
    if (refused) return err(refused);
    // Given again without its events, which may have expired since.
    const known = knownOf(size);
    if (known !== null) return ok(known);
    const readable = await tree.ensure(size - 1, size);
    if (!readable.ok) return readable;
    if (size < store.head().seq) return signEarlier(size, isKept, tree);
    const signed = signSize(size, deps.now(), tree);
    await deps.durable();
    return ok(signed);
  }

  function knownOf(size: number): SignedCheckpoint | null {
    const row = first(sql.all<{ body: string }>('SELECT body FROM checkpoint WHERE size = ?', size));
    return row && (JSON.parse(row.body) as SignedCheckpoint); // our own rows
  }

  /**
   * A size that the journal has gone past: at the time of its last event, so that it is the same whenever it is asked for. For
   * outsiders it is not kept: whoever may read could have one made of every size.
   */
  async function signEarlier(
    size: number,
    isKept: boolean,
    tree: JournalTree,
  ): Promise<Result<SignedCheckpoint, Rejection>> {
    const read = await deps.readEvents(size, size);
    if (!read.ok) return read;
    const [event] = read.value;
    assert(event?.seq === size, 'an event of the journal is read by its seq');
    if (!isKept) return ok(signCheckpoint(unsignedOf(size, event.at, tree), deps.signingKey(), publicKey()));
    const signed = signSize(size, event.at, tree);
    await deps.durable();
    return ok(signed);
  }

  function unsignedOf(size: number, at: number, tree: JournalTree): Checkpoint {
    return { origin: store.origin() ?? '', size, head: tree.hashAt(size), root: hex(rootOf(tree, size)), at };
  }

  /** Synchronous: between the root and the row nothing can be written. */
  function signSize(size: number, at: number, tree: JournalTree): SignedCheckpoint {
    const known = knownOf(size);
    if (known !== null) return known;
    const signed = signCheckpoint(unsignedOf(size, at, tree), deps.signingKey(), publicKey());
    sql.run('INSERT INTO checkpoint (size, body) VALUES (?, ?)', size, JSON.stringify(signed));
    newest = undefined;
    return signed;
  }

  async function prove(from: number, to: number): Promise<Result<readonly string[], Rejection>> {
    const { seq } = store.head();
    if (Math.max(from, to) > seq) return err({ code: 'size_ahead', size: seq });
    if (from > to) return err({ code: 'sizes_reversed' });
    const tree = journalTree(sql, deps.readEvents);
    for (const size of [from, to]) {
      // The whole block: nodes behind `from` are of the proof too.
      const readable = await tree.ensure(size - 1, to);
      if (!readable.ok) return readable;
    }
    return ok(consistencyPath(tree, from, to).map(hex));
  }

  async function continueFrom(held: SignedCheckpoint | null, holder: string): Promise<Result<Continuation, Rejection>> {
    const isOwn = held !== null && held.publicKey === publicKey() && verifyCheckpoint(held);
    if (held !== null && isOwn) {
      const fits = await fitsHistory(held, journalTree(sql, deps.readEvents));
      if (!fits.ok) return fits;
      if (!fits.value) {
        haltSigning(held, holder);
        return err({ code: 'signing_halted', conflict: true });
      }
    }
    const refused = refusal();
    if (refused) return err(refused);
    // What another key has signed says nothing about this swarm: whoever holds it will see that for itself.
    const given = last();
    const signed = given !== null && given.size >= (held?.size ?? 0) ? ok(given) : await sign();
    if (!signed.ok) return signed;
    if (held === null || !isOwn || held.size > signed.value.size) return ok({ checkpoint: signed.value, path: [] });
    const path = await prove(held.size, signed.value.size);
    return path.ok ? ok({ checkpoint: signed.value, path: path.value }) : path;
  }

  /** The evidence is kept: it is the swarm's own signature under another history. */
  function haltSigning(held: SignedCheckpoint, holder: string): void {
    if (halted() !== null) return;
    const why = `${holder} holds a checkpoint of ${held.size} events that this history does not go on from: ${JSON.stringify(held)}`;
    sql.run('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)', SIGNING_HALTED, why);
    doubt = why;
    deps.log('error', 'signing_halted', { origin: held.origin, size: held.size, holder });
  }

  return {
    sign: (size) => sign(size),
    show: (size) => sign(size, false),
    prove,
    continueFrom,
    last,
    list,
    halted,
    compareOutside,
    dueAt() {
      const { seq } = store.head();
      if (seq === 0 || refusal() !== null) return null;
      if (isBehind) return deps.now();
      if (newest === undefined) newest = last();
      const { size, at } = newest ?? { size: 0, at: store.read.row('swarm', SELF)?.createdAt ?? 0 };
      if (seq <= size) return null;
      // One that a wrong clock has signed is no reason to wait for that time.
      const isDue = seq - size >= checkpointEvents || at > deps.now() + clockBehindMs;
      return isDue ? deps.now() : at + checkpointMs;
    },
    isPressing: () => store.head().seq - (newest?.size ?? 0) >= checkpointEvents * checkpointBacklogMax,
    async run() {
      const signed = await sign();
      // Halted: nothing is due any more. Anything else passes, and is tried again.
      if (!signed.ok && refusal() !== null) return;
      if (!signed.ok) throw new Fault(`nothing was signed: ${signed.error.code}`, { retryable: true });
      isBehind = true;
      // What is held outside may be longer than this: it is read before it is replaced.
      if (!isCompared) throw new Fault('the checkpoint held outside cannot be read', { retryable: true });
      await outside?.write(signed.value);
      isBehind = false;
    },
  };
}

/** What the recorder does for it: signing by the clock. */
export function checkpointChore({ dueAt, isPressing, run }: Signer): Chore {
  return { name: 'checkpoint', dueAt, isPressing, run };
}
