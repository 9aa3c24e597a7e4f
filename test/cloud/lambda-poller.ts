// What Lambda does with an event source of SQS, for a handler in this process: receives, calls it with the event as JSON,
// deletes what it does not name as failed. Nothing here knows what the handler is for.

import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';

export interface EventSource {
  readonly client: SQSClient;
  readonly queueUrl: string;
  readonly queueArn: string;
  readonly batchSize: number;
}

/** SQS gives out ten at a time. */
const receiveMax = 10;

/**
 * Calls the handler with batches until the queue gives nothing more, at most `rounds` times. What failed is given out again
 * at once, not after its visibility timeout: that is the only difference to Lambda.
 * @returns how many messages were taken out, and how many came again
 */
export async function pollAsLambda(
  source: EventSource,
  handler: (event: unknown) => Promise<{ batchItemFailures: readonly { itemIdentifier: string }[] }>,
  rounds = 1_000,
): Promise<{ done: number; failed: number }> {
  const counts = { done: 0, failed: 0 };
  for (let round = 0; round < rounds; round++) {
    const messages = await receive(source);
    if (messages.length === 0) break;
    const event = { Records: messages.map((message) => recordOf(message, source)) };
    const failed = await failuresOf(event, handler);
    const all = messages.map(({ MessageId = '', ReceiptHandle = '' }) => ({ Id: MessageId, ReceiptHandle }));
    const again = all.filter(({ Id }) => failed.has(Id));
    const done = all.filter(({ Id }) => !failed.has(Id));
    await inTens(done, async (Entries) => {
      await source.client.send(new DeleteMessageBatchCommand({ QueueUrl: source.queueUrl, Entries }));
    });
    await inTens(again, async (entries) => {
      const Entries = entries.map((entry) => ({ ...entry, VisibilityTimeout: 0 }));
      await source.client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: source.queueUrl, Entries }));
    });
    counts.done += done.length;
    counts.failed += again.length;
  }
  return counts;
}

async function receive({ client, queueUrl, batchSize }: EventSource): Promise<Message[]> {
  const messages: Message[] = [];
  while (messages.length < batchSize) {
    const answer = await client.send(
      new ReceiveMessageCommand({
        QueueUrl: queueUrl,
        MaxNumberOfMessages: Math.min(receiveMax, batchSize - messages.length),
        MessageSystemAttributeNames: ['All'],
      }),
    );
    if (answer.Messages === undefined || answer.Messages.length === 0) break;
    messages.push(...answer.Messages);
  }
  return messages;
}

/** The shape that Lambda's documentation gives for one record. */
function recordOf(message: Message, { queueArn }: EventSource) {
  return {
    messageId: message.MessageId,
    receiptHandle: message.ReceiptHandle,
    body: message.Body,
    attributes: message.Attributes,
    messageAttributes: {},
    md5OfBody: message.MD5OfBody,
    eventSource: 'aws:sqs',
    eventSourceARN: queueArn,
    awsRegion: queueArn.split(':')[3],
  };
}

/** A handler that throws, or names a message that is none of the batch, has failed all of it. */
async function failuresOf(
  event: { Records: readonly { messageId: string | undefined }[] },
  handler: Parameters<typeof pollAsLambda>[1],
): Promise<Set<string>> {
  const all = new Set(event.Records.map(({ messageId }) => messageId ?? ''));
  try {
    const answer = await handler(JSON.parse(JSON.stringify(event)));
    const failed = new Set(answer.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
    return [...failed].every((id) => all.has(id)) ? failed : all;
  } catch {
    // As Lambda has it: the whole batch comes again.
    return all;
  }
}

async function inTens<T>(items: readonly T[], work: (part: T[]) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += receiveMax) await work(items.slice(at, at + receiveMax));
}
