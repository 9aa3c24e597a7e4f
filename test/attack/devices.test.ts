// A device that was let in and does harm: it floods, lies about what is not its own, goes backwards, says everything twice, comes
// with what belongs elsewhere, and stays when it was put out. Beside it a reader of another tenant is never refused.

import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { didFromPublicKey } from '../../core/devices/did.ts';
import { newId } from '../../core/ids.ts';
import { type Platform, startPlatform } from '../../local/platform.ts';
import { type Organization, send, signUp, told, url } from '../conformance/client.ts';
import { openRawSocket, type RawSocket } from './fuzz/raw-socket.ts';
import { sized } from './whole.ts';

const answerMsMax = 20_000;

let home: string;
let other: Platform;
let us: Organization;
let bystander: Organization;
const open: RawSocket[] = [];

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'starling-other-'));
  other = await startPlatform({ home, port: 0 });
  bystander = await signUp('Bystander');
});
beforeEach(async () => {
  us = await signUp('Rogue device');
});
afterAll(async () => {
  for (const socket of open) socket.close();
  await other.dispose();
  rmSync(home, { recursive: true, force: true });
});

interface Device {
  readonly id: string;
  readonly did: string;
  readonly credential: string;
  sign(text: string): string;
}

async function aDevice(of: Organization = us): Promise<Device> {
  const pair = generateKeyPairSync('ed25519');
  const did = didFromPublicKey(pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32));
  const signed = (text: string) => sign(null, Buffer.from(text), pair.privateKey).toString('base64url');
  const { token } = (await send('POST', '/v1/devices/enrollments', { key: of.key, json: {} })).json;
  const proof = signed(JSON.stringify({ did, purpose: 'starling.enroll', token }));
  const made = await send('POST', '/v1/devices/enroll', { json: { token, did, proof, name: 'a rogue' } });
  expect(made.status, made.text).toBe(200);
  return { id: made.json.device, did, credential: made.json.credential, sign: signed };
}

interface Frame {
  readonly type: string;
  // biome-ignore lint/suspicious/noExplicitAny: what a stranger's client knows of a frame before it looks.
  readonly [member: string]: any;
}
interface Line {
  readonly socket: RawSocket;
  readonly epoch: number;
  say(frame: unknown): void;
  /** The next frame of this type, or the code that it was closed with. */
  until(type: string): Promise<Frame | number | null>;
  facts(from: number, bodies: readonly unknown[], epoch?: number): void;
}

/** Calls with a credential, and says the answer that came in place of a challenge. */
async function call(credential: string, at = url): Promise<RawSocket | number> {
  const opened = await openRawSocket(`${at}/v1/devices/connect`, [
    `Authorization: Bearer ${credential}`,
    'Sec-WebSocket-Protocol: starling.v1',
  ]);
  if (typeof opened !== 'number') open.push(opened);
  return opened;
}

async function comeIn(device: Device, { epoch = 0, seq = 0 } = {}): Promise<Line> {
  const called = await call(device.credential);
  if (typeof called === 'number') throw new Error(`the upgrade answered ${called}`);
  const socket: RawSocket = called;
  const say = (frame: unknown) => socket.send(Buffer.from(JSON.stringify(frame)));
  async function until(type: string): Promise<Frame | number | null> {
    for (;;) {
      const heard = await socket.next(answerMsMax);
      if (heard === null) throw new Error(`nothing in time, in place of ${type}`);
      if (typeof heard !== 'string') return heard.code;
      if (heard === 'pong') continue;
      const frame = JSON.parse(heard) as Frame;
      if (frame.type === type) return frame;
    }
  }
  const challenge = await until('challenge');
  if (typeof challenge === 'number' || challenge === null) throw new Error(`closed with ${challenge}`);
  const { audience, nonce } = challenge;
  const signature = device.sign(JSON.stringify({ audience, device: device.id, nonce, protocol: 'starling.v1' }));
  say({ type: 'prove', did: device.did, signature, epoch, seq });
  const welcome = await until('welcome');
  if (typeof welcome === 'number' || welcome === null) throw new Error(`closed with ${welcome}`);
  return {
    ...{ socket, say, until, epoch: welcome.epoch },
    facts: (from, bodies, at = welcome.epoch) =>
      say({ type: 'facts', epoch: at, facts: bodies.map((body, n) => ({ seq: from + n, at: Date.now(), body })) }),
  };
}

const description = (priceMicro = 100, summary = 'x') => ({
  type: 'device.described',
  description: {
    ...{ runtime: 'rogue', platform: 'none', privacy: 'internal', parallel: 4, capabilities: [] },
    operations: [{ name: 'rogue.run', version: '1.0.0', summary, input: {}, output: {}, priceMicro, leaseMs: 60_000 }],
  },
});

