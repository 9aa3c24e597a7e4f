// The tables of a swarm object. Each aggregate's row is canonical JSON under its id; what is searched by is generated from it,
// so that a row and its index can never differ.

export const spine = {
  id: '0001-spine',
  sql: `
CREATE TABLE journal (
  seq INTEGER PRIMARY KEY,
  hash TEXT NOT NULL,
  type TEXT NOT NULL,
  version INTEGER NOT NULL,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  subject TEXT NOT NULL,
  command TEXT NOT NULL,
  trace TEXT,
  body TEXT NOT NULL
);
-- The proof of a task walks its events; no other subject is searched by.
CREATE INDEX journal_task ON journal (subject) WHERE subject >= 'task/' AND subject < 'task0';

-- The answer to every command that came with an id of its own, for ever.
CREATE TABLE answer (id TEXT PRIMARY KEY, digest TEXT NOT NULL, answer TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE timer (key TEXT PRIMARY KEY, due INTEGER NOT NULL, command TEXT NOT NULL, tries INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE INDEX timer_due ON timer (due);

CREATE TABLE outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  effect TEXT NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0,
  due INTEGER NOT NULL,
  parked INTEGER NOT NULL DEFAULT 0
);

-- What is not a fact of the swarm: its signing key, why it was halted, the breaker's count.
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- Roots of complete, aligned subtrees of the Merkle tree: a cache, made when first asked for.
CREATE TABLE merkle (start INTEGER PRIMARY KEY, root TEXT NOT NULL);

CREATE TABLE swarm (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE account (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE transfer (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
-- The audit adds up what is pending without reading every transfer there ever was.
CREATE INDEX transfer_pending ON transfer (id) WHERE body ->> '$.state' = 'pending';

CREATE TABLE task (
  id TEXT PRIMARY KEY,
  body TEXT NOT NULL,
  state TEXT GENERATED ALWAYS AS (body ->> '$.state') VIRTUAL,
  operation TEXT GENERATED ALWAYS AS (body ->> '$.operation') VIRTUAL,
  attempt TEXT GENERATED ALWAYS AS (body ->> '$.attempts[#-1].id') VIRTUAL,
  mission TEXT GENERATED ALWAYS AS (body ->> '$.mission') VIRTUAL
);
CREATE INDEX task_open ON task (state, operation, id) WHERE state IN ('waiting', 'queued', 'leased', 'awaiting_approval');
CREATE INDEX task_attempt ON task (attempt) WHERE state = 'leased';

CREATE TABLE mission (
  id TEXT PRIMARY KEY,
  body TEXT NOT NULL,
  state TEXT GENERATED ALWAYS AS (body ->> '$.state') VIRTUAL
);
CREATE INDEX mission_open ON mission (id) WHERE state = 'running';

CREATE TABLE device (
  id TEXT PRIMARY KEY,
  body TEXT NOT NULL,
  did TEXT GENERATED ALWAYS AS (body ->> '$.did') VIRTUAL
);
CREATE UNIQUE INDEX device_did ON device (did);
CREATE TABLE presence (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE enrollment (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE route (
  id TEXT PRIMARY KEY,
  body TEXT NOT NULL,
  operation TEXT GENERATED ALWAYS AS (body ->> '$.operation') VIRTUAL,
  active INTEGER GENERATED ALWAYS AS (body ->> '$.active') VIRTUAL
);
CREATE INDEX route_operation ON route (operation, id) WHERE active = 1;

CREATE TABLE key (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE trigger (
  id TEXT PRIMARY KEY,
  body TEXT NOT NULL,
  state TEXT GENERATED ALWAYS AS (body ->> '$.state') VIRTUAL
);
CREATE TABLE webhook (
  id TEXT PRIMARY KEY,
  body TEXT NOT NULL,
  state TEXT GENERATED ALWAYS AS (body ->> '$.state') VIRTUAL
);
CREATE TABLE delivery (
  id TEXT PRIMARY KEY,
  body TEXT NOT NULL,
  webhook TEXT GENERATED ALWAYS AS (body ->> '$.webhook') VIRTUAL
);
CREATE INDEX delivery_webhook ON delivery (webhook, id);
`,
};
