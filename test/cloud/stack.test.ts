// What sst.config.ts would make on AWS, without an account: the properties that an operator relies on.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { deadLetterLanes, lambdaSeconds, telemetryLanes } from '../../functions/cloud/stack.ts';
import { KEY_HEADS } from '../../functions/storage/guarded-store.ts';
import { recordStack } from './recorded-stack.ts';

const root = join(import.meta.dirname, '../..');
const settings = { name: 'starling-test', region: 'eu-central-1', alertEmail: 'ops@example.com' };
const stack = recordStack(settings);
const queues = stack.of('sqs.Queue');
const argsOf = (kind: string, id: string) => stack.of(kind).get(id)?.args ?? expect.unreachable(`${kind} ${id}`);

test('[STACK-1] the queue has dead letters, which take from it alone and are kept longer than it keeps', () => {
  const [telemetry, dead] = [argsOf('sqs.Queue', 'Telemetry'), argsOf('sqs.Queue', 'TelemetryDead')];
  expect(JSON.parse(String(telemetry.redrivePolicy))).toEqual({
    deadLetterTargetArn: 'arn:sqs.Queue:starling-test-telemetry-dead',
    maxReceiveCount: 5,
  });
  expect(dead.redrivePolicy).toBeUndefined();
  expect(Number(dead.messageRetentionSeconds)).toBeGreaterThan(Number(telemetry.messageRetentionSeconds));
  expect(JSON.parse(String(argsOf('sqs.RedriveAllowPolicy', 'TelemetryDeadAllows').redriveAllowPolicy))).toEqual({
    redrivePermission: 'byQueue',
    sourceQueueArns: ['arn:sqs.Queue:starling-test-telemetry'],
  });
});

test('[STACK-2] a message stays invisible six times as long as the function may run, and while a batch is gathered', () => {
  const sources = stack.of('lambda.EventSourceMapping');
  expect(sources.size).toBe(2);
  const [consumer] = stack.of('function').values();
  expect(consumer?.args.timeout).toBe(`${lambdaSeconds} seconds`);
  for (const { args } of sources.values()) {
    for (const queue of queues.values()) {
      expect(Number(queue.args.visibilityTimeoutSeconds)).toBeGreaterThanOrEqual(
        6 * lambdaSeconds + Number(args.maximumBatchingWindowInSeconds),
      );
    }
  }
});

test('[STACK-3] both queues are drained by the function, each message answered by itself, within what it may run', () => {
  const sources = [...stack.of('lambda.EventSourceMapping').values()].map(({ args }) => args);
  expect(sources.map(({ eventSourceArn }) => eventSourceArn).toSorted()).toEqual([
    'arn:sqs.Queue:starling-test-telemetry',
    'arn:sqs.Queue:starling-test-telemetry-dead',
  ]);
  for (const source of sources) {
    expect(source.functionResponseTypes).toEqual(['ReportBatchItemFailures']);
    expect(Number(source.batchSize)).toBeLessThanOrEqual(10_000);
  }
  const lanes = sources.map(
    ({ scalingConfig }) => (scalingConfig as { maximumConcurrency: number }).maximumConcurrency,
  );
  expect(Math.min(...lanes)).toBeGreaterThanOrEqual(2);
  const [consumer] = stack.of('function').values();
  expect(consumer?.args.concurrency).toEqual({ reserved: telemetryLanes + deadLetterLanes });
  expect(lanes.reduce((sum, lane) => sum + lane)).toBeLessThanOrEqual(telemetryLanes + deadLetterLanes);
});