/** A reader of another tenant, for as long as something is done to the platform. */
async function beside<T>(work: () => Promise<T>): Promise<T> {
  let isOver = false;
  const read = (async () => {
    const answers: number[] = [];
    while (!isOver) answers.push((await send('GET', '/v1/tasks?limit=1', { key: bystander.key })).status);
    return answers;
  })();
  try {
    return await work();
  } finally {
    isOver = true;
    const answers = await read;
    expect(answers.length).toBeGreaterThan(0);
    expect(new Set(answers)).toEqual(new Set([200]));
  }
}

const journal = async () => (await send('GET', '/v1/journal/checkpoint', { key: us.key })).json.size as number;
/** A task that this device is given, and the offer that it got. */
async function anAttempt(line: Line): Promise<{ task: string; offer: Frame }> {
  const made = await send('POST', '/v1/tasks', { key: us.key, json: { operation: 'rogue.run', input: {} } });
  expect(made.status, made.text).toBe(202);
  const orders = await line.until('orders');
  if (typeof orders === 'number' || orders === null) throw new Error(`closed with ${orders}`);
  line.say({ type: 'taken', orders: orders.orders.map(({ id }: { id: string }) => id) });
  return { task: made.json.id, offer: orders.orders[0].body };
}
const success = ({ attempt, task, fence }: Frame) => ({
  ...{ type: 'attempt.succeeded', attempt, task, fence, result: 'stolen', durationMs: 1 },
});
const stateOf = async (task: string) => (await send('GET', `/v1/tasks/${task}`, { key: us.key })).json;

test('[DEVICE-21] [DEVICE-7] floods of facts, endless pieces and huge descriptions end its connection and wait nobody else', async () => {
  const device = await aDevice();
  const before = await journal();
  await beside(async () => {
    const line = await comeIn(device);
    // Ten times what its share lets wait, of descriptions that are large and never the same.
    for (let n = 0; n < sized(600, 3_000); n++)
      line.facts(
        1 + n * 10,
        Array.from({ length: 10 }, (_, i) => description(100 + n * 10 + i, 'x'.repeat(300))),
      );
    expect(await line.until('never')).toBe(4429);
  });
  await beside(async () => {
    // Another device: the first has used up its share for now.
    const line = await comeIn(await aDevice());
    // One message that never ends: its first piece, then more than the runtime gathers of one (32 MiB).
    line.socket.send(Buffer.from('{"type":"facts'), 0x01);
    for (let n = 0; n < 600; n++) line.socket.send(randomBytes(65_536), 0x00);
    expect([1009, 4413, 4400, 1002, 1007, null]).toContain(await line.until('never'));
  });
  await beside(async () => {
    const line = await comeIn(await aDevice(), { epoch: 1, seq: 1_000_000 });
    line.say({ type: 'facts', epoch: line.epoch, facts: [{ seq: 1, at: 0, body: 'x'.repeat(921_600) }] });
    expect(await line.until('never')).toBe(4413);
  });
  // What was taken is within its share: a burst, and so many a second since.
  expect((await journal()) - before).toBeLessThan(1_000 + 100 * 60);
}, 120_000);

test('[DEVICE-5] [DEVICE-6] facts out of order, epochs and seqs that run backwards and frames that come again change nothing', async () => {
  const device = await aDevice();
  const line = await comeIn(device);
  line.facts(1, [description()]);
  expect(await line.until('committed')).toMatchObject({ seq: 1, refused: [] });
  line.facts(3, [description(300)]);
  expect(await line.until('expected')).toMatchObject({ seq: 2 });
  const size = await journal();
  // The same frame again, and another one under its number.
  line.facts(1, [description()]);
  expect(await line.until('committed')).toMatchObject({ seq: 1 });
  line.facts(1, [description(7)]);
  await line.until('committed');
  expect(await journal()).toBe(size);
  const [shown] = (await send('GET', '/v1/devices', { key: us.key })).json.data;
  expect(JSON.stringify(shown)).not.toContain('"priceMicro":7}');
  for (const epoch of [0, line.epoch - 1, line.epoch + 5, -1, 2 ** 53]) {
    const bad = await comeIn(device, { epoch: line.epoch, seq: 1 });
    bad.facts(2, [description(9)], epoch);
    expect([4400, 4503], String(epoch)).toContain(await bad.until('never'));
  }
  // An outbox that has less than it had begins anew; what it says then is not taken for what it said before.
  const back = await comeIn(device, { epoch: line.epoch, seq: 0 });
  expect(back.epoch).toBeGreaterThan(line.epoch);
  back.facts(1, [description(11)]);
  expect(await back.until('committed')).toMatchObject({ epoch: back.epoch, seq: 1 });
  // A proof of another connection is no proof here.
  const replay = await call(device.credential);
  if (typeof replay === 'number') throw new Error(`the upgrade answered ${replay}`);
  const old = device.sign(JSON.stringify({ audience: 'x', device: device.id, nonce: 'x', protocol: 'starling.v1' }));
  const prove = { type: 'prove', did: device.did, signature: old, epoch: 0, seq: 0 };
  replay.send(Buffer.from(JSON.stringify(prove)));
  let end = await replay.next(answerMsMax);
  while (typeof end === 'string') end = await replay.next(answerMsMax);
  expect(end?.code).toBe(4401);
}, 60_000);

