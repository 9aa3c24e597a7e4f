// Telemetry by SQS: the port of core/telemetry/port.ts. Loaded only where SQS is chosen.

import { SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import { Fault } from '../../core/assert.ts';
import { type SinkLimits, sinkCalls, type TelemetrySink } from '../../core/telemetry/port.ts';
import type { TelemetryMessage } from '../../core/wire/telemetry.ts';
import { type AwsAccess, awsFault, clientOptions } from '../cloud/aws-access.ts';

export interface SqsQueue extends AwsAccess {
  readonly queueUrl: string;
}

/** SQS takes 10 messages and 1 MiB a call, together. */
export const sqsLimits: SinkLimits = { messagesMax: 10, bytesMax: 1_048_576 };

/** A sink that puts telemetry into a queue of SQS, as JSON. */
export function sqsSink({ queueUrl, ...access }: SqsQueue): TelemetrySink {
  const client = new SQSClient(clientOptions(access));
  return {
    async send(messages) {
      const entries = messages.map((message) => {
        const body = sqsBody(message);
        return { body, bytes: Buffer.byteLength(body) };
      });
      for (const call of sinkCalls(entries, sqsLimits)) await sendAll(call);
    },
  };

  async function sendAll(bodies: readonly string[]): Promise<void> {
    const Entries = bodies.map((MessageBody, index) => ({ Id: String(index), MessageBody }));
    let failed: { Code?: string | undefined }[];
    try {
      const answer = await client.send(new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries }));
      failed = answer.Failed ?? [];
    } catch (cause) {
      throw awsFault('telemetry was not sent: SQS', cause);
    }
    // The call as a whole went well, and some of it did not.
    if (failed.length === 0) return;
    const code = failed[0]?.Code ?? 'unknown';
    throw new Fault(`telemetry was not sent: SQS left ${failed.length} of ${bodies.length}: ${code}`, {
      retryable: true,
    });
  }
}

/**
 * The body of a message. SQS takes characters of XML only: what JSON leaves as it is, and XML has not, is escaped. So are the
 * pairs beyond the basic plane, which SQS takes and not every server that speaks it does.
 */
export function sqsBody(message: TelemetryMessage): string {
  return JSON.stringify(message).replace(
    /[\ud800-\udfff\ufffe\uffff]/g,
    (half) => `\\u${half.charCodeAt(0).toString(16)}`,
  );
}
