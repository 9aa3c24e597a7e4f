// Two thousand exports that are not what was exported: each is refused with the first bad seq, and leaves nothing behind.

import { expect, test } from 'vitest';
import { signCheckpoint } from '../../core/journal/checkpoint.ts';
import { chain, type StoredEvent } from '../../core/journal/event.ts';
import { eventLine, exportHeader } from '../../core/journal/export-lines.ts';
import { newSigningKey } from '../../durable-objects/swarm/signing-key.ts';
import { Dice, World } from '../core/model-world.ts';
import { StoreSwarm } from '../core/store-swarm.ts';
import { AnObject, exportOf } from './an-object.ts';

/** `SEED=7` for other corruptions, `RUNS=20000` for more of them. */
const SEED = Number(process.env.SEED ?? 1);
const RUNS = Number(process.env.RUNS ?? 2_000);

const world = new World(SEED);
for (let step = 0; step < 120; step++) await world.step();
const { swarm } = world;
const early = await swarm.checkpoint();
for (let step = 0; step < 30; step++) await world.step();
const checkpoint = await swarm.checkpoint();
const whole = await exportOf(checkpoint, swarm.store);
const events = swarm.store.events(1, checkpoint.size);
const lines = new TextDecoder().decode(whole).split('\n').slice(0, -1);
/** Where each line begins; the header's number is 0, an event's its seq. */
const starts = [0];
for (const line of lines) starts.push((starts.at(-1) ?? 0) + Buffer.byteLength(line) + 1);

interface Corrupt {
  readonly bytes: Uint8Array;
  /** The first bad seq; null for the export as a whole. */
  readonly seq: number | null;
}

function lineAt(offset: number): number {
  return starts.findLastIndex((start) => start <= offset);
}

function seqOf(line: number): number | null {
  return line === 0 ? null : line;
}

function joined(all: readonly string[]): Uint8Array {
  return Buffer.from(`${all.join('\n')}\n`);
}

