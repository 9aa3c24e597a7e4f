// What an operation is: a named capability with an input and an output schema, a price and one function. An operation
// knows nothing of tasks, leases, sockets or money; supervision calls it and reports what came of it.

import type { z } from 'zod';
import type { Permissions } from '../permissions.ts';

export { OperationFailure } from './operation-failure.ts';

/** What a run may ask of the device: may it go on, what may it touch, what time is it, and whom does it tell. */
export interface OperationContext {
  /** Aborted when the attempt is cancelled or its lease is lost. A run then rejects with `signal.reason`. */
  readonly signal: AbortSignal;
  readonly permissions: Permissions;
  /** Says how far the run is: `fraction` from 0 to 1, never falling. */
  progress(fraction: number, note?: string): void;
  /** Milliseconds; only differences are used. */
  readonly now: () => number;
}

/** A named capability of a device. The caller parses the input with `input` before `run` and the result with `output`. */
export interface Operation<I = unknown, O = unknown> {
  /** `<subject>.<verb>`, for example `text.summarize`. */
  readonly name: string;
  /** Semantic version of the meaning and the schemas. */
  readonly version: string;
  /** One sentence for people and planners. */
  readonly summary: string;
  readonly input: z.ZodType<I>;
  readonly output: z.ZodType<O>;
  /** Price of one call in micro-credits. */
  readonly priceMicro: number;
  /** How long the lease on one attempt lasts, in milliseconds, unless renewed. */
  readonly leaseMs: number;
  /** Does the work. Rejects with an `OperationFailure`, or with `signal.reason` when aborted. */
  run(input: I, context: OperationContext): Promise<O>;
}

/** An operation whose types follow from its two schemas; `run` says what it resolves to. */
export function defineOperation<I, O>(definition: Operation<I, O>): Operation<I, O> {
  return definition;
}
