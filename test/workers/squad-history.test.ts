// What devices hold of their swarm's history passes through the squad, both ways.

import { expect, it } from 'vitest';
import { HISTORY_SUBPROTOCOL, SUBPROTOCOL } from '../../core/wire/device.ts';
import { aDevice, aSquad, connect, upgrade } from './squad-support.ts';

const checkpoint = {
  ...{ origin: 'tnt_a/swm_b', size: 7, head: 'a'.repeat(64), root: 'b'.repeat(64), at: 1 },
  ...{ signature: 's', publicKey: 'k' },
};

it('[DEVICE-16] speaks the newest protocol that both know, and the older one to older devices', async () => {
  const place = aSquad();
  for (const [offered, chosen] of [
    [SUBPROTOCOL, SUBPROTOCOL],
    [`${HISTORY_SUBPROTOCOL}, ${SUBPROTOCOL}`, HISTORY_SUBPROTOCOL],
    [`${SUBPROTOCOL}, ${HISTORY_SUBPROTOCOL}`, HISTORY_SUBPROTOCOL],
  ] as const) {
    const answer = await upgrade(place, aDevice(place).id, { headers: { 'sec-websocket-protocol': offered } });
    expect([answer.status, answer.headers.get('sec-websocket-protocol')]).toEqual([101, chosen]);
    answer.webSocket?.accept();
    answer.webSocket?.close();
  }
});

it('carries what is held up, and how the history goes on from there down', async () => {
  const place = aSquad();
  const device = aDevice(place);
  const { line } = await connect(place, device);
  place.script.history = { kind: 'continued', checkpoint: { ...checkpoint, size: 9 }, path: ['cd'.repeat(32)] };
  line.send({ type: 'held', checkpoint });
  expect(await line.frame('history')).toEqual({
    type: 'history',
    checkpoint: { ...checkpoint, size: 9 },
    path: ['cd'.repeat(32)],
  });
  line.send({ type: 'held', checkpoint: null });
  await line.frame('history');
  expect(place.script.calls.filter((call) => call.startsWith('continueHistory'))).toEqual([
    `continueHistory ${device.id} 7`,
    `continueHistory ${device.id} nothing`,
  ]);
  line.hangUp();
});

it.each([
  ['conflict', 'history_conflict'],
  ['unsigned', 'history_unsigned'],
] as const)('a %s is told, and the socket stays', async (kind, code) => {
  const place = aSquad();
  const { line } = await connect(place, aDevice(place));
  place.script.history = { kind };
  for (let times = 0; times < 2; times++) {
    line.send({ type: 'held', checkpoint });
    expect((await line.frame('problem')).code).toBe(code);
  }
  expect(line.closed).toBeNull();
  line.hangUp();
});

it('a swarm that does not answer costs a reconnect, and a checkpoint that is none is a bad frame', async () => {
  const place = aSquad();
  const { line } = await connect(place, aDevice(place));
  place.script.mode = 'throws';
  line.send({ type: 'held', checkpoint });
  expect((await line.frame('problem')).code).toBe('busy');
  expect((await line.close()).code).toBe(4503);
  place.script.mode = 'up';
  const other = await connect(place, aDevice(place));
  other.line.send({ type: 'held', checkpoint: { ...checkpoint, size: 'seven' } });
  expect((await other.line.frame('problem')).code).toBe('bad_frame');
});
