// A Worker that has nothing but telemetry's way out, so that the contract runs on the sinks as they are in workerd. What
// comes out of its own queue it keeps for the test to see.

import { queueSink, type TelemetryQueue } from '../../durable-objects/squad/telemetry-sink.ts';
import { sqsSink } from '../../functions/telemetry/sqs-sink.ts';

interface Env {
  readonly TELEMETRY: TelemetryQueue;
  /** Of a server of SQS; the platform's own queue without it. */
  readonly SQS_ENDPOINT?: string;
  readonly SQS_URL?: string;
}

let received: unknown[] = [];

export default {
  async fetch(request, env) {
    const sink =
      env.SQS_ENDPOINT === undefined
        ? queueSink(env)
        : sqsSink({
            region: 'eu-central-1',
            endpoint: env.SQS_ENDPOINT,
            queueUrl: env.SQS_URL ?? '',
            credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
          });
    switch (new URL(request.url).pathname) {
      case '/send':
        try {
          await sink.send(await request.json());
          return new Response('sent');
        } catch (cause) {
          return new Response(String(cause), { status: 500 });
        }
      case '/empty':
        received = [];
        return new Response('empty');
      default:
        return Response.json(received);
    }
  },
  async queue(batch) {
    for (const { body } of batch.messages) received.push(body);
  },
} satisfies ExportedHandler<Env>;
