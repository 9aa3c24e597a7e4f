// A journal that is much larger than what is ever held of it: `EVENTS=200000` for the size that its figures are told of.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { signCheckpoint } from '../../core/journal/checkpoint.ts';
import { chain, GENESIS, type StoredEvent } from '../../core/journal/event.ts';
import { eventLine, exportHeader } from '../../core/journal/export-lines.ts';
import { leafOf, rootOf } from '../../core/journal/merkle.ts';
import { canonical } from '../../core/json.ts';
import { ok } from '../../core/result.ts';
import { ndjsonExport } from '../../durable-objects/swarm/export-ndjson.ts';
import { newSigningKey } from '../../durable-objects/swarm/signing-key.ts';
import { START } from '../core/memory-swarm.ts';
import { AnObject } from './an-object.ts';

const EVENTS = Number(process.env.EVENTS ?? 20_000);
const pair = newSigningKey();
const origin = 'tnt_large/swm_large';

/** The events again, each time that it is called: they are nowhere. */
function* events(): Generator<StoredEvent> {
  let previous = GENESIS;
  for (let seq = 1; seq <= EVENTS; seq++) {
    const made = { swarm: 'swm_large', tenant: 'tnt_large', name: 'main', publicKey: pair.publicKey };
    const moved = {
      debit: 'treasury',
      credit: 'tenant',
      amountMicro: 1,
      reference: 'some words for what it is '.repeat(20),
    };
    const said =
      seq === 1
        ? { type: 'swarm.created', subject: 'swarm/swm_large', body: { ...made, supplyMicro: 0, cycleEndsAt: START } }
        : { type: 'transfer.posted', subject: `transfer/trf_${seq}`, body: { ...moved, transfer: `trf_${seq}` } };
    const context = { at: START + seq, actor: 'key/key_1', command: `idem:${seq}`, trace: null };
    const event = chain(origin, previous, seq, { ...said, body: canonical(said.body) }, context);
    previous = event.hash;
    yield event;
  }
}

function text(): ReadableStream<Uint8Array> {
  const leaves: Uint8Array[] = [];
  let head = GENESIS;
  for (const event of events()) {
    leaves.push(leafOf(event.hash));
    head = event.hash;
  }
  const root = rootOf({ leaf: (index) => leaves[index] ?? new Uint8Array() }, EVENTS);
  const checkpoint = { origin, size: EVENTS, head, root: Buffer.from(root).toString('hex'), at: START };
  const lines = (function* () {
    yield exportHeader(signCheckpoint(checkpoint, pair.privateKey, pair.publicKey));
    for (const event of events()) yield eventLine(origin, event);
  })();
  return new ReadableStream(
    {
      pull(controller) {
        let some = '';
        for (let n = 0; n < 100; n++) {
          const line = lines.next();
          if (line.done) break;
          some += `${line.value}\n`;
        }
        if (some === '') controller.close();
        else controller.enqueue(Buffer.from(some));
      },
    },
    { highWaterMark: 0 },
  );
}

test(`[EXPORT-4] ${EVENTS} events come in and go out again without being held`, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'starling-large-'));
  const object = new AnObject(join(folder, 'swarm.sqlite'));
  object.sql.run('PRAGMA synchronous = OFF');
  try {
    const whole = text();
    const before = process.memoryUsage().rss;
    let most = 0;
    const taken = await object.take(whole, {
      object: {
        ...object.importer,
        takeLines(run, from, lines) {
          most = Math.max(most, process.memoryUsage().rss);
          return object.importer.takeLines(run, from, lines);
        },
      },
    });
    expect(taken).toMatchObject({ ok: true, value: { imported: { size: EVENTS } } });
    let bytes = 0;
    let largest = 0;
    const checkpoint = object.store.seal()?.checkpoint;
    if (!checkpoint) throw new Error('it is sealed');
    const readEvents = async (from: number, to: number) => ok(object.store.events(from, to - from + 1));
    for await (const part of ndjsonExport(checkpoint, readEvents)) {
      bytes += part.length;
      largest = Math.max(largest, part.length);
    }
    expect(bytes).toBeGreaterThan(EVENTS * 1_000);
    expect(largest).toBeLessThan(100_000);
    // 200,000 events are more than 200 MB of text, held at least twice by whoever held it.
    expect(most - before).toBeLessThan(150_000_000);
  } finally {
    object.close();
    rmSync(folder, { recursive: true });
  }
}, 120_000);
