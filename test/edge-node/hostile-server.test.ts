// A server that lies, floods, stalls or speaks nonsense to a device. Whatever it does: the device lives, runs nothing that its
// owner did not grant, keeps its facts and its memory, and works again with an honest swarm.

import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { canonical } from '../../core/json.ts';
import { frameBytesMax } from '../../core/limits.ts';
import { type EdgeNode, type EdgeNodeDeps, startEdgeNode } from '../../edge-node/src/main.ts';
import { fsRead } from '../../edge-node/src/operations/fs-read.ts';
import { deviceSettings } from '../../edge-node/src/settings.ts';
import { aDevice, anId, anOffer, type DeviceOfATest, echo } from './a-device.ts';
import { startTestSquad, type TestSquad } from './test-squad.ts';

vi.setConfig({ testTimeout: 20_000 });

let device: DeviceOfATest;
let squad: TestSquad;
let node: EdgeNode | null;
let logged: string[];

beforeEach(async () => {
  device = aDevice();
  squad = await startTestSquad(device);
  device.enrol(squad.url);
  node = null;
  logged = [];
});
afterEach(async () => {
  await squad.stop();
  await node?.stop();
  device.remove();
});

async function start(deps: EdgeNodeDeps = {}, settings = deviceSettings.parse({})): Promise<EdgeNode> {
  node = await startEdgeNode(
    { home: device.home, settings },
    { loadOperations: async () => [echo, fsRead], random: () => 0, log: (_, message) => logged.push(message), ...deps },
  );
  return node;
}

/** The device does honest work, and says so. */
async function works(): Promise<void> {
  const offer = anOffer();
  squad.order(offer);
  await squad.until(
    () => squad.facts.find(({ body }) => body.type === 'attempt.succeeded' && body.attempt === offer.attempt),
    'honest work',
  );
}

const order = (body: unknown, over: object = {}) => ({ id: anId('ord'), deliverBy: null, body, ...over });
const declined = (attempt: string) => () => {
  const found = squad.facts.find(({ body }) => 'attempt' in body && body.attempt === attempt);
  return found?.body.type === 'attempt.declined' ? found.body.code : undefined;
};

describe('orders that lie', () => {
  test('[DEVICE-22] what is unknown, does not fit, is over, or was not granted is declined, and the device goes on', async () => {
    mkdirSync(join(device.home, 'granted'));
    writeFileSync(join(device.home, 'granted/a.txt'), 'x');
    await start({}, deviceSettings.parse({ grants: [{ path: device.home, read: true }], withheld: ['code.check'] }));
    await squad.until(() => squad.facts.length > 0);
    const lies: [Parameters<typeof anOffer>[0], string][] = [
      [{ operation: 'shell.run', input: { command: 'id' } }, 'operation_unknown'],
      [{ operation: 'code.check', input: { path: '.' } }, 'operation_unknown'],
      [{ input: { text: 7 } as never }, 'input_invalid'],
      [{ input: { text: 'x', __proto__: { granted: true }, more: 1 } as never }, 'input_invalid'],
      [{ input: [] as never }, 'input_invalid'],
      [{ deadline: 1 }, 'deadline_passed'],
      [{ deadline: -(2 ** 49) }, 'deadline_passed'],
      [{ priceMicro: 1 }, 'price_too_low'],
    ];
    for (const [over, code] of lies) {
      const offer = anOffer(over);
      squad.send({ type: 'orders', orders: [order(offer)] });
      expect(await squad.until(declined(offer.attempt), JSON.stringify(over))).toBe(code);
    }
    // The home is granted by mistake, and its key asked for: it fails, and holds none of it.
    const theft = anOffer({ operation: 'fs.read', priceMicro: 100, input: { path: join(device.home, 'device.json') } });
    squad.send({ type: 'orders', orders: [order(theft)] });
    const failed = await squad.until(() =>
      squad.facts.find(
        ({ body }) => 'attempt' in body && body.type !== 'attempt.started' && body.attempt === theft.attempt,
      ),
    );
    expect(failed.body).toMatchObject({ type: 'attempt.declined', code: 'path_not_granted' });
    expect(JSON.stringify(squad.facts)).not.toContain(device.credential);
    await works();
  });

  test('[DEVICE-22] one order with two bodies is one order, and an attempt is done once', async () => {
    await start();
    await squad.until(() => squad.facts.length > 0);
    const [first, second] = [anOffer(), anOffer({ input: { text: 'other' } })];
    const id = anId('ord');
    squad.send({ type: 'orders', orders: [order(first, { id }), order(second, { id })] });
    squad.send({ type: 'orders', orders: [order({ ...first, input: { text: 'changed' } })] });
    await works();
    const results = squad.facts.flatMap(({ body }) => (body.type === 'attempt.succeeded' ? [body.result] : []));
    expect(results).toEqual([{ text: 'hello' }, { text: 'hello' }]);
    expect(squad.facts.some(({ body }) => 'attempt' in body && body.attempt === second.attempt)).toBe(false);
  });

  test('[DEVICE-22] numbers at their ends and text of every kind end no runtime', async () => {
    await start();
    await squad.until(() => squad.facts.length > 0);
    const big = Number.MAX_SAFE_INTEGER;
    const deep = `${'['.repeat(60)}${']'.repeat(60)}`;
    const offers = [
      anOffer({ leaseMs: big, deadline: big, fence: big }),
      anOffer({ leaseMs: 1 }),
      anOffer({ input: { text: '\ud800' } }),
      anOffer({ input: { text: 'x\u0000\u2028' } }),
      anOffer({ input: JSON.parse(deep) }),
    ];
    for (const offer of offers) squad.send({ type: 'orders', orders: [order(offer)] });
    squad.send({
      type: 'orders',
      orders: [order({ type: 'desire', version: big, desired: { parallel: -1, x: [[[]]] } })],
    });
    squad.send({
      type: 'orders',
      orders: [order({ type: 'cancel', attempt: anId('att'), task: anId('tsk'), fence: big })],
    });
    await works();
  });

  test('[DEVICE-22] a flood of orders is answered order by order and leaves no more behind than it may', async () => {
    await start();
    await squad.until(() => squad.facts.length > 0);
    for (let i = 0; i < 20; i++)
      squad.send({
        type: 'orders',
        orders: Array.from({ length: 50 }, () => order(anOffer({ operation: 'no.such' }))),
      });
    await squad.until(() => squad.facts.filter(({ body }) => body.type === 'attempt.declined').length === 1_000);
    await squad.until(() => node?.counts().facts === 0);
    await works();
  }, 30_000);
});

