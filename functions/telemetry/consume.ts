// The end of the telemetry queue: batches of many devices become Parquet files in object storage. At least once: a
// message is acknowledged only after the file that holds it was written.

import { createHash } from 'node:crypto';
import { readMessage } from './message.ts';
import { type IdentifiedMessage, writeParquet } from './parquet.ts';
import { type QueueBatch, type QueueMessage, retryLater } from './queue.ts';

/** Rows of one file: bounds what writing one needs, whatever the size of a queue batch. */
export const fileRowsMax = 50_000;
export interface ConsumeDeps {
  /** Stores an object whole, or throws. Writing the same key again replaces it. */
  put(key: string, bytes: ArrayBuffer): Promise<unknown>;
}

/** What one call did. `poison` messages could not be read; `failed` ones could not be stored. */
export interface Consumed {
  readonly files: number;
  readonly rows: number;
  readonly acknowledged: number;
  readonly poison: number;
  readonly failed: number;
  /** Why the first write failed, for the log. */
  readonly fault?: unknown;
}

interface Group {
  readonly folder: string;
  readonly members: { message: QueueMessage; read: IdentifiedMessage }[];
  rows: number;
}

/**
 * Writes `telemetry/tenant=…/swarm=…/date=YYYY-MM-DD/hour=HH/<id>.parquet`, by the hour in which the squad received a
 * batch: a device's clock may be wrong, and a batch then always lies in one file.
 *
 * `<id>` is a hash of the ids of the messages inside: the same messages delivered again write the same object. When the
 * queue delivers them again in other company, rows are doubled and can be told by `(message_id, record)`.
 *
 * A message that cannot be read is retried at once, so that the platform moves it to the dead letters; it holds nothing
 * up. One whose file could not be written is retried after a pause. Never throws.
 */
export async function consumeTelemetry(batch: QueueBatch, deps: ConsumeDeps): Promise<Consumed> {
  const consumed = { files: 0, rows: 0, acknowledged: 0, poison: 0, failed: 0 };
  let fault: { fault?: unknown } = {};
  for (const group of groupsOf(batch.messages, () => consumed.poison++)) {
    try {
      await deps.put(keyOf(group), writeParquet(group.members.map(({ read }) => read)));
    } catch (cause) {
      consumed.failed += group.members.length;
      if (!('fault' in fault)) fault = { fault: cause };
      for (const { message } of group.members) retryLater(message);
      continue;
    }
    for (const { message } of group.members) message.ack();
    consumed.files += 1;
    consumed.rows += group.rows;
    consumed.acknowledged += group.members.length;
  }
  return { ...consumed, ...fault };
}

function groupsOf(messages: readonly QueueMessage[], onPoison: () => void): Iterable<Group> {
  const open = new Map<string, Group>();
  const full: Group[] = [];
  for (const message of messages) {
    const read = readMessage(message.body);
    if (!read.ok) {
      message.retry();
      onPoison();
      continue;
    }
    const folder = folderOf(read.value.envelope);
    const records = read.value.records.length;
    let group = open.get(folder);
    if (!group || group.rows + records > fileRowsMax) {
      group = { folder, members: [], rows: 0 };
      open.set(folder, group);
      full.push(group);
    }
    group.members.push({ message, read: { id: message.id, ...read.value } });
    group.rows += records;
  }
  return full;
}

/** Tenant and swarm have the form of ids (`readMessage` saw to it), so they hold nothing that means something in a path. */
function folderOf({ tenant, swarm, receivedAt }: IdentifiedMessage['envelope']): string {
  const time = new Date(receivedAt).toISOString();
  return `telemetry/tenant=${tenant}/swarm=${swarm}/date=${time.slice(0, 10)}/hour=${time.slice(11, 13)}`;
}

function keyOf(group: Group): string {
  const ids = group.members.map(({ message }) => message.id).sort();
  const hash = createHash('sha256').update(JSON.stringify(ids)).digest('hex').slice(0, 32);
  return `${group.folder}/${hash}.parquet`;
}
