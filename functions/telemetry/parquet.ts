// Writes telemetry as Parquet: one row a record, in columns that any reader of Parquet knows. Tenant, swarm, date and
// hour are not columns: they stand in the object's key (hive partitioning).

import { parquetWriteBuffer } from 'hyparquet-writer';
import type { ReadMessage } from './message.ts';

/** A read message and its id at the queue. */
export interface IdentifiedMessage extends ReadMessage {
  readonly id: string;
}

/**
 * A Parquet file of all records of these messages.
 *
 * `measured_at` (the device's clock), `received_at` (the squad's) TIMESTAMP, ms, UTC · `device`, `name` VARCHAR · `value` DOUBLE or null · `text` VARCHAR or null ·
 * `attributes` JSON or null · `message_id` VARCHAR, `record` INT32: together the identity of a row, by which a reader
 * drops what the queue delivered twice.
 */
export function writeParquet(messages: readonly IdentifiedMessage[]): ArrayBuffer {
  const rows = messages.flatMap(({ id, envelope, records }) =>
    records.map((record, index) => ({ id, envelope, record, index })),
  );
  return parquetWriteBuffer({
    createdBy: 'starling',
    // One row group: files are small, and a second one would only add a footer.
    rowGroupSize: Math.max(rows.length, 1),
    columnData: [
      { name: 'measured_at', type: 'TIMESTAMP', nullable: false, data: rows.map(({ record }) => new Date(record.at)) },
      {
        name: 'received_at',
        type: 'TIMESTAMP',
        nullable: false,
        data: rows.map(({ envelope }) => new Date(envelope.receivedAt)),
      },
      { name: 'device', type: 'STRING', nullable: false, data: rows.map(({ envelope }) => envelope.device) },
      { name: 'name', type: 'STRING', nullable: false, data: rows.map(({ record }) => record.name) },
      { name: 'value', type: 'DOUBLE', data: rows.map(({ record }) => record.value ?? null) },
      { name: 'text', type: 'STRING', data: rows.map(({ record }) => record.text ?? null) },
      // Bounds of JSON are never shortened, so statistics would copy whole documents into the footer.
      {
        name: 'attributes',
        type: 'JSON',
        statistics: false,
        data: rows.map(({ record }) => record.attributes ?? null),
      },
      { name: 'message_id', type: 'STRING', nullable: false, data: rows.map(({ id }) => id) },
      { name: 'record', type: 'INT32', nullable: false, data: rows.map(({ index }) => index) },
    ],
  });
}