test('[STACK-4] everything is encrypted where it lies, and nobody comes without TLS', () => {
  for (const { args } of queues.values()) expect(args.sqsManagedSseEnabled).toBe(true);
  expect(argsOf('s3.BucketServerSideEncryptionConfiguration', 'ArchiveEncryption').rules).toEqual([
    { applyServerSideEncryptionByDefault: { sseAlgorithm: 'AES256' } },
  ]);
  const denied = stack.statements.filter(({ Effect }) => Effect === 'Deny');
  expect(denied.flatMap(({ Resource }) => Resource).toSorted()).toEqual([
    'arn:s3.Bucket:Archive',
    'arn:s3.Bucket:Archive/*',
    'arn:sqs.Queue:starling-test-telemetry',
    'arn:sqs.Queue:starling-test-telemetry-dead',
  ]);
  for (const { Condition } of denied) expect(Condition).toEqual({ Bool: { 'aws:SecureTransport': 'false' } });
});

test('[STACK-5] the bucket is closed to the public and outlives the stack', () => {
  expect(argsOf('s3.BucketPublicAccessBlock', 'ArchiveIsPrivate')).toEqual({
    bucket: 'Archive-bucket',
    blockPublicAcls: true,
    blockPublicPolicy: true,
    ignorePublicAcls: true,
    restrictPublicBuckets: true,
  });
  expect(argsOf('s3.BucketOwnershipControls', 'ArchiveOwner').rule).toEqual({ objectOwnership: 'BucketOwnerEnforced' });
  expect(stack.of('s3.Bucket').get('Archive')?.options).toEqual({ retainOnDelete: true });
});

test('[STACK-6] nothing is allowed to everybody, and nothing by a wildcard for actions or for all resources', () => {
  const allowed = stack.statements.filter(({ Effect }) => Effect === 'Allow');
  expect(allowed.length).toBeGreaterThan(5);
  for (const { Action, Resource, Principal, by } of allowed) {
    for (const action of Action) expect(action, by).toMatch(/^[a-z0-9]+:[A-Za-z]+$/);
    if (Principal !== undefined) expect(Principal, by).toEqual({ Service: 'lambda.amazonaws.com' });
    else for (const resource of Resource ?? ['*']) expect(resource, by).toMatch(/^arn:[\w.]+:[\w/-]+(\/\*|:\*)?$/);
  }
});

test('[STACK-6] the function writes telemetry and dead letters and no more; the Worker sends and cannot take out', () => {
  const of = (id: string) =>
    stack.statements
      .filter(({ by }) => by === id)
      .flatMap(({ Action, Resource = [] }) => Action.map((action) => [action, Resource]));
  expect(Object.fromEntries(of('ConsumerPolicy'))).toEqual({
    'sqs:ReceiveMessage': ['arn:sqs.Queue:starling-test-telemetry', 'arn:sqs.Queue:starling-test-telemetry-dead'],
    'sqs:DeleteMessage': ['arn:sqs.Queue:starling-test-telemetry', 'arn:sqs.Queue:starling-test-telemetry-dead'],
    'sqs:GetQueueAttributes': ['arn:sqs.Queue:starling-test-telemetry', 'arn:sqs.Queue:starling-test-telemetry-dead'],
    's3:PutObject': ['arn:s3.Bucket:Archive/telemetry/*', 'arn:s3.Bucket:Archive/dead-letters/*'],
    'logs:CreateLogStream': ['arn:cloudwatch.LogGroup:/aws/lambda/starling-test-telemetry-consumer:*'],
    'logs:PutLogEvents': ['arn:cloudwatch.LogGroup:/aws/lambda/starling-test-telemetry-consumer:*'],
  });
  expect(Object.fromEntries(of('WorkerPolicy'))).toEqual({
    'sqs:SendMessage': ['arn:sqs.Queue:starling-test-telemetry'],
    's3:GetObject': ['arn:s3.Bucket:Archive/*'],
    's3:PutObject': ['arn:s3.Bucket:Archive/*'],
    's3:DeleteObject': ['arn:s3.Bucket:Archive/*'],
    's3:ListBucket': ['arn:s3.Bucket:Archive'],
  });
  // Its key is made by hand: a key in the stack would lie in the stack's state.
  expect(stack.made.map(({ kind }) => kind)).not.toContain('iam.AccessKey');
});

