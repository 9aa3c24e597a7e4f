// The archive as the API shows it, and what may be asked of it.

import { z } from 'zod';
import { retentionDaysMax, retentionDaysMin } from '../limits.ts';
import { checkpoint } from './resources.ts';
import { time } from './terms.ts';

const seq = z.number().int();
const hash = z.string();
export const ARCHIVE_STATES = ['kept', 'expired', 'deleted'] as const;

export const segment = z.object({
  id: z.string(),
  state: z
    .enum(ARCHIVE_STATES)
    .meta({ description: 'Expired: past its retention. Deleted: its object is gone as well.' }),
  from: seq,
  to: seq,
  fromTime: time,
  toTime: time,
  previous: hash.meta({ description: 'Hash before its first event.' }),
  head: hash.meta({ description: 'Hash of its last event.' }),
  root: hash.meta({ description: 'RFC 6962 root over its events’ hashes, as a tree of its own.' }),
  key: z.string().meta({ description: 'Where its Parquet file lies in object storage.' }),
  sha256: hash.meta({ description: 'Of the file.' }),
  bytes: z.number().int(),
  archivedAt: time,
});
export type SegmentView = z.infer<typeof segment>;

export const snapshot = z.object({
  id: z.string(),
  state: z.enum(ARCHIVE_STATES),
  seq: seq.meta({ description: 'It is the state after this event.' }),
  head: hash,
  time,
  stateHash: hash.meta({ description: 'Hash of the whole state.' }),
  version: z.number().int(),
  key: z.string(),
  rows: z.number().int(),
  chunks: z.number().int(),
  bytes: z.number().int().meta({ description: 'Written for it; chunks of earlier snapshots are not written again.' }),
  takenAt: time,
});
export type SnapshotView = z.infer<typeof snapshot>;

/** The manifest as it lies beside the segments in object storage. */
export const manifest = z.object({
  starling: z.literal('archive'),
  version: z.literal(1),
  origin: z.string(),
  segments: z.array(
    segment.pick({
      from: true,
      to: true,
      key: true,
      sha256: true,
      bytes: true,
      previous: true,
      head: true,
      root: true,
    }),
  ),
  checkpoint: checkpoint.meta({ description: 'Of the last event that is in the archive.' }),
});

/** POST /v1/archive/segments. */
export const archiveNow = z.strictObject({
  keepEvents: z
    .number()
    .int()
    .min(0)
    .max(Number.MAX_SAFE_INTEGER)
    .optional()
    .meta({ description: 'So many of the newest events stay at least; as many as always when left out.' }),
});

export const archived = z.object({
  segments: z.array(z.string()).meta({ description: 'Ids of the segments that were made now, in order.' }),
  archivedTo: seq.meta({ description: 'Events up to here are in the archive.' }),
  isMore: z.boolean().meta({ description: 'True when there is more to archive than one request does: ask again.' }),
});

const days = z
  .number()
  .int()
  .min(retentionDaysMin)
  .max(retentionDaysMax)
  .nullable()
  .meta({ description: 'Events older than so many days expire; null keeps them for ever.' });

/** PUT /v1/archive/retention. */
export const setRetention = z.strictObject({ days });

export const retention = z.object({
  days,
  archivedTo: seq.meta({ description: 'Events up to here are in the archive; 0 when none is.' }),
  expiredTo: seq.meta({ description: 'Events up to here are past their retention and read no more; 0 when none is.' }),
});
export type RetentionView = z.infer<typeof retention>;
