// A small squad and swarm for one device, over real WebSockets, speaking the protocol from the schemas of core/wire. It
// admits and counts facts by the rules of core/devices; a test may make it forget, refuse, duplicate or fall silent.

import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { verifyByDid } from '../../core/devices/did.ts';
import { newId } from '../../core/ids.ts';
import type { SignedCheckpoint } from '../../core/journal/checkpoint.ts';
import { canonical } from '../../core/json.ts';
import {
  deviceFrame,
  type Fact,
  fact,
  HISTORY_SUBPROTOCOL,
  type Order,
  type OrderBody,
  order,
  SUBPROTOCOL,
} from '../../core/wire/device.ts';

export interface SquadHabits {
  pingMs: number;
  /** Facts are committed, but nobody tells the device. */
  acknowledges: boolean;
  /** Acknowledgements are sent so often. */
  acknowledgements: number;
  /** Pings are answered. */
  answersPings: boolean;
  /** Refuses a fact with this code; null takes it. */
  refuse: (fact: Fact) => string | null;
  /** Closes the socket after so many batches; 0 never does. */
  closeAfterBatches: number;
}

export interface TestSquad {
  readonly url: string;
  readonly habits: SquadHabits;
  /** What the swarm has committed, in order, each with the epoch it came in. */
  readonly facts: (Fact & { epoch: number })[];
  readonly taken: string[];
  readonly telemetry: unknown[];
  readonly frames: string[];
  /** What the device has shown of the history that it holds, and what it is answered; null speaks the older protocol. */
  readonly held: (SignedCheckpoint | null)[];
  history: ((held: SignedCheckpoint | null) => unknown) | null;
  epoch: number;
  seq: number;
  connections: number;
  /** What time it says it is. */
  welcomeNow: () => number;
  /** What is otherwise in its challenge. */
  challenge: { readonly nonce?: string; readonly audience?: string };
  order(body: OrderBody, options?: { id?: string; deliverBy?: number | null }): Order;
  send(frame: unknown): void;
  sendText(text: string): void;
  /** A piece of a message that goes on. */
  sendFragment(text: string): void;
  close(code: number): void;
  /** Cuts the connection without a word. */
  cut(): void;
  until<T>(check: () => T | undefined | false, what?: string): Promise<T>;
  stop(): Promise<void>;
}

export async function startTestSquad(identity: {
  device: string;
  did: string;
  credential: string;
}): Promise<TestSquad> {
  const server = new WebSocketServer({
    port: 0,
    host: '127.0.0.1',
    // Without a history to show it is a squad of the older protocol.
    handleProtocols: (offered) =>
      squad.history !== null && offered.has(HISTORY_SUBPROTOCOL)
        ? HISTORY_SUBPROTOCOL
        : offered.has(SUBPROTOCOL) && SUBPROTOCOL,
  });
  await new Promise<void>((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  let socket: WebSocket | null = null;
  const audience = `127.0.0.1:${port}`;
  const pending = new Map<string, Order>();
  const squad: TestSquad = {
    url: `ws://127.0.0.1:${port}/v1/devices/connect`,
    habits: {
      pingMs: 20_000,
      acknowledges: true,
      acknowledgements: 1,
      answersPings: true,
      refuse: () => null,
      closeAfterBatches: 0,
    },
    facts: [],
    taken: [],
    telemetry: [],
    frames: [],
    held: [],
    history: null,
    epoch: 0,
    seq: 0,
    connections: 0,
    welcomeNow: Date.now,
    challenge: {},
    order(body, options = {}) {
      const id = options.id ?? newId('ord', Date.now(), randomBytes(10));
      const made = order.parse({ id, deliverBy: options.deliverBy ?? null, body });
      pending.set(made.id, made);
      squad.send({ type: 'orders', orders: [made] });
      return made;
    },
    send: (frame) => squad.sendText(JSON.stringify(frame)),
    sendText: (text) => socket?.readyState === WebSocket.OPEN && socket.send(text),
    sendFragment: (text) => socket?.readyState === WebSocket.OPEN && socket.send(text, { fin: false }),
    close: (code) => socket?.close(code),
    cut: () => socket?.terminate(),
    async until(check, what = 'what was awaited') {
      const end = Date.now() + 10_000;
      for (;;) {
        const value = check();
        if (value !== undefined && value !== false) return value;
        if (Date.now() > end) throw new Error(`${what} did not come`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
    async stop() {
      for (const client of server.clients) client.terminate();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  server.on('connection', (client, request) => {
    squad.connections += 1;
    if (request.headers.authorization !== `Bearer ${identity.credential}`) return client.close(4401);
    const nonce = randomBytes(24).toString('base64url');
    let proved = false;
    let batches = 0;
    client.send(JSON.stringify({ type: 'challenge', nonce, audience, ...squad.challenge }));
    client.on('message', (data) => {
      const text = data.toString();
      if (text === 'ping') {
        if (squad.habits.answersPings) client.send('pong');
        return;
      }
      const frame = deviceFrame.parse(JSON.parse(text));
      squad.frames.push(frame.type);
      if (frame.type === 'prove') {
        const challenge = canonical({ protocol: SUBPROTOCOL, audience, device: identity.device, nonce });
        if (frame.did !== identity.did || !verifyByDid(frame.did, challenge, frame.signature))
          return client.close(4401);
        proved = true;
        const same = squad.epoch > 0 && frame.epoch === squad.epoch && frame.seq >= squad.seq;
        if (!same) {
          squad.epoch += 1;
          squad.seq = 0;
        }
        socket = client;
        const welcome = { type: 'welcome', device: identity.device, epoch: squad.epoch, seq: squad.seq };
        client.send(JSON.stringify({ ...welcome, now: squad.welcomeNow(), pingMs: squad.habits.pingMs }));
        if (pending.size > 0) client.send(JSON.stringify({ type: 'orders', orders: [...pending.values()] }));
        return;
      }
      if (!proved) throw new Error('a frame came before the proof');
      if (frame.type === 'taken') {
        squad.taken.push(...frame.orders);
        for (const id of frame.orders) pending.delete(id);
      }
      if (frame.type === 'held') {
        squad.held.push(frame.checkpoint);
        client.send(JSON.stringify(squad.history?.(frame.checkpoint)));
      }
      if (frame.type === 'telemetry') squad.telemetry.push(frame.batch);
      if (frame.type !== 'facts') return;
      const answer = takeFacts(
        squad,
        frame.epoch,
        frame.facts.map((value) => fact.parse(value)),
      );
      batches += 1;
      if (batches === squad.habits.closeAfterBatches) return client.terminate();
      if (squad.habits.acknowledges)
        for (let i = 0; i < squad.habits.acknowledgements; i++) client.send(JSON.stringify(answer));
    });
  });
  return squad;
}

function takeFacts(squad: TestSquad, epoch: number, facts: readonly Fact[]): unknown {
  if (epoch !== squad.epoch) return { type: 'problem', code: 'epoch_stale', detail: '' };
  const refused: { seq: number; code: string }[] = [];
  for (const one of facts) {
    if (one.seq <= squad.seq) continue;
    if (one.seq > squad.seq + 1) return { type: 'expected', epoch, seq: squad.seq + 1 };
    squad.seq = one.seq;
    const code = squad.habits.refuse(one);
    if (code !== null) refused.push({ seq: one.seq, code });
    else squad.facts.push({ ...one, epoch });
  }
  return { type: 'committed', epoch, seq: squad.seq, refused };
}
