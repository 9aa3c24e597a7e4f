// Telemetry as whoever analyses it sees it: the files of a bucket, read by DuckDB.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DuckDBInstance, type Json } from '@duckdb/node-api';
import type { ObjectStore } from '../../core/archive/port.ts';

/** All keys under a prefix. */
export async function keysOf(store: ObjectStore, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < 100; page++) {
    const listed = await store.list(prefix, cursor, 1_000);
    keys.push(...listed.objects.map(({ key }) => key));
    cursor = listed.cursor;
    if (cursor === null) return keys;
  }
  throw new Error('a listing does not end');
}

/** What DuckDB answers over the Parquet files under a prefix; `telemetry` stands for them. Nothing without a file. */
export async function askFiles(store: ObjectStore, prefix: string, sql: string): Promise<Record<string, Json>[]> {
  const keys = await keysOf(store, prefix);
  if (keys.length === 0) return [];
  const folder = await mkdtemp(join(tmpdir(), 'telemetry-'));
  const duck = await DuckDBInstance.create(':memory:');
  const connection = await duck.connect();
  try {
    for (const key of keys) {
      await mkdir(dirname(join(folder, key)), { recursive: true });
      await writeFile(join(folder, key), (await store.get(key)) ?? new Uint8Array(0));
    }
    const from = `read_parquet('${folder}/${prefix}**/*.parquet', hive_partitioning = true)`;
    return (await connection.runAndReadAll(sql.replaceAll('from telemetry', `from ${from}`))).getRowObjectsJson();
  } finally {
    connection.closeSync();
    duck.closeSync();
    await rm(folder, { recursive: true });
  }
}
