import { runInDurableObject } from 'cloudflare:test';
import { describe } from 'vitest';
import { durableSql } from '../../durable-objects/sql-port.ts';
import { sqlSuite } from './squad-sql-suite.ts';
import { aSquad } from './squad-support.ts';

describe("the SQL port over a Durable Object's storage", () => {
  sqlSuite((check) =>
    runInDurableObject(aSquad().squad, (_squad, { storage }) => {
      // The squad's own tables are there: the suite starts with none.
      for (const { name } of storage.sql
        .exec<{ name: string }>(
          "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '_cf_%'",
        )
        .toArray()) {
        storage.sql.exec(`DROP TABLE ${name}`);
      }
      check(durableSql(storage));
    }),
  );
});
