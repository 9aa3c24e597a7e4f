// The archive of a local platform, read from its folder: nothing outside the platform has a way to its buckets.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { ObjectStore } from '../../core/archive/port.ts';

/** The objects of a home's archive, for reading; the platform may be running. */
export function archiveOfHome(home: string): ObjectStore {
  const r2 = join(home, 'state', 'r2');
  return {
    list: async (prefix, cursor, limit) => {
      const rows = rowsOf(r2).filter(({ key }) => key.startsWith(prefix) && (cursor === null || key > cursor));
      const objects = rows.slice(0, limit).map(({ key, size }) => ({ key, bytes: size }));
      return { objects, cursor: rows.length > limit ? (objects.at(-1)?.key ?? null) : null };
    },
    get: async (key) => {
      const row = rowsOf(r2).find((one) => one.key === key);
      return row === undefined ? null : readFileSync(join(r2, 'starling-archive', 'blobs', row.blob));
    },
    put: () => Promise.reject(new Error('this archive is for reading')),
    delete: () => Promise.reject(new Error('this archive is for reading')),
  };
}

function rowsOf(r2: string): { key: string; blob: string; size: number }[] {
  const folder = join(r2, 'miniflare-R2BucketObject');
  const files = existsSync(folder) ? readdirSync(folder) : [];
  return files
    .filter((name) => /^[0-9a-f]{64}\.sqlite$/.test(name))
    .flatMap((name) => {
      const database = new DatabaseSync(join(folder, name), { readOnly: true });
      try {
        // Miniflare's own table: one row for each object.
        return database.prepare('SELECT key, blob_id AS blob, size FROM _mf_objects ORDER BY key').all() as {
          key: string;
          blob: string;
          size: number;
        }[];
      } finally {
        database.close();
      }
    });
}
