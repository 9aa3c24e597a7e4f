// The telemetry queue and its consumer: messages arrive at least once, in any order and any company, and are acknowledged one by
// one. The consumer is the real one, on object storage that fails.

import { parquetReadObjects } from 'hyparquet';
import { consumeTelemetry } from '../../../functions/telemetry/consume.ts';
import type { QueueMessage } from '../../../functions/telemetry/queue.ts';
import type { RealmView } from './surroundings.ts';

export interface TelemetryQueue {
  /** False in most seeds: files are slow to write. */
  readonly isUsed: boolean;
  send(message: unknown): Promise<void>;
  sendBatch(messages: Iterable<{ readonly body: unknown }>): Promise<void>;
  /** Messages that are not acknowledged yet. */
  waiting(): number;
  /** Every message that was acknowledged is in a file. */
  check(): Promise<void>;
}

interface Queued {
  readonly id: string;
  readonly body: unknown;
  attempts: number;
}

const usedShare = 0.2;
const batchMax = 5;
const batchMs = 2_000;

export function openTelemetryQueue(realm: Omit<RealmView, 'queue'>): TelemetryQueue {
  const { world, model } = realm;
  const { timeline, faults, random, plant } = world;
  const isUsed = random.chance(usedShare);
  const objects = new Map<string, Uint8Array>();
  const storage = realm.storage(objects);
  const waiting: Queued[] = [];
  const acknowledged = new Map<string, Queued>();
  let sent = 0;
  let isPlanned = false;

  function plan(): void {
    if (isPlanned || waiting.length === 0) return;
    isPlanned = true;
    timeline.after(random.between(100, batchMs), world.actor, () => {
      isPlanned = false;
      void deliver();
    });
  }

  async function deliver(): Promise<void> {
    const taken = waiting.splice(0, random.between(1, batchMax));
    // A message that was acknowledged comes again, alone or among others.
    const old = random.among([...acknowledged.values()]);
    const comesAgain = old !== undefined && faults.strikes(taken.length > 0 ? 'queue-partial' : 'queue-duplicated');
    const batch = comesAgain && old ? [...taken, old] : taken;
    const messages = batch.map((queued): QueueMessage => {
      queued.attempts++;
      return {
        ...queued,
        timestamp: new Date(timeline.now()),
        ack: () => acknowledged.set(queued.id, queued),
        retry: () => {
          if (!acknowledged.has(queued.id)) waiting.push(queued);
        },
      };
    });
    const put: typeof storage.put = (...args) => {
      const stored = storage.put(...args);
      if (!plant.acknowledgesEarly) return stored;
      stored.catch(() => {});
      return Promise.resolve('stored');
    };
    await consumeTelemetry({ messages }, { store: { put } });
    // The whole batch again: its acknowledgement was lost.
    if (faults.strikes('queue-duplicated'))
      for (const queued of taken) if (acknowledged.has(queued.id)) waiting.push(queued);
    plan();
  }

  async function sendBatch(messages: Iterable<{ readonly body: unknown }>): Promise<void> {
    for (const { body } of messages) waiting.push({ id: `msg_${++sent}`, body, attempts: 0 });
    plan();
  }

  return {
    isUsed,
    sendBatch,
    send: (body) => sendBatch([{ body }]),
    waiting: () => waiting.filter(({ id }) => !acknowledged.has(id)).length,
    async check() {
      let records = 0;
      for (const bytes of objects.values())
        records += (await parquetReadObjects({ file: new Uint8Array(bytes).buffer })).length;
      // Each message is one record, and one file however often it came.
      if (records < acknowledged.size)
        world.findings.add(
          'lost',
          `${model.origin} telemetry`,
          `${acknowledged.size} were acknowledged, ${records} are in files`,
        );
      if (records > sent)
        world.findings.add('doubled', `${model.origin} telemetry`, `${sent} were sent, ${records} are in files`);
    },
  };
}
