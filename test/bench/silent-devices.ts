// Devices that are connected and say nothing but their pings, as most of a fleet does most of the time: `starling.v1` without an
// edge node behind it.

import { generateKeyPairSync, sign } from 'node:crypto';
import WebSocket from 'ws';
import { didFromPublicKey } from '../../core/devices/did.ts';
import { canonical } from '../../core/json.ts';
import { type ChallengeText, PING, pingMsDefault, SUBPROTOCOL } from '../../core/wire/device.ts';
import { call } from '../../local/local-tenant.ts';

/** How many enrol and connect at once. */
const lanes = 8;
const connectMsMax = 15_000;

export interface SilentDevices {
  /** How many are still connected. */
  connected(): number;
  close(): void;
}

/** A device with its key and its credential. */
export interface Enrolled {
  readonly device: string;
  readonly did: string;
  readonly credential: string;
  readonly connectUrl: string;
  sign(text: string): string;
}

/** Enrols so many devices of one tenant. */
export async function enrolSilentDevices(url: string, apiKey: string, count: number): Promise<readonly Enrolled[]> {
  return await inLanes(
    Array.from({ length: count }, (_, n) => n),
    (n) => enrolOne(url, apiKey, n),
  );
}

/** Connects them all. */
export async function connectSilentDevices(enrolled: readonly Enrolled[]): Promise<SilentDevices> {
  const sockets = await inLanes(enrolled, async (one) => (await connectOne(one)).socket);
  // Spread over the interval, as devices that came at different times are.
  const timers = sockets.map((socket, i) => {
    const ping = (): void => socket.send(PING);
    return setTimeout(() => setInterval(ping, pingMsDefault).unref(), (i / sockets.length) * pingMsDefault).unref();
  });
  return {
    connected: () => sockets.filter(({ readyState }) => readyState === WebSocket.OPEN).length,
    close() {
      for (const timer of timers) clearTimeout(timer);
      for (const socket of sockets) socket.terminate();
    },
  };
}

async function inLanes<T, R>(all: readonly T[], work: (one: T) => Promise<R>): Promise<R[]> {
  const done: R[] = [];
  const left = all.values();
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      for (const one of left) done.push(await work(one));
    }),
  );
  return done;
}

/** Enrols one device. */
export async function enrolOne(url: string, apiKey: string, n: number): Promise<Enrolled> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const did = didFromPublicKey(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32));
  const signed = (text: string): string => sign(null, Buffer.from(text), privateKey).toString('base64url');
  // The API's own answers, to requests that its schema allows.
  const { token } = (await call(url, '/v1/devices/enrollments', { body: {}, apiKey })) as { token: string };
  const proof = signed(canonical({ did, purpose: 'starling.enroll', token }));
  const enrolled = (await call(url, '/v1/devices/enroll', { body: { token, did, proof, name: `silent ${n}` } })) as {
    device: string;
    credential: string;
    connectUrl: string;
  };
  return { ...enrolled, did, sign: signed };
}

/** Connects a device for the first time. From then on it listens to nothing. */
export async function connectOne({
  device,
  did,
  credential,
  connectUrl,
  sign: signed,
}: Enrolled): Promise<{ readonly socket: WebSocket; readonly epoch: number }> {
  // As the edge node does: a compressed socket keeps a window of some 240 KiB on the server's side.
  const options = { headers: { authorization: `Bearer ${credential}` }, perMessageDeflate: false };
  const socket = new WebSocket(connectUrl, SUBPROTOCOL, options);
  const epoch = await new Promise<number>((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('a device was not let in')), connectMsMax);
    socket.once('error', reject);
    socket.once('close', (code) => reject(new Error(`a device was closed with ${code}`)));
    socket.on('message', (data) => {
      const frame = JSON.parse(String(data)) as { type: string; nonce?: string; audience?: string; epoch?: number };
      if (frame.type === 'challenge') {
        const { nonce = '', audience = '' } = frame;
        const text: ChallengeText = { protocol: SUBPROTOCOL, audience, device, nonce };
        socket.send(JSON.stringify({ type: 'prove', did, signature: signed(canonical(text)), epoch: 0, seq: 0 }));
      } else if (frame.type === 'welcome') {
        clearTimeout(late);
        resolve(frame.epoch ?? 1);
      }
    });
  });
  socket.removeAllListeners('close');
  socket.removeAllListeners('message');
  socket.on('message', () => {});
  socket.on('error', () => {});
  return { socket, epoch };
}
