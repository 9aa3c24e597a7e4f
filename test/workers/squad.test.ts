import { evictDurableObject, runDurableObjectAlarm } from 'cloudflare:test';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { deviceBytesBurstMax, deviceBytesPerSecondMax, deviceFactsBurstMax, frameBytesMax } from '../../core/limits.ts';
import type { Fact } from '../../core/wire/device.ts';
import { type Bucket, take } from '../../durable-objects/rate.ts';
import { callsOf } from '../../durable-objects/squad/facts.ts';
import { lanes } from '../../durable-objects/squad/lane.ts';
import { type Shares, takeShare } from '../../durable-objects/squad/share.ts';
import {
  admissionsBurstMax,
  challengeMs,
  framesBurstMax,
  framesWaitingMax,
  unprovedPerDeviceMax,
} from '../../durable-objects/squad/squad-limits.ts';
import { wakes } from './fixtures/squad-worker.ts';
import {
  aDevice,
  aSquad,
  connect,
  dial,
  eventually,
  id,
  type Line,
  proof,
  someFacts,
  upgrade,
} from './squad-support.ts';

afterEach(() => {
  vi.useRealTimers();
});

/** Moves the clock; timers and alarms stay real. */
function clockPlus(ms: number): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + ms });
}

async function problemThenClose(line: Line): Promise<{ problem: string; code: number; reason: string }> {
  const problem = await line.frame('problem');
  const { code, reason } = await line.close();
  return { problem: problem.code, code, reason };
}

describe('the upgrade', () => {
  it('a request that is no WebSocket, offers no starling.v1 or names no device gets a problem and no socket', async () => {
    const place = aSquad();
    const device = aDevice(place);
    const cases = [
      [{ upgrade: null }, 426, 'upgrade_required'],
      [{ 'sec-websocket-protocol': null }, 400, 'subprotocol_unsupported'],
      [{ 'sec-websocket-protocol': 'starling.v2, chat' }, 400, 'subprotocol_unsupported'],
      [{ 'x-starling-device': null }, 400, 'request_malformed'],
      [{ 'x-starling-audience': null }, 400, 'request_malformed'],
      // Another swarm's devices never reach this squad [P13].
      [{ 'x-starling-swarm': aSquad().swarm }, 400, 'request_malformed'],
    ] as const;
    for (const [headers, status, code] of cases) {
      const answer = await upgrade(place, device.id, { headers });
      expect({ status: answer.status, socket: answer.webSocket ?? null }).toEqual({ status, socket: null });
      expect(await answer.json()).toMatchObject({ status, code });
    }
  });

  it('the subprotocol is chosen among several', async () => {
    const place = aSquad();
    const answer = await upgrade(place, aDevice(place).id, {
      headers: { 'sec-websocket-protocol': 'chat, starling.v1' },
    });
    expect([answer.status, answer.headers.get('sec-websocket-protocol')]).toEqual([101, 'starling.v1']);
    answer.webSocket?.accept();
  });

  it('a credential without the key holds open only so many sockets', async () => {
    const place = aSquad();
    const device = aDevice(place);
    for (let n = 0; n < unprovedPerDeviceMax; n++) await dial(place, device.id);
    const answer = await upgrade(place, device.id);
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '10']);
    // Another device is not in its way.
    await dial(place, aDevice(place).id);
  });
});

