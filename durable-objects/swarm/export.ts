// The whole journal as a stream, hot and cold alike: pulled by its reader, so that a slow one makes no queue here, and one that
// goes stops it.

import type { SignedCheckpoint } from '../../core/journal/checkpoint.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Rejection } from '../../core/swarm/rejections.ts';
import type { ExportFormat } from '../../core/swarm/service.ts';
import { SELF } from '../../core/swarm/state.ts';
import type { Work } from '../turns.ts';
import { ndjsonExport } from './export-ndjson.ts';
import { parquetExport } from './export-parquet.ts';
import type { ReadEvents } from './merkle-tree.ts';
import type { SwarmStore } from './swarm-store.ts';

export interface ExportDeps {
  readonly store: Pick<SwarmStore, 'read' | 'seal'>;
  readonly readEvents: ReadEvents;
  readonly work?: Work;
}

/** An export up to this checkpoint; refused when a part of the journal is past its retention, for then it is not whole. */
export function exportStream(
  format: ExportFormat,
  checkpoint: SignedCheckpoint,
  { store, readEvents, work }: ExportDeps,
): Result<ReadableStream<Uint8Array>, Rejection> {
  const expiredTo = store.seal() === null ? (store.read.row('swarm', SELF)?.expiredTo ?? 0) : 0;
  if (expiredTo > 0) return err({ code: 'history_expired', firstSeq: expiredTo + 1 });
  return ok(streamOf((format === 'ndjson' ? ndjsonExport : parquetExport)(checkpoint, readEvents, work)));
}

/** Parts as a stream of bytes that asks for the next one only when its reader does. */
export function streamOf(parts: AsyncGenerator<Uint8Array, void>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await parts.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await parts.return();
      },
    },
    { highWaterMark: 0 },
  );
}
