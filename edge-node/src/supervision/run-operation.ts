// Runs one operation to its end and says what came of it, in words that may leave the device.

import { cutText } from '../../../core/cut-text.ts';
import { canonical } from '../../../core/json.ts';
import { findUnfit } from '../../../core/json-text.ts';
import { errorMessageCharsMax, taskResultBytesMax } from '../../../core/limits.ts';
import type { FactBody, Failure } from '../../../core/wire/device.ts';
import type { Log } from '../log.ts';
import { type Operation, type OperationContext, OperationFailure } from '../operations/operation.ts';

type ResultJson = Extract<FactBody, { type: 'attempt.succeeded' }>['result'];

/** What came of a run, as plain data. */
export type RunEnd =
  | { readonly type: 'succeeded'; readonly result: ResultJson }
  | { readonly type: 'failed'; readonly error: Failure }
  /** The device's own rules forbid what the input asks for; another device's may not. */
  | { readonly type: 'declined'; readonly code: string; readonly message: string };

/** What the one who starts a run gives it. */
export type RunControl = Pick<OperationContext, 'signal' | 'progress'>;

/** Runs operations somewhere: in this thread, or in one of their own. */
export interface OperationRunner {
  /** Never rejects for what an operation does. Resolves soon after the signal is aborted. */
  run(operation: Operation, input: unknown, control: RunControl): Promise<RunEnd>;
  close(): void;
}

/** Runs operations in this thread. */
export function createLocalRunner(context: Pick<OperationContext, 'permissions' | 'now'>, log: Log): OperationRunner {
  return {
    run: (operation, input, control) => runOperation(operation, input, { ...context, ...control }, log),
    close: () => {},
  };
}

/** Runs one operation; whatever it throws becomes a failure. */
export async function runOperation(
  operation: Operation,
  input: unknown,
  context: OperationContext,
  log: Log,
): Promise<RunEnd> {
  let value: unknown;
  try {
    value = await operation.run(input, context);
  } catch (error) {
    // Told to stop, it stopped: who told it has said why.
    if (context.signal.aborted) return failure('stopped', 'The operation was stopped.');
    return endOfError(operation.name, error, log);
  }
  const parsed = operation.output.safeParse(value);
  if (!parsed.success || findUnfit(parsed.data as ResultJson) !== null) {
    log('error', 'an operation answered with something else than it promised', { operation: operation.name });
    return failure('result_invalid', 'The result is not of the shape that the operation promises.');
  }
  // The output schema describes JSON, and it was just looked at as a whole.
  const result = parsed.data as ResultJson;
  if (Buffer.byteLength(canonical(result)) > taskResultBytesMax) {
    return failure('result_too_large', `A result has at most ${taskResultBytesMax} bytes.`);
  }
  return { type: 'succeeded', result };
}

function endOfError(operation: string, error: unknown, log: Log): RunEnd {
  if (error instanceof OperationFailure) {
    const message = cutText(error.message.toWellFormed(), errorMessageCharsMax);
    if (error.code === 'path_not_granted') return { type: 'declined', code: error.code, message };
    const code = /^[a-z][a-z0-9_]{0,99}$/.test(error.code) ? error.code : 'operation_failed';
    return { type: 'failed', error: { code, message, retryable: error.retryable } };
  }
  // Its message may hold a path or a piece of a file, and is told nowhere: the place in our code says enough.
  const [name, place] =
    error instanceof Error ? [error.name, error.stack?.split('\n').find((line) => /^\s+at /.test(line))] : [];
  const fields = { operation, error: name ?? typeof error, place: place?.trim().slice(0, 300) ?? null };
  log('error', 'an operation stopped with an error it did not foresee', fields);
  return failure('operation_crashed', 'The operation stopped with an error that it did not foresee.');
}

/** A failure that another try would meet again. */
function failure(code: string, message: string): RunEnd {
  return { type: 'failed', error: { code, message, retryable: false } };
}