const KINDS: Readonly<Record<string, (dice: Dice) => Corrupt>> = {
  flip(dice) {
    const at = dice.below(whole.length);
    const bytes = Uint8Array.from(whole);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << dice.below(8));
    return { bytes, seq: seqOf(lineAt(at)) };
  },
  // The last lines are few, and the last byte is one: they get their share.
  flipAtTheEnd(dice) {
    const at = whole.length - 1 - dice.below(3);
    const bytes = Uint8Array.from(whole);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << dice.below(8));
    return { bytes, seq: seqOf(lineAt(at)) };
  },
  truncated(dice) {
    const end = dice.below(whole.length);
    return { bytes: whole.subarray(0, end), seq: seqOf(lineAt(end)) };
  },
  inserted(dice) {
    const at = dice.below(whole.length);
    const byte = Uint8Array.of(dice.pick([0x20, 0x0a, 0x00, 0x30, 0xff]) ?? 0);
    return { bytes: Buffer.concat([whole.subarray(0, at), byte, whole.subarray(at)]), seq: seqOf(lineAt(at)) };
  },
  swapped(dice) {
    const [a, b] = [1 + dice.below(lines.length - 2), 1 + dice.below(lines.length - 2)].toSorted((x, y) => x - y) as [
      number,
      number,
    ];
    const other = a === b ? b + 1 : b;
    return { bytes: joined(lines.with(a, lines[other] ?? '').with(other, lines[a] ?? '')), seq: a };
  },
  duplicated(dice) {
    const at = 1 + dice.below(lines.length - 1);
    return { bytes: joined(lines.toSpliced(at, 0, lines[at] ?? '')), seq: at + 1 };
  },
  removed(dice) {
    const at = dice.below(lines.length);
    // Without its first line, the first event is taken for it.
    return { bytes: joined(lines.toSpliced(at, 1)), seq: seqOf(at) };
  },
  spelledOtherwise(dice) {
    const at = dice.below(lines.length);
    const line = lines[at] ?? '';
    const spelling = dice.pick([
      (text: string) => JSON.stringify(JSON.parse(text), null, 1).replaceAll('\n', ''),
      (text: string) => JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(text)).toReversed())),
      (text: string) => text.replace('"', ' "'),
      (text: string) => text.replace(/}$/, ',"more":1}'),
      (text: string) => text.replace('s', '\\u0073'),
    ]);
    return { bytes: joined(lines.with(at, spelling?.(line) ?? '')), seq: seqOf(at) };
  },
  rehashed(dice) {
    const at = 2 + dice.below(events.length - 2);
    const forged: StoredEvent[] = [];
    for (const event of events) {
      const previous = forged.at(-1);
      const said = event.seq === at ? { ...event, actor: 'key/key_other' } : event;
      const context = { at: said.at, actor: said.actor, command: said.command, trace: said.trace };
      forged.push(event.seq < at ? event : chain(checkpoint.origin, previous?.hash ?? '', event.seq, said, context));
    }
    const own = forged.map((event) => eventLine(checkpoint.origin, event));
    return { bytes: joined([lines[0] ?? '', ...own]), seq: checkpoint.size };
  },
  shorterCheckpoint: () => ({ bytes: joined(lines.with(0, exportHeader(early))), seq: early.size + 1 }),
  otherOrigin(dice) {
    const origin = dice.pick(['tnt_other/swm_other', `${checkpoint.origin}x`]) ?? '';
    const signed = signCheckpoint({ ...checkpoint, origin }, swarm.keys.privateKey, swarm.keys.publicKey);
    return { bytes: joined(lines.with(0, exportHeader(signed))), seq: 1 };
  },
  otherKey() {
    const pair = newSigningKey();
    const signed = signCheckpoint(checkpoint, pair.privateKey, pair.publicKey);
    return { bytes: joined(lines.with(0, exportHeader(signed))), seq: 1 };
  },
  otherRoot(dice) {
    const { origin, size, head, at } = checkpoint;
    const root = dice.next().toString(16).slice(2).padEnd(64, '0').slice(0, 64);
    const signed = signCheckpoint({ origin, size, head, at, root }, swarm.keys.privateKey, swarm.keys.publicKey);
    return { bytes: joined(lines.with(0, exportHeader(signed))), seq: null };
  },
};

test(`[EXPORT-2] [EXPORT-5] [P7] ${RUNS} corrupted exports are refused with the first bad seq, and leave nothing behind (seed ${SEED})`, async () => {
  const dice = new Dice(SEED);
  const object = new AnObject();
  const seen = new Map<string, number>();
  for (let run = 0; run < RUNS; run++) {
    // Half of them are flips: there are more bits than lines.
    const kind = dice.chance(0.5) ? 'flip' : (dice.pick(Object.keys(KINDS)) ?? '');
    const corrupt = KINDS[kind]?.(dice) ?? { bytes: whole, seq: null };
    const taken = await object.take(corrupt.bytes, { pieceBytes: 1 + dice.below(100_000) });
    const error = taken.ok ? null : taken.error;
    expect(error, `run ${run}: ${kind}`).toMatchObject({ code: 'import_invalid', seq: corrupt.seq });
    expect([object.rows(), object.places, object.store.head().seq], `run ${run}: ${kind}`).toEqual([0, 0, 0]);
    seen.set(kind, (seen.get(kind) ?? 0) + 1);
  }
  expect([...seen.keys()].toSorted()).toEqual(Object.keys(KINDS).toSorted());
  expect(await object.take(whole)).toMatchObject({ ok: true });
}, 120_000);

test('[EXPORT-2] a journal with a key and a head of somebody else’s making is theirs, and says so by its key', async () => {
  const other = new StoreSwarm();
  const object = new AnObject();
  const taken = await object.take(await exportOf(await other.checkpoint(), other.store));
  expect(taken).toMatchObject({ ok: true });
  expect(object.store.seal()?.checkpoint.publicKey).toBe(other.keys.publicKey);
});
