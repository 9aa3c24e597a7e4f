// What the swarm has signed, and the roots of larger subtrees, so that a checkpoint of a long journal reads few of them.

export const checkpoints = {
  id: '0002-checkpoints',
  sql: `
-- Every checkpoint that was signed, by its size. No two are ever of one size: the swarm gives its word once.
CREATE TABLE checkpoint (size INTEGER PRIMARY KEY, body TEXT NOT NULL);

-- Roots of complete, aligned subtrees larger than those in merkle: a cache, made when first asked for.
CREATE TABLE merkle_large (size INTEGER NOT NULL, start INTEGER NOT NULL, root TEXT NOT NULL, PRIMARY KEY (size, start)) WITHOUT ROWID;
`,
};
