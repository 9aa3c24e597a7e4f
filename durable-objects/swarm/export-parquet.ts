// An export as one Parquet file with the columns of the archive's segments. It is written row group by row group and leaves as
// it is written: what is held is one group, and at the end the places of all of them.

import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import type { SignedCheckpoint } from '../../core/journal/checkpoint.ts';
import { GENESIS, type StoredEvent, textOf } from '../../core/journal/event.ts';
import { canonical } from '../../core/json.ts';
import { rowGroupChars, rowGroupEvents } from '../../core/limits.ts';
import { ALONE, type Work } from '../turns.ts';
import { exportPages } from './export-ndjson.ts';
import type { ReadEvents } from './merkle-tree.ts';
import { columnsOf, EVENT_FILE, markEntry } from './segment-file.ts';

/** The whole journal as a Parquet file; the signed checkpoint stands in its metadata as `starling.checkpoint`. */
export async function* parquetExport(
  checkpoint: SignedCheckpoint,
  readEvents: ReadEvents,
  work: Work = ALONE,
): AsyncGenerator<Uint8Array, void> {
  const { origin, size, head, root } = checkpoint;
  const bytes = new PassingWriter();
  const writer = new ParquetWriter({
    ...EVENT_FILE,
    schema: [...EVENT_FILE.schema],
    writer: bytes,
    kvMetadata: [
      markEntry({ origin, from: 1, to: size, previous: GENESIS, head, root }),
      { key: 'starling.checkpoint', value: canonical(checkpoint) },
    ],
  });
  for await (const events of groups(checkpoint, readEvents, work)) {
    await writer.write({ columnData: columnsOf(events), rowGroupSize: events.length, pageSize: 0 });
    yield bytes.take();
  }
  await writer.finish();
  yield bytes.take();
}

async function* groups(
  checkpoint: SignedCheckpoint,
  readEvents: ReadEvents,
  work: Work,
): AsyncGenerator<StoredEvent[], void> {
  let group: StoredEvent[] = [];
  let chars = 0;
  for await (const events of exportPages(checkpoint, readEvents, work)) {
    group.push(...events);
    chars += textOf(events);
    if (group.length < rowGroupEvents && chars < rowGroupChars) continue;
    yield group;
    group = [];
    chars = 0;
  }
  if (group.length > 0) yield group;
}

/** A writer whose bytes are taken away while it goes on counting. */
class PassingWriter extends ByteWriter {
  take(): Uint8Array {
    const bytes = this.getBytes().slice();
    this.index = 0;
    return bytes;
  }
}
