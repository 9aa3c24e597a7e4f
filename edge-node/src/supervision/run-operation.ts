// Runs one operation to its end and says what came of it, in words that may leave the device.

import { canonical, jsonDepth, jsonDepthMax } from '../../../core/json.ts';
import { errorMessageCharsMax, taskResultBytesMax } from '../../../core/limits.ts';
import type { FactBody, Failure } from '../../../core/wire/device.ts';
import type { Log } from '../log.ts';
import { type Operation, type OperationContext, OperationFailure } from '../operations/operation.ts';

type ResultJson = Extract<FactBody, { type: 'attempt.succeeded' }>['result'];

export type RunEnd =
  | { readonly type: 'succeeded'; readonly result: ResultJson }
  | { readonly type: 'failed'; readonly error: Failure }
  /** The device's own rules forbid what the input asks for; another device's may not. */
  | { readonly type: 'declined'; readonly code: string; readonly message: string };

/** Never rejects: whatever the operation throws becomes a failure. */
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
    if (context.signal.aborted) return failed('stopped', 'The operation was stopped.');
    return endOfError(operation.name, error, log);
  }
  const parsed = operation.output.safeParse(value);
  if (!parsed.success || jsonDepth(parsed.data) > jsonDepthMax) {
    log('error', 'an operation answered with something else than it promised', { operation: operation.name });
    return failed('result_invalid', 'The result is not of the shape that the operation promises.');
  }
  // The output schema describes JSON, and its depth has just been counted.
  const result = parsed.data as ResultJson;
  if (Buffer.byteLength(canonical(result)) > taskResultBytesMax) {
    return failed('result_too_large', `A result has at most ${taskResultBytesMax} bytes.`);
  }
  return { type: 'succeeded', result };
}

function endOfError(operation: string, error: unknown, log: Log): RunEnd {
  if (error instanceof OperationFailure) {
    const message = error.message.slice(0, errorMessageCharsMax);
    if (error.code === 'path_not_granted') return { type: 'declined', code: error.code, message };
    const code = /^[a-z][a-z0-9_]{0,99}$/.test(error.code) ? error.code : 'operation_failed';
    return { type: 'failed', error: { code, message, retryable: error.retryable } };
  }
  // Its message may hold a path or a piece of a file: it stays on this machine.
  log('error', 'an operation stopped with an error it did not foresee', {
    operation,
    error: String(error).slice(0, 500),
  });
  return failed('operation_crashed', 'The operation stopped with an error that it did not foresee.');
}

function failed(code: string, message: string): RunEnd {
  return { type: 'failed', error: { code, message, retryable: false } };
}
