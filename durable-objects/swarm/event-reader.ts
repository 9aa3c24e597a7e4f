// Events wherever they are: in a swarm's tables, or in a segment of its archive. What comes from the archive is what the journal
// says it is, or it is not given: a file that is missing or has another hash is named and never served [P10].

import type { ObjectStore } from '../../core/archive/port.ts';
import { isWhole } from '../../core/archive/segment.ts';
import type { Segment } from '../../core/archive/state.ts';
import { Fault } from '../../core/assert.ts';
import { sha256Bytes } from '../../core/hash.ts';
import type { StoredEvent } from '../../core/journal/event.ts';
import { segmentCacheBytes } from '../../core/limits.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Rejection } from '../../core/swarm/rejections.ts';
import type { Work } from '../turns.ts';
import { readSegment } from './segment-file.ts';

export interface EventReaderDeps {
  /** Events that have not left the tables, from `from` on, at most `limit`. */
  hot(from: number, limit: number): readonly StoredEvent[] | Promise<readonly StoredEvent[]>;
  /** Segments that hold events `from`–`to` which have left the tables, in order; only those that are kept. */
  segmentsOf(from: number, to: number): readonly Segment[];
  /** The last event that is past its retention; 0 when none is. */
  expiredTo(): number;
  readonly store: ObjectStore;
  /** How others get in between; with none of them where nothing is said. */
  readonly work?: Work;
  /** Bytes of events kept at hand; `segmentCacheBytes` where nothing else is said. */
  readonly cacheBytes?: number;
}

export interface EventReader {
  /**
   * Events `from`–`to`, in order and without a gap; fewer only where the journal ends.
   * Refusals: `history_expired` with the first seq that is left, `history_damaged` with the segment.
   * @throws the storage's fault
   */
  read(from: number, to: number): Promise<Result<readonly StoredEvent[], Rejection>>;
  /** At most `limit` events from `from` on, but no more than one segment or the tables have: for whoever reads on and on. */
  page(from: number, limit: number): Promise<Result<readonly StoredEvent[], Rejection>>;
}

interface Kept {
  readonly events: readonly StoredEvent[];
  readonly bytes: number;
}

/** Beside its text, an event in memory has so many bytes. */
const eventBytes = 400;

export function createEventReader(deps: EventReaderDeps): EventReader {
  /** Segments by their file's hash, the one used last at the end. */
  const kept = new Map<string, Kept>();
  /** Those under way: whoever asks meanwhile waits for the same file. */
  const loading = new Map<string, Promise<readonly StoredEvent[] | null>>();
  let keptBytes = 0;

  function keep(sha256: string, events: readonly StoredEvent[]): void {
    const bytes = events.reduce((sum, { body, command }) => sum + body.length + command.length + eventBytes, 0);
    kept.set(sha256, { events, bytes });
    keptBytes += bytes;
    for (const [old, { bytes: size }] of kept) {
      if (keptBytes <= (deps.cacheBytes ?? segmentCacheBytes) || old === sha256) break;
      kept.delete(old);
      keptBytes -= size;
    }
  }

  async function eventsOf(segment: Segment): Promise<readonly StoredEvent[] | null> {
    const known = kept.get(segment.sha256);
    if (known) {
      kept.delete(segment.sha256);
      kept.set(segment.sha256, known);
      return known.events;
    }
    let load = loading.get(segment.sha256);
    if (!load) {
      load = loadSegment(segment, deps.store, deps.work).finally(() => loading.delete(segment.sha256));
      loading.set(segment.sha256, load);
    }
    const events = await load;
    if (events && !kept.has(segment.sha256)) keep(segment.sha256, events);
    return events;
  }

  async function page(from: number, limit: number): Promise<Result<readonly StoredEvent[], Rejection>> {
    const expiredTo = deps.expiredTo();
    if (from <= expiredTo) return err({ code: 'history_expired', firstSeq: expiredTo + 1 });
    const [segment] = deps.segmentsOf(from, from);
    if (!segment) return hotPage(from, await deps.hot(from, limit));
    const events = await eventsOf(segment);
    if (events === null)
      return err({ code: 'history_damaged', segment: segment.id, from: segment.from, to: segment.to });
    const start = from - segment.from;
    return ok(events.slice(start, start + limit));
  }

  return {
    page,
    async read(from, to) {
      const found: StoredEvent[] = [];
      for (let next = from; next <= to; ) {
        const part = await page(next, to - next + 1);
        if (!part.ok) return part;
        // One by one: what is spread into a call has a limit.
        for (const event of part.value) found.push(event);
        const last = part.value.at(-1);
        if (!last) break;
        next = last.seq + 1;
      }
      return ok(found);
    },
  };
}

/** What the tables gave, as far as it goes on without a gap. */
function hotPage(from: number, events: readonly StoredEvent[]): Result<readonly StoredEvent[], Rejection> {
  const first = events[0];
  // They have left for the archive since it was asked which have: whoever asks again is told.
  if (first && first.seq !== from) throw new Fault(`event ${from} has just been archived`, { retryable: true });
  const gap = events.findIndex(({ seq }, index) => seq !== from + index);
  return gap === -1 ? ok(events) : err({ code: 'history_damaged', seq: from + gap });
}

/** A segment's events; null when its file is missing or is not what the journal says. */
async function loadSegment(segment: Segment, store: ObjectStore, work?: Work): Promise<readonly StoredEvent[] | null> {
  const bytes = await store.get(segment.key);
  if (bytes === null || Buffer.from(sha256Bytes(bytes)).toString('hex') !== segment.sha256) return null;
  const read = await readSegment(bytes, work);
  if (read === null) return null;
  // The hash says that it is the file which was checked event by event before the rows went; this, that it is of these seqs.
  const { mark, events } = read;
  return isWhole({ ...segment, origin: mark.origin }, events) ? events : null;
}
