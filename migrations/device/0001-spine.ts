// The first database of a device: what it must tell, what it was told, what it tries.

/** Never edited once released: a change is a new file. */
export const spine = {
  id: '0001-spine',
  sql: `
-- Facts that the swarm has not committed yet. seq is gapless: rows leave from the front only.
CREATE TABLE outbox (
  seq INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  trace TEXT,
  body TEXT NOT NULL
);

-- One row. used: last seq given to a fact; sent: last seq that may have left this device; committed: last seq deleted.
-- Epoch 0: the swarm has not said yet which epoch this database writes in.
CREATE TABLE outbox_state (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  epoch INTEGER NOT NULL,
  used INTEGER NOT NULL,
  sent INTEGER NOT NULL,
  committed INTEGER NOT NULL,
  CHECK (committed <= used AND sent <= used)
);
INSERT INTO outbox_state (id, epoch, used, sent, committed) VALUES (1, 0, 0, 0, 0);

-- Facts that the swarm refused, with its answer. The newest are kept.
CREATE TABLE receipts (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  epoch INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  at INTEGER NOT NULL,
  code TEXT NOT NULL,
  detail TEXT,
  fact TEXT NOT NULL
);

-- Orders that were stored, so that a repeated one is known. The newest are kept.
CREATE TABLE orders (
  id TEXT PRIMARY KEY,
  received_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX orders_received ON orders (received_at);

-- Attempts, from the offer on. lease_until and deadline are times of the swarm's clock. input is dropped at the end.
CREATE TABLE attempts (
  attempt TEXT PRIMARY KEY,
  task TEXT NOT NULL,
  fence INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('taken', 'running', 'ended')),
  outcome TEXT,
  operation TEXT NOT NULL,
  input TEXT,
  price_micro INTEGER NOT NULL,
  lease_ms INTEGER NOT NULL,
  lease_until INTEGER NOT NULL,
  deadline INTEGER NOT NULL,
  runs INTEGER NOT NULL,
  trace TEXT,
  ended_at INTEGER,
  CHECK ((state = 'ended') = (outcome IS NOT NULL) AND (state = 'ended') = (ended_at IS NOT NULL))
) WITHOUT ROWID;
CREATE INDEX attempts_task ON attempts (task, fence);
CREATE INDEX attempts_open ON attempts (state) WHERE state <> 'ended';
CREATE INDEX attempts_ended ON attempts (ended_at) WHERE state = 'ended';

-- What the device remembers by name: the difference between its clock and the swarm's, its last description.
CREATE TABLE memory (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;
`,
} as const;
