// The way out, against a real HTTP server: what each answer comes to, and which settings there are.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { traceAnswerMsMax } from '../../core/limits.ts';
import { exportRequest, spanText } from '../../core/traces/otlp.ts';
import type { Span } from '../../core/traces/span.ts';
import { answerBytesRead, exportSpans } from '../../functions/traces/export.ts';
import { createExporter } from '../../functions/traces/exporter.ts';
import { readTraceSettings, type TraceEnv } from '../../functions/traces/settings.ts';
import { watchBindings } from '../../local/watch-bindings.ts';
import { type Answer, OtlpReceiver, TAKEN } from './otlp-receiver.ts';

const NOW = Date.parse('2026-11-20T12:00:00Z');
const KEY = 'hidden-key';
const span: Span = {
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  spanId: '00f067aa0ba902b7',
  parentSpanId: null,
  isParentRemote: false,
  name: 'task swarm.echo',
  kind: 'internal',
  startAt: NOW,
  endAt: NOW + 5,
  attributes: { text: `half a character: ${'\u{1F426}'[0]}`, whole: -7, yes: true, nothing: null },
  events: [],
  error: null,
};
const BODY = exportRequest({ tenant: 'tnt_1', swarm: 'swm_1' }, [spanText(span)]);

let receiver: OtlpReceiver;
beforeEach(async () => {
  receiver = await OtlpReceiver.start();
});
afterEach(async () => {
  await receiver[Symbol.asyncDispose]();
  expect(receiver.wrong).toEqual([]);
});

const deps = { fetch: (url: string, init: RequestInit) => fetch(url, init), now: () => NOW };
const send = (script: Answer[] = []) => {
  receiver.script = script;
  return exportSpans(BODY, { url: `${receiver.url}/v1/traces`, headers: { 'x-api-key': KEY } }, deps);
};
const json = (status: number, body: unknown): Answer => ({ status, body: JSON.stringify(body) });

