// The whole way, on the real Worker in workerd: a task over HTTP, its spans at a collector on this machine, exactly once for each
// span's id however often workerd is killed in between.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { call } from '../../local/local-tenant.ts';
import { type LogLevelName, type Platform, startPlatform } from '../../local/platform.ts';
import { OtlpReceiver } from './otlp-receiver.ts';

const CLIENT_TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const CLIENT_SPAN = '00f067aa0ba902b7';
const PRIVATE = 'a-private-word';
const COLLECTOR_KEY = 'collector-key';

let folder: string;
let receiver: OtlpReceiver;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'starling-traces-'));
  receiver = await OtlpReceiver.start();
});
afterEach(async () => {
  await receiver[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
});

const logged: string[] = [];
const start = (bindings: Record<string, string>): Promise<Platform> =>
  startPlatform({
    home: join(folder, 'home'),
    port: 0,
    // Private addresses stay closed: the collector's own is the one that is let through.
    bindings: { STARLING_LOG: 'info', ...bindings },
    log: (level: LogLevelName, message: string) => void logged.push(`${level} ${message}`),
  });

async function post(url: string, key: string | null, path: string, body: object, headers: Record<string, string> = {}) {
  const response = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(key === null ? {} : { authorization: `Bearer ${key}` }),
      ...headers,
    },
    body: JSON.stringify(body),
  });
  // biome-ignore lint/suspicious/noExplicitAny: what a stranger's client knows of a JSON answer before it looks.
  return (await response.json()) as any;
}

const echo = (url: string, key: string) =>
  post(
    url,
    key,
    '/v1/tasks',
    { operation: 'swarm.echo', input: { text: PRIVATE } },
    {
      prefer: 'wait=10',
      traceparent: `00-${CLIENT_TRACE}-${CLIENT_SPAN}-01`,
    },
  );

test('[TRACE-7] a task over HTTP becomes spans at a collector, each once, through kills of workerd', {
  timeout: 120_000,
}, async () => {
  const platform = await start({
    STARLING_OTLP_ENDPOINT: receiver.url,
    STARLING_OTLP_HEADERS: `x-api-key=${COLLECTOR_KEY}`,
  });
  try {
    const { url } = platform;
    const signedUp = (await call(url, '/v1/signup', {
      body: { email: 'traces@example.com', password: 'a pass phrase for traces', organization: 'Traces' },
    })) as { apiKey: { secret: string }; tenant: { id: string }; swarm: { id: string } };
    const key = signedUp.apiKey.secret;
    const tasks: string[] = [];
    receiver.script = [{ status: 503, headers: { 'retry-after': '1' } }];
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < 3; n++) {
        const task = await echo(url, key);
        expect(task).toMatchObject({ state: 'succeeded', trace: `00-${CLIENT_TRACE}-${CLIENT_SPAN}-01` });
        tasks.push(task.id);
      }
      const before = platform.workerdPid;
      process.kill(before ?? Number.NaN, 'SIGKILL');
      await expect.poll(() => platform.workerdPid, { timeout: 20_000 }).not.toBe(before);
      await platform.ready;
    }
    // Whatever wakes the swarm after the last kill.
    tasks.push((await echo(url, key)).id);
    const taken = () => receiver.received.slice(1).flatMap(({ spans }) => spans);
    const idsOf = () => new Set(taken().map(({ spanId }) => spanId));
    await receiver.until(() => idsOf().size >= 2 * tasks.length);

    expect(receiver.wrong).toEqual([]);
    const spans = [...new Map(taken().map((span) => [span.spanId, span])).values()];
    // A span that came twice came the same.
    for (const span of taken()) expect(span).toEqual(spans.find(({ spanId }) => spanId === span.spanId));
    const own = spans.filter(({ name }) => name === 'task swarm.echo');
    expect(own.map(({ attributes }) => attributes['starling.task.id']).toSorted()).toEqual(tasks.toSorted());
    for (const span of own) {
      expect(span).toMatchObject({ traceId: CLIENT_TRACE, parentSpanId: CLIENT_SPAN, status: { code: 0 } });
      expect(span.resource).toMatchObject({
        'service.name': 'starling',
        'starling.tenant': signedUp.tenant.id,
        'starling.swarm': signedUp.swarm.id,
      });
    }
    const attempts = spans.filter(({ name }) => name === 'execute_tool swarm.echo');
    expect(attempts.map(({ parentSpanId }) => parentSpanId).toSorted()).toEqual(
      own.map(({ spanId }) => spanId).toSorted(),
    );
    expect(receiver.received.every(({ headers }) => headers['x-api-key'] === COLLECTOR_KEY)).toBe(true);

    // What the swarm says of it itself; the last answer may still be on its way to be kept.
    const metrics = async () =>
      (await fetch(`${url}/v1/metrics`, { headers: { authorization: `Bearer ${key}` } })).text();
    await expect.poll(metrics, { timeout: 20_000 }).toMatch(/^starling_trace_backlog_events\{.*\} 0$/m);
    expect(await metrics()).toMatch(
      new RegExp(`^starling_trace_spans_exported_total\\{.*\\} ${2 * tasks.length}$`, 'm'),
    );
    expect(logged.join('\n')).toContain('"event":"request"');
    for (const secret of [PRIVATE, key, COLLECTOR_KEY]) expect(logged.join('\n')).not.toContain(secret);
  } finally {
    await platform.dispose();
  }
});
