// The archive's rules, as decisions; and where a segment ends.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ArchiveCommand } from '../../core/archive/commands.ts';
import { segmentKey } from '../../core/archive/keys.ts';
import { firstFault, isWhole, markOf, segmentEnd } from '../../core/archive/segment.ts';
import { archiveId } from '../../core/archive/state.ts';
import { chain, GENESIS, type StoredEvent } from '../../core/journal/event.ts';
import { retentionDaysMax, retentionDaysMin, segmentEventsMin } from '../../core/limits.ts';
import { atOnce } from '../../core/steps.ts';
import { SELF } from '../../core/swarm/state.ts';
import { aSwarm, type MemorySwarm, START } from './memory-swarm.ts';

const dayMs = 24 * 3_600_000;
const hash = 'ab'.repeat(32);

function snapshotAt(seq: number, headAt = START): ArchiveCommand {
  const counts = { rows: 1, chunks: 1, bytes: 1 };
  return {
    type: 'RecordSnapshot',
    seq,
    head: hash,
    headAt,
    stateHash: hash,
    version: 1,
    key: `snapshots/${seq}`,
    ...counts,
  };
}

function segmentOf(from: number, to: number, toAt = START): ArchiveCommand {
  const hashes = { previous: hash, head: hash, root: hash, sha256: hash };
  return { type: 'RecordSegment', from, to, fromAt: toAt, toAt, ...hashes, key: `journal/${from}`, bytes: 1 };
}

/** Two segments behind a snapshot, all ten days old, and a newer snapshot. */
function archived(): MemorySwarm {
  const swarm = aSwarm();
  swarm.do(snapshotAt(600));
  swarm.do(segmentOf(1, 256));
  swarm.do(segmentOf(257, 512));
  swarm.at += 10 * dayMs;
  swarm.do(snapshotAt(900, swarm.at));
  return swarm;
}

describe('segments', () => {
  test('[ARCHIVE-1] each begins behind the one before; any other is refused, and one that is there already is there', () => {
    const swarm = aSwarm();
    swarm.do(snapshotAt(600));
    expect(swarm.refusal(segmentOf(2, 256))).toBe('archive_out_of_order');
    expect(swarm.when(segmentOf(1, 256)).types).toEqual(['segment.archived']);
    expect(swarm.when(segmentOf(1, 256))).toMatchObject({ result: { ok: true }, events: [] });
    expect(swarm.refusal(segmentOf(1, 300))).toBe('archive_out_of_order');
    expect(swarm.refusal(segmentOf(258, 512))).toBe('archive_out_of_order');
    expect(swarm.refusal(segmentOf(257, 256))).toBe('archive_out_of_order');
    swarm.do(segmentOf(257, 512));
    expect(swarm.row('swarm', SELF).archivedTo).toBe(512);
  });

  test('[ARCHIVE-2] none goes beyond the newest snapshot', () => {
    const swarm = aSwarm();
    expect(swarm.refusal(segmentOf(1, 256))).toBe('archive_out_of_order');
    swarm.do(snapshotAt(255));
    expect(swarm.refusal(segmentOf(1, 256))).toBe('archive_out_of_order');
    swarm.do(snapshotAt(256));
    expect(swarm.refusal(snapshotAt(100))).toBe('archive_out_of_order');
    swarm.do(segmentOf(1, 256));
    expect(swarm.row('segment', archiveId(1))).toMatchObject({ state: 'kept', from: 1, to: 256, archivedAt: START });
  });

  test('[ARCHIVE-3] a segment ends at a whole block, as far as it may and not behind what may leave', () => {
    expect(segmentEnd(0, 255)).toBeNull();
    expect(segmentEnd(0, 256)).toBe(256);
    expect(segmentEnd(0, 100_000)).toBe(8_192);
    expect(segmentEnd(300, 511)).toBeNull();
    expect(segmentEnd(300, 600)).toBe(512);
    fc.assert(
      fc.property(fc.nat(100_000), fc.nat(200_000), fc.integer({ min: 256, max: 10_000 }), (archivedTo, last, most) => {
        const end = segmentEnd(archivedTo, last, most);
        if (end === null) return;
        expect(end % segmentEventsMin).toBe(0);
        expect(end).toBeGreaterThan(archivedTo);
        expect(end).toBeLessThanOrEqual(Math.min(last, archivedTo + most));
      }),
    );
  });

  test('[ARCHIVE-8] a key says whose, which and what; other bytes have another key', () => {
    const key = segmentKey('tnt_a/swm_b', 1, 8_192, hash);
    expect(key).toBe(`journal/tnt_a/swm_b/0000000000000001-0000000000008192-${hash.slice(0, 16)}.parquet`);
    expect(segmentKey('tnt_a/swm_b', 1, 8_192, 'cd'.repeat(32))).not.toBe(key);
  });

  test('[ARCHIVE-7] whatever is changed in a segment is found, at its seq or at the end', () => {
    const events: StoredEvent[] = [];
    let previous = GENESIS;
    for (let seq = 1; seq <= 40; seq++) {
      const said = { type: 'transfer.posted', subject: `transfer/${seq}`, body: `{"n":${seq}}` };
      const event = chain('t/s', previous, seq, said, { at: seq, actor: 'user/a', command: 'c', trace: null });
      events.push(event);
      previous = event.hash;
    }
    const segment = events.slice(10, 30);
    const mark = atOnce(markOf('t/s', segment));
    expect(mark).toMatchObject({ from: 11, to: 30, previous: events[9]?.hash, head: events[29]?.hash });
    expect([atOnce(firstFault(mark, segment)), isWhole(mark, segment)]).toEqual([null, true]);
    const members = [
      'seq',
      'hash',
      'previous',
      'type',
      'version',
      'at',
      'actor',
      'subject',
      'command',
      'trace',
      'body',
    ] as const;
    fc.assert(
      fc.property(fc.nat(19), fc.constantFrom(...members), (index, member) => {
        const changed = segment.map((event, i) => {
          if (i !== index) return event;
          const before = event[member];
          return { ...event, [member]: typeof before === 'number' ? before + 1 : `${before ?? ''}x` };
        });
        expect(atOnce(firstFault(mark, changed))).toBe(11 + index);
      }),
    );
    expect(atOnce(firstFault(mark, segment.slice(0, 5)))).toBe(16);
    expect(atOnce(firstFault(mark, segment.toReversed()))).toBe(11);
    expect(atOnce(firstFault(mark, [...segment, ...events.slice(30, 31)]))).toBe(30);
    expect(atOnce(firstFault({ ...mark, origin: 't/other' }, segment))).toBe(11);
    expect(atOnce(firstFault({ ...mark, head: hash }, segment))).toBe(30);
    expect(atOnce(firstFault({ ...mark, root: hash }, segment))).toBe(30);
  });
});

