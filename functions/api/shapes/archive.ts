// The archive as the API shows it.

import {
  archived,
  archiveNow,
  manifest,
  retention,
  segment,
  setRetention,
  snapshot,
} from '../../../core/wire/archive.ts';
import { Checkpoint } from './journal.ts';
import { EXAMPLE } from './parts.ts';
import { shape } from './shape.ts';

const folder = `${EXAMPLE.tenant}/${EXAMPLE.swarm}`;
const segmentFile = `journal/${folder}/0000000000000001-0000000000008192-${EXAMPLE.hash.slice(0, 16)}.parquet`;

export const Segment = shape('Segment', segment, {
  id: '0000000000000001',
  state: 'kept',
  from: 1,
  to: 8_192,
  fromTime: EXAMPLE.time,
  toTime: EXAMPLE.later,
  previous: '0'.repeat(64),
  head: EXAMPLE.hash,
  root: EXAMPLE.hash,
  key: segmentFile,
  sha256: EXAMPLE.hash,
  bytes: 398_211,
  archivedAt: EXAMPLE.later,
});

export const Snapshot = shape('Snapshot', snapshot, {
  id: '0000000000008192',
  state: 'kept',
  seq: 8_192,
  head: EXAMPLE.hash,
  time: EXAMPLE.time,
  stateHash: EXAMPLE.hash,
  version: 1,
  key: `snapshots/${folder}/0000000000008192-${EXAMPLE.hash.slice(0, 16)}.json.gz`,
  rows: 3_120,
  chunks: 31,
  bytes: 182_044,
  takenAt: EXAMPLE.later,
});

export const Manifest = shape('ArchiveManifest', manifest, {
  starling: 'archive',
  version: 1,
  origin: folder,
  segments: [
    {
      from: 1,
      to: 8_192,
      key: segmentFile,
      sha256: EXAMPLE.hash,
      bytes: 398_211,
      previous: '0'.repeat(64),
      head: EXAMPLE.hash,
      root: EXAMPLE.hash,
    },
  ],
  checkpoint: Checkpoint.example,
});

export const ArchiveNow = shape('ArchiveNow', archiveNow, { keepEvents: 1_000 });

export const Archived = shape('Archived', archived, {
  segments: ['0000000000000001'],
  archivedTo: 8_192,
  isMore: false,
});

export const SetRetention = shape('SetRetention', setRetention, { days: 90 });

export const Retention = shape('Retention', retention, { days: 90, archivedTo: 8_192, expiredTo: 0 });
