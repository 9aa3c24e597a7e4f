// Writes telemetry as Parquet: one row a record, in columns that any reader of Parquet knows. Tenant, swarm, date and
// hour are not columns: they stand in the object's key (hive partitioning).

import { parquetWriteBuffer } from 'hyparquet-writer';
import type { ReadMessage } from './message.ts';

/**
 * A Parquet file of a message's records.
 *
 * `measured_at` (the device's clock), `received_at` (the squad's) TIMESTAMP, ms, UTC · `device`, `name` VARCHAR · `value` DOUBLE or null · `text` VARCHAR or null ·
 * `attributes` JSON or null · `message_id` VARCHAR, `record` INT32: together the identity of a row.
 * @param id the digest of the message
 */
export function writeParquet(id: string, { envelope, records }: ReadMessage): ArrayBuffer {
  const receivedAt = new Date(envelope.receivedAt);
  return parquetWriteBuffer({
    createdBy: 'starling',
    // One row group: a message has 1,000 records at most, and a second one would only add a footer.
    rowGroupSize: Math.max(records.length, 1),
    columnData: [
      { name: 'measured_at', type: 'TIMESTAMP', nullable: false, data: records.map(({ at }) => new Date(at)) },
      { name: 'received_at', type: 'TIMESTAMP', nullable: false, data: records.map(() => receivedAt) },
      { name: 'device', type: 'STRING', nullable: false, data: records.map(() => envelope.device) },
      { name: 'name', type: 'STRING', nullable: false, data: records.map(({ name }) => name) },
      { name: 'value', type: 'DOUBLE', data: records.map(({ value }) => value ?? null) },
      { name: 'text', type: 'STRING', data: records.map(({ text }) => text ?? null) },
      // Bounds of JSON are never shortened, so statistics would copy whole documents into the footer.
      {
        name: 'attributes',
        type: 'JSON',
        statistics: false,
        data: records.map(({ attributes }) => attributes ?? null),
      },
      { name: 'message_id', type: 'STRING', nullable: false, data: records.map(() => id) },
      { name: 'record', type: 'INT32', nullable: false, data: records.map((_, index) => index) },
    ],
  });
}
