// What a device holds of its swarm's history, so that it notices when that is written anew.

export const checkpoint = {
  id: '0002-checkpoint',
  sql: `
-- One row. body: the newest checkpoint that went on from the one before, with the swarm's key pinned in it. conflict: why what
-- was shown since does not go on from it, shown: that checkpoint; null while all is well.
CREATE TABLE checkpoint (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  body TEXT,
  taken_at INTEGER,
  conflict TEXT,
  conflict_at INTEGER,
  shown TEXT
);
INSERT INTO checkpoint (id) VALUES (1);
`,
} as const;