describe('the handshake', () => {
  it('a device that signs the challenge is welcomed, with its epoch, its seq and the clock', async () => {
    const place = aSquad();
    const device = aDevice(place);
    const { line, welcome } = await connect(place, device);
    expect(welcome).toEqual({
      type: 'welcome',
      device: device.id,
      epoch: 1,
      seq: 0,
      now: expect.any(Number),
      pingMs: 20_000,
    });
    expect(Math.abs(welcome.now - Date.now())).toBeLessThan(5_000);
    expect(line.pending).toEqual([]);
  });

  it('a bad signature closes 4401 before the swarm is asked', async () => {
    const place = aSquad();
    const device = aDevice(place);
    const other = aDevice(place);
    const first = await dial(place, device.id);
    const good = proof(device, first.nonce);
    first.line.send(good);
    await first.line.frame('welcome');
    const asked = place.script.calls.length;
    const proofs = {
      'another key': (nonce: string) => proof(device, nonce, { key: other.privateKey }),
      'a replayed signature': () => good,
      'another audience': (nonce: string) => proof(device, nonce, { audience: 'evil.example.test' }),
      'another device in the signed text': (nonce: string) => proof(device, nonce, { device: other.id }),
      'another did': (nonce: string) => proof(device, nonce, { did: other.did }),
      'no did at all': (nonce: string) => proof(device, nonce, { did: 'did:web:example.test' }),
      'a signature in standard base64': (nonce: string) => ({
        ...proof(device, nonce),
        signature: `${'+'.repeat(85)}A`,
      }),
    };
    for (const [what, make] of Object.entries(proofs)) {
      const { line, nonce } = await dial(place, device.id);
      line.send(make(nonce));
      expect(await problemThenClose(line), what).toEqual({
        problem: 'unauthenticated',
        code: 4401,
        reason: 'unauthenticated',
      });
    }
    expect(place.script.calls.length).toBe(asked);
    expect(first.line.closed).toBeNull();
  });

  it('a key that is not the one enrolled closes 4401, a revoked device 4403, a busy swarm 4503', async () => {
    const place = aSquad();
    const device = aDevice(place);
    const thief = aDevice(place);
    const wrong = await dial(place, device.id);
    wrong.line.send({ ...proof({ ...thief, id: device.id }, wrong.nonce) });
    expect(await problemThenClose(wrong.line)).toMatchObject({ problem: 'device_unknown', code: 4401 });

    place.script.revoked.add(device.id);
    const revoked = await dial(place, device.id);
    revoked.line.send(proof(device, revoked.nonce));
    expect(await problemThenClose(revoked.line)).toMatchObject({ problem: 'device_revoked', code: 4403 });

    place.script.mode = 'unavailable';
    const busy = await dial(place, device.id);
    busy.line.send(proof(device, busy.nonce));
    expect(await problemThenClose(busy.line)).toMatchObject({ problem: 'swarm_unavailable', code: 4503 });
    expect(place.script.left).toEqual([]);
  });

  it('a swarm that does not answer closes 4503, and hears later that the connection is no more', async () => {
    const place = aSquad();
    const device = aDevice(place);
    place.script.mode = 'throws';
    const { line, nonce } = await dial(place, device.id);
    line.send(proof(device, nonce));
    expect(await problemThenClose(line)).toMatchObject({ problem: 'busy', code: 4503 });
    place.script.mode = 'up';
    clockPlus(10_000);
    await runDurableObjectAlarm(place.squad);
    await eventually(() => place.script.left.length === 1);
    expect((await connect(place, device)).welcome.epoch).toBe(1);
  });

  it('a proof after ten seconds closes 4408, and so does silence', async () => {
    const place = aSquad();
    const device = aDevice(place);
    const late = await dial(place, device.id);
    const silent = await dial(place, device.id);
    clockPlus(challengeMs + 1_000);
    late.line.send(proof(device, late.nonce));
    expect(await problemThenClose(late.line)).toMatchObject({ problem: 'challenge_late', code: 4408 });
    expect(await runDurableObjectAlarm(place.squad)).toBe(true);
    expect(await problemThenClose(silent.line)).toMatchObject({ problem: 'challenge_late', code: 4408 });
    expect(place.script.calls).toEqual([]);
  });

  it('a device proves its key once', async () => {
    const place = aSquad();
    const device = aDevice(place);
    const { line, nonce } = await dial(place, device.id);
    line.send(proof(device, nonce));
    await line.frame('welcome');
    line.send(proof(device, nonce));
    expect(await problemThenClose(line)).toMatchObject({ problem: 'bad_frame', code: 4400 });
    await eventually(() => place.script.left.length === 1);
  });

  it('a database that was rolled back gets a new epoch', async () => {
    const place = aSquad();
    const device = aDevice(place);
    const { line } = await connect(place, device);
    line.send({ type: 'facts', epoch: 1, facts: someFacts(1, 3) });
    await line.frame('committed');
    expect((await connect(place, device, { epoch: 1, seq: 2 })).welcome).toMatchObject({ epoch: 2, seq: 0 });
    expect((await connect(place, device, { epoch: 2, seq: 0 })).welcome).toMatchObject({ epoch: 2, seq: 0 });
  });
});

