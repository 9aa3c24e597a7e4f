// Receivers that are not there, hang up or are nobody's: what leaves the platform must not end it.

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startPlatform } from '../../local/platform.ts';
import { send, signUp } from '../conformance/client.ts';
import { sized } from './whole.ts';

test('[P19] [WEBHOOK-9] receivers that have no address, refuse or hang up end nobody’s work', async () => {
  const home = mkdtempSync(join(tmpdir(), 'starling-outbound-'));
  const platform = await startPlatform({ home, port: 0, allowPrivateAddresses: true });
  onTestFinished(async () => {
    await platform.dispose();
    rmSync(home, { recursive: true, force: true });
  });
  let taken = 0;
  const rude = createServer((socket) => {
    taken++;
    socket.on('error', () => {});
    socket.destroy();
  });
  await new Promise<void>((done) => rude.listen(0, '127.0.0.1', done));
  onTestFinished(() => void rude.close());
  const address = rude.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const at = (path: string) => `${platform.url}${path}`;
  const them = await send('POST', at('/v1/signup'), {
    json: { email: 'a@example.com', password: 'a pass phrase of nobody', organization: 'Out' },
  });
  const key = them.json.apiKey.secret;
  for (const url of [
    'http://no-such-name.example/0',
    'http://no-such-name.example/1',
    `http://127.0.0.1:${port}/`,
    'http://127.0.0.1:9/',
  ]) {
    const made = await send('POST', at('/v1/webhooks'), { key, json: { url, events: ['*'] } });
    expect(made.status, made.text).toBe(201);
  }
  for (let n = 0; n < sized(5, 50); n++) {
    const json = { operation: 'swarm.echo', input: 'x'.repeat(20_000) };
    const done = await send('POST', at('/v1/tasks'), { key, json, headers: { prefer: 'wait=10' } });
    expect(done.json.state).toBe('succeeded');
  }
  const deadline = performance.now() + 20_000;
  while (taken < 5 && performance.now() < deadline) await new Promise((again) => setTimeout(again, 50));
  expect(taken).toBeGreaterThanOrEqual(5);
  await platform.ready;
  expect((await send('GET', at('/healthz'))).status).toBe(200);
  expect((await send('GET', at('/v1/tasks'), { key })).status).toBe(200);
});

test('[P15] many numbers that no double keeps, each a long way down, are refused while they are counted', async () => {
  const { createHmac } = await import('node:crypto');
  const us = await signUp('Long ways');
  const trigger = await send('POST', '/v1/triggers', {
    key: us.key,
    json: { name: 't', preset: 'github', task: { operation: 'swarm.echo', input: {} } },
  });
  const body = JSON.stringify({ ['A'.repeat(600_000)]: Array.from({ length: 1_000 }, () => '#') }).replaceAll(
    '"#"',
    '76159173374952511234',
  );
  const { secret } = trigger.json;
  const headers = {
    'content-type': 'application/json',
    'x-github-event': 'push',
    'x-github-delivery': 'one',
    'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
  };
  const began = performance.now();
  const answer = await send('POST', trigger.json.url, { body, headers });
  expect([answer.status, answer.json?.code]).toEqual([400, 'payload_invalid']);
  expect(performance.now() - began).toBeLessThan(10_000);
});
