// The whole node against a squad that speaks the protocol over real WebSockets.

import { copyFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CLOSE_CODES, type FactBody } from '../../core/wire/device.ts';
import { backoffMsMax, backoffMsMin, createBackoff } from '../../edge-node/src/link/backoff.ts';
import { acknowledgeMsMax, createFactSender } from '../../edge-node/src/link/fact-sender.ts';
import { type EdgeNode, type EdgeNodeDeps, startEdgeNode } from '../../edge-node/src/main.ts';
import { openDatabase } from '../../edge-node/src/outbox/database.ts';
import { openOutbox } from '../../edge-node/src/outbox/outbox.ts';
import { readDeviceStatus } from '../../edge-node/src/status.ts';
import { aDevice, anId, anOffer, aSlowOperation, type DeviceOfATest, echo } from './a-device.ts';
import { createFakeClock } from './fake-clock.ts';
import { startTestSquad, type TestSquad } from './test-squad.ts';

let device: DeviceOfATest;
let squad: TestSquad;
let nodes: EdgeNode[] = [];
let logged: string[] = [];
const slow = aSlowOperation();

beforeEach(async () => {
  device = aDevice();
  squad = await startTestSquad(device);
  device.enrol(squad.url);
  nodes = [];
  logged = [];
  slow.runs.length = 0;
});
afterEach(async () => {
  await squad.stop();
  await Promise.all(nodes.map((node) => node.stop()));
  device.remove();
});

async function start(deps: EdgeNodeDeps = {}): Promise<EdgeNode> {
  const node = await startEdgeNode(
    { home: device.home },
    // Pauses as short as they may be: a random number of 0 halves them.
    {
      loadOperations: async () => [echo, slow.operation],
      random: () => 0,
      log: (_level, message) => logged.push(message),
      ...deps,
    },
  );
  nodes.push(node);
  return node;
}

const succeeded = (attempt: string) => () =>
  squad.facts.find(({ body }) => body.type === 'attempt.succeeded' && body.attempt === attempt);
const types = (attempt: string) =>
  squad.facts.filter(({ body }) => 'attempt' in body && body.attempt === attempt).map(({ body }) => body.type);
const progress: FactBody = { type: 'facts.dropped', count: 1, reason: 'a fact for a test' };

/** Puts facts into the outbox of a device that does not run. */
function fill(facts: number): void {
  const database = openDatabase(join(device.home, 'device.db'));
  const outbox = openOutbox(database, { now: Date.now });
  for (let left = facts; left > 0; left -= 1_000)
    outbox.append(Array.from({ length: Math.min(left, 1_000) }, () => ({ body: progress })));
  database.close();
}

describe('the first connection', () => {
  test('proves the key, says what the device is, and takes work', async () => {
    const node = await start();
    await node.connected;
    const offer = anOffer();
    squad.order(offer);
    await squad.until(succeeded(offer.attempt));
    expect(squad.facts.map(({ body }) => body.type)).toEqual([
      'device.described',
      'attempt.started',
      'attempt.succeeded',
    ]);
    expect(squad.facts[0]?.body).toMatchObject({
      description: { privacy: 'device-only', operations: [{ name: 'test.echo' }, { name: 'test.slow' }] },
    });
    await squad.until(() => node.counts().facts === 0);
    expect(readDeviceStatus(device.home, Date.now())).toMatchObject({
      running: true,
      health: 'green',
      outbox: { epoch: 1, facts: 0 },
    });
  });

  test('acknowledges an order before anything is said of its attempt', async () => {
    await (await start()).connected;
    await squad.until(() => squad.facts.length === 1);
    const from = squad.frames.length;
    const offer = anOffer();
    const { id } = squad.order(offer);
    await squad.until(succeeded(offer.attempt));
    expect(squad.taken).toEqual([id]);
    expect(squad.frames.slice(from)[0]).toBe('taken');
  });

  test('describes a device once, and again only when it has changed', async () => {
    const first = await start();
    await squad.until(() => squad.facts.length === 1);
    await first.stop();
    await (await start()).connected;
    const offer = anOffer();
    squad.order(offer);
    await squad.until(succeeded(offer.attempt));
    expect(squad.facts.filter(({ body }) => body.type === 'device.described')).toHaveLength(1);
    squad.order({ type: 'desire', version: 1, desired: { parallel: 1, colour: 'red' } });
    await squad.until(() => squad.facts.filter(({ body }) => body.type === 'device.described').length === 2);
    expect(squad.facts.find(({ body }) => body.type === 'device.reported')?.body).toEqual({
      type: 'device.reported',
      version: 1,
      reported: { parallel: 1, ignored: ['colour'] },
    });
  });

  test('does not sign a challenge that is for another host', async () => {
    device.enrol(squad.url.replace('127.0.0.1', 'localhost'));
    const node = await start();
    await squad.until(() => squad.connections >= 2);
    expect(node.isConnected()).toBe(false);
    expect(squad.frames).toEqual([]);
  });

  test('passes telemetry on, and only while connected', async () => {
    const node = await start();
    expect(node.telemetry({ records: [] })).toBe(false);
    await node.connected;
    expect(node.telemetry({ records: [{ name: 'a.b', at: 1, value: 2 }] })).toBe(true);
    await squad.until(() => squad.telemetry.length === 1);
  });
});

