// The API over swarms in memory, with a clock that the test moves. The directory is one that nobody may ask, unless a test
// brings its own.

import { randomBytes } from 'node:crypto';
import { type Id, type IdPrefix, newId, type SwarmId } from '../../core/ids.ts';
import type { Json, JsonObject } from '../../core/json.ts';
import type { Scope } from '../../core/keys/scopes.ts';
import { mintToken } from '../../core/keys/token.ts';
import { createApp } from '../../functions/api/app.ts';
import type { PlatformDeps } from '../../functions/api/deps.ts';
import type { Directory } from '../../functions/directory/directory.ts';
import { type MemoryObjectStore, memoryObjectStore } from '../contract/memory-object-store.ts';
import { aSwarm, type TestSwarm } from './a-swarm.ts';

export const baseUrl = 'http://localhost:8787';
export const tokenKey = new Uint8Array(32).fill(1);
export const sealKey = new Uint8Array(32).fill(2);

export interface Tenant {
  readonly tenant: Id<'tnt'>;
  readonly swarm: Id<'swm'>;
  /** The first key, with the scope `admin`. */
  readonly key: Id<'key'>;
  readonly service: TestSwarm;
  /** A key that says it has these scopes, with the id of the first one. */
  secret(...scopes: readonly Scope[]): string;
}

export interface Sent {
  readonly key?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON; or a text, bytes or stream that is sent as it is. */
  readonly json?: unknown;
  readonly body?: BodyInit;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: JsonObject;
}

export interface TestApi {
  readonly clock: { now: number };
  readonly reports: unknown[];
  readonly squadRequests: { swarm: string; squad: number; request: Request }[];
  readonly archive: MemoryObjectStore;
  tenant(): Tenant;
  fetch(request: Request): Promise<Response>;
  /** Sends a request with the first key of `first`, unless it brings another or none. */
  send(method: string, path: string, sent?: Sent): Promise<Answer>;
  readonly first: Tenant;
}

export function id<P extends IdPrefix>(prefix: P): Id<P> {
  return newId(prefix, Date.now(), randomBytes(10));
}

export function anApi(overrides: Partial<PlatformDeps> = {}): TestApi {
  const clock = { now: Date.parse('2026-11-20T16:00:00.000Z') };
  const swarms = new Map<SwarmId, TestSwarm>();
  const reports: unknown[] = [];
  const squadRequests: TestApi['squadRequests'] = [];
  const archive = memoryObjectStore();
  const swarm = (id: SwarmId): TestSwarm => {
    const found = swarms.get(id);
    if (!found) throw new Error('a verified token names a swarm that is there');
    return found;
  };
  const app = createApp({
    swarm,
    past: (id) => swarm(id).past,
    fork: () => {
      throw new Error('a test of forks brings its own');
    },
    async squadFetch(swarm, squad, request) {
      squadRequests.push({ swarm, squad, request });
      return new Response(null, { status: 200 });
    },
    directoryAt: () => untouchable,
    archive,
    tokenKey,
    sealKey,
    names: { home: baseUrl, baseOf: () => baseUrl },
    allowPrivate: false,
    now: () => clock.now,
    entropy: (count) => randomBytes(count),
    pause: async () => {},
    report: (fault) => void reports.push(fault),
    ...overrides,
  });
  const tenant = (): Tenant => {
    const names = { tenant: id('tnt'), swarm: id('swm'), key: id('key') };
    const service = aSwarm(names, clock, archive);
    swarms.set(names.swarm, service);
    const { tenant, swarm, key } = names;
    return {
      ...names,
      service,
      secret: (...scopes) => mintToken('sk', { t: tenant, s: swarm, k: key, p: [...scopes] }, tokenKey),
    };
  };
  const first = tenant();
  return {
    clock,
    reports,
    squadRequests,
    archive,
    tenant,
    first,
    fetch: (request) => app.fetch(request),
    async send(method, path, { key = first.secret('admin'), headers = {}, json, body } = {}) {
      const request = new Request(`${baseUrl}${path}`, {
        method,
        headers: {
          ...(key === null ? {} : { authorization: `Bearer ${key}` }),
          ...(json === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(json === undefined ? {} : { body: JSON.stringify(json) }),
        ...(body === undefined ? {} : { body, duplex: 'half' }),
      });
      const response = await app.fetch(request);
      const text = await response.text();
      const isJson = response.headers.get('content-type')?.includes('json') === true && text !== '';
      return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : {} };
    },
  };
}

/** Something that must not be asked: every use of it says so. */
const untouchable = new Proxy({} as Directory, {
  get(_, name) {
    throw new Error(`the directory was asked for ${String(name)}`);
  },
});

/** A member of a JSON object, by its path. */
export function at(json: Json, ...path: readonly (string | number)[]): Json {
  let here: Json | undefined = json;
  for (const part of path) here = (here as { readonly [key: string]: Json } | undefined)?.[part];
  return here ?? null;
}
