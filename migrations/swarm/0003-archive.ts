// Rows of snapshots and segments, the tree of the newest snapshot, and the archive's marks on the swarm's own row.

export const archive = {
  id: '0003-archive',
  sql: `
CREATE TABLE snapshot (
  id TEXT PRIMARY KEY,
  body TEXT NOT NULL,
  state TEXT GENERATED ALWAYS AS (body ->> '$.state') VIRTUAL
);
CREATE TABLE segment (
  id TEXT PRIMARY KEY,
  body TEXT NOT NULL,
  state TEXT GENERATED ALWAYS AS (body ->> '$.state') VIRTUAL
);

-- The chunks of the newest snapshot, from which the next one is carried on.
CREATE TABLE chunk (first TEXT PRIMARY KEY, hash TEXT NOT NULL, rows INTEGER NOT NULL) WITHOUT ROWID;
-- New chunks on their way to object storage.
CREATE TABLE staged (hash TEXT PRIMARY KEY, text TEXT NOT NULL);

UPDATE swarm SET body = json_patch('{"snapshotSeq":0,"archivedTo":0,"expiredTo":0}', body);
UPDATE swarm SET body = json_insert(body, '$.retentionDays', NULL);
`,
};