describe('acknowledgements', () => {
  test('[P2] sent twice change nothing', async () => {
    squad.habits.acknowledgements = 3;
    const node = await start();
    await node.connected;
    const offers = Array.from({ length: 5 }, () => anOffer());
    for (const offer of offers) {
      squad.order(offer);
      await squad.until(succeeded(offer.attempt));
    }
    await squad.until(() => node.counts().facts === 0);
    expect(squad.facts.map(({ seq }) => seq)).toEqual(Array.from({ length: 11 }, (_, i) => i + 1));
  });

  test('[P1] lost with the connection are made good by the next welcome, and nothing comes twice', async () => {
    fill(350);
    squad.habits.closeAfterBatches = 1;
    const node = await start();
    await squad.until(() => node.counts().facts === 0 && squad.seq > 350);
    expect(squad.connections).toBeGreaterThan(1);
    expect(squad.facts.map(({ seq }) => seq)).toEqual(Array.from({ length: squad.seq }, (_, i) => i + 1));
  });

  test('that ask for an earlier fact are answered from there', async () => {
    fill(250);
    const node = await start();
    await node.connected;
    await squad.until(() => node.counts().facts === 0);
    squad.habits.acknowledges = false;
    const offer = anOffer();
    squad.order(offer);
    await squad.until(succeeded(offer.attempt));
    const had = squad.seq;
    // The swarm lost the last two before it committed them, and asks for them again.
    squad.seq -= 2;
    squad.facts.splice(-2);
    squad.habits.acknowledges = true;
    squad.send({ type: 'expected', epoch: 1, seq: squad.seq + 1 });
    await squad.until(() => node.counts().facts === 0);
    expect(squad.seq).toBe(had);
    expect(squad.connections).toBe(1);
  });

  test('that refuse a fact leave a receipt and let the next one through', async () => {
    squad.habits.refuse = ({ body }) => (body.type === 'attempt.started' ? 'attempt_not_current' : null);
    const node = await start();
    await node.connected;
    const offer = anOffer();
    squad.order(offer);
    await squad.until(succeeded(offer.attempt));
    await squad.until(() => node.counts().facts === 0);
    expect(readDeviceStatus(device.home, Date.now())?.receipts).toBe(1);
  });
});

describe('histories that differ', () => {
  test('[P2] a database that was copied back begins a new epoch by itself, and all of its facts arrive', async () => {
    const first = await start();
    await squad.until(() => squad.facts.length === 1);
    await squad.until(() => first.counts().facts === 0);
    await first.stop();
    copyFileSync(join(device.home, 'device.db'), join(device.home, 'copy.db'));
    const second = await start();
    await second.connected;
    for (const offer of [anOffer(), anOffer()]) {
      squad.order(offer);
      await squad.until(succeeded(offer.attempt));
    }
    await squad.until(() => second.counts().facts === 0);
    await second.stop();
    expect(squad.seq).toBe(5);
    copyFileSync(join(device.home, 'copy.db'), join(device.home, 'device.db'));
    fill(10); // numbers 2 to 11: 2 to 5 have been used before for something else
    const third = await start();
    await squad.until(() => third.counts().facts === 0 && squad.epoch === 2);
    expect(squad.facts.filter(({ epoch, body }) => epoch === 2 && body.type === 'facts.dropped')).toHaveLength(10);
    expect(squad.facts.filter(({ epoch }) => epoch === 2).map(({ seq }) => seq)).toEqual(
      Array.from({ length: 11 }, (_, i) => i + 1),
    );
  });

  test('a swarm that expects a fact that it had committed gets a new epoch and the number of those that are gone', async () => {
    const node = await start();
    await squad.until(() => squad.facts.length === 1 && node.counts().facts === 0);
    squad.seq = 0;
    squad.send({ type: 'expected', epoch: 1, seq: 1 });
    await squad.until(() => squad.epoch === 2 && node.counts().facts === 0);
    expect(logged).toContain('the swarm expects a fact that is not in the outbox');
    expect(squad.facts.filter(({ epoch }) => epoch === 2).map(({ body }) => body)).toMatchObject([
      { type: 'facts.dropped', count: 1 },
      { type: 'device.described' },
    ]);
  });

  test('a device whose database is gone, or damaged, starts again in a new epoch', async () => {
    await squad.until(async () => (await start()) && true);
    await squad.until(() => squad.facts.length === 1);
    await nodes[0]?.stop();
    copyFileSync(join(device.home, 'device.key'), join(device.home, 'device.db'));
    await (await start()).connected;
    await squad.until(() => squad.facts.filter(({ epoch }) => epoch === 2).length === 2);
    expect(squad.facts.filter(({ epoch }) => epoch === 2).map(({ body }) => body.type)).toEqual([
      'facts.dropped',
      'device.described',
    ]);
  });
});

