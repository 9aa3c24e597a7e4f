// What Lambda does with a batch of SQS: the same as a Worker does with one of Queues, and the answer that tells SQS which
// messages must come again. A shell between two shapes.

import { z } from 'zod';
import { type HandleQueueDeps, handleQueue } from '../telemetry/handle-queue.ts';
import type { QueueMessage } from '../telemetry/queue.ts';

const sqsRecord = z.object({
  messageId: z.string(),
  body: z.string(),
  attributes: z.object({ ApproximateReceiveCount: z.coerce.number(), SentTimestamp: z.coerce.number() }),
  eventSourceARN: z.string(),
});

/** The part of Lambda's event that is used. All records of one event come from one queue. */
const sqsEvent = z.object({ Records: z.array(sqsRecord).min(1) });

/** Lambda's own shape, for an event source with `ReportBatchItemFailures`: everything that is not named is deleted. */
export interface SqsAnswer {
  readonly batchItemFailures: readonly { readonly itemIdentifier: string }[];
}

/**
 * Takes one event. A message that is to come again stays in the queue until its visibility timeout is over; SQS counts how
 * often, and moves it to the dead letters.
 * @throws when the event is none: the whole batch then comes again
 */
export async function takeSqsEvent(event: unknown, deps: HandleQueueDeps): Promise<SqsAnswer> {
  const { Records: records } = sqsEvent.parse(event);
  const answers = new Map<string, 'ack' | 'retry'>();
  const messages: QueueMessage[] = records.map(({ messageId, body, attributes }) => ({
    id: messageId,
    timestamp: new Date(attributes.SentTimestamp),
    attempts: attributes.ApproximateReceiveCount,
    body: jsonOr(body),
    ack: () => void answers.set(messageId, 'ack'),
    // How long it rests is the queue's visibility timeout, whatever pause is asked for.
    retry: () => void answers.set(messageId, 'retry'),
  }));
  const queue = records[0]?.eventSourceARN.split(':').at(-1) ?? '';
  await handleQueue({ queue, messages }, deps);
  // One that got no answer is not done.
  const failed = records.filter(({ messageId }) => answers.get(messageId) !== 'ack');
  return { batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) };
}

/** What is no JSON is poison, and becomes a dead letter as the text that it is. */
function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
