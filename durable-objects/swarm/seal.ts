// The seal of a swarm that an import has made: whose journal it is and who may read it. The journal itself says nothing of
// that and may not grow: it is the original's to the last byte, and only the original signs what comes after it.

import type { Imported, ImportStart } from '../../core/imports/port.ts';
import type { SignedCheckpoint } from '../../core/journal/checkpoint.ts';
import type { Key } from '../../core/keys/state.ts';
import type { Read } from '../../core/swarm/read.ts';
import type { Rejection } from '../../core/swarm/rejections.ts';
import type { Query } from '../../core/swarm/service.ts';
import { first, type Sql } from '../sql-port.ts';

export interface Seal {
  /** `filling` until all of it has come and was checked: then nothing of it is shown. */
  readonly state: 'filling' | 'sealed';
  readonly start: ImportStart;
  /** The one that the export came with. */
  readonly checkpoint: SignedCheckpoint;
  readonly key: Key;
  readonly imported: Imported | null;
}

const SEAL = 'seal';

/** The seal of this object; null for a swarm of its own. */
export function readSeal(sql: Sql): Seal | null {
  const row = first(sql.all<{ value: string }>('SELECT value FROM meta WHERE key = ?', SEAL));
  return row && (JSON.parse(row.value) as Seal); // our own text
}

export function writeSeal(sql: Sql, seal: Seal): void {
  sql.run('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)', SEAL, JSON.stringify(seal));
}

/** Rows as a sealed swarm's are read: its own key stands beside them, for it cannot stand in the journal. */
export function sealedRead<R extends Read>(read: R, seal: () => Seal | null): R {
  return {
    ...read,
    row: (kind, id) => {
      const key = kind === 'key' ? seal()?.key : undefined;
      return key?.id === id ? key : read.row(kind, id);
    },
  } as R; // the same methods; only a key is looked for in one more place
}

/** Why nothing may be written here; null for a swarm of its own. */
export function refuseWriting(seal: Seal | null): Rejection | null {
  return seal && { code: seal.state === 'sealed' ? 'swarm_sealed' : 'swarm_filling' };
}

/** Refuses what a sealed swarm cannot answer: nothing before it is whole, and no signature but the one that it came with. */
export function refuseReading(seal: Seal | null, query: Query): Rejection | null {
  if (seal === null) return null;
  if (seal.state === 'filling') return { code: 'swarm_filling' };
  const { size } = seal.checkpoint;
  const asked =
    query.type === 'checkpoint' || query.type === 'proof' ? query.size : query.type === 'consistency' ? query.to : size;
  return asked === undefined || asked === size ? null : { code: 'swarm_sealed', size };
}
