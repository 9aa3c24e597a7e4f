// What no journal can say, no clock has and no sender meant: tried at every door of the built server.

import { createHmac, randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { beforeAll, expect, test } from 'vitest';
import { type Organization, send, signUp, told, url } from '../conformance/client.ts';
import { sized } from './whole.ts';

let owner: Organization;
const SECRET = 'a-secret-of-sixteen-and-more';
beforeAll(async () => {
  owner = await signUp('Doors');
});

const json = { 'content-type': 'application/json' };
const size = async () => (await send('GET', '/v1/journal/checkpoint', { key: owner.key })).json.size;

const UNFIT = [
  '7615917337495251231',
  '9007199254740993',
  '9007199254740993.0',
  '-9007199254740995',
  '123456789012345678901234567890',
  '1e400',
  '1e-400',
  '0.12345678901234567890',
  '"\\ud800"',
  '{"a":"x\\udc00"}',
  '{"\\ud83d":1}',
  '{"a":1,"a":1}',
  '{"a":{"b":[{"c":1,"\\u0063":2}]}}',
  '{"__proto__":1}',
  `${'['.repeat(70)}${']'.repeat(70)}`,
];

test('[DOOR-1] what would be stored as something else than was sent is refused with its place, in every body', async () => {
  const before = await size();
  for (const value of UNFIT) {
    const bodies: [string, string, string][] = [
      ['POST', '/v1/tasks', `{"operation":"swarm.echo","input":${value}}`],
      ['POST', '/v1/missions', `{"plan":{"tasks":[{"key":"a","operation":"swarm.echo","input":${value}}]}}`],
      ['POST', '/v1/triggers', `{"name":"t","preset":"github","task":{"operation":"swarm.echo","input":${value}}}`],
    ];
    for (const [method, path, body] of bodies) {
      const answer = await send(method, path, { key: owner.key, headers: json, body });
      expect(told(answer), `${path} ${value}`).toEqual([400, 'invalid_request']);
      expect(answer.json.errors[0].pointer, value).toMatch(/^\//);
    }
  }
  const twice = '{"debit":"tenant","credit":"team/a","amountMicro":1,"amountMicro":2,"reference":"dup"}';
  expect(told(await send('POST', '/v1/ledger/transfers', { key: owner.key, headers: json, body: twice }))).toEqual([
    400,
    'invalid_request',
  ]);
  expect(await size()).toBe(before);
});

test('[DOOR-6] days that are not are no time, in a body and in at=', async () => {
  for (const time of [
    '2026-11-31T00:00:00Z',
    '2026-02-30T00:00:00Z',
    '2026-12-20T24:00:00Z',
    '2027-01-01T00:00:00+25:00',
  ]) {
    const at = await send('GET', `/v1/ledger/accounts?at=${encodeURIComponent(time)}`, { key: owner.key });
    expect(told(at), time).toEqual([400, 'invalid_request']);
    const body = { operation: 'swarm.echo', input: 1, deadline: time };
    expect(told(await send('POST', '/v1/tasks', { key: owner.key, json: body })), time).toEqual([
      400,
      'invalid_request',
    ]);
  }
});

test('[DOOR-7] a body that is packed, in other characters or broken is said to be that', async () => {
  const body = '{"operation":"swarm.echo","input":1}';
  const packed = await send('POST', '/v1/tasks', {
    key: owner.key,
    headers: { ...json, 'content-encoding': 'gzip' },
    body: new Uint8Array(gzipSync(body)),
  });
  expect(told(packed)).toEqual([415, 'unsupported_media_type']);
  expect(packed.headers.get('accept-encoding')).toBe('identity');
  const other = { 'content-type': 'application/json; charset=utf-16' };
  expect(told(await send('POST', '/v1/tasks', { key: owner.key, headers: other, body }))).toEqual([
    415,
    'unsupported_media_type',
  ]);
  const head = `POST /v1/tasks HTTP/1.1\r\nhost: ${new URL(url).host}\r\nauthorization: Bearer ${owner.key}\r\n`;
  const chunked = `${head}content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`;
  for (const broken of ['zz\r\n{}\r\n0\r\n\r\n', '5\r\n{}\r\n0\r\n\r\n']) {
    const answer = await raw(chunked + broken);
    // The server may close in place of an answer; what it never says is that the fault is its own.
    expect(answer).not.toMatch(/^HTTP\/1\.1 5/);
  }
});

test('[DOOR-8] a trace of a later version goes on', async () => {
  const ids = `${randomUUID().replaceAll('-', '')}`;
  const traceparent = `cc-${ids}-1234567890123456-01-later`;
  const answer = await send('GET', '/healthz', { headers: { traceparent } });
  expect(answer.headers.get('traceparent')).toBe(`00-${ids}-1234567890123456-01`);
});

test('[JOURNAL-14] a reader who has seen what is not there is told so', async () => {
  const ahead = String((await size()) + 1_000);
  const answer = await send('GET', '/v1/journal/stream', { key: owner.key, headers: { 'last-event-id': ahead } });
  expect(told(answer)).toEqual([422, 'size_ahead']);
});

test('[TRIGGER-7] a signed delivery counts once, whatever its id, its event and its number', async () => {
  const task = { operation: 'swarm.echo', input: { text: 'order {{/id}}' } };
  const made = await send('POST', '/v1/triggers', {
    key: owner.key,
    json: { name: 'hub', preset: 'github', secret: SECRET, task },
  });
  const body = `{"id":7615917337495251231,"salt":"${randomUUID()}"}`;
  const signature = `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}`;
  const deliver = (event: string) =>
    send('POST', made.json.url, {
      body,
      headers: {
        ...json,
        'x-hub-signature-256': signature,
        'x-github-delivery': randomUUID(),
        'x-github-event': event,
      },
    });
  const first = await deliver('push');
  expect(first.status, first.text).toBe(202);
  const before = await size();
  for (let n = 0; n < sized(10, 200); n++) {
    const again = await deliver(n % 2 ? 'push' : 'issues');
    expect([again.status, again.json.taskId]).toEqual([202, first.json.taskId]);
  }
  expect(await size()).toBe(before);
  const started = await send('GET', `/v1/tasks/${first.json.taskId}`, { key: owner.key });
  expect(started.json.input).toEqual({ text: 'order 7615917337495251231' });
});

test('[DOOR-9] what a squad refuses is a problem with its code', async () => {
  const enrolled = await aCredential();
  if (enrolled === null) return;
  const head = `GET /v1/devices/connect HTTP/1.1\r\nhost: ${new URL(url).host}\r\nauthorization: Bearer ${enrolled}\r\n`;
  const upgrade =
    'connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
  const answer = await raw(`${head}${upgrade}sec-websocket-protocol: chat\r\n\r\n`);
  expect(answer).toMatch(/^HTTP\/1\.1 400/);
  expect(answer).toContain('"code":"subprotocol_unsupported"');
  expect(answer).toContain('"requestId":"req_');
});

/** A device's credential, by the enrolment that a stranger would write. */
async function aCredential(): Promise<string | null> {
  const { generateKeyPairSync, sign } = await import('node:crypto');
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const rawKey = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
  const did = `did:key:z${base58(Buffer.concat([Buffer.from([0xed, 0x01]), rawKey]))}`;
  const { token } = (await send('POST', '/v1/devices/enrollments', { key: owner.key, json: {} })).json;
  const text = JSON.stringify({ did, purpose: 'starling.enroll', token });
  const proof = sign(null, Buffer.from(text), privateKey).toString('base64url');
  const answer = await send('POST', '/v1/devices/enroll', { json: { token, did, proof, name: 'one' } });
  return answer.status === 200 ? answer.json.credential : null;
}

function base58(bytes: Uint8Array): string {
  const letters = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
  let number = BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
  let text = '';
  for (; number > 0n; number /= 58n) text = (letters[Number(number % 58n)] ?? '') + text;
  return text;
}

/** What the server answers to these bytes, until it closes or is silent for a moment. */
function raw(bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    let answer = '';
    const done = () => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(3_000, done);
    socket.on('data', (chunk) => {
      answer += chunk.toString('utf8');
      if (/\r\n\r\n[\s\S]*}/.test(answer)) done();
    });
    socket.on('close', done);
    socket.on('error', done);
    socket.write(bytes);
  });
}
