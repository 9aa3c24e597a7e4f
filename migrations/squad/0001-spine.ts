// The squad's first tables: who is connected, which orders wait for a device, what the swarm must still be told.

export const spine = {
  id: '0001-spine',
  sql: `
    -- The name of this object, kept for wakes that do not bring it.
    CREATE TABLE self (
      one  INTEGER PRIMARY KEY CHECK (one = 1),
      name TEXT NOT NULL
    );

    -- One row per connection that the swarm was asked to admit. A row without its socket is a device that has left.
    CREATE TABLE connections (
      connection TEXT PRIMARY KEY,
      device     TEXT NOT NULL
    ) WITHOUT ROWID;

    -- Orders that no device has taken yet, in the order in which they came.
    CREATE TABLE orders (
      position   INTEGER PRIMARY KEY AUTOINCREMENT,
      id         TEXT NOT NULL UNIQUE,
      device     TEXT NOT NULL,
      deliver_by INTEGER,          -- milliseconds; null: kept until the device comes
      body       TEXT NOT NULL,    -- the order as it is sent, JSON
      sent_on    TEXT              -- the connection that it was last sent over; null: none
    );
    CREATE INDEX orders_of_device ON orders (device, position);
    CREATE INDEX orders_due ON orders (deliver_by) WHERE deliver_by IS NOT NULL;

    -- What the swarm must still be told. Deleted only when the swarm has answered.
    CREATE TABLE reports (
      id         INTEGER PRIMARY KEY AUTOINCREMENT,
      kind       TEXT NOT NULL CHECK (kind IN ('left', 'undelivered')),
      device     TEXT NOT NULL,
      subject    TEXT NOT NULL,    -- the connection that ended, or the order
      tries      INTEGER NOT NULL DEFAULT 0,
      next_at    INTEGER           -- milliseconds; null: parked until the swarm is heard of again
    );
    CREATE INDEX reports_due ON reports (next_at);
    CREATE INDEX reports_of_device ON reports (device, kind);
  `,
};
