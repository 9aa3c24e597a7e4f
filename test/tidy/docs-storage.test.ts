// docs/reference/storage.md names every table with its columns, every object key and every file that is kept.

import { readdirSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { HOME_FILES } from '../../edge-node/src/home.ts';
import { deviceMigrations } from '../../migrations/device/index.ts';
import { squadMigrations } from '../../migrations/squad/index.ts';
import { swarmMigrations } from '../../migrations/swarm/index.ts';
import { codeIn, read, sectionsOf, table } from './docs-pages.ts';
import { root } from './repository.ts';

const page = read('docs/reference/storage.md');

/** Each table of a database with its columns, as SQLite itself has them after the migrations. */
function tablesAfter(statements: readonly string[]): Record<string, string[]> {
  const database = new DatabaseSync(':memory:');
  try {
    for (const sql of statements) database.exec(sql);
    const tables = database
      .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
      .all();
    return Object.fromEntries(
      tables.map(({ name }) => {
        // table_xinfo, because table_info hides generated columns.
        const columns = database.prepare('SELECT name FROM pragma_table_xinfo(?)').all(String(name));
        return [String(name), columns.map((column) => String(column.name))];
      }),
    );
  } finally {
    database.close();
  }
}

function written(heading: string): Record<string, string[]> {
  return Object.fromEntries(table(page, heading).map(([name, columns]) => [codeIn(name)[0] ?? '', codeIn(columns)]));
}

function directoryMigrations(): string[] {
  const names = readdirSync(`${root}/migrations/directory`).filter((name) => name.endsWith('.sql'));
  return names.toSorted().map((name) => read(`migrations/directory/${name}`));
}

describe('the page of the storage', () => {
  it.each([
    ['## Tables of a swarm', () => swarmMigrations.map(({ sql }) => sql)],
    ['## Tables of a squad', () => squadMigrations.map(({ sql }) => sql)],
    ['## Tables of a device', () => deviceMigrations.map(({ sql }) => sql)],
    ['## Tables of the directory', directoryMigrations],
  ])('names every table and column under "%s", and no other', (heading, migrations) => {
    expect(written(heading)).toEqual(tablesAfter(migrations()));
  });

  it('names every kind of object key that the functions write', () => {
    const keys = table(page, '## Object keys').filter(([, by]) => by?.includes('functions/'));
    const heads = new Set<string>();
    for (const [key = '', by = ''] of keys) {
      const [head = ''] = (codeIn(key)[0] ?? '').split('/');
      expect(read(codeIn(by)[0] ?? ''), key).toContain(`\`${head}/tenant=`);
      heads.add(head);
    }
    const files = readdirSync(`${root}/functions`, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.ts'),
    );
    const inCode = files.flatMap((name) =>
      [...read(`functions/${name}`).matchAll(/`([a-z-]+)\/tenant=\$/g)].map(([, head]) => head),
    );
    expect(new Set(inCode)).toEqual(heads);
  });

  it('names the columns of a Parquet file in their order', () => {
    const rows = table(page, '## Object keys').filter(([, by]) => !by?.includes('functions/'));
    const inCode = [...read('functions/telemetry/parquet.ts').matchAll(/name: '([a-z_]+)'/g)].map(([, name]) => name);
    expect(rows.map(([name]) => codeIn(name)[0])).toEqual(inCode);
  });

  it('names the files of a device, and the files by which a local home is known', () => {
    expect(
      table(page, '## Files of a device')
        .map(([name]) => codeIn(name)[0])
        .toSorted(),
    ).toEqual(Object.values(HOME_FILES).toSorted());
    const sources = ['local/home.ts', 'local/home-folder.ts', 'local/local-tenant.ts', 'edge-node/src/home-marker.ts'];
    const local = sources.map(read).join('');
    const named = table(page, '## Files of a local platform').map(([name]) => codeIn(name)[0] ?? '');
    for (const name of named) expect(local, name).toContain(`'${name}'`);
    const joined = [...read('local/home.ts').matchAll(/join\(path, '([a-z.-]+)'\)/g)].map(([, name]) => name);
    expect(named).toEqual(expect.arrayContaining(joined));
  });

  it('has a section for each folder of migrations', () => {
    const text = [...sectionsOf(page).values()].join('\n');
    for (const { name } of readdirSync(`${root}/migrations`, { withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    ))
      expect(text).toContain(`\`migrations/${name}/\``);
  });
});
