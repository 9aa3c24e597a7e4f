// The journal as outsiders read it: CloudEvents by their own library, a stream that resumes, proofs that hold.

import { execFile } from 'node:child_process';
import { createHash, createPublicKey, verify } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CloudEvent } from 'cloudevents';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { noPython } from '../verify/python.ts';
import { type Organization, send, signUp, told, url } from './client.ts';

let us: Organization;
beforeAll(async () => {
  us = await signUp();
  const json = { operation: 'swarm.echo', input: 1 };
  for (let i = 0; i < 5; i++) await send('POST', '/v1/tasks', { key: us.key, json, headers: { prefer: 'wait=10' } });
});

interface Event {
  readonly seq: number;
  readonly hash: string;
  readonly previous: string;
}

/** The whole journal, in pages of `limit`. */
async function journal(limit: number): Promise<Event[]> {
  const events: Event[] = [];
  let cursor: string | null = null;
  do {
    const page: string = cursor === null ? '' : `&cursor=${cursor}`;
    const answer = await send('GET', `/v1/journal?limit=${limit}${page}`, { key: us.key });
    events.push(...answer.json.data);
    cursor = answer.json.nextCursor;
  } while (cursor !== null);
  return events;
}

test('every event is a CloudEvent, and pages of any size give the same gapless chain', async () => {
  const events = await journal(1_000);
  for (const event of events) expect(new CloudEvent({ ...event } as object).validate()).toBe(true);
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => i + 1));
  for (const [i, { previous }] of events.entries()) expect(previous).toBe(events[i - 1]?.hash ?? '0'.repeat(64));
  expect(await journal(7)).toEqual(events);
});

test('the stream gives what there is, then what happens, and resumes after the last event seen', async () => {
  const first = openStream('/v1/journal/stream?from=2');
  expect((await first.next()).value).toBe(2);
  await send('POST', '/v1/tasks', { key: us.key, json: { operation: 'swarm.echo', input: 'live' } });
  let last = 2;
  const { size } = (await send('GET', '/v1/journal/checkpoint', { key: us.key })).json;
  while (last < size) {
    const { value } = await first.next();
    expect(value).toBe(last + 1);
    last = Number(value);
  }
  await first.return(undefined);
  const second = openStream('/v1/journal/stream?from=1', { 'last-event-id': '4' });
  expect((await second.next()).value).toBe(5);
  await second.return(undefined);
});

test('readers that go are forgotten: more may come and go than may read at once', { timeout: 60_000 }, async () => {
  for (let i = 0; i < 240; i++) {
    const reader = openStream('/v1/journal/stream');
    expect((await reader.next()).value).toBe(1);
    await reader.return(undefined);
    // That a reader has gone is noticed when there is something to tell it.
    const task = { key: us.key, json: { operation: 'swarm.echo', input: i }, headers: { prefer: 'wait=10' } };
    if (i % 60 === 59) expect((await send('POST', '/v1/tasks', task)).status).toBe(200);
  }
  expect((await send('HEAD', '/v1/journal/stream', { key: us.key })).status).toBe(200);
});

/** The ids of server-sent events, as they come. */
async function* openStream(path: string, headers: Record<string, string> = {}): AsyncGenerator<number, void> {
  const abort = new AbortController();
  const response = await fetch(new URL(path, url), {
    headers: { authorization: `Bearer ${us.key}`, ...headers },
    signal: abort.signal,
  });
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
  try {
    let rest = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n\n');
      rest = parts.pop() ?? '';
      for (const part of parts) {
        const id = /^id: (\d+)$/m.exec(part)?.[1];
        if (id === undefined) continue;
        expect(JSON.parse(/^data: (.*)$/m.exec(part)?.[1] ?? '').seq).toBe(Number(id));
        yield Number(id);
      }
    }
  } finally {
    abort.abort();
  }
}

test('[P7] a checkpoint is signed by the key of the first event, and a proof leads from an event to it', async () => {
  const [genesis] = (await send('GET', '/v1/journal?limit=1', { key: us.key })).json.data;
  const proof = (await send('GET', '/v1/journal/proof?seq=3', { key: us.key })).json;
  const { signature, publicKey, ...signed } = proof.checkpoint;
  expect(publicKey).toBe(genesis.data.publicKey);
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey }, format: 'jwk' });
  const text = JSON.stringify(Object.fromEntries(Object.entries(signed).toSorted()));
  expect(verify(null, Buffer.from(text), key, Buffer.from(signature, 'base64url'))).toBe(true);
  expect(rootFrom(proof.leaf, proof.index, signed.size, proof.path)).toBe(signed.root);
  expect(told(await send('GET', '/v1/journal/proof?seq=99999', { key: us.key }))).toEqual([404, 'event_not_found']);
});

