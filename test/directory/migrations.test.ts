// The migrations of the directory and its schema say the same.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateSQLiteDrizzleJson, generateSQLiteMigration } from 'drizzle-kit/api';
import { expect, test } from 'vitest';
import * as schema from '../../functions/directory/schema.ts';

const folder = join(import.meta.dirname, '../../migrations/directory');

test('[DIRECTORY-40] the newest migration ends in the schema of the code', async () => {
  const newest = readdirSync(join(folder, 'meta'))
    .filter((name) => name.endsWith('_snapshot.json'))
    .toSorted()
    .at(-1);
  const before = JSON.parse(readFileSync(join(folder, 'meta', newest ?? ''), 'utf8'));
  const now = await generateSQLiteDrizzleJson(schema, before.id);
  expect(Object.keys(now.tables)).toHaveLength(13);
  expect(await generateSQLiteMigration(before, now)).toEqual([]);
});

test('[DIRECTORY-40] migrations are numbered without a gap, and each is in the journal', () => {
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .toSorted();
  const journal = JSON.parse(readFileSync(join(folder, 'meta/_journal.json'), 'utf8'));
  expect(journal.entries.map(({ tag }: { tag: string }) => `${tag}.sql`)).toEqual(files);
  expect(files.map((name) => Number(name.slice(0, 4)))).toEqual(files.map((_, i) => i));
});
