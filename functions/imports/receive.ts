// Brings an export into an object, a batch of lines at a time, and reads no further before a batch was taken. It knows lines
// and their number; whether they are an export, the object alone decides.

import { createHash, type Hash } from 'node:crypto';
import { invalidImport } from '../../core/imports/check.ts';
import { lineSplitter } from '../../core/imports/lines.ts';
import type { Imported, ImportPort, ImportStart } from '../../core/imports/port.ts';
import { readExportHeader } from '../../core/journal/export-lines.ts';
import { importBatchBytesMax, importBatchLinesMax, importLineBytesMax } from '../../core/limits.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Rejection } from '../../core/swarm/rejections.ts';
import { BodyBroken, type BodyFault } from './unpacked.ts';

export type ImportRefusal = Rejection | BodyFault;

export interface ReceiveDeps {
  /** Calls the object; a call that nobody knows the outcome of is made again. */
  call<T>(work: (object: ImportPort) => Promise<T>): Promise<T>;
  /** Keeps a place for it, once its first line is known to be an export's. */
  reserve(): Promise<Result<null, Rejection>>;
  /** What this request has begun is thrown away. */
  abandon(): Promise<void>;
}

export interface Received {
  readonly imported: Imported;
  /** True when it had been brought in before. */
  readonly replayed: boolean;
}

/** What is asked for: all but the export's own first line. */
export interface Wanted extends Omit<ImportStart, 'header'> {
  /** The swarm's public key as the sender of the request holds it; null when they hold none. */
  readonly heldKey: string | null;
}

/** @param bytes of the export, unpacked; read no further once something is wrong with them */
export async function receiveExport(
  bytes: AsyncIterable<Uint8Array>,
  { heldKey, ...wanted }: Wanted,
  deps: ReceiveDeps,
): Promise<Result<Received, ImportRefusal>> {
  const hash = createHash('sha256');
  let from = 0;
  let known: Imported | null = null;
  /** Whatever was taken goes, and the place with it. */
  async function refuse(error: ImportRefusal): Promise<Result<Received, ImportRefusal>> {
    if (from > 0 && known === null) await deps.abandon();
    return err(error);
  }
  try {
    for await (const batch of batches(bytes, hash)) {
      if (!batch.ok) return refuse(invalid(from, batch.error));
      let lines = batch.value;
      const [header] = lines;
      if (from === 0 && header !== undefined) {
        const begun = await begin(header, heldKey, wanted, deps);
        if (!begun.ok) return begun;
        known = begun.value;
        lines = lines.slice(1);
        from = 1;
      }
      const first = from;
      if (known === null && lines.length > 0) {
        const taken = await deps.call((object) => object.takeLines(wanted.run, first, lines));
        if (!taken.ok) return refuse(taken.error);
      }
      from += lines.length;
    }
  } catch (cause) {
    if (cause instanceof BodyBroken) return refuse(cause.fault);
    throw cause;
  }
  if (from === 0) return err(invalid(0, 'there is nothing in it'));
  const digest = hash.digest('hex');
  if (known !== null) {
    return known.digest === digest ? ok({ imported: known, replayed: true }) : err({ code: 'idempotency_key_reused' });
  }
  const finished = await deps.call((object) => object.finishImport(wanted.run, digest));
  return finished.ok ? ok({ imported: finished.value, replayed: false }) : refuse(finished.error);
}

async function begin(
  header: string,
  heldKey: string | null,
  wanted: Omit<ImportStart, 'header'>,
  { call, reserve }: ReceiveDeps,
): Promise<Result<Imported | null, Rejection>> {
  const checkpoint = readExportHeader(header);
  if (checkpoint === null)
    return err(invalid(0, 'the first line is not that of an export, or its signature does not hold'));
  if (heldKey !== null && heldKey !== checkpoint.publicKey)
    return err(invalid(0, 'it is signed by another key than yours'));
  const reserved = await reserve();
  return reserved.ok ? call((object) => object.beginImport({ ...wanted, header })) : reserved;
}

/** Whole lines, as many as go to the object at once. What does not end is the fault of the line that it would be. */
async function* batches(
  bytes: AsyncIterable<Uint8Array>,
  hash: Hash,
): AsyncGenerator<Result<readonly string[], string>, void> {
  const splitter = lineSplitter(importLineBytesMax);
  let lines: string[] = [];
  let chars = 0;
  for await (const chunk of bytes) {
    hash.update(chunk);
    const split = splitter.push(chunk);
    for (const line of split.lines) {
      lines.push(line);
      chars += line.length;
      if (lines.length < importBatchLinesMax && chars < importBatchBytesMax) continue;
      yield ok(lines);
      lines = [];
      chars = 0;
    }
    if (split.fault === null) continue;
    // What came before it is looked at first: the first bad event is the one to tell.
    if (lines.length > 0) yield ok(lines);
    yield err(split.fault === 'not_utf8' ? 'it is not UTF-8' : `it has more than ${importLineBytesMax} bytes`);
    return;
  }
  if (lines.length > 0) yield ok(lines);
  if (splitter.pending() > 0) yield err('its line has no end');
}

/** @param seq of the first bad event; 0 for the export as a whole */
function invalid(seq: number, reason: string): Rejection {
  return invalidImport({ seq: seq === 0 ? null : seq, reason });
}