describe('retention', () => {
  const gone = {
    type: 'ExpireHistory',
    behind: archiveId(600),
    segments: [archiveId(1), archiveId(257)],
    snapshots: [],
  } as const;

  test('[ARCHIVE-13] nothing expires without a setting, nor within it', () => {
    const swarm = archived();
    expect(swarm.refusal(gone)).toBe('retention_not_over');
    swarm.do({ type: 'SetRetention', days: 11 });
    expect(swarm.refusal(gone)).toBe('retention_not_over');
    swarm.do({ type: 'SetRetention', days: 9 });
    expect(swarm.when(gone).types).toEqual(['segment.expired', 'segment.expired']);
    expect(swarm.row('swarm', SELF).expiredTo).toBe(512);
    expect(swarm.when(gone)).toMatchObject({ result: { ok: true }, events: [] });
  });

  test('[ARCHIVE-13] a setting is days within bounds, or none; set again to the same it says nothing', () => {
    const swarm = aSwarm();
    for (const days of [retentionDaysMin - 1, retentionDaysMax + 1])
      expect(swarm.refusal({ type: 'SetRetention', days })).toBe('limit_reached');
    expect(swarm.when({ type: 'SetRetention', days: null }).types).toEqual([]);
    const set = swarm.when({ type: 'SetRetention', days: 30 });
    expect([set.types, set.view]).toEqual([['retention.changed'], { days: 30, archivedTo: 0, expiredTo: 0 }]);
    expect(swarm.when({ type: 'SetRetention', days: 30 }).types).toEqual([]);
    swarm.do({ type: 'SetRetention', days: null });
    expect(swarm.row('swarm', SELF).retentionDays).toBeNull();
  });

  test('[ARCHIVE-14] only what lies before a kept snapshot that is past the retention itself, the oldest first', () => {
    const swarm = archived();
    swarm.do({ type: 'SetRetention', days: 9 });
    // Not old enough, not there, before the segment that is to go.
    for (const behind of [archiveId(900), archiveId(601)])
      expect(swarm.refusal({ ...gone, behind })).toBe('retention_not_over');
    expect(swarm.refusal({ ...gone, segments: [archiveId(257)] })).toBe('retention_not_over');
    swarm.do(segmentOf(513, 768));
    expect(swarm.refusal({ ...gone, segments: [...gone.segments, archiveId(513)] })).toBe('retention_not_over');
    // A snapshot goes with the events that it led to, and not before them.
    expect(swarm.refusal({ ...gone, snapshots: [archiveId(600)] })).toBe('retention_not_over');
    swarm.do(gone);
    expect(swarm.row('snapshot', archiveId(600)).state).toBe('kept');
  });

  test('[ARCHIVE-15] what has expired is deleted, and only that', () => {
    const swarm = archived();
    swarm.do({ type: 'SetRetention', days: 9 });
    const deleted = { type: 'RecordDeleted', segments: gone.segments, snapshots: [archiveId(600)] } as const;
    expect(swarm.when(deleted)).toMatchObject({ result: { ok: true }, events: [] });
    swarm.do(gone);
    expect(swarm.when(deleted).types).toEqual(['segment.deleted', 'segment.deleted']);
    expect(swarm.when(deleted).types).toEqual([]);
    expect(swarm.row('segment', archiveId(1)).state).toBe('deleted');
    expect(swarm.row('snapshot', archiveId(600)).state).toBe('kept');
  });
});
