// Reads one queue message, for the consumer and for the dead letters: what it says, or why it cannot be read.

import type { z } from 'zod';
import { cutText } from '../../core/cut-text.ts';
import { err, ok, type Result } from '../../core/result.ts';
import {
  type TelemetryMessage,
  type TelemetryRecord,
  telemetryBatch,
  telemetryMessage,
} from '../../core/wire/telemetry.ts';

/** A message whose batch has been parsed. */
export interface ReadMessage {
  readonly envelope: Omit<TelemetryMessage, 'batch'>;
  readonly records: readonly TelemetryRecord[];
}

/** `envelope` is there when it could be read though the batch could not. */
export interface MessageRejection {
  readonly code: 'telemetry_invalid';
  readonly detail: string;
  readonly envelope: Omit<TelemetryMessage, 'batch'> | null;
}

/** Parses a queue message and the batch in it. */
export function readMessage(body: unknown): Result<ReadMessage, MessageRejection> {
  const message = telemetryMessage.safeParse(body);
  if (!message.success) return invalid(`message: ${firstIssue(message.error)}`, null);
  const { batch, ...envelope } = message.data;
  const parsed = telemetryBatch.safeParse(batch);
  if (!parsed.success) return invalid(`batch: ${firstIssue(parsed.error)}`, envelope);
  return ok({ envelope, records: parsed.data.records });
}

function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  return issue ? cutText(`${issue.path.map(String).join('/') || 'value'}: ${issue.message}`, 300) : 'invalid';
}

function invalid(detail: string, envelope: MessageRejection['envelope']) {
  return err({ code: 'telemetry_invalid', detail, envelope } satisfies MessageRejection);
}
