// The archive as others read it: DuckDB over a folder of segments, and the stand-alone verifier.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { memoryObjectStore } from '../contract/memory-object-store.ts';
import { noPython } from '../verify/python.ts';
import { ArchivedSwarm } from './an-archive.ts';

let root: string;
let folder: string;
let swarm: ArchivedSwarm;
let duck: DuckDBInstance;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'archive-'));
  const store = memoryObjectStore();
  swarm = new ArchivedSwarm({ objects: store }).workUntil(1_200);
  await swarm.chores();
  for (const [key, bytes] of store.objects) {
    mkdirSync(dirname(join(root, key)), { recursive: true });
    writeFileSync(join(root, key), bytes);
  }
  folder = join(root, 'journal', swarm.store.origin() ?? '');
  duck = await DuckDBInstance.create(':memory:');
});

afterAll(() => {
  duck.closeSync();
  rmSync(root, { recursive: true, force: true });
});

async function rows(query: string): Promise<Record<string, unknown>[]> {
  const connection = await duck.connect();
  try {
    return (await connection.runAndReadAll(query)).getRowObjectsJson();
  } finally {
    connection.closeSync();
  }
}

describe('other readers', () => {
  test('[ARCHIVE-5] DuckDB reads a folder of segments, column by column what the journal says', async () => {
    const from = `read_parquet('${folder}/*.parquet')`;
    const found = await rows(
      `SELECT seq, epoch_ms("at") AS "at", type, version, actor, subject, command, trace, body, lower(hex(hash)) AS hash FROM ${from} ORDER BY seq`,
    );
    const journal = swarm.twin().slice(0, swarm.swarm.archivedTo);
    expect(found.map((row) => ({ ...row, seq: Number(row.seq), at: Number(row.at) }))).toEqual(
      journal.map(({ previous: _, ...event }) => event),
    );
    const types = await rows(`SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM ${from})`);
    expect(Object.fromEntries(types.map((row) => [row.column_name, row.column_type]))).toEqual({
      seq: 'BIGINT',
      at: 'TIMESTAMP WITH TIME ZONE',
      type: 'VARCHAR',
      version: 'INTEGER',
      actor: 'VARCHAR',
      subject: 'VARCHAR',
      command: 'VARCHAR',
      trace: 'VARCHAR',
      body: 'VARCHAR',
      hash: 'BLOB',
    });
    const settled = await rows(
      `SELECT sum((body->>'$.amountMicro')::BIGINT) AS micro, count(*) AS n FROM ${from} WHERE type = 'transfer.settled'`,
    );
    expect(Number(settled[0]?.n)).toBe(journal.filter(({ type }) => type === 'transfer.settled').length);
  });

  test('[ARCHIVE-5] the stand-alone verifier accepts the folder as it lies in object storage', {
    skip: noPython,
  }, () => {
    const said = execFileSync('python3', ['docs/verify/verify.py', folder], { encoding: 'utf8' });
    expect(said).toContain(`${swarm.swarm.archivedTo}`);
  });
});
