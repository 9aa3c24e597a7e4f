// Lambda's entry: batches of the telemetry queue and of its dead letters, from SQS to S3. Wiring; the only file of the
// Lambda that reads its environment. sst.config.ts deploys it.

import { logLine } from '../../core/log-line.ts';
import { guardedStore } from '../storage/guarded-store.ts';
import { s3Store } from '../storage/s3-store.ts';
import type { HandleQueueDeps } from '../telemetry/handle-queue.ts';
import { readBucket } from './settings.ts';
import { type SqsAnswer, takeSqsEvent } from './take-sqs-event.ts';

/** Made once: a Lambda keeps its connections from one event to the next. */
let deps: HandleQueueDeps | null = null;

/** Called by Lambda with each batch. */
export async function handler(event: unknown): Promise<SqsAnswer> {
  deps ??= {
    store: guardedStore(s3Store(readBucket(process.env))),
    now: () => Date.now(),
    report: (about, said) => console.error(logLine('error', about, said)),
  };
  return await takeSqsEvent(event, deps);
}
