import { expect, test } from 'vitest';
import { Fault } from '../../core/assert.ts';
import { type CloudEnv, readBucket, readSink } from '../../functions/cloud/settings.ts';
import { sinkBindings } from '../../local/sink-bindings.ts';
import { StartError } from '../../local/start-error.ts';

const aws: CloudEnv = {
  STARLING_SINK: 'aws',
  AWS_REGION: 'eu-central-1',
  STARLING_S3_BUCKET: 'archive',
  STARLING_SQS_URL: 'https://sqs.eu-central-1.amazonaws.com/1/telemetry',
  AWS_ACCESS_KEY_ID: 'AKIA',
  AWS_SECRET_ACCESS_KEY: 'not to be said',
};
const credentials = { accessKeyId: 'AKIA', secretAccessKey: 'not to be said' };

test('[SINK-7] without a setting, or with an empty one, telemetry and the archive stay on Cloudflare', () => {
  for (const STARLING_SINK of [undefined, '', 'cloudflare']) {
    expect(readSink({ ...aws, STARLING_SINK })).toBeNull();
    expect(sinkBindings({ ...aws, STARLING_SINK })).toEqual({ STARLING_SINK: 'cloudflare' });
  }
});

test('[SINK-7] aws needs a region, a bucket, a queue and a key', () => {
  expect(readSink(aws)).toEqual({
    s3: { region: 'eu-central-1', credentials, bucket: 'archive' },
    sqs: { region: 'eu-central-1', credentials, queueUrl: aws.STARLING_SQS_URL },
  });
  expect(sinkBindings({ ...aws, AWS_SESSION_TOKEN: '' })).toEqual(aws);
});

test('[SINK-7] servers of one’s own, and credentials that end, are taken over', () => {
  const more = {
    AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:4566',
    AWS_ENDPOINT_URL_SQS: 'http://127.0.0.1:4567',
    AWS_SESSION_TOKEN: 'token',
  };
  expect(readSink({ ...aws, ...more })).toMatchObject({
    s3: { endpoint: 'http://127.0.0.1:4566', credentials: { ...credentials, sessionToken: 'token' } },
    sqs: { endpoint: 'http://127.0.0.1:4567' },
  });
  expect(sinkBindings({ ...aws, ...more })).toEqual({ ...aws, ...more });
});

test.each([
  ['another cloud', { ...aws, STARLING_SINK: 'azure' }, 'STARLING_SINK is one of cloudflare, aws'],
  ['nothing else', { STARLING_SINK: 'aws' }, 'AWS_REGION is missing; STARLING_S3_BUCKET is missing; STARLING_SQS_URL'],
  ['no key', { ...aws, AWS_ACCESS_KEY_ID: '' }, 'AWS_ACCESS_KEY_ID is missing'],
  ['a queue without an address', { ...aws, STARLING_SQS_URL: 'telemetry' }, 'STARLING_SQS_URL is no address'],
  ['another protocol', { ...aws, AWS_ENDPOINT_URL_S3: 'ftp://x' }, 'AWS_ENDPOINT_URL_S3 is no address'],
])('[SINK-7] %s is refused by name, and no value is said', (_, env, reason) => {
  const said = (() => {
    try {
      readSink(env);
      return null;
    } catch (cause) {
      return cause;
    }
  })();
  expect(said).toBeInstanceOf(Fault);
  expect(String(said)).toContain(reason);
  expect(String(said)).not.toContain('not to be said');
  expect(() => sinkBindings(env)).toThrow(StartError);
});

test('[SINK-7] a Lambda needs a region and a bucket; its role is its key', () => {
  expect(readBucket(aws)).toEqual({ region: 'eu-central-1', bucket: 'archive' });
  expect(readBucket({ ...aws, AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1' })).toMatchObject({
    endpoint: 'http://127.0.0.1:1',
  });
  for (const env of [{}, { AWS_REGION: 'x' }, { STARLING_S3_BUCKET: 'x' }, { ...aws, AWS_ENDPOINT_URL_S3: 'x' }]) {
    expect(() => readBucket(env)).toThrow(Fault);
  }
});
