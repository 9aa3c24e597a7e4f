// A device as the squad sees it from outside, for the squad's tests: a key, a socket, frames in the order they came.

import { env } from 'cloudflare:workers';
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { didFromPublicKey } from '../../core/devices/did.ts';
import { squadName } from '../../core/devices/port.ts';
import { type DeviceId, newId, type OrderId, type SwarmId, type TenantId } from '../../core/ids.ts';
import { canonical } from '../../core/json.ts';
import { type Order, type SquadFrame, SUBPROTOCOL, squadFrame } from '../../core/wire/device.ts';
import type { SquadObject } from '../../durable-objects/squad/squad.ts';
import { type SwarmScript, scriptOf } from './fixtures/squad-worker.ts';

export const AUDIENCE = 'swarm.example.test';

export function id<P extends Parameters<typeof newId>[0]>(prefix: P) {
  return newId(prefix, Date.now(), randomBytes(10));
}

export interface Place {
  readonly tenant: TenantId;
  readonly swarm: SwarmId;
  readonly name: string;
  readonly squad: DurableObjectStub<SquadObject>;
  readonly script: SwarmScript;
}

// The bindings of the fixture Worker, as the test configuration names them.
const { SQUAD } = env as unknown as { SQUAD: DurableObjectNamespace<SquadObject> };

/** A new stub for the same squad: one whose object has crashed stays broken. */
export function again(place: Place): DurableObjectStub<SquadObject> {
  return SQUAD.get(SQUAD.idFromName(place.name));
}

/** A squad of a new swarm. */
export function aSquad(): Place {
  const swarm = id('swm');
  const name = squadName(swarm, 0);
  return { tenant: id('tnt'), swarm, name, squad: SQUAD.get(SQUAD.idFromName(name)), script: scriptOf(swarm) };
}

export interface TestDevice {
  readonly id: DeviceId;
  readonly did: string;
  readonly privateKey: KeyObject;
}

/** A device that the swarm double has enrolled. */
export function aDevice(place: Place): TestDevice {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
  const device = { id: id('dev'), did: didFromPublicKey(new Uint8Array(raw)), privateKey };
  place.script.dids.set(device.id, device.did);
  return device;
}

/** What came down a socket, and the way up. */
export class Line {
  readonly #socket: WebSocket;
  readonly #received: string[] = [];
  readonly #waiting: (() => void)[] = [];
  closed: { code: number; reason: string } | null = null;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.accept();
    socket.addEventListener('message', (event) => this.#push(() => this.#received.push(String(event.data))));
    socket.addEventListener('close', (event) => {
      this.#push(() => {
        this.closed = { code: event.code, reason: event.reason };
      });
    });
  }

  #push(change: () => void): void {
    change();
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async #until<T>(what: string, look: () => T | undefined): Promise<T> {
    const end = Date.now();
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      if (Date.now() - end > 60_000) throw new Error(`never came: ${what}`);
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`did not come: ${what}`)), 4_000);
        this.#waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  send(frame: unknown): void {
    this.#socket.send(typeof frame === 'string' || frame instanceof Uint8Array ? frame : JSON.stringify(frame));
  }

  /** The next text, whatever it is. */
  text(): Promise<string> {
    return this.#until('a text', () => this.#received.shift());
  }

  /** The next frame; it must be of this type. */
  async frame<T extends SquadFrame['type']>(type: T): Promise<Extract<SquadFrame, { type: T }>> {
    const text = await this.#until(`a frame ${type}`, () => {
      if (this.#received.length === 0 && this.closed !== null)
        return JSON.stringify({ type: 'closed', ...this.closed });
      return this.#received.shift();
    });
    // Whatever a squad sends is a frame of the protocol.
    const frame = text.startsWith('{"type":"closed"') ? { type: 'closed' } : squadFrame.parse(JSON.parse(text));
    if (frame.type !== type) throw new Error(`expected ${type}, got ${text}`);
    return frame as Extract<SquadFrame, { type: T }>;
  }

  /** The close, after which nothing more may have come. */
  async close(): Promise<{ code: number; reason: string }> {
    return this.#until('a close', () => this.closed ?? undefined);
  }

  get pending(): readonly string[] {
    return this.#received;
  }

  hangUp(code = 1000): void {
    this.#socket.close(code, 'bye');
  }
}

export interface ConnectOptions {
  readonly headers?: Record<string, string | null>;
}

/** The answer to a request for a socket. */
export async function upgrade(place: Place, device: DeviceId, options: ConnectOptions = {}): Promise<Response> {
  const headers = new Headers({
    upgrade: 'websocket',
    'sec-websocket-protocol': SUBPROTOCOL,
    'x-starling-device': device,
    'x-starling-tenant': place.tenant,
    'x-starling-swarm': place.swarm,
    'x-starling-audience': AUDIENCE,
  });
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    if (value === null) headers.delete(name);
    else headers.set(name, value);
  }
  return place.squad.fetch('https://squad/connect', { headers });
}

/** A socket that has been challenged. */
export async function dial(place: Place, device: DeviceId): Promise<{ line: Line; nonce: string }> {
  const answer = await upgrade(place, device);
  if (answer.webSocket === null) throw new Error(`no socket: ${answer.status} ${await answer.text()}`);
  const line = new Line(answer.webSocket);
  const { nonce } = await line.frame('challenge');
  return { line, nonce };
}

export interface ProofOptions {
  readonly device?: DeviceId;
  readonly audience?: string;
  readonly did?: string;
  readonly key?: KeyObject;
  readonly epoch?: number;
  readonly seq?: number;
}

/** The `prove` frame for a nonce. */
export function proof(device: TestDevice, nonce: string, options: ProofOptions = {}) {
  const { audience = AUDIENCE, did = device.did, key = device.privateKey, epoch = 0, seq = 0 } = options;
  const text = canonical({ protocol: SUBPROTOCOL, audience, device: options.device ?? device.id, nonce });
  const signature = sign(null, Buffer.from(text), key).toString('base64url');
  return { type: 'prove' as const, did, signature, epoch, seq };
}

/** A device that is in. */
export async function connect(place: Place, device: TestDevice, options: ProofOptions = {}) {
  const { line, nonce } = await dial(place, device.id);
  line.send(proof(device, nonce, options));
  const welcome = await line.frame('welcome');
  return { line, welcome };
}

/** Facts `from` to `to` of nothing in particular. */
export function someFacts(from: number, to: number) {
  return Array.from({ length: to - from + 1 }, (_, index) => ({
    seq: from + index,
    at: 1_000,
    body: { type: 'device.reported', version: from + index, reported: { battery: 50 } },
  }));
}

export function anOrder(deliverBy: number | null, input: unknown = {}): Order & { id: OrderId } {
  return {
    id: id('ord'),
    deliverBy,
    body: {
      type: 'offer',
      attempt: id('att'),
      task: id('tsk'),
      fence: 1,
      operation: 'text.summarize',
      // The shape is JSON: the tests give plain values.
      input: input as never,
      leaseMs: 60_000,
      deadline: Date.now() + 60_000,
      priceMicro: 5,
    },
  } as Order & { id: OrderId };
}

/** Lets the isolate go on until `look` is true; for what no frame announces. */
export async function eventually(look: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    if (await look()) return;
    await new Promise((done) => setTimeout(done, 5));
  }
  throw new Error('it did not come to that');
}
