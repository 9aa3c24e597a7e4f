// The migrations of the directory and its schema say the same.

import { readdirSync, readFileSync } from 'node:fs';
import { generateSQLiteDrizzleJson, generateSQLiteMigration } from 'drizzle-kit/api';
import { expect, test } from 'vitest';
import * as schema from '../../functions/directory/schema.ts';

const folder = new URL('../../migrations/directory/', import.meta.url);

test('[DIRECTORY-40] the newest migration ends in the schema of the code', async () => {
  const newest = readdirSync(new URL('meta/', folder))
    .filter((name) => name.endsWith('_snapshot.json'))
    .toSorted()
    .at(-1);
  const before = JSON.parse(readFileSync(new URL(`meta/${newest}`, folder), 'utf8'));
  const now = await generateSQLiteDrizzleJson(schema, before.id);
  expect(Object.keys(now.tables)).toHaveLength(11);
  expect(await generateSQLiteMigration(before, now)).toEqual([]);
});

test('[DIRECTORY-40] migrations are numbered without a gap, and each is in the journal', () => {
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .toSorted();
  const journal = JSON.parse(readFileSync(new URL('meta/_journal.json', folder), 'utf8'));
  expect(journal.entries.map(({ tag }: { tag: string }) => `${tag}.sql`)).toEqual(files);
  expect(files.map((name) => Number(name.slice(0, 4)))).toEqual(files.map((_, i) => i));
});
