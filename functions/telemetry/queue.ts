// The part of the platform's queue that the consumers of telemetry use.

/** First pause before a message comes again; doubles each time. */
const retrySecondsMin = 5;
const retrySecondsMax = 600;

/** One message, as the platform delivers it. `id` stays the same when it is delivered again. */
export interface QueueMessage {
  readonly id: string;
  readonly timestamp: Date;
  readonly body: unknown;
  /** 1 for the first delivery. */
  readonly attempts: number;
  ack(): void;
  retry(options?: { delaySeconds?: number }): void;
}

export interface QueueBatch {
  readonly messages: readonly QueueMessage[];
}

/** Asks for a message again after a pause that grows with its attempts; the platform bounds their number. */
export function retryLater(message: QueueMessage): void {
  message.retry({ delaySeconds: Math.min(retrySecondsMin * 2 ** Math.max(message.attempts - 1, 0), retrySecondsMax) });
}
