// What a squad asks of the queue that telemetry leaves by, whichever it is: Queues, SQS, or memory in tests. One contract
// suite holds them all (test/contract/telemetry-sink.contract.ts).

import { assert } from '../assert.ts';
import { type TelemetryMessage, telemetryBatchBytesMax } from '../wire/telemetry.ts';

export interface TelemetrySink {
  /**
   * Puts messages into the queue; they are there when the promise resolves. Any number: the sink makes as many calls as the
   * queue's limits ask for.
   * @throws a fault when not all were taken; some may be in the queue all the same, and may be sent again
   */
  send(messages: readonly TelemetryMessage[]): Promise<void>;
}

/** What a queue takes in one call. */
export interface SinkLimits {
  readonly messagesMax: number;
  /** Bytes of one call's bodies together, in UTF-8. */
  readonly bytesMax: number;
}

/** A message as it goes into a queue, and its size there. */
export interface SinkEntry<T> {
  readonly body: T;
  readonly bytes: number;
}

/** What stands around a batch in its message: three ids, a time and the names of the members. */
export const telemetryEnvelopeBytesMax = 1_024;

/** The most that a message has in any queue. */
export const telemetryMessageBytesMax = telemetryBatchBytesMax + telemetryEnvelopeBytesMax;

/** Cuts entries into calls that keep the limits, in their order. */
export function sinkCalls<T>(entries: readonly SinkEntry<T>[], { messagesMax, bytesMax }: SinkLimits): T[][] {
  const calls: T[][] = [];
  let bytes = 0;
  for (const entry of entries) {
    assert(entry.bytes <= bytesMax, 'a message of telemetry fits its queue');
    const open = calls.at(-1);
    if (open === undefined || open.length >= messagesMax || bytes + entry.bytes > bytesMax) {
      calls.push([entry.body]);
      bytes = entry.bytes;
    } else {
      open.push(entry.body);
      bytes += entry.bytes;
    }
  }
  return calls;
}
