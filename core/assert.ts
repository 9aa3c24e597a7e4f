// Assertions stay on in production: a broken invariant stops the command before anything is written.

/** A state that cannot be. Nobody catches it but the edge of a shell: crash, report, fix. */
export class Defect extends Error {
  override readonly name = 'Defect';
}

/** Throws a Defect unless `condition` holds. `message` names the invariant, never data of a tenant. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Defect(message);
}

/** Makes a `switch` over a union exhaustive at compile time, and loud at run time. */
export function unreachable(value: never): never {
  throw new Defect(`unreachable: ${typeof value}`);
}

/** Something outside failed: a store, a socket, another object. Shells retry or park it; it is never an answer. */
export class Fault extends Error {
  override readonly name = 'Fault';
  readonly retryable: boolean;
  constructor(message: string, options: { retryable: boolean; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.retryable = options.retryable;
  }
}
