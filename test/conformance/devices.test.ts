// A device from the outside: enrolled with its own key, connected by WebSocket, and put out when it is revoked.

import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { beforeAll, expect, test } from 'vitest';
import { didFromPublicKey } from '../../core/devices/did.ts';
import { type Organization, send, signUp, told, url } from './client.ts';

let us: Organization;
beforeAll(async () => {
  us = await signUp();
});

/** Node's own client takes headers; the browser's declaration does not say so. */
const Socket = WebSocket as unknown as new (
  url: string,
  options: { protocols: string[]; headers: object },
) => WebSocket;

interface TestDevice {
  readonly did: string;
  sign(text: string): string;
}

function aDevice(): TestDevice {
  const pair: { publicKey: KeyObject; privateKey: KeyObject } = generateKeyPairSync('ed25519');
  const raw = pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
  return {
    did: didFromPublicKey(raw),
    sign: (text) => sign(null, Buffer.from(text), pair.privateKey).toString('base64url'),
  };
}

async function enrol(device: TestDevice, token?: string) {
  const made = token ?? (await send('POST', '/v1/devices/enrollments', { key: us.key })).json.token;
  const { did } = device;
  const proof = device.sign(JSON.stringify({ did, purpose: 'starling.enroll', token: made }));
  return send('POST', '/v1/devices/enroll', { json: { token: made, did, proof, name: 'a device' } });
}

/** Frames of a socket, one by one; ends with its close code. */
function framesOf(socket: WebSocket): AsyncGenerator<Record<string, unknown>, number> {
  const queue: (Record<string, unknown> | number)[] = [];
  let wake = () => {};
  const put = (one: Record<string, unknown> | number) => {
    queue.push(one);
    wake();
  };
  socket.addEventListener('message', ({ data }) => put(JSON.parse(String(data))));
  socket.addEventListener('close', ({ code }) => put(code));
  return (async function* () {
    for (;;) {
      while (queue.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      const one = queue.shift();
      if (typeof one === 'number') return one;
      if (one) yield one;
    }
  })();
}

test('a device enrols, proves its key on the socket, is shown connected, and is put out when it is revoked', async () => {
  const device = aDevice();
  const enrolled = await enrol(device);
  expect(enrolled.status).toBe(200);
  const { device: id, credential, connectUrl, tenant, swarm } = enrolled.json;
  expect([tenant, swarm, connectUrl]).toEqual([us.tenant, us.swarm, `${url.replace('http', 'ws')}/v1/devices/connect`]);
  const headers = { authorization: `Bearer ${credential}` };
  const socket = new Socket(connectUrl, { protocols: ['starling.v1'], headers });
  const frames = framesOf(socket);
  const challenge = (await frames.next()).value as { type: string; audience: string; nonce: string };
  expect(challenge).toMatchObject({ type: 'challenge', audience: new URL(url).host });
  const text = JSON.stringify({
    audience: challenge.audience,
    device: id,
    nonce: challenge.nonce,
    protocol: 'starling.v1',
  });
  socket.send(JSON.stringify({ type: 'prove', did: device.did, signature: device.sign(text), epoch: 0, seq: 0 }));
  expect((await frames.next()).value).toMatchObject({ type: 'welcome', device: id, epoch: 1 });
  expect((await send('GET', `/v1/devices/${id}`, { key: us.key })).json).toMatchObject({
    connected: true,
    did: device.did,
  });
  await send('POST', `/v1/devices/${id}/revoke`, { key: us.key });
  let end = await frames.next();
  while (!end.done) end = await frames.next();
  expect(end.value).toBe(4403);
});

test('[P6] an enrolment that is sent again gets the same answer; another device with the token does not', async () => {
  const token = (await send('POST', '/v1/devices/enrollments', { key: us.key })).json.token;
  const device = aDevice();
  const [first, again] = [await enrol(device, token), await enrol(device, token)];
  expect([again.text, again.headers.get('idempotent-replayed')]).toEqual([first.text, 'true']);
  expect(told(await enrol(aDevice(), token))).toEqual([409, 'enrollment_used']);
  expect(told(await enrol(device))).toEqual([409, 'device_already_enrolled']);
});

test('nobody enrols a key that is not theirs, or with a token that is not ours', async () => {
  const token = (await send('POST', '/v1/devices/enrollments', { key: us.key })).json.token;
  const [mine, theirs] = [aDevice(), aDevice()];
  expect(told(await enrol({ ...mine, did: theirs.did }, token))).toEqual([401, 'proof_invalid']);
  expect(told(await enrol(mine, `${token.slice(0, -4)}AAAA`))).toEqual([401, 'enrollment_token_invalid']);
  expect(told(await enrol(mine, us.key))).toEqual([401, 'enrollment_token_invalid']);
});

test('without a credential there is no socket, and without an upgrade there is a hint', async () => {
  expect(told(await send('GET', '/v1/devices/connect'))).toEqual([401, 'unauthenticated']);
  expect(told(await send('GET', '/v1/devices/connect', { key: us.key }))).toEqual([401, 'unauthenticated']);
  const { credential } = (await enrol(aDevice())).json;
  expect(told(await send('GET', '/v1/devices/connect', { key: credential }))).toEqual([426, 'upgrade_required']);
});
