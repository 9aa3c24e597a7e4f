// What a fork keeps: the parent's rows on their way in, and what its what-if has run again.

export const forks = {
  id: '0004-forks',
  sql: `
-- Rows of the parent's moment in the order in which they came, until the fork begins: then they stand in their own tables.
CREATE TABLE base (n INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, body TEXT NOT NULL);

CREATE TABLE rerun (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
`,
};
