// The one error an operation throws on purpose. It stands alone so that permissions and operations can both use it
// without importing each other.

/**
 * An operation that could not be done, for a reason the caller can act on.
 *
 * `code` is stable and snake_case; `retryable` says whether the same call may succeed later or elsewhere. The message is
 * for people, names no path outside the granted folders and holds no file content.
 */
export class OperationFailure extends Error {
  override readonly name = 'OperationFailure';
  readonly code: string;
  readonly retryable: boolean;

  constructor(code: string, message: string, options: { retryable?: boolean; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}
