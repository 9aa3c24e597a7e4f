import { createHash, createPrivateKey, sign } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { type SignedCheckpoint, signCheckpoint, verifyCheckpoint } from '../../core/journal/checkpoint.ts';
import { type CloudEvent, fromCloudEvent, toCloudEvent } from '../../core/journal/cloud-event.ts';
import { chain, GENESIS } from '../../core/journal/event.ts';
import { leafOf, rootOf, verifyInclusion } from '../../core/journal/merkle.ts';
import { type Verdict, verifyJournal } from '../../core/journal/verify.ts';
import { canonical } from '../../core/json.ts';
import { eventBodyBytesMax } from '../../core/limits.ts';
import { replay } from '../../core/swarm/replay.ts';
import { newSigningKey } from '../../durable-objects/swarm/signing-key.ts';
import { aDescription, aDid, anOffer } from './builders.ts';
import { START } from './memory-swarm.ts';
import { StoreSwarm } from './store-swarm.ts';

/** A swarm with some history of every sort. */
function aHistory(): StoreSwarm {
  const swarm = new StoreSwarm({ supplyMicro: 1e6 });
  const enrollment = swarm.do({ type: 'OpenEnrollment', name: 'press — “3” €' }) as `enr_${string}`;
  const did = aDid();
  const device = swarm.do({ type: 'EnrollDevice', enrollment, did, name: 'x' }) as `dev_${string}`;
  swarm.do({ type: 'AdmitDevice', device, did, connection: 'con', epoch: 0, seq: 0 });
  const description = aDescription({ parallel: 2, operations: [anOffer()] });
  const fact = { type: 'TakeFact', device, epoch: 1 } as const;
  swarm.do({ ...fact, seq: 1, body: { type: 'device.described', description } }, { id: `fact/${device}/1/1` });
  for (let n = 0; n < 6; n++) {
    swarm.now += 1_000;
    const trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const task = swarm.do(
      { type: 'RequestTask', operation: 'text.summarize', input: { n, text: '\u0000 ☃ 𝄞' } },
      { trace },
    );
    const attempt = swarm.row('task', task).attempts[0];
    const body = {
      type: 'attempt.succeeded',
      task,
      attempt: attempt?.id,
      fence: 1,
      result: n / 3,
      durationMs: n,
    } as never;
    swarm.do({ ...fact, seq: n + 2, body }, { id: `fact/${device}/1/${n + 2}` });
  }
  swarm.do({ type: 'PostTransfer', debit: 'tenant', credit: 'team/a', amountMicro: 5, reference: 'x' });
  return swarm;
}

function verdictOf(events: readonly CloudEvent[], checkpoint: SignedCheckpoint, heldKey?: string): Verdict {
  const verifier = verifyJournal(checkpoint, heldKey);
  for (let from = 0; from < events.length; from += 7) verifier.take(events.slice(from, from + 7));
  return verifier.finish();
}

let swarm: StoreSwarm;
let journal: CloudEvent[];
let checkpoint: SignedCheckpoint;
beforeAll(() => {
  swarm = aHistory();
  journal = swarm.journal();
  checkpoint = swarm.checkpoint();
});