test('[STACK-7] unfinished uploads go, telemetry becomes cheaper and then goes; what is the archive’s has no end here', () => {
  const { rules } = argsOf('s3.BucketLifecycleConfiguration', 'ArchiveLifecycle') as {
    rules: { filter: { prefix: string }; expiration?: object; abortIncompleteMultipartUpload?: object }[];
  };
  expect(rules).toContainEqual(
    expect.objectContaining({ filter: { prefix: '' }, abortIncompleteMultipartUpload: expect.anything() }),
  );
  const ending = rules.filter(({ expiration }) => expiration !== undefined).map(({ filter }) => filter.prefix);
  expect(ending.toSorted()).toEqual(['dead-letters/', 'telemetry/']);
  for (const prefix of ending) expect(KEY_HEADS.map((head) => `${head}/`)).toContain(prefix);
  expect(rules).toContainEqual(
    expect.objectContaining({
      filter: { prefix: 'telemetry/' },
      transitions: [{ days: 30, storageClass: 'STANDARD_IA' }],
    }),
  );
});

test('[STACK-8] alarms watch dead letters, the age of what waits, and the function; each tells somebody, and has a runbook', () => {
  const alarms = [...stack.of('cloudwatch.MetricAlarm').values()];
  const watched = alarms.map(({ args }) => `${args.metricName} of ${Object.values(args.dimensions as object)}`);
  expect(watched.toSorted()).toEqual([
    'ApproximateAgeOfOldestMessage of starling-test-telemetry',
    'ApproximateAgeOfOldestMessage of starling-test-telemetry-dead',
    'Errors of Consumer',
    'NumberOfMessagesReceived of starling-test-telemetry-dead',
    'Throttles of Consumer',
  ]);
  const page = readFileSync(join(root, 'docs/operate/aws.md'), 'utf8');
  for (const { id, args } of alarms) {
    expect(args.alarmActions).toEqual(['arn:sns.Topic:starling-test-alerts']);
    expect(page).toContain(`\`${id}\``);
  }
  expect(argsOf('sns.TopicSubscription', 'AlertsByMail')).toMatchObject({
    protocol: 'email',
    endpoint: 'ops@example.com',
  });
  const { alertEmail: _, ...quiet } = settings;
  expect(recordStack(quiet).of('sns.TopicSubscription').size).toBe(0);
});

test('[STACK-9] the outputs are the settings of the Worker, and the next steps name them all', () => {
  expect(stack.outputs).toMatchObject({
    STARLING_SINK: 'aws',
    AWS_REGION: 'eu-central-1',
    STARLING_S3_BUCKET: 'Archive-bucket',
    STARLING_SQS_URL: 'https://starling-test-telemetry',
  });
  const { next = '', ...named } = stack.outputs;
  for (const [name, value] of Object.entries(named)) expect(next).toContain(`${name} = "${value}"`);
  expect(next).toContain('aws iam create-access-key --user-name starling-test-worker');
  for (const secret of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'])
    expect(next).toContain(`wrangler secret put ${secret}`);
});

test('[STACK-9] the function that is deployed is the one that is tested here, and is told its bucket', async () => {
  const args = argsOf('function', 'Consumer');
  const [path, name] = String(args.handler).split(/\.(?=\w+$)/);
  const entry = (await import(/* @vite-ignore */ join(root, `${path}.ts`))) as Record<string, unknown>;
  expect(entry[name ?? '']).toBeTypeOf('function');
  expect(args.environment).toEqual({ STARLING_S3_BUCKET: 'Archive-bucket' });
  expect(args.role).toBe('arn:iam.Role:starling-test-telemetry-consumer');
});

test('[STACK-9] names of two stages do not meet', () => {
  const other = recordStack({ ...settings, name: 'starling-production' });
  const names = (recorded: typeof stack) => recorded.made.flatMap(({ args }) => ('name' in args ? [args.name] : []));
  expect(names(stack).filter((name) => names(other).includes(name))).toEqual([]);
});
