// Whose requests they are: a tenant with one of everything, another whose ids are tried, and a device. All of it is made through
// the API. A world that has used itself up (its key revoked, its limits reached) is given up for a new one.

import { generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { didFromPublicKey } from '../../../core/devices/did.ts';

export interface FuzzDevice {
  readonly id: string;
  readonly did: string;
  readonly credential: string;
  sign(text: string): string;
}

export interface World {
  readonly key: string;
  readonly cookie: string;
  /** A key that may only read tasks. */
  readonly smallKey: string;
  /** Ids of ours by their kind; grows. */
  readonly ids: Map<string, string[]>;
  /** Ids of somebody else's. */
  readonly foreign: readonly string[];
  /** Stands in what is somebody else's: never in an answer to us. */
  readonly marker: string;
  readonly device: FuzzDevice;
}

export async function makeWorld(url: string): Promise<World> {
  const [ours, theirs] = [await signUp(url), await signUp(url)];
  const marker = `marker-${randomUUID()}`;
  const ids = new Map<string, string[]>();
  const foreign = [theirs.tenant, theirs.swarm, theirs.keyId, theirs.user];
  const task = await post(url, theirs.key, '/v1/tasks', { operation: 'swarm.echo', input: marker });
  foreign.push(String(task.id));
  const hook = { url: 'http://127.0.0.1:9/in', events: ['task.*'], description: marker };
  foreign.push(String((await post(url, theirs.key, '/v1/webhooks', hook)).id));
  for (const [kind, path, body] of MADE) {
    const made = await post(url, ours.key, path, body);
    const id = String(made.id ?? '');
    if (id !== '') ids.set(kind, [id]);
    if (typeof made.address === 'string') ids.set('address', [made.address.split('/').at(-1) ?? '']);
    else if (typeof made.url === 'string' && kind === 'trg') ids.set('address', [made.url.split('/').at(-1) ?? '']);
  }
  const small = await post(url, ours.key, '/v1/keys', { name: 'small', scopes: ['tasks:read'] });
  ids.set('usr', [ours.user]);
  const device = await enrol(url, ours.key);
  ids.set('dev', [device.id]);
  return { key: ours.key, cookie: ours.cookie, smallKey: String(small.secret), ids, foreign, marker, device };
}

const MADE = [
  ['tsk', '/v1/tasks', { operation: 'swarm.echo', input: { a: 1 } }],
  ['msn', '/v1/missions', { tasks: [{ key: 'a', operation: 'swarm.echo', input: 1 }] }],
  ['whk', '/v1/webhooks', { url: 'http://127.0.0.1:9/in', events: ['mission.*'] }],
  ['trg', '/v1/triggers', { name: 'a trigger', preset: 'github', task: { operation: 'swarm.echo', input: {} } }],
  ['key', '/v1/keys', { name: 'a key', scopes: ['tasks:read'] }],
  [
    'trf',
    '/v1/ledger/transfers',
    { debit: 'tenant', credit: 'team/a', amountMicro: 10, pending: true, timeoutSeconds: 3_600 },
  ],
  ['inv', '/v1/invitations', { email: 'somebody@example.com', role: 'viewer' }],
] as const;

async function post(url: string, key: string, path: string, body: unknown): Promise<Record<string, unknown>> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const answer = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
  const json = (await answer.json().catch(() => ({}))) as Record<string, unknown>; // some make nothing: then there is no id
  return answer.ok ? json : {};
}

async function signUp(url: string) {
  const body = JSON.stringify({
    email: `${randomUUID()}@example.com`,
    password: `pass phrase ${randomUUID()}`,
    organization: 'Fuzz',
  });
  for (;;) {
    const answer = await fetch(`${url}/v1/signup`, {
      ...{ method: 'POST', body },
      headers: { 'content-type': 'application/json', 'idempotency-key': randomUUID() },
    });
    if (answer.status === 429) {
      await answer.text();
      await new Promise((done) => setTimeout(done, 1_000));
      continue;
    }
    if (answer.status !== 201) throw new Error(`sign-up answered ${answer.status}: ${await answer.text()}`);
    const made = (await answer.json()) as {
      tenant: { id: string };
      swarm: { id: string };
      user: { id: string };
      apiKey: { id: string; secret: string };
    };
    const cookie = answer.headers
      .getSetCookie()
      .map((one) => one.split(';', 1)[0])
      .join('; ');
    const { tenant, swarm, user, apiKey } = made;
    return { tenant: tenant.id, swarm: swarm.id, user: user.id, keyId: apiKey.id, key: apiKey.secret, cookie };
  }
}

async function enrol(url: string, key: string): Promise<FuzzDevice> {
  const pair = generateKeyPairSync('ed25519');
  const did = didFromPublicKey(pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32));
  const signed = (text: string): string => sign(null, Buffer.from(text), pair.privateKey).toString('base64url');
  const { token } = await post(url, key, '/v1/devices/enrollments', {});
  const proof = signed(JSON.stringify({ did, purpose: 'starling.enroll', token }));
  const made = await post(url, key, '/v1/devices/enroll', { token, did, proof, name: 'a device' });
  return { id: String(made.device), did, credential: String(made.credential), sign: signed };
}