describe('the chain', () => {
  test('[JOURNAL-1] events are counted from 1 without a gap', () => {
    expect(journal.map(({ seq }) => seq)).toEqual(journal.map((_, index) => index + 1));
    expect(swarm.store.head()).toEqual({ seq: journal.length, hash: journal.at(-1)?.hash });
    // Any window of it is chained to what stands before the window.
    for (const [from, limit] of [
      [1, 3],
      [5, 5],
      [journal.length, 9],
    ] as const)
      expect(swarm.store.events(from, limit).map(({ previous }) => previous)).toEqual(
        journal.slice(from - 1, from - 1 + limit).map(({ previous }) => previous),
      );
  });

  test('[JOURNAL-2] an event’s hash can be computed with nothing but a JSON printer and SHA-256', () => {
    let previous = '0'.repeat(64);
    for (const { seq, hash, type, time, actor, subject, command, traceparent, data, schemaversion } of journal) {
      // Members in the order of their names, as RFC 8785 asks; written out here on purpose, not by the code under test.
      const members = {
        actor,
        at: Date.parse(time),
        body: JSON.parse(canonical(data)),
        command,
        origin: swarm.store.origin(),
        previous,
        seq,
        subject,
        trace: traceparent ?? null,
        type: type.slice('starling.'.length),
        version: schemaversion,
      };
      expect(createHash('sha256').update(JSON.stringify(members)).digest('hex')).toBe(hash);
      previous = hash;
    }
  });

  test('[JOURNAL-2] whatever an event says, its hash covers all of it', () => {
    const said = fc.record({
      type: fc.string(),
      subject: fc.string(),
      body: fc.dictionary(fc.string(), fc.jsonValue()).map(canonical),
    });
    const context = fc.record({
      at: fc.nat(),
      actor: fc.string(),
      command: fc.string(),
      trace: fc.option(fc.string()),
    });
    fc.assert(
      fc.property(said, context, fc.nat(), (what, around, seq) => {
        const event = chain('tnt/swm', GENESIS, seq, what, around);
        const hashes = [
          event.hash,
          chain('tnt/swn', GENESIS, seq, what, around).hash,
          chain('tnt/swm', '1'.repeat(64), seq, what, around).hash,
          chain('tnt/swm', GENESIS, seq + 1, what, around).hash,
          chain('tnt/swm', GENESIS, seq, { ...what, type: `${what.type}x` }, around).hash,
          chain('tnt/swm', GENESIS, seq, { ...what, subject: `${what.subject}x` }, around).hash,
          chain('tnt/swm', GENESIS, seq, { ...what, body: canonical({ other: what.body }) }, around).hash,
          chain('tnt/swm', GENESIS, seq, what, { ...around, at: around.at + 1 }).hash,
          chain('tnt/swm', GENESIS, seq, what, { ...around, actor: `${around.actor}x` }).hash,
          chain('tnt/swm', GENESIS, seq, what, { ...around, command: `${around.command}x` }).hash,
          chain('tnt/swm', GENESIS, seq, what, { ...around, trace: `${around.trace ?? ''}x` }).hash,
        ];
        expect(new Set(hashes).size).toBe(hashes.length);
      }),
      { numRuns: 1_000 },
    );
  });

  test('[JOURNAL-10] a machine’s clock that is a little behind is waited for', () => {
    const other = new StoreSwarm();
    for (const now of [5_000, 1_000, 6_000, -500_000, 6_001]) {
      other.now = START + now;
      other.do({ type: 'PostTransfer', debit: 'tenant', credit: 'team/a', amountMicro: 1, reference: '' });
      if (now === 1_000) other.reopen();
    }
    const times = other.journal().map(({ time }) => Date.parse(time) - START);
    expect(times.slice(-5)).toEqual([5_000, 5_000, 6_000, 6_000, 6_001]);
  });

  test('[JOURNAL-13] what does not fit an event is refused clearly, and nothing is written', () => {
    const other = new StoreSwarm();
    const before = other.store.head();
    const device = { type: 'IssueKey', name: 'x'.repeat(eventBodyBytesMax), scopes: ['admin'] } as const;
    expect(other.execute(device).result).toMatchObject({
      error: { code: 'content_too_large', bytesMax: eventBodyBytesMax },
    });
    expect(other.store.head()).toEqual(before);
    // In bytes: a third of the characters are as many bytes.
    expect(other.code({ ...device, name: '€'.repeat(eventBodyBytesMax / 3) })).toBe('content_too_large');
    expect(other.code({ ...device, name: 'x'.repeat(eventBodyBytesMax - 200) })).toBeNull();
  });
});