/** RFC 9162 2.1.3.2, written from the RFC: the root that a leaf and its path lead to. */
function rootFrom(leaf: string, index: number, size: number, path: readonly string[]): string {
  const node = (left: Buffer, right: Buffer) =>
    createHash('sha256')
      .update(Buffer.concat([Buffer.of(1), left, right]))
      .digest();
  let [fn, sn] = [index, size - 1];
  let root = Buffer.from(leaf, 'hex');
  for (const part of path) {
    const sibling = Buffer.from(part, 'hex');
    if (fn % 2 === 1 || fn === sn) {
      root = node(sibling, root);
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [fn >> 1, sn >> 1];
    } else {
      root = node(root, sibling);
    }
    [fn, sn] = [fn >> 1, sn >> 1];
  }
  return root.toString('hex');
}

test('dead letters are none, and one of nobody’s is not found', async () => {
  expect((await send('GET', '/v1/telemetry/dead-letters', { key: us.key })).json).toEqual({
    data: [],
    nextCursor: null,
  });
  const missing = await send('GET', '/v1/telemetry/dead-letters/2026-11-20_aa', { key: us.key });
  expect(told(missing)).toEqual([404, 'dead_letter_not_found']);
});

test('[JOURNAL-19] from a checkpoint that is held a proof leads to every later one; sizes that cannot be are refused', async () => {
  const held = (await send('GET', '/v1/journal/checkpoint', { key: us.key })).json;
  await send('POST', '/v1/tasks', {
    key: us.key,
    json: { operation: 'swarm.echo', input: 2 },
    headers: { prefer: 'wait=10' },
  });
  const proof = (await send('GET', `/v1/journal/consistency?from=${held.size}`, { key: us.key })).json;
  expect(proof).toMatchObject({ from: held.size, to: proof.checkpoint.size });
  expect(proof.to).toBeGreaterThan(held.size);
  if (!noPython) {
    const { stdout } = await python([write('proof.json', proof), write('held.json', held), '--key', held.publicKey]);
    expect(stdout).toContain(`go on from the ${held.size} that you hold`);
  }
  const again = await send('GET', `/v1/journal/checkpoint?size=${held.size}`, { key: us.key });
  expect(again.json).toEqual(held);
  const listed = (await send('GET', '/v1/journal/checkpoints?limit=1', { key: us.key })).json;
  expect(listed.data).toEqual([proof.checkpoint]);
  const next = await send('GET', `/v1/journal/checkpoints?limit=1&cursor=${listed.nextCursor}`, { key: us.key });
  expect(next.json.data).toEqual([held]);
  for (const [path, status, code] of [
    ['consistency?from=99999', 422, 'size_ahead'],
    [`consistency?from=3&to=2`, 422, 'sizes_reversed'],
    ['consistency?from=1&to=99999', 422, 'size_ahead'],
    ['consistency?from=0', 400, 'invalid_request'],
    ['consistency', 400, 'invalid_request'],
    ['checkpoint?size=99999', 422, 'size_ahead'],
    ['checkpoint?size=x', 400, 'invalid_request'],
    ['proof?seq=5&size=4', 422, 'sizes_reversed'],
  ] as const)
    expect([path, ...told(await send('GET', `/v1/journal/${path}`, { key: us.key }))]).toEqual([path, status, code]);
});

test('[VERIFY-2] the verifier in Python accepts what the platform proves, and refuses it changed', {
  skip: noPython,
}, async () => {
  const json = { operation: 'swarm.echo', input: 'proved' };
  const task = await send('POST', '/v1/tasks', { key: us.key, json, headers: { prefer: 'wait=10' } });
  const proof = (await send('GET', `/v1/tasks/${task.json.id}/proof`, { key: us.key })).json;
  const { publicKey } = proof.checkpoint;
  const { stdout } = await python([write('task.json', proof), '--key', publicKey]);
  expect(stdout).toContain('task.succeeded');
  const event = (await send('GET', '/v1/journal/proof?seq=2&size=7', { key: us.key })).json;
  expect(event.checkpoint.size).toBe(7);
  await python([write('event.json', event), '--key', publicKey]);
  const changed = JSON.parse(JSON.stringify(proof).replace('"proved"', '"forged"'));
  await expect(python([write('changed.json', changed)])).rejects.toMatchObject({ code: 1 });
  const richer = { ...proof, transfers: proof.transfers.map((one: object) => ({ ...one, settledMicro: 1 })) };
  await expect(python([write('richer.json', richer)])).rejects.toMatchObject({ code: 1 });
  await expect(python([write('task.json', proof), '--key', 'A'.repeat(43)])).rejects.toMatchObject({ code: 1 });
});

const folder = mkdtempSync(join(tmpdir(), 'starling-journal-'));
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, value: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, JSON.stringify(value));
  return path;
}

/** Runs the stand-alone verifier. */
function python(words: readonly string[]): Promise<{ stdout: string }> {
  return promisify(execFile)('python3', [join(import.meta.dirname, '../../docs/verify/verify.py'), ...words]);
}