test('[DEVICE-7] nobody ends, fails or prolongs what another device does, nor what is nobody’s', async () => {
  const [honest, rogue] = [await aDevice(), await aDevice()];
  const worker = await comeIn(honest);
  worker.facts(1, [description()]);
  await worker.until('committed');
  const { task, offer } = await anAttempt(worker);
  const thief = await comeIn(rogue);
  const claims = [
    success(offer),
    success({ ...offer, fence: offer.fence + 1 }),
    { ...success(offer), attempt: newId('att', Date.now(), randomBytes(10)) },
    { type: 'attempt.started', attempt: offer.attempt, task, fence: offer.fence },
    { type: 'attempt.progressed', attempt: offer.attempt, task, fence: offer.fence, fraction: 1 },
    { type: 'attempt.declined', attempt: offer.attempt, task, fence: offer.fence, code: 'x', message: 'x' },
    { ...success(offer), task: newId('tsk', Date.now(), randomBytes(10)) },
  ];
  thief.facts(1, claims);
  const answer = await thief.until('committed');
  expect(answer).toMatchObject({ seq: claims.length, refused: claims.map((_, n) => ({ seq: n + 1 })) });
  expect(await stateOf(task)).not.toMatchObject({ state: 'succeeded' });
  // The one whose it is says so once; a second word on it, and an older fence, are nothing.
  worker.facts(2, [{ ...success(offer), result: 'honest' }, success(offer), success({ ...offer, fence: 1 })]);
  await worker.until('committed');
  await expect.poll(() => stateOf(task)).toMatchObject({ state: 'succeeded', result: 'honest' });
  // Nor by a device of another tenant.
  const foreign = await comeIn(await aDevice(bystander));
  foreign.facts(1, [success(offer)]);
  expect(await foreign.until('committed')).toMatchObject({ refused: [{ seq: 1 }] });
  expect(await stateOf(task)).toMatchObject({ result: 'honest' });
}, 60_000);

test('[DEVICE-3] [DIRECTORY-43] a credential of another tenant, device or deployment opens nothing', async () => {
  const [mine, theirs] = [await aDevice(), await aDevice(bystander)];
  expect(await call(mine.credential, other.url)).toBe(401);
  for (const credential of [us.key, `${mine.credential}x`, mine.credential.replace('dvc_', 'sk_')])
    expect(await call(credential), credential.slice(0, 4)).toBe(401);
  // Theirs opens a socket of theirs, and takes no proof by another key.
  await expect(comeIn({ ...theirs, id: mine.id, sign: mine.sign, did: mine.did })).rejects.toThrow('4401');
  await expect(comeIn({ ...mine, credential: theirs.credential })).rejects.toThrow('4401');
  expect(told(await send('GET', '/v1/tasks', { key: mine.credential }))[0]).toBe(401);
}, 60_000);

test('[DEVICE-11] put out, it is heard no more on the socket that it keeps, and comes in no more', async () => {
  const device = await aDevice();
  const line = await comeIn(device);
  line.facts(1, [description()]);
  await line.until('committed');
  const { task, offer } = await anAttempt(line);
  expect((await send('POST', `/v1/devices/${device.id}/revoke`, { key: us.key })).status).toBeLessThan(300);
  for (let n = 0; n < 50; n++) line.facts(2 + n, [success(offer)]);
  expect(await line.until('never')).toBe(4403);
  // It does not mind the close, and goes on.
  for (let n = 0; n < 50; n++) line.facts(2 + n, [success(offer)]);
  expect((await stateOf(task)).state).not.toBe('succeeded');
  const again = await call(device.credential);
  if (typeof again !== 'number') {
    again.close();
    await expect(comeIn(device)).rejects.toThrow('4403');
  } else expect(again).toBe(403);
  const now = await journal();
  expect(await journal()).toBe(now);
}, 60_000);
