// What a consumer does with a batch of its queues, on Cloudflare and on Lambda: the telemetry queue goes to Parquet, its dead-letter queue to JSON.

import type { ObjectStore } from '../../core/archive/port.ts';
import type { LogFields } from '../../core/log-line.ts';
import { consumeTelemetry } from './consume.ts';
import { consumeDeadLetters } from './dead-letters.ts';
import type { QueueBatch } from './queue.ts';

/** The dead-letter queue is named after its queue: `starling-telemetry` and `starling-telemetry-dead`. */
const DEAD_SUFFIX = '-dead';

export interface HandleQueueDeps {
  readonly store: Pick<ObjectStore, 'put'>;
  readonly list?: ObjectStore['list'];
  /** Milliseconds since the epoch. */
  now(): number;
  /** Told of what was not stored, with counts, and with the first fault as `cause` where there was one; nothing of a message's body. */
  report(about: 'telemetry' | 'dead_letters', said: LogFields): void;
}

/** Counts of what went well. */
const GOOD: ReadonlySet<string> = new Set(['files', 'rows', 'acknowledged', 'stored']);

/** Takes one batch. Each message is answered on its own, so nothing is thrown and the batch as a whole never fails. */
export async function handleQueue(
  batch: QueueBatch & { readonly queue: string },
  deps: HandleQueueDeps,
): Promise<void> {
  const isDead = batch.queue.endsWith(DEAD_SUFFIX);
  const { fault, ...counts } = isDead ? await consumeDeadLetters(batch, deps) : await consumeTelemetry(batch, deps);
  const isWhole = Object.entries(counts).every(([what, count]) => GOOD.has(what) || count === 0);
  if (isWhole) return;
  // Messages that are no batches are refused without a fault of ours.
  deps.report(isDead ? 'dead_letters' : 'telemetry', fault === undefined ? counts : { ...counts, cause: fault });
}
