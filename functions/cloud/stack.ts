// What stands on AWS where telemetry and the archive go there: a queue, its dead letters, the Lambda that drains both, a
// bucket, alarms, and the user by which the Worker reaches them. A pure function of the constructors it is given, so that a
// test sees the whole graph without an account; sst.config.ts gives it SST's own.

import type { Queues, StackDeps, StackSettings } from './aws-resources.ts';
import { allow, onlyEncrypted, policy } from './iam-policy.ts';
import { makeAlarms } from './stack-alarms.ts';
import { makeBucket } from './stack-bucket.ts';

/** The Lambda's time for one batch: a hundred files in six lanes take seconds; S3 may be slow. */
export const lambdaSeconds = 60;
/** A batch waits so long for more messages. */
const windowSeconds = 5;
/** AWS asks for six times the function's time and the window: a batch that is still worked on is not given out again. */
export const visibilitySeconds = 6 * lambdaSeconds + windowSeconds;
/** As many messages as Queues gives the Worker at once; Lambda takes 6 MB of them. */
const batchMax = 100;
/** Batches at once. The event sources hold themselves back; if the function did, throttled batches would become dead letters. */
export const telemetryLanes = 10;
export const deadLetterLanes = 2;
/** A message is given out so often. AWS asks for five at least before a Lambda, since a throttled try counts. */
export const receivesMax = 5;
const daySeconds = 86_400;
/** Dead letters count their age from when the message was first sent, so they are kept longer. */
const retentionSeconds = 4 * daySeconds;
const deadRetentionSeconds = 14 * daySeconds;
const logDays = 30;

/** Makes everything. @returns what the Worker must be told, and the next steps as a text */
export function makeStack<Later>(deps: StackDeps<Later>, settings: StackSettings) {
  const { name } = settings;
  const queues = makeQueues(deps, name);
  const bucket = makeBucket(deps, name);
  const consumer = makeConsumer(deps, name, queues, bucket);
  const user = makeWorkerUser(deps, name, queues.telemetry.arn, bucket.arn);
  makeAlarms(deps, settings, queues, consumer);
  return {
    STARLING_SINK: 'aws',
    AWS_REGION: settings.region,
    STARLING_S3_BUCKET: bucket.bucket,
    STARLING_SQS_URL: queues.telemetry.url,
    next: deps.text`
Put into wrangler.toml:

[vars]
STARLING_SINK = "aws"
AWS_REGION = "${settings.region}"
STARLING_S3_BUCKET = "${bucket.bucket}"
STARLING_SQS_URL = "${queues.telemetry.url}"

Then make a key for the Worker, hand it over, and deploy:

aws iam create-access-key --user-name ${user.name}
npx wrangler secret put AWS_ACCESS_KEY_ID
npx wrangler secret put AWS_SECRET_ACCESS_KEY
npm run deploy
`,
  };
}

/** The name of the dead letters ends in `-dead`: by that the handler knows them (functions/telemetry/handle-queue.ts). */
function makeQueues<Later>({ aws, json }: StackDeps<Later>, name: string): Queues<Later> {
  const shared = {
    visibilityTimeoutSeconds: visibilitySeconds,
    receiveWaitTimeSeconds: 20,
    sqsManagedSseEnabled: true,
  };
  const dead = new aws.sqs.Queue('TelemetryDead', {
    ...shared,
    name: `${name}-telemetry-dead`,
    messageRetentionSeconds: deadRetentionSeconds,
  });
  const telemetry = new aws.sqs.Queue('Telemetry', {
    ...shared,
    name: `${name}-telemetry`,
    messageRetentionSeconds: retentionSeconds,
    redrivePolicy: json({ deadLetterTargetArn: dead.arn, maxReceiveCount: receivesMax }),
  });
  new aws.sqs.RedriveAllowPolicy('TelemetryDeadAllows', {
    queueUrl: dead.url,
    redriveAllowPolicy: json({ redrivePermission: 'byQueue', sourceQueueArns: [telemetry.arn] }),
  });
  for (const [id, queue] of [
    ['Telemetry', telemetry],
    ['TelemetryDead', dead],
  ] as const) {
    const statement = onlyEncrypted('sqs:*', [queue.arn]);
    new aws.sqs.QueuePolicy(`${id}Policy`, { queueUrl: queue.url, policy: policy(json, [statement]) });
  }
  return { telemetry, dead };
}

/** The Lambda with its role: it takes from two queues, writes under two prefixes and says so in its own log. */
function makeConsumer<Later>(
  { aws, makeFunction, text, json }: StackDeps<Later>,
  name: string,
  { telemetry, dead }: Queues<Later>,
  bucket: { readonly arn: Later; readonly bucket: Later },
) {
  const logs = new aws.cloudwatch.LogGroup('ConsumerLogs', {
    name: `/aws/lambda/${name}-telemetry-consumer`,
    retentionInDays: logDays,
  });
  const role = new aws.iam.Role('ConsumerRole', {
    name: `${name}-telemetry-consumer`,
    assumeRolePolicy: policy(json, [
      { Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: ['sts:AssumeRole'] },
    ]),
  });
  new aws.iam.RolePolicy('ConsumerPolicy', {
    role: role.name,
    policy: policy(json, [
      allow(['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'], [telemetry.arn, dead.arn]),
      allow(['s3:PutObject'], [text`${bucket.arn}/telemetry/*`, text`${bucket.arn}/dead-letters/*`]),
      allow(['logs:CreateLogStream', 'logs:PutLogEvents'], [text`${logs.arn}:*`]),
    ]),
  });
  const consumer = makeFunction('Consumer', {
    description: 'Telemetry from SQS to Parquet in S3',
    handler: 'functions/cloud/handler.handler',
    runtime: 'nodejs24.x',
    architecture: 'arm64',
    memory: '512 MB',
    timeout: `${lambdaSeconds} seconds`,
    role: role.arn,
    environment: { STARLING_S3_BUCKET: bucket.bucket },
    concurrency: { reserved: telemetryLanes + deadLetterLanes },
    logging: { logGroup: logs.name, format: 'json' },
    dev: false,
  });
  for (const [id, queue, lanes] of [
    ['TelemetrySource', telemetry, telemetryLanes],
    ['TelemetryDeadSource', dead, deadLetterLanes],
  ] as const) {
    new aws.lambda.EventSourceMapping(id, {
      eventSourceArn: queue.arn,
      functionName: consumer.name,
      batchSize: batchMax,
      maximumBatchingWindowInSeconds: windowSeconds,
      functionResponseTypes: ['ReportBatchItemFailures'],
      scalingConfig: { maximumConcurrency: lanes },
    });
  }
  return consumer;
}

/** The Worker is outside AWS, so it has a user; its key is made by hand and never passes through the state of the stack. */
function makeWorkerUser<Later>({ aws, text, json }: StackDeps<Later>, name: string, queue: Later, bucket: Later) {
  const user = new aws.iam.User('Worker', { name: `${name}-worker` });
  new aws.iam.UserPolicy('WorkerPolicy', {
    user: user.name,
    policy: policy(json, [
      allow(['sqs:SendMessage'], [queue]),
      allow(['s3:GetObject', 's3:PutObject', 's3:DeleteObject'], [text`${bucket}/*`]),
      allow(['s3:ListBucket'], [bucket]),
    ]),
  });
  return user;
}
