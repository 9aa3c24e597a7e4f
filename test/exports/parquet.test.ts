// An export as one Parquet file: other people's readers and our own verifiers find the same journal in it.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { expect, test } from 'vitest';
import { ok } from '../../core/result.ts';
import { exportStream } from '../../durable-objects/swarm/export.ts';
import { ndjsonExport } from '../../durable-objects/swarm/export-ndjson.ts';
import { parquetExport } from '../../durable-objects/swarm/export-parquet.ts';
import { readSegment } from '../../durable-objects/swarm/segment-file.ts';
import { judgeBytes } from '../../edge-node/src/cli/proved-file.ts';
import { World } from '../core/model-world.ts';
import { exportOf } from './an-object.ts';

const world = new World(11);
for (let step = 0; step < 400; step++) await world.step();
const { swarm } = world;
const { store } = swarm;
const checkpoint = await swarm.checkpoint();
let reads = 0;
const readEvents = async (from: number, to: number) => {
  reads++;
  return ok(store.events(from, to - from + 1));
};
const events = store.events(1, checkpoint.size);

async function whole(parts: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const part of parts) all.push(part);
  return Buffer.concat(all);
}
const parquet = await whole(parquetExport(checkpoint, readEvents));

test('[EXPORT-10] it is written like a segment of the archive, and read like one', async () => {
  const read = await readSegment(parquet);
  expect(read?.events).toEqual(events);
  const { origin, size, head, root } = checkpoint;
  expect(read?.mark).toEqual({ origin, from: 1, to: size, previous: '0'.repeat(64), head, root });
});

test('[EXPORT-10] DuckDB reads it with one command', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'starling-parquet-'));
  try {
    writeFileSync(join(folder, 'journal.parquet'), parquet);
    const connection = await (await DuckDBInstance.create()).connect();
    const found = await connection.runAndReadAll(
      `SELECT seq, epoch_ms("at") AS "at", type, version, actor, subject, command, trace, body, lower(hex(hash)) AS hash
       FROM '${join(folder, 'journal.parquet')}' ORDER BY seq`,
    );
    const rows = found.getRowObjects().map((row) => ({ ...row, seq: Number(row.seq), at: Number(row.at) }));
    expect(rows).toEqual(events.map(({ previous: _, ...event }) => event));
    connection.closeSync();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('[EXPORT-10] [P7] both forms are proved by the verifier of files, and one flipped byte is not', async () => {
  const lines = await exportOf(checkpoint, store);
  for (const bytes of [lines, parquet]) {
    const judged = await judgeBytes(bytes, { key: swarm.keys.publicKey });
    expect(judged).toMatchObject({ what: 'export', verdict: { ok: true, size: checkpoint.size } });
    const flipped = Uint8Array.from(bytes);
    flipped[5_000] = (flipped[5_000] ?? 0) ^ 1;
    expect(await judgeBytes(flipped, {})).toMatchObject({ verdict: { ok: false } });
  }
});

test('[EXPORT-4] nothing is read before its reader asks, and one that goes ends it', async () => {
  for (const format of ['ndjson', 'parquet'] as const) {
    const before = reads;
    const stream = exportStream(format, checkpoint, { store, readEvents });
    if (!stream.ok) throw new Error(stream.error.code);
    const reader = stream.value.getReader();
    await new Promise((done) => setImmediate(done));
    expect(reads).toBe(before);
    await reader.read();
    const after = reads;
    await new Promise((done) => setImmediate(done));
    expect(reads).toBe(after);
    await reader.cancel();
    expect(reads).toBe(after);
  }
});

test('[EXPORT-4] it ends where its checkpoint does, though the swarm writes on', async () => {
  const before = await exportOf(checkpoint, store);
  const parts: Uint8Array[] = [];
  for await (const part of ndjsonExport(checkpoint, readEvents)) {
    parts.push(part);
    swarm.do({ type: 'IssueKey', name: 'meanwhile', scopes: [] });
  }
  expect(store.head().seq).toBeGreaterThan(checkpoint.size);
  expect(Buffer.compare(Buffer.concat(parts), before)).toBe(0);
});

test('[EXPORT-4] a part that cannot be read breaks it off: what came is not taken for the whole', async () => {
  const failing = async (from: number, to: number) =>
    from > 100 ? ({ ok: false, error: { code: 'history_damaged' } } as const) : readEvents(from, to);
  for (const parts of [ndjsonExport(checkpoint, failing), parquetExport(checkpoint, failing)]) {
    await expect(whole(parts)).rejects.toThrow('history_damaged');
  }
});

test('[EXPORT-11] a journal that has lost a part to its retention is not exported', () => {
  const row = { ...store.read.row('swarm', 'self'), expiredTo: 64 };
  const expired = { ...store, read: { ...store.read, row: () => row as never } };
  expect(exportStream('ndjson', checkpoint, { store: expired, readEvents })).toEqual({
    ok: false,
    error: { code: 'history_expired', firstSeq: 65 },
  });
});