describe('a connection that fails', () => {
  test('[P14] work goes on while the socket is cut, and its result arrives once', async () => {
    await (await start()).connected;
    const offer = anOffer({ operation: 'test.slow' });
    squad.order(offer);
    await squad.until(() => slow.runs.length === 1 && squad.facts.length === 2);
    squad.cut();
    slow.runs[0]?.finish('done in the dark');
    await squad.until(succeeded(offer.attempt));
    expect(types(offer.attempt)).toEqual(['attempt.started', 'attempt.succeeded']);
    expect(squad.connections).toBe(2);
    expect(slow.runs).toHaveLength(1);
  });

  test('an order that was taken as the connection broke is done once, though it comes again', async () => {
    await (await start()).connected;
    const offer = anOffer();
    const order = squad.order(offer);
    await squad.until(succeeded(offer.attempt));
    squad.cut();
    await squad.until(() => squad.connections === 2);
    squad.order(offer, { id: order.id });
    squad.order(offer);
    await squad.until(() => squad.taken.length === 3);
    expect(types(offer.attempt)).toEqual(['attempt.started', 'attempt.succeeded']);
  });

  test('half open, with nobody at the other end, is noticed by pings and left', async () => {
    squad.habits.pingMs = 30;
    const node = await start();
    await node.connected;
    squad.habits.answersPings = false;
    await squad.until(() => squad.connections > 1, 'a second connection');
    expect(logged).toContain('the connection is given up');
  });

  test('answers pings and so stays', async () => {
    squad.habits.pingMs = 20;
    const node = await start();
    await node.connected;
    await new Promise((resolve) => setTimeout(resolve, 300)); // 15 pings of real sockets
    expect(squad.connections).toBe(1);
    expect(node.isConnected()).toBe(true);
  });

  test.each([
    ['not JSON', '{'],
    ['no frame', '{"type":"hello"}'],
    ['a frame with unknown members', '{"type":"expected","epoch":1,"seq":1,"more":1}'],
    ['an order that cannot be', '{"type":"orders","orders":[{"id":"x"}]}'],
    ['a second challenge', JSON.stringify({ type: 'challenge', nonce: 'n'.repeat(20), audience: 'x' })],
    [
      'a welcome out of turn',
      JSON.stringify({ type: 'welcome', device: anId('dev'), epoch: 1, seq: 0, now: 1, pingMs: 1000 }),
    ],
  ])('that brings %s is closed and made anew', async (_what, text) => {
    const node = await start();
    await node.connected;
    squad.sendText(text);
    await squad.until(() => squad.connections === 2);
    expect(logged).toContain('the squad sent a frame that cannot be');
  });

  test('refused for good stops the node with a reason', async () => {
    const node = await start();
    await node.connected;
    squad.close(CLOSE_CODES.revoked);
    expect(await node.over).toEqual({ kind: 'final', reason: 'this device was revoked by its swarm' });
    expect(readDeviceStatus(device.home, Date.now())).toMatchObject({ running: false, runtime: { link: 'stopped' } });
  });

  test('taken over by another runtime with the same key stays away long', async () => {
    const clock = createFakeClock();
    const node = await start({ clock: { ...clock, now: Date.now } });
    await node.connected;
    squad.close(CLOSE_CODES.replaced);
    await squad.until(() => !node.isConnected());
    await clock.advance(backoffMsMax / 2 - 1);
    expect(squad.connections).toBe(1);
    await clock.advance(2);
    await squad.until(() => squad.connections === 2);
  });

  test('that does not open, or opens and says nothing, is left in time', async () => {
    const sockets: Socket[] = [];
    const mute = createServer((socket) => sockets.push(socket.on('error', () => {})));
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    const address = mute.address();
    device.enrol(`ws://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/`);
    const clock = createFakeClock();
    await start({ clock });
    await squad.until(() => sockets.length === 1);
    expect(readDeviceStatus(device.home, clock.now())).toMatchObject({
      health: 'red',
      runtime: { link: 'connecting' },
    });
    await clock.advance(10_001);
    expect(readDeviceStatus(device.home, clock.now())).toMatchObject({
      runtime: { link: 'waiting', lastProblem: 'the socket did not open in time' },
    });
    await clock.advance(backoffMsMin);
    await squad.until(() => sockets.length === 2, 'another connection');
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => mute.close(resolve));
  });
});

