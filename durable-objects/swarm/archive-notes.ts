// What the archive has to remember between two steps, beside the journal: a file that may have been stored and is not in the
// journal yet, and that the manifest in object storage is behind.

import { first, type Sql } from '../sql-port.ts';

/** A segment on its way: from before its upload until the journal says that it is there. */
export interface Staged {
  readonly from: number;
  readonly to: number;
  readonly key: string;
}

export interface ArchiveNotes {
  staged(): Staged | null;
  stage(staged: Staged): void;
  unstage(): void;
  /** Since which seq the manifest is behind, or null. Asked often, so it is not read each time. */
  manifestBehind(): number | null;
  /** To be written with what makes it true, in one transaction. */
  manifestFalls(seq: number): void;
  /** It says now what was true at that seq; if it has fallen behind again meanwhile, it still is. */
  manifestCaughtUp(seq: number): void;
}

const STAGED = 'archive-staged';
const MANIFEST_BEHIND = 'archive-manifest-behind';

/** Opens the notes. There is one of them to a swarm's tables: it keeps in memory what it has written. */
export function openArchiveNotes(sql: Sql): ArchiveNotes {
  const read = (key: string): string | null =>
    first(sql.all<{ value: string }>('SELECT value FROM meta WHERE key = ?', key))?.value ?? null;
  const write = (key: string, value: string): void =>
    sql.run('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)', key, value);
  const stored = read(MANIFEST_BEHIND);
  let behind = stored === null ? null : Number(stored);
  return {
    staged() {
      const text = read(STAGED);
      return text === null ? null : (JSON.parse(text) as Staged); // our own text
    },
    stage: (staged) => write(STAGED, JSON.stringify(staged)),
    unstage: () => sql.run('DELETE FROM meta WHERE key = ?', STAGED),
    manifestBehind: () => behind,
    manifestFalls(seq) {
      behind = seq;
      write(MANIFEST_BEHIND, String(seq));
    },
    manifestCaughtUp(seq) {
      if (behind !== seq) return;
      sql.run('DELETE FROM meta WHERE key = ?', MANIFEST_BEHIND);
      behind = null;
    },
  };
}
