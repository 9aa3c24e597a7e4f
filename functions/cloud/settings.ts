// Which cloud takes telemetry and the archive: one setting, `STARLING_SINK`, and what AWS needs with it. Reads the texts
// that the entry gives it; a setting that is wrong is said at once, by its name and never by its value.

import { Fault } from '../../core/assert.ts';
import type { AwsAccess } from './aws-access.ts';

/** Every variable that is read here. */
export const cloudVariables = [
  'STARLING_SINK',
  'STARLING_SQS_URL',
  'STARLING_S3_BUCKET',
  'AWS_REGION',
  'AWS_ENDPOINT_URL_S3',
  'AWS_ENDPOINT_URL_SQS',
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
] as const;

/** Texts of the environment, as the Worker, Lambda and a shell have them. */
export type CloudEnv = { readonly [name in (typeof cloudVariables)[number]]?: string | undefined };

/** Everything that the Worker needs of AWS. */
export interface AwsSettings {
  readonly s3: AwsAccess & { readonly bucket: string };
  readonly sqs: AwsAccess & { readonly queueUrl: string };
}

/** The sinks there are; the first one is meant when nothing is said. */
export const sinks = ['cloudflare', 'aws'] as const;

/**
 * What the environment says: null for Cloudflare's own queue and bucket.
 * @throws Fault when a setting is missing or none; it names them all at once
 */
export function readSink(env: CloudEnv): AwsSettings | null {
  const { STARLING_SINK, STARLING_S3_BUCKET, STARLING_SQS_URL } = env;
  const sink = STARLING_SINK || sinks[0];
  if (sink === 'cloudflare') return null;
  if (sink !== 'aws') throw wrong([`STARLING_SINK is one of ${sinks.join(', ')}`]);
  const needed = {
    AWS_REGION: env.AWS_REGION,
    STARLING_S3_BUCKET,
    STARLING_SQS_URL,
    AWS_ACCESS_KEY_ID: env.AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY: env.AWS_SECRET_ACCESS_KEY,
  };
  const missing = Object.entries(needed).flatMap(([name, value]) => (value ? [] : [`${name} is missing`]));
  const addresses = {
    STARLING_SQS_URL,
    AWS_ENDPOINT_URL_S3: env.AWS_ENDPOINT_URL_S3,
    AWS_ENDPOINT_URL_SQS: env.AWS_ENDPOINT_URL_SQS,
  };
  const bad = Object.entries(addresses).flatMap(([name, value]) =>
    value && !isAddress(value) ? [`${name} is no address of http or https`] : [],
  );
  if (missing.length + bad.length > 0) throw wrong([...missing, ...bad]);
  const access = {
    region: needed.AWS_REGION ?? '',
    credentials: {
      accessKeyId: needed.AWS_ACCESS_KEY_ID ?? '',
      secretAccessKey: needed.AWS_SECRET_ACCESS_KEY ?? '',
      ...(env.AWS_SESSION_TOKEN ? { sessionToken: env.AWS_SESSION_TOKEN } : {}),
    },
  };
  return {
    s3: { ...access, ...endpointOf(env.AWS_ENDPOINT_URL_S3), bucket: needed.STARLING_S3_BUCKET ?? '' },
    sqs: { ...access, ...endpointOf(env.AWS_ENDPOINT_URL_SQS), queueUrl: needed.STARLING_SQS_URL ?? '' },
  };
}

/**
 * The bucket of a Lambda. Its credentials are its role's: nothing is said of them, and the client finds them.
 * @throws Fault when a setting is missing or none
 */
export function readBucket(env: CloudEnv): AwsSettings['s3'] {
  const { AWS_REGION: region, STARLING_S3_BUCKET: bucket, AWS_ENDPOINT_URL_S3: endpoint } = env;
  if (!region || !bucket) throw wrong(['AWS_REGION and STARLING_S3_BUCKET are needed']);
  if (endpoint && !isAddress(endpoint)) throw wrong(['AWS_ENDPOINT_URL_S3 is no address of http or https']);
  return { region, bucket, ...endpointOf(endpoint) };
}

function endpointOf(endpoint: string | undefined): { endpoint?: string } {
  return endpoint ? { endpoint } : {};
}

function isAddress(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && (url.protocol === 'https:' || url.protocol === 'http:');
}

function wrong(reasons: readonly string[]): Fault {
  return new Fault(`the settings of the sink are wrong: ${reasons.join('; ')}`, { retryable: false });
}
