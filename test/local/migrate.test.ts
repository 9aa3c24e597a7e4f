// Migrations of the directory on a real D1 database: in order, once, whole or not at all, and recorded as wrangler does.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { migrateDirectory } from '../../local/migrate-directory.mjs';
import { type DirectoryDatabase, readMigrations } from '../../local/migrations.ts';

let miniflare: Miniflare;
let database: DirectoryDatabase;
let folder: string;

beforeAll(() => {
  miniflare = new Miniflare(
    convertV4MiniflareOptions({
      cf: false,
      modules: true,
      script: 'export default { fetch: () => new Response(null) }',
      compatibilityDate: '2026-11-01',
      d1Databases: ['A', 'B', 'C'],
    }),
  );
});
afterAll(async () => {
  await miniflare.dispose();
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'starling-migrations-'));
  return () => rmSync(folder, { recursive: true, force: true });
});

async function open(name: string): Promise<void> {
  // Miniflare's declaration of a D1 database has more than the part that is used.
  database = (await miniflare.getD1Database(name)) as unknown as DirectoryDatabase;
}
const migrate = async (from: string) => migrateDirectory(database, await readMigrations(from));
const names = async (sql: string) => (await database.prepare(sql).all()).results.map((row) => row.name);

test('they are applied by number, each once, and later ones are added', async () => {
  await open('A');
  writeFileSync(join(folder, '10_c.sql'), 'ALTER TABLE a ADD COLUMN c TEXT;');
  writeFileSync(
    join(folder, '2_b.sql'),
    'CREATE INDEX a_b ON a (b);--> statement-breakpoint\nINSERT INTO a VALUES (1);',
  );
  writeFileSync(join(folder, '1_a.sql'), "-- a; comment\nCREATE TABLE a (b TEXT DEFAULT ';');");
  expect(await migrate(folder)).toEqual(['1_a.sql', '2_b.sql', '10_c.sql']);
  expect(await migrate(folder)).toEqual([]);
  writeFileSync(join(folder, '11_d.sql'), 'CREATE TABLE d (e TEXT);');
  expect(await migrate(folder)).toEqual(['11_d.sql']);
  const recorded = await names('SELECT name FROM d1_migrations ORDER BY id');
  expect(recorded).toEqual(['1_a.sql', '2_b.sql', '10_c.sql', '11_d.sql']);
});

test('one that fails leaves nothing of itself, and those before it stay', async () => {
  await open('B');
  writeFileSync(join(folder, '1_a.sql'), 'CREATE TABLE a (b TEXT);');
  writeFileSync(join(folder, '2_b.sql'), 'CREATE TABLE half (b TEXT); INSERT INTO nowhere VALUES (1);');
  await expect(migrate(folder)).rejects.toThrow('nowhere');
  expect(await names('SELECT name FROM d1_migrations')).toEqual(['1_a.sql']);
  expect(await names("SELECT name FROM sqlite_master WHERE name = 'half'")).toEqual([]);
});

test("the project's own migrations apply to an empty database", async () => {
  await open('C');
  const own = join(import.meta.dirname, '../../migrations/directory');
  expect((await migrate(own)).length).toBeGreaterThan(0);
  expect(await migrate(own)).toEqual([]);
});
