// The metrics of a swarm as a scraper gets them, and that they follow what is done.

import { expect, test } from 'vitest';
import { parseExposition } from '../core/exposition-parser.ts';
import { send, signUp, told } from './client.ts';

/** What Prometheus sends. */
const ACCEPT =
  'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.2,*/*;q=0.1';

async function scrape(key: string, accept: string) {
  const { status, headers, text } = await send('GET', '/v1/metrics', { key, headers: { accept } });
  expect(status).toBe(200);
  const format = headers.get('content-type')?.startsWith('application/openmetrics-text') ? 'openmetrics' : 'prometheus';
  const families = parseExposition(text, format);
  return {
    format,
    value(name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
      const samples = [...families.values()].flatMap((family) => family.samples);
      return samples.find(
        (sample) =>
          sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
      )?.value;
    },
  };
}

test('[METRICS-1] the real server tells its metrics in both formats, and they follow the work', async () => {
  const { key, swarm, tenant } = await signUp('Metrics');
  const { json } = await send('POST', '/v1/keys', { key, json: { name: 'scraper', scopes: ['control:read'] } });
  const before = await scrape(json.secret, ACCEPT);
  expect(before.format).toBe('openmetrics');
  expect(before.value('starling_swarm_info', { swarm, tenant })).toBe(1);
  expect(before.value('starling_available_credits', { swarm })).toBe(1_000);
  expect(before.value('starling_storage_bytes')).toBeGreaterThan(10_000);
  for (let n = 0; n < 3; n++) {
    const input = { operation: 'swarm.echo', input: { n } };
    const task = await send('POST', '/v1/tasks', { key, json: input, headers: { prefer: 'wait=10' } });
    expect(task.json.state).toBe('succeeded');
  }
  const after = await scrape(json.secret, 'text/plain');
  expect(after.format).toBe('prometheus');
  expect(after.value('starling_tasks_ended_total', { outcome: 'succeeded' })).toBe(3);
  expect(after.value('starling_events_total', { type: 'task.succeeded' })).toBe(3);
  expect(after.value('starling_settled_credits_total')).toBe(0.0003);
  expect(after.value('starling_journal_head_seq')).toBeGreaterThan(before.value('starling_journal_head_seq') ?? 0);
  expect(after.value('starling_halted')).toBe(0);
  // Nobody has turned the export of traces on.
  expect(after.value('starling_trace_backlog_events')).toBeUndefined();
  // The key reads numbers and nothing else.
  expect(told(await send('GET', '/v1/journal', { key: json.secret }))).toEqual([403, 'scope_missing']);
});
