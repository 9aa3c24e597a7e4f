// The outbox's SQL: rows in, rows out. When a row may go and what its number means stands in outbox.ts.

import { assert } from '../../../core/assert.ts';
import { factsPerBatchMax } from '../../../core/limits.ts';
import type { FactBody, RefusedFact } from '../../../core/wire/device.ts';
import type { DeviceDatabase } from './database.ts';

/** Bytes of one batch: below the frame's limit, with room for the envelope. */
export const batchBytesMax = 800_000;
export const receiptsMax = 1_000;

/** A fact on its way in. */
export interface NewFact {
  readonly body: FactBody;
  readonly trace?: string | null;
}

/** Facts that follow each other, as the text of a JSON array. */
export interface Batch {
  readonly first: number;
  readonly last: number;
  readonly text: string;
}

/** A fact that the swarm refused, with what it said. */
export type RefusedWithBody = RefusedFact & { readonly body: FactBody };

/** The one row of outbox_state, and the size of what is held. */
export interface OutboxState {
  readonly epoch: number;
  readonly used: number;
  readonly sent: number;
  readonly committed: number;
  readonly bytes: number;
}

export function readState(database: DeviceDatabase): OutboxState {
  const row = database.get('SELECT epoch, used, sent, committed FROM outbox_state');
  const sums = database.get('SELECT count(*) AS facts, coalesce(sum(octet_length(body)), 0) AS bytes FROM outbox');
  assert(row !== null && sums !== null, 'the outbox has its state');
  const state = {
    epoch: Number(row.epoch),
    used: Number(row.used),
    sent: Number(row.sent),
    committed: Number(row.committed),
    bytes: Number(sums.bytes),
  };
  assert(state.used - state.committed === Number(sums.facts), 'the facts in the outbox are those not committed');
  return state;
}

export function writeState(database: DeviceDatabase, { epoch, used, sent, committed }: OutboxState): void {
  database.run('UPDATE outbox_state SET epoch = ?, used = ?, sent = ?, committed = ?', epoch, used, sent, committed);
}

/** Writes facts from seq `first` on and answers with the bytes of their bodies. */
export function insertFacts(database: DeviceDatabase, first: number, at: number, facts: readonly NewFact[]): number {
  let bytes = 0;
  const rows = facts.map(({ body, trace }, index) => {
    const text = JSON.stringify(body);
    bytes += Buffer.byteLength(text);
    return [first + index, at, trace ?? null, text];
  });
  database.runMany('INSERT INTO outbox (seq, at, trace, body) VALUES (?, ?, ?, ?)', rows);
  return bytes;
}

/** Deletes the facts up to `seq` and answers with the bytes that they had. */
export function deleteFacts(database: DeviceDatabase, seq: number): number {
  const gone = database.get('SELECT coalesce(sum(octet_length(body)), 0) AS bytes FROM outbox WHERE seq <= ?', seq);
  database.run('DELETE FROM outbox WHERE seq <= ?', seq);
  return Number(gone?.bytes ?? 0);
}

/** Gives the facts after `committed` the seqs after `base`, in order. Twice, so that no two rows meet on the way. */
export function renumberFacts(database: DeviceDatabase, committed: number, base: number): void {
  database.run('UPDATE outbox SET seq = -seq');
  database.run('UPDATE outbox SET seq = -seq - ? + ?', committed, base);
}

/** The facts from `from` on that fit a frame, or null when there are none. */
export function readBatch(database: DeviceDatabase, from: number): Batch | null {
  const rows = database.all(
    'SELECT seq, at, trace, body FROM outbox WHERE seq >= ? ORDER BY seq LIMIT ?',
    from,
    factsPerBatchMax,
  );
  const parts: string[] = [];
  let bytes = 0;
  for (const row of rows) {
    const trace = typeof row.trace === 'string' ? `,"trace":${JSON.stringify(row.trace)}` : '';
    const text = `{"seq":${row.seq},"at":${row.at}${trace},"body":${row.body}}`;
    bytes += Buffer.byteLength(text) + 1;
    if (bytes > batchBytesMax && parts.length > 0) break;
    parts.push(text);
  }
  const first = Number(rows[0]?.seq ?? 0);
  return parts.length === 0 ? null : { first, last: first + parts.length - 1, text: `[${parts.join(',')}]` };
}

/** Copies refused facts, which are about to be deleted, to the receipts. */
export function keepReceipts(
  database: DeviceDatabase,
  epoch: number,
  at: number,
  refused: readonly RefusedFact[],
): RefusedWithBody[] {
  const kept: RefusedWithBody[] = [];
  for (const receipt of refused) {
    const row = database.get('SELECT body FROM outbox WHERE seq = ?', receipt.seq);
    if (row === null) continue;
    database.run(
      'INSERT INTO receipts (epoch, seq, at, code, detail, fact) VALUES (?, ?, ?, ?, ?, ?)',
      ...[epoch, receipt.seq, at, receipt.code, receipt.detail ?? null, String(row.body)],
    );
    // Bodies in this table were written by `insertFacts`, from a FactBody.
    kept.push({ ...receipt, body: JSON.parse(String(row.body)) as FactBody });
  }
  if (kept.length > 0) {
    database.run('DELETE FROM receipts WHERE id <= (SELECT max(id) FROM receipts) - ?', receiptsMax);
  }
  return kept;
}
