// What every adapter of the SQL port must do: the same suite runs over a Durable Object's storage and over node:sqlite.

import { expect, it } from 'vitest';
import { type Migration, migrate } from '../../durable-objects/migrate.ts';
import { bytesOf, first, type Sql } from '../../durable-objects/sql-port.ts';

/** @param withSql runs the check over a new, empty database */
export function sqlSuite(withSql: (check: (sql: Sql) => void) => Promise<void>): void {
  const check = (title: string, body: (sql: Sql) => void) => it(title, () => withSql(body));

  check('what is written is read: text, integers below 2^53, reals, null, bytes', (sql) => {
    sql.run('CREATE TABLE t (id INTEGER PRIMARY KEY, v ANY)');
    const values = ['Größe €', '', 0, -1, 2 ** 53 - 1, 1.5, null, new Uint8Array([0, 255])];
    for (const value of values) sql.run('INSERT INTO t (v) VALUES (?)', value);
    const rows = sql.all<{ v: string | number | null | Uint8Array }>('SELECT v FROM t ORDER BY id');
    const read = rows.map(({ v }) => (typeof v === 'object' && v !== null ? bytesOf(v) : v));
    expect(read).toEqual(values);
    expect(first(rows)).toBe(rows[0]);
    expect(first(sql.all('SELECT v FROM t WHERE id = 99'))).toBeNull();
  });

  check('a statement is run again with other bindings, and between its own rows', (sql) => {
    sql.run('CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)');
    for (let n = 0; n < 3; n++) sql.run('INSERT INTO t (id, v) VALUES (?, ?)', n, `v${n}`);
    const one = (n: number) => sql.all<{ v: string }>('SELECT v FROM t WHERE id = ?', n).map((row) => row.v);
    expect([one(2), one(0), one(7)]).toEqual([['v2'], ['v0'], []]);
    expect(sql.all<{ id: number }>('DELETE FROM t WHERE id > ? RETURNING id', 0).map((row) => row.id)).toEqual([1, 2]);
    expect(sql.all('SELECT id FROM t')).toHaveLength(1);
  });

  check('a text without bindings may hold several statements', (sql) => {
    sql.run("CREATE TABLE t (v TEXT); -- a comment\n INSERT INTO t VALUES ('a;b'); INSERT INTO t VALUES ('c')");
    expect(sql.all<{ v: string }>('SELECT v FROM t').map((row) => row.v)).toEqual(['a;b', 'c']);
  });

  check('a transaction is all or nothing, inside another too', (sql) => {
    sql.run('CREATE TABLE t (v INTEGER PRIMARY KEY)');
    const values = () => sql.all<{ v: number }>('SELECT v FROM t').map((row) => row.v);
    const put = (v: number) => sql.run('INSERT INTO t VALUES (?)', v);
    expect(
      sql.transaction(() => {
        put(1);
        expect(() =>
          sql.transaction(() => {
            put(2);
            throw new RangeError('inner');
          }),
        ).toThrow(RangeError);
        sql.transaction(() => put(3));
        return 'done';
      }),
    ).toBe('done');
    expect(values()).toEqual([1, 3]);
    expect(() =>
      sql.transaction(() => {
        put(4);
        sql.transaction(() => put(5));
        put(1);
      }),
    ).toThrow();
    expect(values()).toEqual([1, 3]);
    sql.transaction(() => put(6));
    expect(values()).toEqual([1, 3, 6]);
  });

  check('a transaction refuses an async function and writes nothing', (sql) => {
    sql.run('CREATE TABLE t (v INTEGER)');
    const run = () =>
      sql.transaction(async () => {
        sql.run('INSERT INTO t VALUES (1)');
      });
    expect(run).toThrow('a transaction is synchronous');
    expect(sql.all('SELECT v FROM t')).toEqual([]);
  });

  check('migrations are applied in order, once, each whole', (sql) => {
    const one: Migration = { id: '0001-one', sql: 'CREATE TABLE a (v TEXT); CREATE INDEX a_v ON a (v)' };
    const two: Migration = { id: '0002-two', sql: "INSERT INTO a VALUES ('two')" };
    const broken: Migration = {
      id: '0003-broken',
      sql: "INSERT INTO a VALUES ('three'); INSERT INTO nowhere VALUES (1)",
    };
    migrate(sql, [one]);
    migrate(sql, [one, two]);
    migrate(sql, [one, two]);
    expect(() => migrate(sql, [one, two, broken])).toThrow();
    expect(sql.all<{ v: string }>('SELECT v FROM a').map((row) => row.v)).toEqual(['two']);
    expect(sql.all<{ id: string }>('SELECT id FROM migrations').map((row) => row.id)).toEqual(['0001-one', '0002-two']);
    // An edited history, a missing step and later code's database are refused.
    expect(() => migrate(sql, [one])).toThrow('the migrations applied are the first of those known');
    expect(() => migrate(sql, [two, one])).toThrow('the migrations applied are the first of those known');
    expect(() => migrate(sql, [one, two, two])).toThrow('migrations are sorted by id');
  });
}
