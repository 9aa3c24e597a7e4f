// Out and in again: the journal, and every state that it tells of, is the same.

import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { stateHash } from '../../core/history/state-tree.ts';
import { toCloudEvent } from '../../core/journal/cloud-event.ts';
import { verifyJournal } from '../../core/journal/verify.ts';
import { canonical } from '../../core/json.ts';
import { replay } from '../../core/swarm/replay.ts';
import { KINDS, type Kind, type Rows } from '../../core/swarm/state.ts';
import type { nodeSql } from '../../durable-objects/node-sql.ts';
import { SYSTEM } from '../core/memory-swarm.ts';
import { Dice, World } from '../core/model-world.ts';
import type { StoreSwarm } from '../core/store-swarm.ts';
import { AnObject, exportOf } from './an-object.ts';

/** `SEED=7` for another history. */
const SEED = Number(process.env.SEED ?? 1);
const STEPS = 1_500;
const MOMENTS = 100;

function stateOf(swarm: StoreSwarm): string {
  const rows = new Map<string, Rows[Kind]>();
  for (const kind of KINDS)
    for (const { id, body } of bodies(swarm.sql, kind)) rows.set(`${kind}/${id}`, JSON.parse(body));
  return stateHash(rows);
}

function bodies(sql: ReturnType<typeof nodeSql>, kind: Kind) {
  return sql.all<{ id: string; body: string }>(`SELECT id, body FROM ${kind} ORDER BY id`);
}

const world = new World(SEED);
const { swarm } = world;
const dice = new Dice(SEED + 1_000);
/** Hashes of states as they were when they were the present, by seq. */
const lived = new Map<number, string>();
for (let step = 0; step < STEPS; step++) {
  await world.step();
  if (dice.chance((4 * MOMENTS) / STEPS)) lived.set(swarm.store.head().seq, stateOf(swarm));
}
const checkpoint = await swarm.checkpoint();
const bytes = await exportOf(checkpoint, swarm.store);
const object = new AnObject();
const received = await object.take(bytes);

describe('a busy swarm, out and in again', () => {
  test('[EXPORT-1] [EXPORT-6] it has the same head, root and state, and its export is the same bytes', async () => {
    const { size, head, root } = checkpoint;
    expect(received).toMatchObject({ ok: true, value: { imported: { size, head, root, stateHash: stateOf(swarm) } } });
    expect(object.store.head()).toEqual(swarm.store.head());
    expect(Buffer.compare(await object.export(), bytes)).toBe(0);
    for (const kind of KINDS) {
      const here = bodies(object.sql, kind).map(({ id, body }) => [id, canonical(JSON.parse(body))]);
      expect(here, kind).toEqual(bodies(swarm.sql, kind).map(({ id, body }) => [id, canonical(JSON.parse(body))]));
    }
  });

  test(`[EXPORT-6] [P8] at ${MOMENTS} moments its state is what was live then (seed ${SEED})`, () => {
    expect(lived.size).toBeGreaterThanOrEqual(MOMENTS);
    const rows = new Map<string, Rows[Kind]>();
    let at = 0;
    for (const [seq, hash] of [...lived].toSorted(([a], [b]) => a - b)) {
      replay(object.store.events(at + 1, seq - at), rows);
      at = seq;
      expect(stateHash(rows), `at ${seq}`).toBe(hash);
    }
  });

  test('[EXPORT-1] a line is its CloudEvent, and a verifier that knows nothing of imports proves the lines', () => {
    const [, ...lines] = new TextDecoder().decode(bytes).trimEnd().split('\n');
    const events = swarm.store.events(1, lines.length);
    expect(lines.map((line) => JSON.parse(line))).toEqual(
      events.map((event) => toCloudEvent(checkpoint.origin, event)),
    );
    const verifier = verifyJournal(checkpoint, swarm.keys.publicKey);
    verifier.take(lines.map((line) => JSON.parse(line)));
    expect(verifier.finish()).toMatchObject({ ok: true, size: checkpoint.size });
  });

  test('[EXPORT-7] sealed, it takes no command, has no timer and nothing to send, and only its own key opens it', () => {
    const command = { type: 'PostTransfer', debit: 'tenant', credit: 'team/a', amountMicro: 1, reference: '' } as const;
    const [executed] = object.store.executeMany([{ id: 'x', actor: SYSTEM, command, remember: true }]).executed;
    expect(executed?.result).toMatchObject({ ok: false, error: { code: 'swarm_sealed' } });
    for (const table of ['timer', 'outbox', 'answer']) {
      expect(object.sql.all(`SELECT * FROM ${table}`), table).toEqual([]);
    }
    expect(object.sql.all(`SELECT * FROM meta WHERE key = 'signing-key'`)).toEqual([]);
    expect(object.store.read.row('key', 'key_import')).toMatchObject({ state: 'active', scopes: ['journal:read'] });
    expect(object.abandonAt).toBeNull();
    object.evict();
    expect(object.store.seal()?.state).toBe('sealed');
  });

  test('[EXPORT-4] pieces of any size, packed or not, are the same export', async () => {
    for (const [given, pieceBytes] of [
      [bytes, 1_000_000],
      [bytes, 997],
      [gzipSync(bytes), 1_000],
      [gzipSync(bytes), 1],
    ] as const) {
      const other = new AnObject();
      expect(await other.take(given, { pieceBytes })).toEqual(received);
      other.close();
    }
  });

  test('[EXPORT-8] the same export again is answered with what is there, another one is refused', async () => {
    expect(await object.take(bytes)).toEqual({
      ok: true,
      value: { ...(received.ok ? received.value : {}), replayed: true },
    });
    const more = Buffer.concat([bytes, Buffer.from('\n')]);
    expect(await object.take(more)).toMatchObject({ ok: false, error: { code: 'idempotency_key_reused' } });
    swarm.do({ type: 'PostTransfer', debit: 'tenant', credit: 'team/z', amountMicro: 1, reference: '' }, {});
    const later = await exportOf(await swarm.checkpoint(), swarm.store);
    expect(await object.take(later)).toMatchObject({ ok: false, error: { code: 'idempotency_key_reused' } });
    expect(Buffer.compare(await object.export(), bytes)).toBe(0);
  });
});
