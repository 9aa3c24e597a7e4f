// The words between the API and an object that an import fills, as plain data over RPC. Every one may be repeated: what has
// been done already is answered, not done again.

import type { KeyId, SwarmId, TenantId } from '../ids.ts';
import type { Scope } from '../keys/scopes.ts';
import type { Result } from '../result.ts';
import type { Rejection } from '../swarm/rejections.ts';

/** Who a journal is brought in for, and by which request. */
export interface ImportStart {
  readonly id: SwarmId;
  readonly tenant: TenantId;
  readonly name: string;
  /** The key that opens what comes of it. */
  readonly key: { readonly id: KeyId; readonly scopes: readonly Scope[] };
  /** An actor's name: who asked. */
  readonly by: string;
  /** Of this one request: a later one takes over, and an earlier one is told so. */
  readonly run: string;
  /** The first line of the export. */
  readonly header: string;
}

/** What was brought in, as the original's own checkpoint says it, and the hash of the state that the events make. */
export interface Imported {
  readonly origin: string;
  readonly size: number;
  readonly head: string;
  readonly root: string;
  readonly stateHash: string;
  /** SHA-256 of the export's text, hex. */
  readonly digest: string;
}

export interface ImportPort {
  /** Begins with an empty object. Answers with what is there when an import has filled it before. */
  beginImport(start: ImportStart): Promise<Result<Imported | null, Rejection>>;
  /** Takes the lines from event `from` on: at most `importBatchBytesMax` of text. */
  takeLines(run: string, from: number, lines: readonly string[]): Promise<Result<null, Rejection>>;
  /** All lines have come: seals the swarm if they are the whole of what was signed. `digest` is the whole text's. */
  finishImport(run: string, digest: string): Promise<Result<Imported, Rejection>>;
  /** Empties the object, whatever an import has put there; with `run`, only while that request fills it. */
  discardImport(run: string | null): Promise<void>;
}