describe('the verifier', () => {
  test('[JOURNAL-4] the journal as it was written is proved up to its signed head', () => {
    expect(verdictOf(journal, checkpoint)).toEqual({
      ok: true,
      origin: swarm.store.origin(),
      size: journal.length,
      head: journal.at(-1)?.hash,
      publicKey: swarm.keys.publicKey,
    });
    expect(verdictOf(journal, checkpoint, swarm.keys.publicKey).ok).toBe(true);
  });

  test('[JOURNAL-4] a checkpoint that is held proves the beginning of a journal that has grown', () => {
    const other = aHistory();
    const held = other.checkpoint();
    other.do({ type: 'IssueKey', name: 'later', scopes: ['admin'] });
    expect(verdictOf(other.journal(), held)).toMatchObject({ ok: true, size: held.size });
    expect(verdictOf(other.journal(), other.checkpoint())).toMatchObject({ ok: true, size: held.size + 1 });
  });

  test('[JOURNAL-5] any character that is changed in any event is found, at that event', () => {
    const texts = journal.map((event) => JSON.stringify(event));
    let unreadable = 0;
    fc.assert(
      fc.property(fc.nat(journal.length - 1), fc.nat(1e6), fc.integer({ min: 1, max: 127 }), (index, place, mask) => {
        const text = texts[index] ?? '';
        const at = place % text.length;
        const flipped =
          text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ (mask % 128)) + text.slice(at + 1);
        let changed: CloudEvent;
        try {
          changed = JSON.parse(flipped);
        } catch {
          unreadable++;
          return;
        }
        // Another way to write the same thing changes nothing.
        if (isDeepStrictEqual(changed, journal[index])) return;
        // A member whose name was changed is missing, and one that nobody asks for is there: that is a change as well.
        const verifier = verifyJournal(checkpoint);
        expect(verifier.take(journal.slice(0, index))).toBeNull();
        expect(verifier.take([changed])).toMatchObject({ ok: false, seq: index + 1 });
      }),
      { numRuns: 5_000 },
    );
    expect(unreadable).toBeLessThan(4_000);
  });

  test('[JOURNAL-5] every event that is missing, doubled, moved or put in is found, at its place', () => {
    for (let at = 0; at < journal.length; at++) {
      const one = journal[at] as CloudEvent;
      const without = journal.toSpliced(at, 1);
      if (at < journal.length - 1) expect(verdictOf(without, checkpoint)).toMatchObject({ ok: false, seq: at + 1 });
      expect(verdictOf(journal.toSpliced(at, 0, one), checkpoint)).toMatchObject({ ok: false, seq: at + 2 });
      if (at > 0) {
        const before = journal[at - 1] as CloudEvent;
        expect(verdictOf(journal.toSpliced(at - 1, 2, one, before), checkpoint)).toMatchObject({ ok: false, seq: at });
      }
    }
  });

  test('[JOURNAL-5] a journal that is cut short is found, wherever it was cut', () => {
    for (let kept = 0; kept < journal.length; kept++)
      expect(verdictOf(journal.slice(0, kept), checkpoint)).toEqual({
        ok: false,
        seq: kept + 1,
        reason: `the checkpoint signs ${journal.length} events, ${kept} were shown`,
      });
  });

  test('[JOURNAL-6] a past that was written anew, with all its hashes, fails against a checkpoint that is held', () => {
    const origin = swarm.store.origin() ?? '';
    for (const from of [2, 10, journal.length]) {
      let previous = journal[from - 2]?.hash ?? GENESIS;
      const rewritten = journal.map((event) => {
        if (event.seq < from) return event;
        const stored = fromCloudEvent(event);
        const body = event.seq === from ? canonical({ ...event.data, amountMicro: 1 }) : stored.body;
        const next = chain(origin, previous, event.seq, { ...stored, body }, stored);
        previous = next.hash;
        return toCloudEvent(origin, next);
      });
      const verifier = verifyJournal(checkpoint);
      expect(verifier.take(rewritten)).toBeNull();
      expect(verifier.finish()).toMatchObject({ ok: false, reason: 'the head is not the one that was signed' });
      // With the swarm's own key the new past can be signed, and the held checkpoint tells still.
      const size = rewritten.length;
      const leaves = rewritten.map(({ hash }) => leafOf(hash));
      const root = Buffer.from(rootOf({ leaf: (index) => leaves[index] ?? new Uint8Array() }, size)).toString('hex');
      const forged = signCheckpoint(
        { origin, size, head: previous, root, at: checkpoint.at },
        swarm.keys.privateKey,
        swarm.keys.publicKey,
      );
      expect(verdictOf(rewritten, forged).ok).toBe(true);
      expect(verdictOf(rewritten, checkpoint).ok).toBe(false);
    }
  });

  test('[JOURNAL-7] a checkpoint holds for what it says, by the key that the first event names', () => {
    const changes: Partial<SignedCheckpoint>[] = [
      { origin: 'tnt_x/swm_x' },
      { size: checkpoint.size - 1 },
      { head: GENESIS },
      { root: GENESIS },
      { at: checkpoint.at + 1 },
      { signature: checkpoint.signature.replace(/^./, (first) => (first === 'A' ? 'B' : 'A')) },
      { signature: '' },
    ];
    expect(verifyCheckpoint(checkpoint)).toBe(true);
    for (const change of changes) {
      expect(verifyCheckpoint({ ...checkpoint, ...change })).toBe(false);
      expect(verdictOf(journal, { ...checkpoint, ...change }).ok).toBe(false);
    }
    const other = newSigningKey();
    const forged = signCheckpoint(checkpoint, other.privateKey, other.publicKey);
    expect(verifyCheckpoint(forged)).toBe(true);
    expect(verdictOf(journal, forged)).toMatchObject({ ok: false, seq: 1 });
    expect(verdictOf(journal, checkpoint, other.publicKey)).toMatchObject({ ok: false, seq: null });
    for (const publicKey of ['', 'short', other.publicKey])
      expect(verifyCheckpoint({ ...checkpoint, publicKey })).toBe(false);
  });

  test('[JOURNAL-7] a checkpoint whose root is not that of the events fails, though the swarm signed it', () => {
    const forged = signCheckpoint({ ...checkpoint, root: GENESIS }, swarm.keys.privateKey, swarm.keys.publicKey);
    expect(verifyCheckpoint(forged)).toBe(true);
    expect(verdictOf(journal, forged)).toEqual({
      ok: false,
      seq: null,
      reason: 'the Merkle root is not the one that was signed',
    });
  });

  test('[JOURNAL-7] what is signed is the canonical text of the five members', () => {
    const { origin, size, head, root, at } = checkpoint;
    const key = createPrivateKey({
      key: Buffer.from(swarm.keys.privateKey, 'base64url'),
      format: 'der',
      type: 'pkcs8',
    });
    const text = `{"at":${at},"head":"${head}","origin":"${origin}","root":"${root}","size":${size}}`;
    expect(checkpoint.signature).toBe(sign(null, Buffer.from(text), key).toString('base64url'));
  });

  test('[JOURNAL-8] what an outsider sees and no hash covers says nothing else than what the hash covers', () => {
    const [first] = journal as [CloudEvent];
    const lies: Partial<CloudEvent>[] = [
      { id: 'tnt/swm/9' },
      { source: '/tenants/tnt/swarms/other' },
      { type: `NOTSTARL.${first.type.slice(9)}` },
      { time: first.time.replace('Z', '+00:00') },
      { specversion: '0.3' as '1.0' },
      { datacontenttype: 'text/plain' as 'application/json' },
    ];
    for (const lie of lies) expect(verdictOf([{ ...first, ...lie }], checkpoint)).toMatchObject({ ok: false, seq: 1 });
  });

  test('[JOURNAL-8] what is no event at all is found, never a fault', () => {
    let deep: unknown = 1;
    for (let n = 0; n < 5_000; n++) deep = [deep];
    const garbage = [
      null,
      1,
      'x',
      [],
      {},
      { ...journal[0], data: null },
      { ...journal[0], data: { deep } },
      { ...journal[0], time: 'soon' },
    ];
    for (const event of garbage) expect(verdictOf([event as never], checkpoint)).toMatchObject({ ok: false, seq: 1 });
    fc.assert(
      fc.property(fc.anything(), fc.constantFrom(...Object.keys(journal[0] as CloudEvent)), (value, member) => {
        const event = { ...(journal[0] as CloudEvent), [member]: value } as CloudEvent;
        fc.pre(JSON.stringify(value) !== JSON.stringify(journal[0]?.[member as keyof CloudEvent]));
        expect(verdictOf([event], checkpoint)).toMatchObject({ ok: false, seq: 1 });
      }),
      { numRuns: 1_000 },
    );
  });

  test('[JOURNAL-9] one event is proved to an outsider by its path, without the rest', async () => {
    for (let seq = 1; seq <= journal.length; seq++) {
      const proof = (await swarm.proof({ type: 'proof', seq })) as {
        event: CloudEvent;
        leaf: string;
        index: number;
        path: string[];
        checkpoint: SignedCheckpoint;
      };
      expect(proof.event).toEqual(journal[seq - 1]);
      expect(proof.leaf).toBe(Buffer.from(leafOf(proof.event.hash)).toString('hex'));
      const path = proof.path.map((node) => Buffer.from(node, 'hex'));
      const root = Buffer.from(proof.checkpoint.root, 'hex');
      expect(verifyCheckpoint(proof.checkpoint)).toBe(true);
      expect(verifyInclusion(leafOf(proof.event.hash), proof.index, proof.checkpoint.size, path, root)).toBe(true);
    }
  });

  test('[JOURNAL-9] the root over more leaves than one kept subtree is that of the plain tree', () => {
    const other = new StoreSwarm({ supplyMicro: 1e6 });
    const post = { type: 'PostTransfer', debit: 'tenant', credit: 'team/a', amountMicro: 1, reference: '' } as const;
    other.store.executeMany(Array.from({ length: 700 }, () => other.envelope(post)));
    for (let round = 0; round < 2; round++) {
      const leaves = other.journal().map(({ hash }) => leafOf(hash));
      const root = rootOf({ leaf: (index) => leaves[index] ?? new Uint8Array() }, leaves.length);
      expect(other.checkpoint().root).toBe(Buffer.from(root).toString('hex'));
      expect(verdictOf(other.journal(), other.checkpoint()).ok).toBe(true);
      other.store.executeMany(Array.from({ length: 60 }, () => other.envelope(post)));
    }
  });
});

test('[JOURNAL-12] folding the stored events from nothing gives exactly the stored rows', () => {
  const rows = replay(swarm.store.events(1, 1_000_000));
  const kinds = ['swarm', 'account', 'transfer', 'task', 'device', 'presence', 'enrollment', 'route', 'key'] as const;
  const stored = kinds.flatMap((kind) =>
    swarm.sql
      .all<{ id: string; body: string }>(`SELECT id, body FROM ${kind}`)
      .map(({ id, body }) => [`${kind}/${id}`, canonical(JSON.parse(body))]),
  );
  expect(new Map([...rows].map(([key, row]) => [key, canonical(row)]))).toEqual(new Map(stored as [string, string][]));
});
