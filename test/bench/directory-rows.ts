// Fills the directory of a stopped platform with tenants that nobody uses, as many years of sign-ups would: a user, an account,
// a tenant, a membership and a swarm each, straight into its SQLite file.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** Rows that are added at once. */
const chunk = 100_000;

/**
 * Makes it so that the directory has `rows` users, or as many as can be added in `ms`; answers with how many there are.
 * @param home of a platform that is not running
 */
export function fillDirectory(home: string, rows: number, ms: number): number {
  const database = openDirectoryFile(join(home, 'state'));
  const until = performance.now() + ms;
  try {
    database.exec('PRAGMA synchronous = OFF; PRAGMA cache_size = -400000; PRAGMA foreign_keys = OFF');
    let count = Number(database.prepare('SELECT count(*) AS n FROM users').get()?.n);
    while (count < rows && performance.now() < until) {
      const next = Math.min(rows, count + chunk);
      addRows(database, count, next);
      count = next;
    }
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    return count;
  } finally {
    database.close();
  }
}

function addRows(database: DatabaseSync, from: number, to: number): void {
  // Ids are spread as random ones are: in order they would fill the indexes more kindly than life does.
  database.exec(`BEGIN; CREATE TEMP TABLE more AS
    WITH RECURSIVE n(i) AS (SELECT ${from} UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ${to})
    SELECT i, lower(hex(randomblob(13))) AS id, 1795190400000 + i AS at FROM n`);
  for (const statement of [
    `INSERT INTO users (id, name, email, email_verified, created_at, updated_at)
     SELECT 'usr_' || id, 'user ' || i, id || '@example.org', 0, at, at FROM more`,
    `INSERT INTO accounts (id, account_id, provider_id, user_id, password, created_at, updated_at)
     SELECT 'acc_' || id, 'usr_' || id, 'credential', 'usr_' || id, 'scrypt$16384$16$1$' || hex(randomblob(32)), at, at FROM more`,
    `INSERT INTO tenants (id, name, created_at) SELECT 'tnt_' || id, 'tenant ' || i, at FROM more`,
    `INSERT INTO members (tenant_id, user_id, role, created_at) SELECT 'tnt_' || id, 'usr_' || id, 'owner', at FROM more`,
    `INSERT INTO swarms (id, tenant_id, name, status, first_key, created_at)
     SELECT 'swm_' || id, 'tnt_' || id, 'main', 'ready', 'key_' || id, at FROM more`,
  ])
    database.exec(statement);
  database.exec('DROP TABLE more; COMMIT');
}

/** The one database under this folder that has users. */
function openDirectoryFile(folder: string): DatabaseSync {
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.sqlite')) continue;
    const database = new DatabaseSync(join(folder, file));
    const found = database.prepare(`SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'users'`).get();
    if (found !== undefined) return database;
    database.close();
  }
  throw new Error('the platform has no directory');
}
