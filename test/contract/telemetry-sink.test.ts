import { join } from 'node:path';
import { build } from 'esbuild';
import fc from 'fast-check';
import { type FauxqsServer, startFauxqs } from 'fauxqs';
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Defect } from '../../core/assert.ts';
import { sinkCalls, telemetryMessageBytesMax } from '../../core/telemetry/port.ts';
import type { TelemetryMessage } from '../../core/wire/telemetry.ts';
import { queueLimits, queueSink, sinkOf, type TelemetryQueue } from '../../durable-objects/squad/telemetry-sink.ts';
import { sqsLimits, sqsSink } from '../../functions/telemetry/sqs-sink.ts';
import { aMessage, aRecord } from '../telemetry/queue-batch.ts';
import { type S3Front, startS3Front } from './s3-front.ts';
import { type SinkUnderTest, telemetrySinkContract } from './telemetry-sink.contract.ts';

const root = join(import.meta.dirname, '../..');
const access = { region: 'eu-central-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } };

let fauxqs: FauxqsServer;
let front: S3Front;
const queueUrls = { node: '', workerd: '' };
let queues: Miniflare;
let sqsInWorkerd: Miniflare;

beforeAll(async () => {
  fauxqs = await startFauxqs({ port: 0, logger: false, defaultRegion: access.region });
  front = await startS3Front(fauxqs.address);
  queueUrls.node = fauxqs.createQueue('telemetry-node').queueUrl;
  queueUrls.workerd = fauxqs.createQueue('telemetry-workerd').queueUrl;
  const bundle = await build({
    entryPoints: [join(import.meta.dirname, 'sink-worker.ts')],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2024',
    platform: 'browser',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['node:*'],
    // As wrangler.toml has it.
    alias: { '@aws-sdk/xml-builder': join(root, 'node_modules/@aws-sdk/xml-builder/dist-cjs/index.js') },
  });
  const worker = (bindings: Record<string, string>) =>
    new Miniflare(
      convertV4MiniflareOptions({
        workers: [
          {
            name: 'sink',
            modules: true,
            script: bundle.outputFiles[0]?.text ?? '',
            compatibilityDate: '2026-11-01',
            compatibilityFlags: ['nodejs_compat'],
            queueProducers: { TELEMETRY: 'telemetry' },
            queueConsumers: { telemetry: { maxBatchTimeout: 0 } },
            bindings,
          },
        ],
      }),
    );
  queues = worker({});
  sqsInWorkerd = worker({ SQS_ENDPOINT: fauxqs.address, SQS_URL: queueUrls.workerd });
  await Promise.all([queues.ready, sqsInWorkerd.ready]);
}, 60_000);
afterAll(async () => {
  await Promise.all([queues.dispose(), sqsInWorkerd.dispose(), front.stop()]);
  await fauxqs.stop();
});

/** Sends by the Worker of `sink-worker.ts`. */
const sinkOver = (miniflare: () => Miniflare): SinkUnderTest['sink'] => ({
  async send(messages) {
    const init = { method: 'POST', body: JSON.stringify(messages) };
    const answer = await miniflare().dispatchFetch('http://sink.test/send', init);
    if (answer.status !== 200) throw new Error(await answer.text());
  },
});
const inQueue = (name: string) => ({
  received: async () => fauxqs.inspectQueue(name)?.messages.ready.map(({ body }) => JSON.parse(body)) ?? [],
  empty: async () => fauxqs.reset(),
});

describe('telemetry into memory', () => {
  let messages: TelemetryMessage[] = [];
  const TELEMETRY: TelemetryQueue = {
    send: async (message) => messages.push(message),
    sendBatch: async (batch) => {
      const call = [...batch].map(({ body }) => body);
      expect(call.length).toBeLessThanOrEqual(queueLimits.messagesMax);
      messages.push(...call);
    },
  };
  const sink = queueSink({ TELEMETRY });
  telemetrySinkContract(() => ({
    sink,
    received: async () => messages,
    empty: async () => {
      messages = [];
    },
  }));
});

describe('telemetry by Queues, in workerd', () => {
  telemetrySinkContract(() => ({
    sink: sinkOver(() => queues),
    received: async () => (await (await queues.dispatchFetch('http://sink.test/received')).json()) as unknown[],
    empty: async () => void (await queues.dispatchFetch('http://sink.test/empty')),
  }));
});

describe('telemetry by SQS, in Node', () => {
  telemetrySinkContract(() => ({
    sink: sqsSink({ ...access, endpoint: fauxqs.address, queueUrl: queueUrls.node }),
    ...inQueue('telemetry-node'),
  }));
});

describe('telemetry by SQS, in workerd', () => {
  telemetrySinkContract(() => ({ sink: sinkOver(() => sqsInWorkerd), ...inQueue('telemetry-workerd') }));
});

describe('telemetry that the queue does not take', () => {
  const message = aMessage([aRecord()]);
  const failure = async (promise: Promise<unknown>) =>
    promise.then(
      () => expect.unreachable('it went well'),
      (cause: unknown) => cause,
    );
  const sink = (queueUrl = queueUrls.node) => sqsSink({ ...access, endpoint: front.url, queueUrl });

  test('[SINK-4] a call that failed or was cut off once is made again; the message may then be there twice', async () => {
    for (const fault of ['failing', 'done-but-cut'] as const) {
      fauxqs.reset();
      let left = 1;
      front.fault = () => (left-- > 0 ? fault : null);
      await sink().send([message]);
      const there = fauxqs.inspectQueue('telemetry-node')?.messages.ready.length;
      expect(there).toBe(fault === 'failing' ? 1 : 2);
    }
  });

  test('[SINK-4] a queue that goes on failing is a fault that may be tried again; one that is not there is not', async () => {
    front.fault = () => 'failing';
    const failing = await failure(sink().send([message]));
    expect(failing).toMatchObject({ name: 'Fault', retryable: true });
    expect(String(failing)).not.toContain(message.tenant);
    front.fault = () => null;
    const missing = await failure(sink(`${fauxqs.address}/000000000000/nothing`).send([message]));
    expect(missing).toMatchObject({ name: 'Fault', retryable: false });
  });

  test('[SINK-4] a call of which a part was not taken is a fault', async () => {
    const queueUrl = fauxqs.createQueue('telemetry-small', { attributes: { MaximumMessageSize: '1024' } }).queueUrl;
    const long = aMessage([aRecord({ text: 'x'.repeat(2_000) })]);
    const partly = await failure(sink(queueUrl).send([message, long]));
    expect(partly).toMatchObject({ name: 'Fault' });
    expect(String(partly)).toContain('SQS left 1 of 2');
  });
});

describe('the calls that a queue is sent', () => {
  const entries = fc.array(fc.record({ body: fc.nat(), bytes: fc.integer({ min: 0, max: 100 }) }), { maxLength: 60 });

  test('[SINK-5] hold every message once and in order, and keep both limits', () => {
    fc.assert(
      fc.property(
        entries,
        fc.integer({ min: 1, max: 10 }),
        fc.integer({ min: 100, max: 300 }),
        (all, messagesMax, bytesMax) => {
          const calls = sinkCalls(
            all.map((entry) => ({ ...entry, body: entry })),
            { messagesMax, bytesMax },
          );
          expect(calls.flat()).toEqual(all);
          for (const call of calls) {
            expect(call.length).toBeGreaterThan(0);
            expect(call.length).toBeLessThanOrEqual(messagesMax);
            expect(call.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(bytesMax);
          }
        },
      ),
    );
  });

  test('[SINK-5] a message that fits no call is a defect, and every queue takes the largest there is', () => {
    expect(() => sinkCalls([{ body: 1, bytes: 11 }], { messagesMax: 1, bytesMax: 10 })).toThrow(Defect);
    expect(queueLimits.bytesMax).toBeGreaterThan(telemetryMessageBytesMax);
    // Escaped for SQS, a character of four bytes has twelve.
    expect(sqsLimits.bytesMax).toBeGreaterThan(3 * telemetryMessageBytesMax);
  });
});

describe('the sink of a squad', () => {
  const sent: string[] = [];
  const TELEMETRY = { send: async () => void sent.push('queue'), sendBatch: async () => void sent.push('queue') };
  const TELEMETRY_SENDER = { send: async () => void sent.push('sender') };

  test('[SINK-6] is the queue unless another one is set; one that is not known is the sender’s to refuse', async () => {
    for (const [set, taken] of [
      [undefined, 'queue'],
      ['', 'queue'],
      ['cloudflare', 'queue'],
      ['aws', 'sender'],
      ['awss', 'sender'],
    ] as const) {
      sent.length = 0;
      const env = { TELEMETRY, TELEMETRY_SENDER, ...(set === undefined ? {} : { STARLING_SINK: set }) };
      await sinkOf(env).send([aMessage([aRecord()])]);
      expect(sent, set).toEqual([taken]);
    }
    expect(() => sinkOf({ TELEMETRY, STARLING_SINK: 'aws' })).toThrow(Defect);
  });
});
