// The way telemetry leaves a squad: straight into the platform's queue, or by the Worker that holds the keys of another one.

import { assert } from '../../core/assert.ts';
import { type SinkLimits, sinkCalls, type TelemetrySink } from '../../core/telemetry/port.ts';
import type { TelemetryMessage } from '../../core/wire/telemetry.ts';

/** The part of a queue's binding that is used. */
export interface TelemetryQueue {
  send(message: TelemetryMessage): Promise<unknown>;
  sendBatch(messages: Iterable<{ body: TelemetryMessage }>): Promise<unknown>;
}

/** What a squad's surroundings say of telemetry. */
export interface TelemetryEnv {
  readonly TELEMETRY: TelemetryQueue;
  /** Takes telemetry to SQS, with the keys that the objects do not hold. Called where `STARLING_SINK` says so. */
  readonly TELEMETRY_SENDER?: TelemetrySink;
  readonly STARLING_SINK?: string;
}

/** Queues takes 100 messages and 256 kB a call. */
export const queueLimits: SinkLimits = { messagesMax: 100, bytesMax: 256_000 };
/** What Queues itself writes to each message. */
const overheadBytes = 100;

/** Telemetry by Queues. */
export function queueSink(platform: Pick<TelemetryEnv, 'TELEMETRY'>): TelemetrySink {
  return {
    async send(messages) {
      const [only] = messages;
      // What a squad has nearly always: it fits, and need not be measured.
      if (only !== undefined && messages.length === 1) return void (await platform.TELEMETRY.send(only));
      const entries = messages.map((body) => ({ body, bytes: bytesOf(body) }));
      for (const call of sinkCalls(entries, queueLimits)) {
        await platform.TELEMETRY.sendBatch(call.map((body) => ({ body })));
      }
    },
  };
}

/** The sink that the platform is set to. A setting that is none is the sender's to refuse: nothing goes astray meanwhile. */
export function sinkOf({ STARLING_SINK, TELEMETRY, TELEMETRY_SENDER }: TelemetryEnv): TelemetrySink {
  if (!STARLING_SINK || STARLING_SINK === 'cloudflare') return queueSink({ TELEMETRY });
  assert(TELEMETRY_SENDER !== undefined, 'a sink other than the queue has its sender');
  return TELEMETRY_SENDER;
}

function bytesOf(message: TelemetryMessage): number {
  return Buffer.byteLength(JSON.stringify(message)) + overheadBytes;
}