describe('a clean stop', () => {
  test('sends what is left and frees the home', async () => {
    const node = await start();
    await node.connected;
    const offer = anOffer({ operation: 'test.slow' });
    squad.order(offer);
    await squad.until(() => slow.runs.length === 1);
    const stopped = node.stop();
    slow.runs[0]?.finish('just in time');
    await stopped;
    expect(types(offer.attempt)).toEqual(['attempt.started', 'attempt.succeeded']);
    const again = await start();
    await again.connected;
  });
});

describe('100,000 facts', () => {
  test('[P11] made offline arrive in order, each once', { timeout: 60_000 }, async () => {
    fill(100_000);
    const began = performance.now();
    const node = await start();
    await node.connected;
    while (squad.facts.length < 100_001 || node.counts().facts > 0)
      await new Promise((resolve) => setTimeout(resolve, 20));
    const seconds = (performance.now() - began) / 1_000;
    expect(squad.facts.every(({ seq }, index) => seq === index + 1)).toBe(true);
    expect(seconds).toBeLessThan(45); // about 5 s on an idle machine: bounded, not measured
  });
});

describe('the back-off', () => {
  test('doubles from a quarter of a second to half a minute, with at most half of it drawn', () => {
    for (const random of [0, 0.5, 0.999]) {
      const backoff = createBackoff(() => random);
      const pauses = Array.from({ length: 12 }, () => backoff.next());
      pauses.forEach((pause, index) => {
        const full = Math.min(backoffMsMin * 2 ** index, backoffMsMax);
        expect(pause).toBeGreaterThanOrEqual(full / 2);
        expect(pause).toBeLessThanOrEqual(full);
      });
      backoff.reset();
      expect(backoff.next()).toBeLessThanOrEqual(backoffMsMin);
    }
  });
});

describe('the sender of facts', () => {
  const aSender = (facts: number) => {
    const clock = createFakeClock();
    const sent: [number, number][] = [];
    const stalled: string[] = [];
    const sender = createFactSender(1, {
      clock,
      batch: (seq) => (seq > facts ? null : { first: seq, last: Math.min(seq + 9, facts), text: '[]' }),
      send: ({ first, last }) => sent.push([first, last]),
      stalled: (why) => stalled.push(why),
    });
    return { clock, sent, stalled, sender };
  };

  test('has at most two batches on their way', () => {
    const { sender, sent } = aSender(50);
    sender.pump();
    sender.pump();
    expect(sent).toEqual([
      [1, 10],
      [11, 20],
    ]);
    sender.committed(10);
    expect(sent).toHaveLength(3);
    sender.committed(30);
    expect(sent).toEqual([
      [1, 10],
      [11, 20],
      [21, 30],
      [31, 40],
      [41, 50],
    ]);
  });

  test('gives a connection up that does not acknowledge, though it may answer pings', async () => {
    const { sender, clock, stalled } = aSender(20);
    sender.pump();
    await clock.advance(acknowledgeMsMax - 1);
    sender.committed(10);
    await clock.advance(acknowledgeMsMax - 1);
    expect(stalled).toEqual([]);
    await clock.advance(1);
    expect(stalled).toEqual(['facts are not acknowledged']);
  });

  test('waits for nothing when nothing is on its way', async () => {
    const { sender, clock, stalled } = aSender(10);
    sender.pump();
    sender.committed(10);
    expect(clock.waiting()).toBe(0);
    await clock.advance(acknowledgeMsMax * 10);
    expect(stalled).toEqual([]);
  });

  test('[P18] does not answer the same question for ever', () => {
    const { sender, sent, stalled } = aSender(10);
    for (let i = 0; i < 1_000 && stalled.length === 0; i++) sender.expected(1);
    expect(stalled).toHaveLength(1);
    expect(sent.length).toBeLessThan(20);
  });
});
