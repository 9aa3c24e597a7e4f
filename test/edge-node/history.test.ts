// What a device holds of its swarm's history, and when it says that the history is another: the keeper over its real database,
// and the whole node against a squad over real WebSockets.

import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sha256 } from '../../core/hash.ts';
import { type SignedCheckpoint, signCheckpoint } from '../../core/journal/checkpoint.ts';
import { consistencyPath } from '../../core/journal/consistency.ts';
import { leafOf, rootOf, type TreeReader } from '../../core/journal/merkle.ts';
import { checkpointMs } from '../../core/limits.ts';
import { createHistory, type History } from '../../edge-node/src/history.ts';
import { readEnrolment } from '../../edge-node/src/identity.ts';
import { type EdgeNode, startEdgeNode } from '../../edge-node/src/main.ts';
import { type DeviceDatabase, openDatabase } from '../../edge-node/src/outbox/database.ts';
import { readDeviceStatus } from '../../edge-node/src/status.ts';
import { aDevice, anOffer, type DeviceOfATest, echo } from './a-device.ts';
import { createFakeClock } from './fake-clock.ts';
import { startTestSquad, type TestSquad } from './test-squad.ts';

let device: DeviceOfATest;
let origin = '';
beforeEach(() => {
  device = aDevice();
});
afterEach(() => device.remove());

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** A swarm's journal as far as a device sees it: hashes that differ by `name`, and a key. */
function aHistory(name: string, key = newKey()) {
  const hash = (index: number) => sha256(`${index < 20 ? 'the same' : name}/${index}`);
  const tree: TreeReader = { leaf: (index) => leafOf(hash(index)) };
  return {
    key,
    checkpoint(size: number, of = origin): SignedCheckpoint {
      const unsigned = {
        origin: of,
        size,
        head: hash(size - 1),
        root: hex(rootOf(tree, size)),
        at: 1_800_000_000_000 + size,
      };
      return signCheckpoint(unsigned, key.privateKey, key.publicKey);
    },
    path: (from: number, to: number) => consistencyPath(tree, from, to).map(hex),
  };
}

function newKey() {
  const pair = generateKeyPairSync('ed25519');
  return {
    privateKey: pair.privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64url'),
    publicKey: pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(12).toString('base64url'),
  };
}

describe('the keeper', () => {
  let database: DeviceDatabase;
  let keeper: History;
  const logged: string[] = [];
  const enrolment = { tenant: 'tnt_a', swarm: 'swm_b' } as never;
  beforeEach(() => {
    origin = 'tnt_a/swm_b';
    logged.length = 0;
    database = openDatabase(join(device.home, 'device.db'));
    keeper = createHistory({
      database,
      enrolment,
      clock: { now: () => 1 },
      log: (_level, message) => logged.push(message),
    });
  });
  afterEach(() => database.close());
  const conflict = () => database.get('SELECT conflict FROM checkpoint')?.conflict;

  test('[DEVICE-13] keeps the first checkpoint of its swarm, and each one that goes on from there', () => {
    const history = aHistory('a');
    expect(keeper.held()).toBeNull();
    keeper.shown(history.checkpoint(30), []);
    expect(keeper.held()).toEqual(history.checkpoint(30));
    keeper.shown(history.checkpoint(77), history.path(30, 77));
    keeper.shown(history.checkpoint(77), []);
    expect(keeper.held()).toEqual(history.checkpoint(77));
    expect([conflict(), logged]).toEqual([null, []]);
  });

  test.each<[string, (history: ReturnType<typeof aHistory>) => [SignedCheckpoint, readonly string[]], string]>([
    ['another past', ({ key }) => [aHistory('b', key).checkpoint(77), aHistory('b', key).path(30, 77)], 'rewritten'],
    ['another past of the same size', ({ key }) => [aHistory('b', key).checkpoint(30), []], 'rewritten'],
    ['a proof that proves nothing', (history) => [history.checkpoint(77), []], 'rewritten'],
    ['a proof that is none', (history) => [history.checkpoint(77), ['x', '']], 'rewritten'],
    ['a shorter past', (history) => [history.checkpoint(25), []], 'shorter'],
    ['another key', () => [aHistory('a').checkpoint(77), aHistory('a').path(30, 77)], 'other_key'],
    ['another swarm', (history) => [history.checkpoint(77, 'tnt_a/swm_c'), history.path(30, 77)], 'other_origin'],
    [
      'a forged size',
      (history) => [{ ...history.checkpoint(77), size: 78 }, history.path(30, 78)],
      'signature_invalid',
    ],
  ])('[DEVICE-14] says so when it is shown %s, and overwrites nothing', (_, lie, why) => {
    const history = aHistory('a');
    keeper.shown(history.checkpoint(30), []);
    const [shown, path] = lie(history);
    keeper.shown(shown, path);
    keeper.shown(shown, path);
    expect(keeper.held()).toEqual(history.checkpoint(30));
    expect([conflict(), logged]).toEqual([why, ['history_rewritten']]);
    expect(readDeviceStatus(device.home, 1)).toMatchObject({
      health: 'red',
      history: { size: 30, problem: 'history_rewritten', why },
    });
    // Whoever shows the true one again is believed again.
    keeper.shown(history.checkpoint(80), history.path(30, 80));
    expect([conflict(), keeper.held()?.size]).toEqual([null, 80]);
  });

  test('[DEVICE-14] believes no first checkpoint that is not its swarm’s, or not signed', () => {
    keeper.shown(aHistory('a').checkpoint(30, 'tnt_a/swm_c'), []);
    expect([keeper.held(), conflict()]).toEqual([null, 'other_origin']);
    keeper.shown({ ...aHistory('a').checkpoint(30), at: 1 }, []);
    expect([keeper.held(), conflict()]).toEqual([null, 'signature_invalid']);
  });

  test('[DEVICE-14] says so when the swarm itself does', () => {
    keeper.refused();
    expect(readDeviceStatus(device.home, 1)).toMatchObject({ health: 'red', history: { why: 'refused' } });
  });
});

