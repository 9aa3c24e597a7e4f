// How a device comes in, and what members do with it.

import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { beforeEach, expect, test } from 'vitest';
import { didFromPublicKey } from '../../core/devices/did.ts';
import { UPGRADE_HEADERS } from '../../core/devices/port.ts';
import { canonical } from '../../core/json.ts';
import { mintToken, readToken } from '../../core/keys/token.ts';
import { anApi, baseUrl, id, type TestApi, tokenKey } from './an-api.ts';

let api: TestApi;
beforeEach(() => {
  api = anApi();
});

interface TestKey {
  readonly did: string;
  readonly privateKey: KeyObject;
}

function aKey(): TestKey {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return { did: didFromPublicKey(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)), privateKey };
}

function enrolment(token: string, { did, privateKey }: TestKey, name = 'laptop') {
  const text = canonical({ did, purpose: 'starling.enroll', token });
  return { token, did, proof: sign(null, Buffer.from(text), privateKey).toString('base64url'), name };
}

async function aToken(): Promise<string> {
  return String((await api.send('POST', '/v1/devices/enrollments', { json: {} })).json.token);
}

test('a member makes a token, and a device enrols with it and its own key', async () => {
  const opened = await api.send('POST', '/v1/devices/enrollments', { json: { name: 'desk', autonomyLevel: 1 } });
  expect(opened.status).toBe(201);
  expect(opened.json.expiresAt).toBe('2026-11-20T17:00:00.000Z');
  const device = aKey();
  const json = enrolment(String(opened.json.token), device);
  const enrolled = await api.send('POST', '/v1/devices/enroll', { key: null, json });
  expect(enrolled.status).toBe(200);
  const { tenant, swarm } = api.first;
  expect(enrolled.json).toMatchObject({ tenant, swarm, connectUrl: 'ws://localhost:8787/v1/devices/connect' });
  expect(readToken('dvc', String(enrolled.json.credential), tokenKey)).toEqual({
    ok: true,
    value: { t: tenant, s: swarm, d: enrolled.json.device, q: 0 },
  });
  const shown = await api.send('GET', `/v1/devices/${enrolled.json.device}`);
  expect(shown.json).toMatchObject({ name: 'desk', did: device.did, autonomyLevel: 1, connected: false });
});

test('[P6] a device that asks again with the same token and key gets the same answer; another device does not', async () => {
  const token = await aToken();
  const device = aKey();
  const first = await api.send('POST', '/v1/devices/enroll', { key: null, json: enrolment(token, device) });
  const again = await api.send('POST', '/v1/devices/enroll', { key: null, json: enrolment(token, device) });
  expect(again.text).toBe(first.text);
  expect(again.headers.get('idempotent-replayed')).toBe('true');
  const other = await api.send('POST', '/v1/devices/enroll', { key: null, json: enrolment(token, aKey()) });
  expect([other.status, other.json.code]).toEqual([409, 'enrollment_used']);
});

test('a key that is enrolled cannot enrol again', async () => {
  const device = aKey();
  await api.send('POST', '/v1/devices/enroll', { key: null, json: enrolment(await aToken(), device) });
  const again = await api.send('POST', '/v1/devices/enroll', { key: null, json: enrolment(await aToken(), device) });
  expect([again.status, again.json.code]).toEqual([409, 'device_already_enrolled']);
});

test('a token that has expired is refused with 410', async () => {
  const token = await aToken();
  api.clock.now += 3_600_000;
  const late = await api.send('POST', '/v1/devices/enroll', { key: null, json: enrolment(token, aKey()) });
  expect([late.status, late.json.code]).toEqual([410, 'enrollment_expired']);
});

