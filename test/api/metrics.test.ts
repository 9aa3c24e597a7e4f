// `GET /v1/metrics`, and what is logged of requests.

import { expect, test } from 'vitest';
import type { LogFields } from '../../core/log-line.ts';
import { entrySpanId } from '../../core/traces/trace-context.ts';
import { parseExposition } from '../core/exposition-parser.ts';
import { anApi, at } from './an-api.ts';

const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0';

test('[METRICS-4] is given to the scope control:read and no other, in the format that is asked for', async () => {
  const api = anApi();
  await api.send('POST', '/v1/tasks', { json: { operation: 'swarm.echo', input: {} }, headers: { prefer: 'wait=1' } });
  const key = api.first.secret('control:read');
  const text = await api.send('GET', '/v1/metrics', { key });
  expect(text.status).toBe(200);
  expect(text.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(text.headers.get('vary')).toBe('accept');
  const families = parseExposition(text.text, 'prometheus');
  expect(families.get('starling_swarm_info')?.samples).toEqual([
    { name: 'starling_swarm_info', labels: { swarm: api.first.swarm, tenant: api.first.tenant }, value: 1 },
  ]);
  const ended = families.get('starling_tasks_ended_total')?.samples ?? [];
  expect(ended.find(({ labels }) => labels.outcome === 'succeeded')?.value).toBe(1);
  const open = await api.send('GET', '/v1/metrics', { key, headers: { accept: OPEN_METRICS } });
  expect(open.headers.get('content-type')).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
  expect(parseExposition(open.text, 'openmetrics').size).toBe(families.size);
  const refused = await api.send('GET', '/v1/metrics', { key: api.first.secret('journal:read', 'tasks:read') });
  expect([refused.status, at(refused.json, 'code'), at(refused.json, 'scope')]).toEqual([
    403,
    'scope_missing',
    'control:read',
  ]);
  expect((await api.send('GET', '/v1/metrics', { key: null })).status).toBe(401);
  expect((await api.send('GET', '/v1/metrics?at=1', { key })).status).toBe(400);
});

test('[METRICS-4] is not given to a key that was revoked', async () => {
  const api = anApi();
  const made = await api.send('POST', '/v1/keys', { json: { name: 'scraper', scopes: ['control:read'] } });
  const key = String(at(made.json, 'secret'));
  expect((await api.send('GET', '/v1/metrics', { key })).status).toBe(200);
  await api.send('POST', `/v1/keys/${at(made.json, 'id')}/revoke`, {});
  expect((await api.send('GET', '/v1/metrics', { key })).status).toBe(401);
});

test('[METRICS-4] tells a tenant of its own swarm alone', async () => {
  const api = anApi();
  const other = api.tenant();
  const { text } = await api.send('GET', '/v1/metrics', { key: other.secret('control:read') });
  expect(text).toContain(other.swarm);
  expect(text).not.toContain(api.first.swarm);
});

test('[LOG-4] each request is logged by its route, status, time and id, and by nothing that it brought', async () => {
  const lines: { level: string; event: string; fields: LogFields }[] = [];
  const api = anApi({ log: (level, event, fields = {}) => void lines.push({ level, event, fields }) });
  const sent = await api.send('POST', '/v1/tasks?secret=abc', { json: { input: 'a-private-word' } });
  await api.send('GET', '/v1/tasks/tsk_nothing');
  await api.send('GET', '/nowhere/a-private-word');
  expect(lines).toEqual([
    line('POST', '/v1/tasks', 400, sent.headers.get('x-request-id')),
    line('GET', '/v1/tasks/{id}', 404, expect.stringMatching(/^req_/)),
    line('GET', null, 404, expect.stringMatching(/^req_/)),
  ]);
});

function line(method: string, route: string | null, status: number, requestId: unknown) {
  return { level: 'info', event: 'request', fields: { requestId, method, route, status, ms: expect.any(Number) } };
}

test('[TRACE-1] a client without a trace gets one that begins with its work', async () => {
  const api = anApi();
  const { headers } = await api.send('GET', '/healthz');
  const [, traceId = '', span] = (headers.get('traceparent') ?? '').split('-');
  expect(traceId).toMatch(/^[0-9a-f]{32}$/);
  expect(span).toBe(entrySpanId(traceId));
});