describe('frames that cannot be', () => {
  const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
  test.each([
    ['not JSON', '{"type":'],
    ['nothing', ''],
    ['a frame of another protocol', '{"type":"exec","command":"id"}'],
    ['nested beyond every stack', `{"type":"orders","orders":${nested(200_000)}}`],
    [
      'nested in an input',
      JSON.stringify({ type: 'orders', orders: [order(anOffer({ input: '@' as never }))] }).replace(
        '"@"',
        nested(100_000),
      ),
    ],
    ['too large', JSON.stringify({ type: 'problem', code: 'x', detail: 'x'.repeat(frameBytesMax) })],
    ['a welcome twice', JSON.stringify({ type: 'welcome', device: anId('dev'), epoch: 9, seq: 0, now: 1, pingMs: 1 })],
    ['the facts of a future', JSON.stringify({ type: 'committed', epoch: 1, seq: 2 ** 50, refused: [] })],
  ])('[DEVICE-22] %s ends the connection, and nothing else', async (_, text) => {
    await start();
    await squad.until(() => squad.facts.length > 0);
    const before = squad.connections;
    squad.sendText(text);
    await squad.until(() => squad.connections > before, 'the next connection');
    await works();
  });

  test('[DEVICE-22] problems without end end the connection, and not the disk that its log is on', async () => {
    await start();
    await squad.until(() => squad.facts.length > 0);
    const before = squad.connections;
    for (let i = 0; i < 2_000; i++) squad.send({ type: 'problem', code: 'busy', detail: 'x'.repeat(200) });
    await squad.until(() => squad.connections > before, 'the next connection');
    expect(logged.filter((message) => message === 'the squad reports a problem').length).toBeLessThan(200);
    await works();
  });

  test('[DEVICE-22] asked for other facts again and again, it does not send them without end', async () => {
    squad.habits.acknowledges = false;
    await start();
    await squad.until(() => squad.frames.includes('facts'));
    const before = squad.connections;
    for (let i = 0; i < 5; i++) squad.send({ type: 'orders', orders: [order(anOffer())] });
    await squad.until(() => (node?.counts().facts ?? 0) >= 5);
    for (let i = 0; i < 400; i++) squad.send({ type: 'expected', epoch: squad.epoch, seq: 1 + (i % 2) });
    await squad.until(() => squad.connections > before, 'the next connection');
    expect(squad.frames.filter((type) => type === 'facts').length).toBeLessThan(60);
    squad.habits.acknowledges = true;
    squad.cut();
    await works();
  });
});

