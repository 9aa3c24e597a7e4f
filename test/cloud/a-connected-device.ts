// A device as a socket and a key: enrolled at a platform, connected, and ready to send telemetry.

import { generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { once } from 'node:events';
import WebSocket from 'ws';
import { didFromPublicKey } from '../../core/devices/did.ts';
import { call } from '../../local/local-tenant.ts';

export interface ConnectedDevice {
  readonly tenant: string;
  readonly swarm: string;
  readonly device: string;
  /** An API key of its tenant. */
  readonly apiKey: string;
  /** Problems that the squad has told it. */
  readonly problems: readonly { readonly code: string }[];
  /** Sends a batch; there is no answer to it. */
  telemetry(batch: unknown): void;
  close(): void;
}

/** Signs a new tenant up, enrols one device and proves its key. */
export async function aConnectedDevice(url: string): Promise<ConnectedDevice> {
  const name = randomUUID();
  const body = { email: `${name}@example.com`, password: `a pass phrase of ${name}`, organization: name };
  // What the API's own tests look at; here it is used.
  const made = (await call(url, '/v1/signup', { body })) as { apiKey: { secret: string } };
  const apiKey = made.apiKey.secret;
  const { token } = (await call(url, '/v1/devices/enrollments', { body: {}, apiKey })) as { token: string };

  const pair = generateKeyPairSync('ed25519');
  const did = didFromPublicKey(pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32));
  const signed = (value: object) =>
    sign(null, Buffer.from(JSON.stringify(value)), pair.privateKey).toString('base64url');
  const proof = signed({ did, purpose: 'starling.enroll', token });
  const enrolled = (await call(url, '/v1/devices/enroll', { body: { token, did, proof, name: 'a device' } })) as {
    device: string;
    credential: string;
    connectUrl: string;
    tenant: string;
    swarm: string;
  };
  const { device, credential, connectUrl, tenant, swarm } = enrolled;

  const socket = new WebSocket(connectUrl, ['starling.v1'], { headers: { authorization: `Bearer ${credential}` } });
  const next = async () => JSON.parse(String((await once(socket, 'message'))[0]));
  const { audience, nonce } = await next();
  const signature = signed({ audience, device, nonce, protocol: 'starling.v1' });
  const welcomed = next();
  socket.send(JSON.stringify({ type: 'prove', did, signature, epoch: 0, seq: 0 }));
  const welcome = await welcomed;
  if (welcome.type !== 'welcome') throw new Error(`not welcomed: ${JSON.stringify(welcome)}`);
  const problems: { code: string }[] = [];
  socket.on('message', (data) => {
    const frame = JSON.parse(String(data));
    if (frame.type === 'problem') problems.push(frame);
  });
  return {
    tenant,
    swarm,
    device,
    apiKey,
    problems,
    telemetry: (batch) => socket.send(JSON.stringify({ type: 'telemetry', batch })),
    close: () => socket.close(),
  };
}