describe('frames', () => {
  it('before the proof only a proof is taken', async () => {
    const place = aSquad();
    const device = aDevice(place);
    for (const frame of [
      { type: 'facts', epoch: 1, facts: someFacts(1, 1) },
      { type: 'telemetry', batch: {} },
    ]) {
      const { line } = await dial(place, device.id);
      line.send(frame);
      expect(await problemThenClose(line)).toMatchObject({ problem: 'bad_frame', code: 4400 });
    }
    expect(place.script.calls).toEqual([]);
  });

  it('what is no frame closes 4400 and changes nothing', async () => {
    const place = aSquad();
    const device = aDevice(place);
    const cases = [
      '{',
      'null',
      '[]',
      '"ping"',
      new Uint8Array([1, 2, 3]),
      { type: 'orders', orders: [] },
      { type: 'facts', epoch: 1, facts: [] },
      { type: 'facts', epoch: 0, facts: someFacts(1, 1) },
      { type: 'facts', epoch: 1, facts: someFacts(1, 101) },
      { type: 'facts', epoch: 1, facts: someFacts(1, 1), hurry: true },
      { type: 'taken', orders: ['ord_1'] },
      { type: 'telemetry', batch: {}, more: 1 },
    ];
    for (const frame of cases) {
      const { line } = await connect(place, device);
      line.send(frame);
      // What was on its way behind it does not count.
      line.send({ type: 'facts', epoch: 1, facts: someFacts(1, 1) });
      const what = JSON.stringify(frame);
      expect(await problemThenClose(line), what).toEqual({ problem: 'bad_frame', code: 4400, reason: 'bad_frame' });
    }
    expect(place.script.calls).not.toContain('reportFacts');
  });

  it('[P15] a frame at the limit is read, one byte more closes 4413', async () => {
    const place = aSquad();
    const device = aDevice(place);
    const { line } = await connect(place, device);
    // Characters of three bytes: the limit is in bytes.
    const frame = (bytes: number) => {
      const shell = JSON.stringify({ type: 'telemetry', batch: { text: '' } });
      const room = bytes - shell.length;
      const text = '€'.repeat(Math.floor(room / 3)) + 'x'.repeat(room % 3);
      return JSON.stringify({ type: 'telemetry', batch: { text } });
    };
    line.send(frame(frameBytesMax));
    expect((await line.frame('problem')).code).toBe('telemetry_refused');
    line.send(frame(frameBytesMax + 1));
    expect(await problemThenClose(line)).toMatchObject({ problem: 'frame_too_large', code: 4413 });
  });

  it('[P18] a device that floods is closed 4429; the others are not', async () => {
    const place = aSquad();
    const device = aDevice(place);
    const other = await connect(place, aDevice(place));
    const { line } = await connect(place, device);
    clockPlus(0);
    const order = `ord_${'0'.repeat(26)}`;
    for (let n = 0; n < framesBurstMax + 2 * framesWaitingMax && line.closed === null; n++) {
      line.send({ type: 'taken', orders: [order] });
      if (n % 20 === 19) await new Promise((done) => setTimeout(done, 0));
    }
    expect(await problemThenClose(line)).toMatchObject({ problem: 'too_many_frames', code: 4429 });
    other.line.send({ type: 'facts', epoch: 1, facts: someFacts(1, 1) });
    expect(await other.line.frame('committed')).toMatchObject({ seq: 1 });
  });
});

describe('the rate', () => {
  const rate = { perSecond: 10, burst: 3 };

  it('gives the burst at once, then so much a second, and says how long to wait', () => {
    let bucket: Bucket | undefined;
    const at = (now: number, cost = 1) => {
      const taken = take(bucket, cost, now, rate);
      if ('bucket' in taken) bucket = taken.bucket;
      return 'bucket' in taken ? 'taken' : taken.waitMs;
    };
    expect([at(0), at(0), at(0), at(0), at(50), at(100), at(100)]).toEqual([
      'taken',
      'taken',
      'taken',
      100,
      50,
      'taken',
      100,
    ]);
    // A long rest fills it to the burst and no further; a clock that steps back changes nothing.
    expect([at(60_000, 3), at(60_000), at(1_000), at(60_100)]).toEqual(['taken', 100, 100, 'taken']);
  });

  it('whoever waits as long as he is told gets his turn', () => {
    let bucket: Bucket | undefined;
    let now = 0;
    for (let n = 0; n < 200; n++) {
      const taken = take(bucket, 1 + (n % 3), now, rate);
      if ('bucket' in taken) {
        bucket = taken.bucket;
        continue;
      }
      now += taken.waitMs;
      const again = take(bucket, 1 + (n % 3), now, rate);
      expect('bucket' in again).toBe(true);
      if ('bucket' in again) bucket = again.bucket;
    }
    expect(now / 1_000).toBeGreaterThan(39);
    expect(now / 1_000).toBeLessThan(41);
  });
});