describe('the node', () => {
  let squad: TestSquad;
  let node: EdgeNode | null = null;
  beforeEach(async () => {
    squad = await startTestSquad(device);
    device.enrol(squad.url);
    const { tenant, swarm } = readEnrolment(device.home) ?? { tenant: '', swarm: '' };
    origin = `${tenant}/${swarm}`;
  });
  afterEach(async () => {
    await squad.stop();
    await node?.stop();
  });
  const status = () => readDeviceStatus(device.home, Date.now());

  const shows = (history: ReturnType<typeof aHistory>, size: number) => (held: SignedCheckpoint | null) => ({
    type: 'history',
    checkpoint: history.checkpoint(size),
    path: held === null ? [] : history.path(held.size, size),
  });

  test('[DEVICE-15] shows what it holds when it connects, and goes on with its work whatever it is shown', async () => {
    const history = aHistory('a');
    squad.history = shows(history, 40);
    node = await startEdgeNode({ home: device.home }, { loadOperations: async () => [echo], random: () => 0 });
    await squad.until(() => status()?.history.size === 40);
    expect(squad.held).toEqual([null]);
    squad.history = shows(aHistory('b', history.key), 60);
    squad.cut();
    await squad.until(() => status()?.history.problem === 'history_rewritten');
    expect(squad.held[1]).toEqual(history.checkpoint(40));
    expect(status()).toMatchObject({ health: 'red', history: { size: 40, why: 'rewritten' } });
    const offer = anOffer();
    squad.order(offer);
    const isDone = () =>
      squad.facts.some(({ body }) => body.type === 'attempt.succeeded' && body.attempt === offer.attempt);
    await squad.until(isDone);
  });

  test('[DEVICE-15] shows it again every hour', async () => {
    const history = aHistory('a');
    squad.history = shows(history, 40);
    const clock = createFakeClock();
    node = await startEdgeNode({ home: device.home }, { clock, loadOperations: async () => [echo], random: () => 0 });
    await squad.until(() => status()?.history.size === 40);
    squad.history = shows(history, 90);
    // Pings are answered by the other side in its own time: an hour passes in steps that leave it some.
    for (let passed = 0; passed < checkpointMs; passed += 10_000) {
      await clock.advance(10_000);
      for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
    await squad.until(() => status()?.history.size === 90);
    expect(squad.held).toEqual([null, history.checkpoint(40)]);
    expect(squad.connections).toBe(1);
  });

  test('[DEVICE-15] hears it from the swarm when that finds out first', async () => {
    squad.history = () => ({ type: 'problem', code: 'history_conflict', detail: '' });
    node = await startEdgeNode({ home: device.home }, { loadOperations: async () => [echo], random: () => 0 });
    await squad.until(() => status()?.history.why === 'refused');
    expect(node.isConnected()).toBe(true);
  });

  test('[DEVICE-16] says nothing of it to a squad that speaks the older protocol', async () => {
    node = await startEdgeNode({ home: device.home }, { loadOperations: async () => [echo], random: () => 0 });
    await node.connected;
    await squad.until(() => squad.facts.length > 0);
    expect([squad.held, squad.frames.includes('held')]).toEqual([[], false]);
    expect(status()).toMatchObject({ health: 'green', history: { size: null, problem: null } });
  });
});
