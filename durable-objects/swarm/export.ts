// The whole journal as a stream, hot and cold alike: pulled by its reader, so that a slow one makes no queue here, and one that
// goes stops it.

import { Fault } from '../../core/assert.ts';
import type { SignedCheckpoint } from '../../core/journal/checkpoint.ts';
import { exportRetryMs } from '../../core/limits.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Rejection } from '../../core/swarm/rejections.ts';
import type { ExportFormat } from '../../core/swarm/service.ts';
import { SELF } from '../../core/swarm/state.ts';
import type { Work } from '../turns.ts';
import { ndjsonExport } from './export-ndjson.ts';
import { parquetExport } from './export-parquet.ts';
import type { ReadEvents } from './merkle-tree.ts';
import { pacedStream } from './paced-stream.ts';
import type { SwarmStore } from './swarm-store.ts';

/** Who may read at once. */
export interface ReaderSlots {
  /** A slot, to be given back; null when all are taken. */
  take(): (() => void) | null;
}

export function readerSlots(most: number): ReaderSlots {
  let taken = 0;
  return {
    take() {
      if (taken >= most) return null;
      taken++;
      return () => {
        taken--;
      };
    },
  };
}

export interface ExportDeps {
  readonly store: Pick<SwarmStore, 'read' | 'seal'>;
  readonly readEvents: ReadEvents;
  readonly work?: Work;
  readonly slots?: ReaderSlots;
  /** Asked again before each part: whoever reads must still be allowed to. */
  isAllowed?(): boolean;
}

/** An export up to this checkpoint; refused when a part of the journal is past its retention, for then it is not whole. */
export function exportStream(
  format: ExportFormat,
  checkpoint: SignedCheckpoint,
  { store, readEvents, work, slots, isAllowed = () => true }: ExportDeps,
): Result<ReadableStream<Uint8Array>, Rejection> {
  const expiredTo = store.seal() === null ? (store.read.row('swarm', SELF)?.expiredTo ?? 0) : 0;
  if (expiredTo > 0) return err({ code: 'history_expired', firstSeq: expiredTo + 1 });
  const release = slots ? slots.take() : () => {};
  if (release === null) return err({ code: 'too_many_readers', retryAfterMs: exportRetryMs });
  const parts = (format === 'ndjson' ? ndjsonExport : parquetExport)(checkpoint, readEvents, work);
  return ok(streamOf(parts, release, isAllowed));
}

/** Parts as a stream of bytes that asks for the next one only when its reader does. */
function streamOf(
  parts: AsyncGenerator<Uint8Array, void>,
  release: () => void,
  isAllowed: () => boolean,
): ReadableStream<Uint8Array> {
  return pacedStream({
    async next() {
      if (!isAllowed()) throw new Fault('its key is not in force any more', { retryable: false });
      const { done, value } = await parts.next();
      return done ? null : value;
    },
    ended() {
      release();
      // What it had read goes with it; nobody waits for that.
      void parts.return().catch(() => {});
    },
  }).stream;
}
