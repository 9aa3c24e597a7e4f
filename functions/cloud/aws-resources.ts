// The resources of AWS as this stack makes them: the part of SST's and Pulumi's constructors that is used, by shape. So the
// stack is checked and tested without either of them installed, and against their own types where they are (sst.config.ts).
//
// `Later` is a text that is known when its resource stands: Pulumi's output. In tests it is a text.

type Text<Later> = string | Later;
type Make<Args, Made> = new (name: string, args: Args, options?: { retainOnDelete?: boolean }) => Made;

export interface QueueArgs<Later> {
  name: string;
  visibilityTimeoutSeconds: number;
  messageRetentionSeconds: number;
  receiveWaitTimeSeconds: number;
  sqsManagedSseEnabled: boolean;
  redrivePolicy?: Later;
}

export interface LifecycleRule {
  id: string;
  status: 'Enabled';
  filter: { prefix: string };
  abortIncompleteMultipartUpload?: { daysAfterInitiation: number };
  transitions?: { days: number; storageClass: 'STANDARD_IA' }[];
  expiration?: { days: number };
}

export interface FunctionArgs<Later> {
  description: string;
  handler: string;
  runtime: 'nodejs24.x';
  architecture: 'arm64';
  memory: `${number} MB`;
  timeout: `${number} seconds`;
  role: Text<Later>;
  environment: Record<string, Text<Later>>;
  concurrency: { reserved: number };
  logging: { logGroup: Text<Later>; format: 'json' };
  /** Runs on AWS in `sst dev` too: a queue of the cloud is not drained by somebody's laptop. */
  dev: false;
}

export interface EventSourceArgs<Later> {
  eventSourceArn: Text<Later>;
  functionName: Text<Later>;
  batchSize: number;
  maximumBatchingWindowInSeconds: number;
  functionResponseTypes: 'ReportBatchItemFailures'[];
  scalingConfig: { maximumConcurrency: number };
}

export interface AlarmArgs<Later> {
  name: string;
  alarmDescription: string;
  namespace: 'AWS/SQS' | 'AWS/Lambda';
  metricName: string;
  dimensions: Record<string, Text<Later>>;
  statistic: 'Sum' | 'Maximum';
  comparisonOperator: 'GreaterThanThreshold';
  threshold: number;
  period: number;
  evaluationPeriods: number;
  treatMissingData: 'notBreaching';
  alarmActions: Text<Later>[];
  okActions: Text<Later>[];
}

/** The namespace `aws` of SST, as far as it is used. */
export interface AwsResources<Later> {
  readonly sqs: {
    readonly Queue: Make<QueueArgs<Later>, { readonly arn: Later; readonly url: Later; readonly name: Later }>;
    readonly RedriveAllowPolicy: Make<{ queueUrl: Text<Later>; redriveAllowPolicy: Later }, unknown>;
    readonly QueuePolicy: Make<{ queueUrl: Text<Later>; policy: Later }, unknown>;
  };
  readonly s3: {
    readonly Bucket: Make<{ bucketPrefix: string }, { readonly arn: Later; readonly bucket: Later }>;
    readonly BucketPublicAccessBlock: Make<
      {
        bucket: Text<Later>;
        blockPublicAcls: boolean;
        blockPublicPolicy: boolean;
        ignorePublicAcls: boolean;
        restrictPublicBuckets: boolean;
      },
      unknown
    >;
    readonly BucketOwnershipControls: Make<
      { bucket: Text<Later>; rule: { objectOwnership: 'BucketOwnerEnforced' } },
      unknown
    >;
    readonly BucketServerSideEncryptionConfiguration: Make<
      { bucket: Text<Later>; rules: { applyServerSideEncryptionByDefault: { sseAlgorithm: 'AES256' } }[] },
      unknown
    >;
    readonly BucketLifecycleConfiguration: Make<{ bucket: Text<Later>; rules: LifecycleRule[] }, unknown>;
    readonly BucketPolicy: Make<{ bucket: Text<Later>; policy: Later }, unknown>;
  };
  readonly iam: {
    readonly Role: Make<{ name: string; assumeRolePolicy: Later }, { readonly arn: Later; readonly name: Later }>;
    readonly RolePolicy: Make<{ role: Text<Later>; policy: Later }, unknown>;
    readonly User: Make<{ name: string }, { readonly name: Later }>;
    readonly UserPolicy: Make<{ user: Text<Later>; policy: Later }, unknown>;
  };
  readonly cloudwatch: {
    readonly LogGroup: Make<{ name: string; retentionInDays: number }, { readonly arn: Later; readonly name: Later }>;
    readonly MetricAlarm: Make<AlarmArgs<Later>, unknown>;
  };
  readonly lambda: { readonly EventSourceMapping: Make<EventSourceArgs<Later>, unknown> };
  readonly sns: {
    readonly Topic: Make<{ name: string }, { readonly arn: Later }>;
    readonly TopicSubscription: Make<{ topic: Text<Later>; protocol: 'email'; endpoint: string }, unknown>;
  };
}

/** What a stack is made with: SST's globals, or a test's. */
export interface StackDeps<Later> {
  readonly aws: AwsResources<Later>;
  /** Makes an `sst.aws.Function`: bundles the handler and uploads it. */
  makeFunction(name: string, args: FunctionArgs<Later>): { readonly arn: Later; readonly name: Later };
  /** `$interpolate`. */
  text(parts: TemplateStringsArray, ...values: Text<Later>[]): Later;
  /** `$jsonStringify`: JSON of a value with texts that come later in it. */
  json(value: unknown): Later;
}

export interface StackSettings {
  /** First part of every name: `starling-production`. */
  readonly name: string;
  readonly region: string;
  /** Who is written to when an alarm goes off; nobody without it. AWS asks that address for its consent once. */
  readonly alertEmail?: string;
}

/** The queue of telemetry and the one of its dead letters, as they stand. */
export interface Queues<Later> {
  readonly telemetry: { readonly arn: Later; readonly url: Later; readonly name: Later };
  readonly dead: { readonly arn: Later; readonly url: Later; readonly name: Later };
}
