// An export as lines of text, page by page: what is held is one page. It ends where its checkpoint does, whatever is written
// meanwhile.

import { Fault } from '../../core/assert.ts';
import type { SignedCheckpoint } from '../../core/journal/checkpoint.ts';
import { type StoredEvent, textOf } from '../../core/journal/event.ts';
import { eventLine, exportHeader } from '../../core/journal/export-lines.ts';
import { ALONE, type Work } from '../turns.ts';
import type { ReadEvents } from './merkle-tree.ts';
import { firstPage, nextPage } from './next-page.ts';

/** Events read at once, where they are small; of large ones fewer, so that about one piece of the stream is held. */
const pageEvents = 64;
/** An event that is only read and written down costs as much as a part of one that is decided. */
const eventsReadInOne = 4;

/** One page after another, from the first event to the checkpoint's last. @throws Fault when a part cannot be read */
export async function* exportPages(
  { size }: SignedCheckpoint,
  readEvents: ReadEvents,
  work: Work = ALONE,
): AsyncGenerator<readonly StoredEvent[], void> {
  let atOnce = firstPage;
  for (let from = 1; from <= size; ) {
    await work.giveWay();
    const to = Math.min(from + atOnce - 1, size);
    const read = await readEvents(from, to);
    // The answer has begun: a reader sees that it breaks off, and by the first line that something is missing.
    if (!read.ok) throw new Fault(`the export breaks off at event ${from}: ${read.error.code}`, { retryable: false });
    if (read.value.length === 0) throw new Fault(`event ${from} is not there`, { retryable: false });
    work.spent(read.value.length / eventsReadInOne, textOf(read.value));
    yield read.value;
    from += read.value.length;
    atOnce = nextPage(read.value, pageEvents);
  }
}

/** An export as NDJSON, by the lines of core/journal/export-lines.ts. */
export async function* ndjsonExport(
  checkpoint: SignedCheckpoint,
  readEvents: ReadEvents,
  work: Work = ALONE,
): AsyncGenerator<Uint8Array, void> {
  const encoder = new TextEncoder();
  yield encoder.encode(`${exportHeader(checkpoint)}\n`);
  for await (const events of exportPages(checkpoint, readEvents, work)) {
    yield encoder.encode(events.map((event) => `${eventLine(checkpoint.origin, event)}\n`).join(''));
  }
}
