// What a swarm has begun and not ended, so that a process that dies of it does not begin it for ever.

export const tries = {
  id: '0008-tries',
  sql: `
-- What each runner has under way, written before it is begun. A list that was not taken away says what was cut off.
CREATE TABLE under_way (runner TEXT PRIMARY KEY, works TEXT NOT NULL) WITHOUT ROWID;

-- Work that was cut off, and chores that have failed: tried alone, not before its time.
CREATE TABLE trouble (
  work TEXT PRIMARY KEY,
  deaths INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  due INTEGER NOT NULL,
  told INTEGER NOT NULL
) WITHOUT ROWID;
`,
};
