// The archive's rows as the API shows them.

import type { RetentionView, SegmentView, SnapshotView } from '../wire/archive.ts';
import { timeText } from '../work/view.ts';
import type { ArchiveMarks, Segment, Snapshot } from './state.ts';

export function segmentView({ fromAt, toAt, archivedAt, ...segment }: Segment): SegmentView {
  return { ...segment, fromTime: timeText(fromAt), toTime: timeText(toAt), archivedAt: timeText(archivedAt) };
}

export function snapshotView({ headAt, takenAt, ...snapshot }: Snapshot): SnapshotView {
  return { ...snapshot, time: timeText(headAt), takenAt: timeText(takenAt) };
}

export function retentionView({ retentionDays, archivedTo, expiredTo }: ArchiveMarks): RetentionView {
  return { days: retentionDays, archivedTo, expiredTo };
}
