// What senders have signed counts once, under whatever id it comes again: a digest of it, what it started, and until when that
// is remembered (null: for ever). Some 54 bytes a delivery.

export const deliveries = {
  id: '0006-deliveries',
  sql: `
CREATE TABLE delivered (digest BLOB PRIMARY KEY, until INTEGER, started TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX delivered_until ON delivered (until) WHERE until IS NOT NULL;
`,
};