describe('one request', () => {
  test('[TRACE-4] is a POST of OTLP/JSON with the headers that are set, and every value arrives as it was', async () => {
    expect(await send()).toEqual({ outcome: 'taken', rejected: 0 });
    const [received] = receiver.received;
    expect(received).toMatchObject({ path: '/v1/traces', headers: { 'x-api-key': KEY } });
    expect(received?.spans[0]).toMatchObject({
      resource: { 'service.name': 'starling', 'starling.tenant': 'tnt_1', 'starling.swarm': 'swm_1' },
      start: BigInt(NOW) * 1_000_000n,
      attributes: { text: 'half a character: \uFFFD', whole: -7, yes: true },
    });
  });

  test.each([
    ['an empty body', { status: 200 }, 0],
    ['no partial success', json(200, {}), 0],
    [
      'a partial success that rejects some, as protobuf writes numbers',
      json(200, { partialSuccess: { rejectedSpans: '3' } }),
      3,
    ],
    ['one that writes a number', json(202, { partialSuccess: { rejectedSpans: 2, errorMessage: 'old' } }), 2],
    ['one that only warns', json(200, { partialSuccess: { errorMessage: 'soon' } }), 0],
    ['no JSON', { status: 200, body: 'ok' }, 0],
    ['what cannot be', json(200, { partialSuccess: { rejectedSpans: -4 } }), 0],
    ['more than is read', { status: 200, body: ' '.repeat(answerBytesRead * 3) }, 0],
  ] as const)('[TRACE-5] that is answered with %s is taken', async (_, answer, rejected) => {
    expect(await send([answer])).toEqual({ outcome: 'taken', rejected });
  });

  test.each([429, 502, 503, 504])(
    '[TRACE-5] that is answered with %i may be sent again, when the answer says',
    async (status) => {
      expect(await send([{ status }])).toEqual({ outcome: 'retry', error: 'answered_busy', status });
      expect(await send([{ status, headers: { 'retry-after': '7' } }])).toMatchObject({ retryAfterMs: 7_000 });
      const date = new Date(NOW + 9_000).toUTCString();
      expect(await send([{ status, headers: { 'retry-after': date } }])).toMatchObject({ retryAfterMs: 9_000 });
      expect(await send([{ status, headers: { 'retry-after': 'soon' } }])).toEqual({
        outcome: 'retry',
        error: 'answered_busy',
        status,
      });
    },
  );

  test.each([400, 401, 403, 404, 413, 500, 501])(
    '[TRACE-5] that is answered with %i is not sent again',
    async (status) => {
      expect(await send([json(status, { message: KEY })])).toEqual({
        outcome: 'refused',
        error: 'answered_error',
        status,
      });
    },
  );

  test('[TRACE-6] is not led elsewhere: a redirect would take the key along', async () => {
    const other = await OtlpReceiver.start();
    const answer = { status: 307, headers: { location: `${other.url}/v1/traces` } };
    expect(await send([answer])).toEqual({ outcome: 'refused', error: 'redirected', status: 307 });
    expect(other.received).toEqual([]);
    await other[Symbol.asyncDispose]();
  });

  test('[TRACE-5] that is dropped, or that nobody takes, may be sent again, and says nothing of the address', async () => {
    expect(await send(['drop'])).toEqual({ outcome: 'retry', error: 'connection_failed' });
    const nowhere = await exportSpans(BODY, { url: 'http://127.0.0.1:1/v1/traces', headers: {} }, deps);
    expect(nowhere).toEqual({ outcome: 'retry', error: 'connection_failed' });
  });

  test('[TRACE-5] that is never answered ends after a while', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const sent = send(['hang']);
      await receiver.until(() => receiver.received.length === 1);
      await vi.advanceTimersByTimeAsync(traceAnswerMsMax);
      expect(await sent).toEqual({ outcome: 'retry', error: 'timed_out' });
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('settings', () => {
  const read = (endpoint: string | undefined, headers?: string) =>
    readTraceSettings({
      ...(endpoint === undefined ? {} : { STARLING_OTLP_ENDPOINT: endpoint }),
      ...(headers === undefined ? {} : { STARLING_OTLP_HEADERS: headers }),
    });

  test.each([
    ['http://localhost:4318', 'http://localhost:4318/v1/traces'],
    ['http://localhost:4318/', 'http://localhost:4318/v1/traces'],
    ['https://otlp.example.com/in/', 'https://otlp.example.com/in/v1/traces'],
    ['https://otlp.example.com/v1/traces', 'https://otlp.example.com/v1/traces'],
    [' https://otlp.example.com/in?site=a ', 'https://otlp.example.com/in/v1/traces?site=a'],
  ])('[TRACE-6] the endpoint %s is posted to at %s', (endpoint, url) => {
    expect(read(endpoint)).toEqual({ ok: true, value: { url, headers: {} } });
  });

  test('[TRACE-6] without an endpoint traces are off, whatever else is set', () => {
    expect(read(undefined, 'a=b')).toEqual({ ok: true, value: null });
    expect(read('')).toEqual({ ok: true, value: null });
  });

  test('[TRACE-6] headers are read as OpenTelemetry writes them', () => {
    expect(read('http://localhost', 'Authorization=Bearer%20abc, x-team = a%2Cb ,')).toEqual({
      ok: true,
      value: { url: 'http://localhost/v1/traces', headers: { authorization: 'Bearer abc', 'x-team': 'a,b' } },
    });
  });

  test.each([
    ['STARLING_OTLP_ENDPOINT', 'localhost:4318', undefined],
    ['STARLING_OTLP_ENDPOINT', 'ftp://localhost', undefined],
    ['STARLING_OTLP_ENDPOINT', `https://user:${KEY}@localhost`, undefined],
    ['STARLING_OTLP_ENDPOINT', `https://localhost/#${KEY}`, undefined],
    ['STARLING_OTLP_HEADERS', 'http://localhost', KEY],
    ['STARLING_OTLP_HEADERS', 'http://localhost', `=${KEY}`],
    ['STARLING_OTLP_HEADERS', 'http://localhost', `a b=${KEY}`],
    ['STARLING_OTLP_HEADERS', 'http://localhost', `a=${KEY}%0d%0ab: c`],
    ['STARLING_OTLP_HEADERS', 'http://localhost', `a=%${KEY}`],
    ['STARLING_OTLP_HEADERS', 'http://localhost', `host=${KEY}`],
    ['STARLING_OTLP_HEADERS', 'http://localhost', Array.from({ length: 30 }, (_, n) => `h${n}=a`).join(',')],
  ])('[TRACE-6] a wrong %s is named, and its value is not told', async (setting, endpoint, headers) => {
    const found = read(endpoint, headers);
    expect(found).toEqual({ ok: false, error: { setting } });
    const env: TraceEnv = {
      STARLING_OTLP_ENDPOINT: endpoint,
      ...(headers === undefined ? {} : { STARLING_OTLP_HEADERS: headers }),
    };
    const reports: unknown[] = [];
    const exporter = createExporter(env, { ...deps, report: (...said) => void reports.push(said) });
    expect(await exporter.send(BODY)).toEqual({ outcome: 'retry', error: 'settings_wrong' });
    expect(reports).toEqual([['traces_settings_wrong', { setting }]]);
    expect(() => watchBindings({ ...env })).toThrow(setting);
    expect(() => watchBindings({ ...env })).not.toThrow(KEY);
  });

  test('[TRACE-6] the exporter sends where the settings say', async () => {
    const env = { STARLING_OTLP_ENDPOINT: receiver.url, STARLING_OTLP_HEADERS: `x-api-key=${KEY}` };
    const exporter = createExporter(env, { ...deps, report: () => expect.unreachable() });
    receiver.script = [TAKEN];
    expect(await exporter.send(BODY)).toEqual({ outcome: 'taken', rejected: 0 });
    expect(receiver.received[0]?.headers['x-api-key']).toBe(KEY);
  });
});
