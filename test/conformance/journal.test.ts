// The journal as outsiders read it: CloudEvents by their own library, a stream that resumes, proofs that hold.

import { createHash, createPublicKey, verify } from 'node:crypto';
import { CloudEvent } from 'cloudevents';
import { beforeAll, expect, test } from 'vitest';
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
