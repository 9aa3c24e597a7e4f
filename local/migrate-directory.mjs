// Brings the directory's database up to date, the way `wrangler d1 migrations apply` does it: the same table, names and order, so
// that either can go on where the other stopped. Plain JavaScript: it runs in workerd as it stands (door.ts).

const TABLE = `CREATE TABLE IF NOT EXISTS "d1_migrations"(
		id         INTEGER PRIMARY KEY AUTOINCREMENT,
		name       TEXT UNIQUE,
		applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
)`;

/**
 * Applies the migrations that the database does not have yet, each in one transaction, in order.
 * @param {import('./migrations.ts').DirectoryDatabase} database
 * @param {readonly import('./migrations.ts').Migration[]} migrations
 * @returns {Promise<string[]>} the names of those applied now
 */
export async function migrateDirectory(database, migrations) {
  await database.prepare(TABLE).all();
  const { results } = await database.prepare('SELECT name FROM d1_migrations').all();
  const applied = new Set(results.map((row) => row.name));
  const missing = migrations.filter(({ name }) => !applied.has(name));
  for (const { name, statements } of missing) {
    const record = database.prepare('INSERT INTO d1_migrations (name) VALUES (?)').bind(name);
    await database.batch([...statements.map((sql) => database.prepare(sql)), record]);
  }
  return missing.map(({ name }) => name);
}
