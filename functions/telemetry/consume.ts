// The end of the telemetry queue: batches of many devices become Parquet files in object storage. At least once: a
// message is acknowledged only after the file that holds it was written. The file is a function of the message, so once
// or often is the same.

import { createHash } from 'node:crypto';
import type { ObjectStore } from '../../core/archive/port.ts';
import { canonicalStored } from '../../core/json.ts';
import { inLanes, lanesMax } from './lanes.ts';
import { type ReadMessage, readMessage } from './message.ts';
import { writeParquet } from './parquet.ts';
import { type QueueBatch, type QueueMessage, retryLater } from './queue.ts';

export interface ConsumeDeps {
  readonly store: Pick<ObjectStore, 'put'>;
}

/** What one call did. `poison` messages could not be read; `failed` ones could not be stored. */
export interface Consumed {
  /** Files written: one a message that was read. */
  readonly files: number;
  readonly rows: number;
  readonly acknowledged: number;
  readonly poison: number;
  readonly failed: number;
  /** Why the first write failed, for the log. */
  readonly fault?: unknown;
}

/** Characters of a digest in hexadecimal: 128 bits, which no two messages of a platform's life share by chance. */
const digestChars = 32;

/**
 * Writes each message as `telemetry/tenant=…/swarm=…/date=YYYY-MM-DD/hour=HH/<digest>.parquet`, by the hour in which the
 * squad received it: a device's clock may be wrong, and a batch then always lies in one folder.
 *
 * `<digest>` is of what the message says, not of its id at the queue. So the same message writes the same object however
 * often the queue delivers it, in whatever company, and however often its sender put it in.
 *
 * A message that cannot be read, or whose file could not be written, comes again after a pause that grows, until the platform
 * moves it to the dead letters; it holds nothing up. Never throws.
 */
export async function consumeTelemetry(batch: QueueBatch, { store }: ConsumeDeps): Promise<Consumed> {
  const consumed = { files: 0, rows: 0, acknowledged: 0, poison: 0, failed: 0 };
  let fault: { fault?: unknown } = {};
  await inLanes(batch.messages, lanesMax, async (message: QueueMessage) => {
    const read = readMessage(message.body);
    if (!read.ok) {
      retryLater(message);
      consumed.poison += 1;
      return;
    }
    const digest = digestOf(read.value);
    try {
      const bytes = new Uint8Array(writeParquet(digest, read.value));
      const contentType = 'application/vnd.apache.parquet';
      await store.put(`${folderOf(read.value.envelope)}/${digest}.parquet`, bytes, { contentType });
    } catch (cause) {
      consumed.failed += 1;
      if (!('fault' in fault)) fault = { fault: cause };
      retryLater(message);
      return;
    }
    message.ack();
    consumed.files += 1;
    consumed.rows += read.value.records.length;
    consumed.acknowledged += 1;
  });
  return { ...consumed, ...fault };
}

/** Tenant and swarm have the form of ids (`readMessage` saw to it), so they hold nothing that means something in a path. */
function folderOf({ tenant, swarm, receivedAt }: ReadMessage['envelope']): string {
  const time = new Date(receivedAt).toISOString();
  return `telemetry/tenant=${tenant}/swarm=${swarm}/date=${time.slice(0, 10)}/hour=${time.slice(11, 13)}`;
}

/** The same for the same device, time of receipt and records, in whatever order their members came. */
function digestOf({ envelope, records }: ReadMessage): string {
  return createHash('sha256').update(canonicalStored({ envelope, records })).digest('hex').slice(0, digestChars);
}