describe('lanes', () => {
  it('run one piece at a time per key, in order, past pieces that throw, and hold only so much', async () => {
    const lane = lanes({ pieces: 3, laneBytes: 100, allBytes: 100, sureBytes: 10 });
    const ran: string[] = [];
    const piece = (name: string) => async () => {
      ran.push(`${name}+`);
      await Promise.resolve();
      ran.push(`${name}-`);
      if (name === 'b') throw new Error('b');
    };
    const a = lane.enter('x', 10, piece('a'));
    const b = lane.enter('x', 10, piece('b'));
    const c = lane.enter('x', 10, piece('c'));
    expect(lane.enter('x', 10, piece('d'))).toBe('own');
    expect(lane.enter('y', 71, piece('e'))).toBe('all');
    const f = lane.enter('y', 70, piece('f'));
    await expect(Promise.allSettled([a, b, c, f])).resolves.toMatchObject([
      { status: 'fulfilled' },
      { status: 'rejected' },
      { status: 'fulfilled' },
      { status: 'fulfilled' },
    ]);
    expect(ran.filter((step) => !step.startsWith('f'))).toEqual(['a+', 'a-', 'b+', 'b-', 'c+', 'c-']);
    await lane.enter('x', 100, piece('g'));
    expect(ran.at(-1)).toBe('g-');
  });

  it('[DEVICE-21] what one device has waiting takes no room from the others', () => {
    const lane = lanes({ pieces: 10, laneBytes: 40, allBytes: 100, sureBytes: 5 });
    const never = () => new Promise<void>(() => undefined);
    const enter = (key: string, bytes: number) => {
      const turn = lane.enter(key, bytes, never);
      return typeof turn === 'string' ? turn : 'in';
    };
    expect([enter('x', 40), enter('x', 1)]).toEqual(['in', 'own']);
    expect([enter('y', 40), enter('z', 20)]).toEqual(['in', 'in']);
    // All that waits is as much as may: others still have the little that they need.
    expect([enter('honest', 6), enter('honest', 3), enter('honest', 2), enter('honest', 1)]).toEqual([
      'all',
      'in',
      'in',
      'all',
    ]);
    expect([enter('other', 5), enter('z', 1)]).toEqual(['in', 'all']);
  });
});

describe('the share of a device', () => {
  it('[DEVICE-21] is of the device and not of its socket: whatever is used up makes it wait, and nobody else', () => {
    const shares: Shares = new Map();
    const [a, b] = [id('dev'), id('dev')];
    expect(takeShare(shares, a, { frames: 1, bytes: deviceBytesBurstMax }, 0)).toBe(0);
    const waitMs = takeShare(shares, a, { frames: 1, bytes: deviceBytesPerSecondMax }, 0);
    expect(waitMs).toBe(1_000);
    expect(takeShare(shares, a, { frames: 1 }, 0)).toBe(0);
    expect(takeShare(shares, b, { frames: 1, bytes: deviceBytesPerSecondMax }, 0)).toBe(0);
    expect(takeShare(shares, a, { bytes: deviceBytesPerSecondMax }, waitMs)).toBe(0);
    // All of it or nothing: what waits for one kind has taken none of another.
    expect(takeShare(shares, b, { facts: deviceFactsBurstMax + 1, frames: framesBurstMax - 2 }, 0)).toBeGreaterThan(0);
    expect(takeShare(shares, b, { frames: framesBurstMax - 2 }, 0)).toBe(0);
  });

  it('[DEVICE-21] a batch goes up in calls that the share of its device has room for, light ones whole', () => {
    const fact = (seq: number, operations: number): Fact =>
      ({
        seq,
        at: 1,
        body: { type: 'device.described', description: { operations: Array(operations).fill('') } },
      }) as never;
    const sizes = (facts: readonly Fact[]) => callsOf(facts).map((call) => call.map(({ seq }) => seq));
    expect(sizes([fact(1, 10), fact(2, 10), fact(3, 10)])).toEqual([[1, 2, 3]]);
    expect(sizes([fact(1, 200), fact(2, 1), fact(3, 90), fact(4, 20)])).toEqual([[1], [2, 3], [4]]);
  });

  it('[DEVICE-21] a device that comes and goes without end is told to stay away, and another comes in', async () => {
    const place = aSquad();
    const device = aDevice(place);
    clockPlus(0);
    for (let n = 0; n < admissionsBurstMax; n++) (await connect(place, device, { epoch: 1 })).line.hangUp();
    const { line, nonce } = await dial(place, device.id);
    line.send(proof(device, nonce, { epoch: 1 }));
    expect(await problemThenClose(line)).toMatchObject({ problem: 'connects_too_often', code: 4429 });
    await connect(place, aDevice(place));
  });
});

describe('hibernation', () => {
  it('a ping is answered without waking the squad, a frame wakes it once', async () => {
    const place = aSquad();
    const { line } = await connect(place, aDevice(place));
    await evictDurableObject(place.squad);
    const before = wakes.get(place.name);
    for (let n = 0; n < 20; n++) {
      line.send('ping');
      expect(await line.text()).toBe('pong');
    }
    expect(wakes.get(place.name)).toBe(before);
    line.send({ type: 'facts', epoch: 1, facts: someFacts(1, 1) });
    expect(await line.frame('committed')).toMatchObject({ seq: 1 });
    expect(wakes.get(place.name)).toBe((before ?? 0) + 1);
  });
});
