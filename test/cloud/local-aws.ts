// SQS and S3 on this machine, as the stack makes them: a queue with its dead letters, a bucket, and the Lambda's handler
// called with what the queues give out.

import { SQSClient } from '@aws-sdk/client-sqs';
import { type FauxqsServer, startFauxqs } from 'fauxqs';
import type { ObjectStore } from '../../core/archive/port.ts';
import { receivesMax } from '../../functions/cloud/stack.ts';
import { s3Store } from '../../functions/storage/s3-store.ts';
import { type S3Front, startS3Front } from '../contract/s3-front.ts';
import { pollAsLambda } from './lambda-poller.ts';

export interface LocalAws {
  readonly fauxqs: FauxqsServer;
  /** Stands before S3, where the Lambda reaches it: faults are chosen here. */
  readonly front: S3Front;
  readonly store: ObjectStore;
  /** What the Worker is told. */
  readonly settings: Readonly<Record<string, string>>;
  /** What the Lambda is told. */
  readonly lambdaEnv: Readonly<Record<string, string>>;
  /** Calls the handler until both queues give nothing more. */
  drain(): Promise<void>;
  stop(): Promise<void>;
}

const region = 'eu-central-1';
const bucket = 'starling-test-archive';
const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };

export async function startLocalAws(
  handler: Parameters<typeof pollAsLambda>[1],
  { batchSize = 100 }: { batchSize?: number } = {},
): Promise<LocalAws> {
  const fauxqs = await startFauxqs({ port: 0, logger: false, defaultRegion: region });
  const front = await startS3Front(fauxqs.address);
  const dead = fauxqs.createQueue('starling-test-telemetry-dead');
  const telemetry = fauxqs.createQueue('starling-test-telemetry', {
    attributes: {
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn: dead.queueArn, maxReceiveCount: receivesMax }),
    },
  });
  fauxqs.createBucket(bucket);
  const client = new SQSClient({ region, credentials, endpoint: fauxqs.address });
  const sources = [telemetry, dead].map(({ queueUrl, queueArn }) => ({ client, queueUrl, queueArn, batchSize }));
  return {
    fauxqs,
    front,
    store: s3Store({ region, credentials, endpoint: fauxqs.address, bucket }),
    settings: {
      STARLING_SINK: 'aws',
      AWS_REGION: region,
      STARLING_S3_BUCKET: bucket,
      STARLING_SQS_URL: telemetry.queueUrl,
      AWS_ENDPOINT_URL_S3: fauxqs.address,
      AWS_ENDPOINT_URL_SQS: fauxqs.address,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    },
    lambdaEnv: {
      AWS_REGION: region,
      STARLING_S3_BUCKET: bucket,
      AWS_ENDPOINT_URL_S3: front.url,
      // On Lambda its role gives these.
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    },
    async drain() {
      for (const source of sources) await pollAsLambda(source, handler);
    },
    async stop() {
      client.destroy();
      await front.stop();
      await fauxqs.stop();
    },
  };
}