test('nobody enrols a key that is not theirs, or without a token of ours', async () => {
  const token = await aToken();
  const [mine, theirs] = [aKey(), aKey()];
  const stolen = { ...enrolment(token, mine), did: theirs.did };
  const other = { ...enrolment(token, mine), token: await aToken() };
  for (const json of [stolen, other, { ...enrolment(token, mine), proof: 'AAAA' }]) {
    const refused = await api.send('POST', '/v1/devices/enroll', { key: null, json });
    expect([refused.status, refused.json.code]).toEqual([401, 'proof_invalid']);
  }
  const claims = { t: api.first.tenant, s: api.first.swarm, e: id('enr') };
  const forged = mintToken('ent', claims, new Uint8Array(32));
  const refused = await api.send('POST', '/v1/devices/enroll', { key: null, json: enrolment(forged, mine) });
  expect([refused.status, refused.json.code]).toEqual([401, 'enrollment_token_invalid']);
  const unknown = enrolment(mintToken('ent', claims, tokenKey), mine);
  expect((await api.send('POST', '/v1/devices/enroll', { key: null, json: unknown })).json.code).toBe(
    'enrollment_not_found',
  );
  expect((await api.send('GET', '/v1/devices')).json.data).toEqual([]);
});

test('an upgrade is handed to the squad that the credential names, with our headers and none of the caller’s', async () => {
  const { tenant, swarm } = api.first;
  const device = id('dev');
  const credential = mintToken('dvc', { t: tenant, s: swarm, d: device, q: 3 }, tokenKey);
  const forged = Object.fromEntries(Object.values(UPGRADE_HEADERS).map((name) => [name, 'forged']));
  await api.fetch(
    new Request(`${baseUrl}/v1/devices/connect`, {
      headers: {
        ...forged,
        'x-starling-other': 'forged',
        authorization: `Bearer ${credential}`,
        cookie: 'a=b',
        upgrade: 'websocket',
        'sec-websocket-protocol': 'starling.v1',
      },
    }),
  );
  const [passed] = api.squadRequests;
  expect(passed).toMatchObject({ swarm, squad: 3 });
  expect(Object.fromEntries(passed?.request.headers ?? [])).toEqual({
    [UPGRADE_HEADERS.tenant]: tenant,
    [UPGRADE_HEADERS.swarm]: swarm,
    [UPGRADE_HEADERS.device]: device,
    [UPGRADE_HEADERS.audience]: 'localhost:8787',
    upgrade: 'websocket',
    'sec-websocket-protocol': 'starling.v1',
  });
});

test('the squad reads the headers that are set here', () => {});

test('without a credential, or without an upgrade, no squad is woken', async () => {
  const { tenant, swarm } = api.first;
  const credential = mintToken('dvc', { t: tenant, s: swarm, d: id('dev'), q: 0 }, tokenKey);
  const plain = await api.send('GET', '/v1/devices/connect', { key: credential });
  expect([plain.status, plain.json.code]).toEqual([426, 'upgrade_required']);
  for (const key of [null, api.first.secret('admin'), `${credential}x`]) {
    const refused = await api.send('GET', '/v1/devices/connect', { key, headers: { upgrade: 'websocket' } });
    expect([refused.status, refused.json.code]).toEqual([401, 'unauthenticated']);
  }
  expect(api.squadRequests).toEqual([]);
});

test('a device is changed only in the version that was seen, and revoked for good', async () => {
  const enrolled = await api.send('POST', '/v1/devices/enroll', { key: null, json: enrolment(await aToken(), aKey()) });
  const path = `/v1/devices/${enrolled.json.device}`;
  const changed = await api.send('PATCH', path, { json: { name: 'attic', desired: { parallel: 2 }, ifVersion: 0 } });
  expect(changed.json).toMatchObject({ name: 'attic', desired: { version: 1, state: { parallel: 2 } } });
  const stale = await api.send('PATCH', path, { json: { desired: { parallel: 3 }, ifVersion: 0 } });
  expect([stale.status, stale.json.code, stale.json.version]).toEqual([409, 'version_conflict', 1]);
  const revoked = await api.send('POST', `${path}/revoke`);
  expect(revoked.json.state).toBe('revoked');
  expect((await api.send('PATCH', path, { json: { name: 'x' } })).json.code).toBe('device_revoked');
  expect((await api.send('GET', '/v1/devices?state=enrolled')).json.data).toEqual([]);
});
