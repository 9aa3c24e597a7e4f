// The bucket of the AWS path: closed to the public, encrypted, and kept when everything else of the stack is removed.

import { deadLetterDays } from '../telemetry/dead-letters.ts';
import type { StackDeps } from './aws-resources.ts';
import { onlyEncrypted, policy } from './iam-policy.ts';

/** An upload that was never finished is not seen and costs. */
const unfinishedDays = 1;
/** Read often while it is new. Only files above 128 kB move, since smaller ones would cost more there: AWS sees to it. */
const telemetryColdDays = 30;
export const telemetryDays = 365;

/** What is journal, state, snapshot or checkpoint has no rule: how long that is kept is its tenant's to say. */
export function makeBucket<Later>({ aws, text, json }: StackDeps<Later>, name: string) {
  const made = new aws.s3.Bucket('Archive', { bucketPrefix: `${name}-archive-` }, { retainOnDelete: true });
  const { bucket } = made;
  new aws.s3.BucketPublicAccessBlock('ArchiveIsPrivate', {
    bucket,
    blockPublicAcls: true,
    blockPublicPolicy: true,
    ignorePublicAcls: true,
    restrictPublicBuckets: true,
  });
  new aws.s3.BucketOwnershipControls('ArchiveOwner', { bucket, rule: { objectOwnership: 'BucketOwnerEnforced' } });
  new aws.s3.BucketServerSideEncryptionConfiguration('ArchiveEncryption', {
    bucket,
    rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: 'AES256' } }],
  });
  new aws.s3.BucketLifecycleConfiguration('ArchiveLifecycle', {
    bucket,
    rules: [
      {
        id: 'unfinished-uploads',
        status: 'Enabled',
        filter: { prefix: '' },
        abortIncompleteMultipartUpload: { daysAfterInitiation: unfinishedDays },
      },
      {
        id: 'telemetry',
        status: 'Enabled',
        filter: { prefix: 'telemetry/' },
        transitions: [{ days: telemetryColdDays, storageClass: 'STANDARD_IA' }],
        expiration: { days: telemetryDays },
      },
      {
        id: 'dead-letters',
        status: 'Enabled',
        filter: { prefix: 'dead-letters/' },
        expiration: { days: deadLetterDays },
      },
    ],
  });
  new aws.s3.BucketPolicy('ArchivePolicy', {
    bucket,
    policy: policy(json, [onlyEncrypted('s3:*', [made.arn, text`${made.arn}/*`])]),
  });
  return made;
}
