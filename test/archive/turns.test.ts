// What a swarm does beside its work gives way: how much is done between two turns is counted, never timed.

import { parquetMetadata } from 'hyparquet';
import { expect, test } from 'vitest';
import { rowGroupEvents, turnBytes, turnRows } from '../../core/limits.ts';
import type { Sql } from '../../durable-objects/sql-port.ts';
import { ArchivedSwarm } from './an-archive.ts';

/** Notes what was spent in each stretch that nobody else could come into, as parts of a turn. */
function stretches() {
  const ended: number[] = [];
  let spent = 0;
  return {
    ended,
    work: {
      spent(rows: number, bytes: number) {
        spent += rows / turnRows + bytes / turnBytes;
      },
      giveWay() {
        if (spent < 1) return null;
        ended.push(spent);
        spent = 0;
        return Promise.resolve();
      },
    },
  };
}

test('[TURN-5] a segment and the tree over it are made in turns, a row group at a time', async () => {
  const { ended, work } = stretches();
  const events = 2_048;
  const swarm = new ArchivedSwarm({ work, segmentEvents: events, hotEventsMin: 0 }).workUntil(events + 300);
  await swarm.snapshots.take();
  const before = ended.length;
  await swarm.signer.sign();
  const trees = ended.length - before;
  // A leaf is an eighth of a row.
  expect(trees).toBeGreaterThanOrEqual(Math.floor(events / 8 / turnRows) - 1);
  await swarm.archive.archive(0);
  // Read, hashed into a root, packed, unpacked, hashed again and compared.
  expect(ended.length - before - trees).toBeGreaterThan(4 * (events / rowGroupEvents));
  // One step more than what makes a turn full: a row group of events is the largest.
  expect(Math.max(...ended)).toBeLessThan(3);
  const [segment] = swarm.rows('segment');
  const file = await swarm.objects.get(segment?.key ?? '');
  expect(parquetMetadata((file ?? new Uint8Array()).slice().buffer).row_groups.length).toBeGreaterThan(3);
  expect(segment).toMatchObject({ from: 1, to: events });
});

test('[TURN-5] a snapshot brings a turn’s worth of rows at once, and counts what is behind it without reading it', async () => {
  const row = 60_000;
  let most = 0;
  const around = (sql: Sql): Sql => ({
    ...sql,
    all<R>(query: string, ...bindings: Parameters<Sql['all']>[1][]) {
      const rows = sql.all<R>(query, ...bindings);
      const text = rows.flatMap((one) => Object.values(one as object)).filter((value) => typeof value === 'string');
      if (query.startsWith('SELECT id, body')) most = Math.max(most, text.join('').length);
      return rows;
    },
  });
  const { ended, work } = stretches();
  const swarm = new ArchivedSwarm({ around, work });
  for (let n = 0; n < 60; n++) swarm.do({ type: 'RequestTask', operation: 'swarm.echo', input: 'x'.repeat(row) });
  most = 0;
  await swarm.snapshots.take();
  expect(most).toBeLessThanOrEqual(turnBytes + 2 * row);
  expect(ended.length).toBeGreaterThan((60 * row) / turnBytes - 2);
  expect(Math.max(...ended)).toBeLessThan(3);
});