describe('time', () => {
  test.each([
    ['years ahead', Date.now() + 40 * 365 * 86_400_000],
    ['at the end of numbers', 2 ** 49],
    ['before it began', -(2 ** 49)],
    ['running backwards', 0],
  ])(
    '[DEVICE-22] %s declines what seems over, crashes nothing, and is right again with the next welcome',
    async (_, now) => {
      const lies = { on: true };
      squad.welcomeNow = () => (lies.on ? now : Date.now());
      await start();
      await squad.until(() => squad.facts.length > 0);
      const offer = anOffer();
      squad.send({ type: 'orders', orders: [order(offer)] });
      await squad.until(() => squad.facts.some(({ body }) => 'attempt' in body && body.attempt === offer.attempt));
      lies.on = false;
      const before = squad.connections;
      squad.cut();
      await squad.until(() => squad.connections > before && node?.isConnected());
      await works();
    },
  );

  test('[DEVICE-22] a welcome with numbers that no swarm has is not taken: the device’s own numbers stay in their range', async () => {
    squad.epoch = Number.MAX_SAFE_INTEGER - 2;
    squad.seq = Number.MAX_SAFE_INTEGER - 1;
    squad.welcomeNow = () => Number.MAX_SAFE_INTEGER;
    await start();
    await squad.until(() => squad.connections >= 2, 'another try');
    expect(squad.facts).toEqual([]);
    squad.epoch = 0;
    squad.seq = 0;
    squad.welcomeNow = Date.now;
    await works();
    expect(squad.epoch).toBe(1);
  });
});

describe('a server that is no squad', () => {
  /** A server of raw bytes, in place of the squad for as long as it runs. */
  async function instead(
    serve: (socket: Socket) => void,
  ): Promise<{ stop(): Promise<void>; connections: () => number }> {
    const sockets = new Set<Socket>();
    let connections = 0;
    const server = createServer((socket) => {
      connections += 1;
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
      serve(socket);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    device.enrol(`ws://127.0.0.1:${port}/v1/devices/connect`);
    return {
      connections: () => connections,
      async stop() {
        for (const socket of sockets) socket.destroy();
        await new Promise((resolve) => server.close(resolve));
      },
    };
  }
  const endlessly = (socket: Socket, bytes: Buffer, most: number) => {
    let sent = 0;
    const more = () => {
      while (sent < most && socket.writable) {
        sent += bytes.length;
        if (!socket.write(bytes)) return void socket.once('drain', more);
      }
    };
    more();
  };

  test.each([
    ['a redirect', (socket: Socket) => socket.write('HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\n\r\n')],
    [
      'a header without end',
      (socket: Socket) => endlessly(socket, Buffer.from(`X: ${'x'.repeat(60_000)}`), 64 * 1024 * 1024),
    ],
    [
      'an answer without end',
      (socket: Socket) => {
        socket.write('HTTP/1.1 500 No\r\n\r\n');
        endlessly(socket, Buffer.alloc(65_536), 64 * 1024 * 1024);
      },
    ],
    ['nonsense', (socket: Socket) => socket.end(Buffer.alloc(1_000, 7))],
  ])('[DEVICE-22] that answers with %s is left, and tried again later', async (_, serve) => {
    const server = await instead((socket) => socket.once('data', () => serve(socket)));
    const before = process.memoryUsage.rss();
    await start();
    await squad.until(() => server.connections() >= 3, 'more tries');
    expect(process.memoryUsage.rss() - before).toBeLessThan(150 * 1024 * 1024);
    expect(node?.isConnected()).toBe(false);
    await server.stop();
  });

  test('[DEVICE-22] fragments and control frames without end fill no memory', async () => {
    squad.habits.answersPings = true;
    await start();
    await squad.until(() => squad.facts.length > 0);
    const before = process.memoryUsage.rss();
    const connections = squad.connections;
    // One letter after the other, and the message never ends.
    for (let i = 0; i < 200_000; i++) squad.sendFragment('x');
    await squad.until(() => squad.connections > connections, 'the next connection');
    expect(process.memoryUsage.rss() - before).toBeLessThan(150 * 1024 * 1024);
    await works();
  }, 30_000);
});

test('[DEVICE-22] the challenge of another host, or of no length, is not signed', async () => {
  expect(canonical({ a: 1 })).toBe('{"a":1}');
  for (const change of [{ audience: 'bank.example.com' }, { nonce: '' }, { nonce: 'x'.repeat(5_000) }]) {
    squad.challenge = change;
    await start();
    await squad.until(() => logged.filter((message) => message.includes('cannot be')).length >= 2);
    expect(squad.frames).not.toContain('prove');
    await node?.stop();
    logged = [];
  }
});
