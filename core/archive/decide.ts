// The archive's rules: segments follow each other without a gap and without a break in the chain, nothing leaves the object
// that no snapshot covers, and only what is past its retention expires.

import { isUnsure } from '../clock/state.ts';
import { retentionDaysMax, retentionDaysMin } from '../limits.ts';
import { err, ok, type Result } from '../result.ts';
import type { Draft } from '../swarm/draft.ts';
import type { Rejection } from '../swarm/rejections.ts';
import type { ArchiveCommand } from './commands.ts';
import { archiveId } from './state.ts';

const dayMs = 24 * 3_600_000;

export function decideArchive(draft: Draft, command: ArchiveCommand): Result<string, Rejection> {
  switch (command.type) {
    case 'RecordSnapshot':
      return recordSnapshot(draft, command);
    case 'RecordSegment':
      return recordSegment(draft, command);
    case 'ExpireHistory':
      return expire(draft, command);
    case 'RecordDeleted':
      return recordDeleted(draft, command);
    case 'SetRetention':
      return setRetention(draft, command.days);
  }
}

function recordSnapshot(
  draft: Draft,
  { type: _, ...snapshot }: Extract<ArchiveCommand, { type: 'RecordSnapshot' }>,
): Result<string, Rejection> {
  const id = archiveId(snapshot.seq);
  if (draft.row('snapshot', id) !== null) return ok(id);
  if (snapshot.seq <= draft.swarm().snapshotSeq) return err({ code: 'archive_out_of_order' });
  draft.emit({ type: 'snapshot.taken', subject: `snapshot/${id}`, body: { snapshot: id, ...snapshot } });
  return ok(id);
}

function recordSegment(
  draft: Draft,
  { type: _, ...segment }: Extract<ArchiveCommand, { type: 'RecordSegment' }>,
): Result<string, Rejection> {
  const id = archiveId(segment.from);
  const { archivedTo, snapshotSeq } = draft.swarm();
  const known = draft.row('segment', id);
  if (known !== null && known.to === segment.to && known.head === segment.head) return ok(id);
  if (segment.from !== archivedTo + 1 || segment.to < segment.from) {
    return err({ code: 'archive_out_of_order', expected: archivedTo + 1 });
  }
  // The past is rebuilt from the nearest snapshot on: events behind the newest one stay where they are read fastest.
  if (segment.to > snapshotSeq) return err({ code: 'archive_out_of_order', expected: snapshotSeq });
  draft.emit({ type: 'segment.archived', subject: `segment/${id}`, body: { segment: id, ...segment } });
  return ok(id);
}

function expire(
  draft: Draft,
  { behind, segments, snapshots }: Extract<ArchiveCommand, { type: 'ExpireHistory' }>,
): Result<string, Rejection> {
  const { retentionDays } = draft.swarm();
  const first = draft.row('snapshot', behind);
  if (retentionDays === null || first?.state !== 'kept') return err({ code: 'retention_not_over' });
  // After such a step nobody knows yet whether it is so late: a wrong clock must not delete what nothing brings back.
  if (isUnsure(draft.swarm(), draft.moment.at)) return err({ code: 'retention_not_over' });
  // What is kept begins with this snapshot: every moment within the retention can be rebuilt from it or a later one.
  if (first.headAt >= draft.moment.at - retentionDays * dayMs) return err({ code: 'retention_not_over' });
  for (const id of segments) {
    const segment = draft.row('segment', id);
    if (segment === null || segment.state !== 'kept') continue;
    const isNext = segment.from === draft.swarm().expiredTo + 1;
    if (!isNext || segment.to > first.seq) return err({ code: 'retention_not_over' });
    draft.emit({ type: 'segment.expired', subject: `segment/${id}`, body: { segment: id, to: segment.to } });
  }
  for (const id of snapshots) {
    const snapshot = draft.row('snapshot', id);
    if (snapshot === null || snapshot.state !== 'kept') continue;
    // One that stands before events which are still there leads to them, and stays with them.
    if (snapshot.seq >= draft.swarm().expiredTo) return err({ code: 'retention_not_over' });
    draft.emit({ type: 'snapshot.expired', subject: `snapshot/${id}`, body: { snapshot: id } });
  }
  return ok('history');
}

function recordDeleted(
  draft: Draft,
  { segments, snapshots }: Extract<ArchiveCommand, { type: 'RecordDeleted' }>,
): Result<string, Rejection> {
  for (const id of segments) {
    if (draft.row('segment', id)?.state !== 'expired') continue;
    draft.emit({ type: 'segment.deleted', subject: `segment/${id}`, body: { segment: id } });
  }
  for (const id of snapshots) {
    if (draft.row('snapshot', id)?.state !== 'expired') continue;
    draft.emit({ type: 'snapshot.deleted', subject: `snapshot/${id}`, body: { snapshot: id } });
  }
  return ok('history');
}

function setRetention(draft: Draft, days: number | null): Result<string, Rejection> {
  if (days !== null && (days < retentionDaysMin || days > retentionDaysMax)) {
    return err({ code: 'limit_reached', limit: 'retentionDaysMax', most: retentionDaysMax });
  }
  const { id, retentionDays } = draft.swarm();
  if (days !== retentionDays) draft.emit({ type: 'retention.changed', subject: `swarm/${id}`, body: { days } });
  return ok(id);
}
