// The alarms of the AWS path, and who hears of them. docs/operate/aws.md has a line for each.

import type { AlarmArgs, Queues, StackDeps, StackSettings } from './aws-resources.ts';

const minuteSeconds = 60;
/** Five minutes of a measure make one point of it. */
const periodSeconds = 5 * minuteSeconds;
/** Telemetry that waits so long is not being drained. */
const telemetryAgeSeconds = 15 * minuteSeconds;
/** A dead letter that waits so long cannot be stored. */
const deadAgeSeconds = 60 * minuteSeconds;

type Watched<Later> = Pick<
  AlarmArgs<Later>,
  'alarmDescription' | 'namespace' | 'metricName' | 'dimensions' | 'statistic' | 'threshold'
> & { readonly periods: number };

export function makeAlarms<Later>(
  { aws }: StackDeps<Later>,
  { name, alertEmail }: StackSettings,
  { telemetry, dead }: Queues<Later>,
  consumer: { readonly name: Later },
): void {
  // Without encryption by AWS's own key: its policy does not let alarms write, and an alarm holds nothing of a tenant's.
  const topic = new aws.sns.Topic('Alerts', { name: `${name}-alerts` });
  if (alertEmail !== undefined) {
    new aws.sns.TopicSubscription('AlertsByMail', { topic: topic.arn, protocol: 'email', endpoint: alertEmail });
  }
  const queue = { namespace: 'AWS/SQS' } as const;
  const lambda = { namespace: 'AWS/Lambda', dimensions: { FunctionName: consumer.name }, statistic: 'Sum' } as const;
  const alarms: Record<string, Watched<Later>> = {
    // Counted as they are taken out to be kept: moved there by SQS itself, they are not counted as sent.
    'dead-letters': {
      ...queue,
      alarmDescription: 'Telemetry could not be read or stored; it lies under dead-letters/ in the bucket.',
      metricName: 'NumberOfMessagesReceived',
      dimensions: { QueueName: dead.name },
      statistic: 'Sum',
      threshold: 0,
      periods: 1,
    },
    'dead-letters-stuck': {
      ...queue,
      alarmDescription: 'Dead letters wait in their queue: they cannot be stored either.',
      metricName: 'ApproximateAgeOfOldestMessage',
      dimensions: { QueueName: dead.name },
      statistic: 'Maximum',
      threshold: deadAgeSeconds,
      periods: 1,
    },
    'telemetry-late': {
      ...queue,
      alarmDescription: 'Telemetry waits in its queue: the consumer is too slow, or fails.',
      metricName: 'ApproximateAgeOfOldestMessage',
      dimensions: { QueueName: telemetry.name },
      statistic: 'Maximum',
      threshold: telemetryAgeSeconds,
      periods: 2,
    },
    'consumer-errors': {
      ...lambda,
      alarmDescription: 'The consumer ended with an error or ran out of time; its batches come again.',
      metricName: 'Errors',
      threshold: 0,
      periods: 1,
    },
    'consumer-throttles': {
      ...lambda,
      alarmDescription: 'The account lets the consumer run less often than its queues ask for.',
      metricName: 'Throttles',
      threshold: 0,
      periods: 3,
    },
  };
  for (const [id, { periods, ...watched }] of Object.entries(alarms)) {
    new aws.cloudwatch.MetricAlarm(id, {
      ...watched,
      name: `${name}-${id}`,
      comparisonOperator: 'GreaterThanThreshold',
      period: periodSeconds,
      evaluationPeriods: periods,
      treatMissingData: 'notBreaching',
      alarmActions: [topic.arn],
      okActions: [topic.arn],
    });
  }
}
