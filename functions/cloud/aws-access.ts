// How AWS is reached, and what its clients' errors are to us. The same for S3 and SQS; knows neither.

import { Fault } from '../../core/assert.ts';

export interface AwsAccess {
  readonly region: string;
  /** Another server that speaks the protocol; without it, AWS's own of the region. */
  readonly endpoint?: string;
  /** Without them, what the surroundings give: on Lambda, the role of the function. */
  readonly credentials?: AwsCredentials;
}

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of credentials that end by themselves. */
  readonly sessionToken?: string;
}

/** One try of a request may take so long: 24 MiB at 1 MiB/s. Without it a silent server would hold a Worker for ever. */
const requestMsMax = 30_000;
/** A throttled or broken request is tried again at once, with jitter; whoever called has slower tries of its own. */
const triesMax = 3;

/** What the clients of S3 and SQS are made with. The handlers of Node and of Workers take the same time limit. */
export function clientOptions({ region, endpoint, credentials }: AwsAccess) {
  return {
    region,
    maxAttempts: triesMax,
    requestHandler: { requestTimeout: requestMsMax, throwOnRequestTimeout: true },
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials: { ...credentials } }),
  };
}

/**
 * A client's error as a `Fault`: its name and status, which say what to do, and not its message, which may quote what was
 * sent. May be tried again unless AWS has said no to the request itself.
 */
export function awsFault(what: string, cause: unknown): Fault {
  const status = statusOf(cause);
  const name = cause instanceof Error ? cause.name : typeof cause;
  const isRefused = status !== undefined && status >= 400 && status < 500 && status !== 408 && status !== 429;
  return new Fault(`${what}: ${name}${status === undefined ? '' : ` (${status})`}`, {
    retryable: !isRefused || status === 409,
    cause,
  });
}

/** By its shape: the two clients have classes of their own for the same thing. */
function statusOf(cause: unknown): number | undefined {
  if (typeof cause !== 'object' || cause === null || !('$metadata' in cause)) return undefined;
  const { $metadata: metadata } = cause;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
}
