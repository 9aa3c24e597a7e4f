// Rows of a segment's file as a reader of Parquet gives them, and the mark beside them: parsed here for every reader there is.

import { z } from 'zod';
import type { StoredEvent } from '../journal/event.ts';

/** Under this name the mark stands in the file's metadata, as canonical JSON. */
export const SEGMENT_MARK_KEY = 'starling';

export const segmentMark = z.strictObject({
  origin: z.string(),
  from: z.int(),
  to: z.int(),
  previous: z.string(),
  head: z.string(),
  root: z.string(),
});

/** Parquet has no numbers as JSON has them. */
const row = z.object({
  seq: z.bigint(),
  at: z.date(),
  type: z.string(),
  version: z.int(),
  actor: z.string(),
  subject: z.string(),
  command: z.string(),
  trace: z.string().nullish(),
  body: z.string(),
  hash: z.instanceof(Uint8Array),
});

/** The events again; what came before each is the hash of the row before. @throws ZodError when a row is none */
export function eventsOfRows(rows: readonly object[], previous: string): StoredEvent[] {
  let before = previous;
  return rows.map((given) => {
    const { seq, at, hash, trace, ...rest } = row.parse(given);
    const event = {
      ...rest,
      seq: Number(seq),
      at: at.getTime(),
      trace: trace ?? null,
      hash: Buffer.from(hash).toString('hex'),
      previous: before,
    };
    before = event.hash;
    return event;
  });
}
