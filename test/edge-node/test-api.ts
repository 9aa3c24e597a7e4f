// A small server for the `starling` command: it checks what it is sent with the schemas of core/wire, and sends only what
// passes them. A test tells it what to answer next.

import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { z } from 'zod';
import { newId } from '../../core/ids.ts';
import { signCheckpoint } from '../../core/journal/checkpoint.ts';
import { toCloudEvent } from '../../core/journal/cloud-event.ts';
import { consistencyPath } from '../../core/journal/consistency.ts';
import { chain, GENESIS, type StoredEvent } from '../../core/journal/event.ts';
import { leafOf, rootOf } from '../../core/journal/merkle.ts';
import { canonical } from '../../core/json.ts';
import { journalPageMax } from '../../core/limits.ts';
import { createEnrollment, enrollDevice } from '../../core/wire/enrollment.ts';
import { createMission, type MissionView, mission } from '../../core/wire/missions.ts';
import { account, cloudEvent, createKey, operation, transfer } from '../../core/wire/resources.ts';
import { createTask, type TaskView, task } from '../../core/wire/tasks.ts';

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingMessage['headers'];
  readonly body: unknown;
}

type Reply =
  | { readonly status: number; readonly body?: unknown; readonly headers?: Record<string, string> }
  | 'hang up';
type Handler = (seen: Seen) => Reply | undefined;

export interface TestApi {
  readonly url: string;
  readonly key: string;
  readonly seen: Seen[];
  readonly tasks: Map<string, TaskView>;
  readonly missions: Map<string, MissionView>;
  readonly events: StoredEvent[];
  /** Asked before everything else; undefined lets the request through. */
  intercept: Handler;
  append(type: string): void;
  /** Events that one connection of the stream brings before it is cut; 0 never cuts. */
  cutStreamAfter: number;
  stop(): Promise<void>;
}

export const anId = <P extends Parameters<typeof newId>[0]>(prefix: P) => newId(prefix, Date.now(), randomBytes(10));
const now = () => new Date().toISOString();
const treeOf = (events: readonly StoredEvent[]) => ({ leaf: (index: number) => leafOf(events[index]?.hash ?? '') });
export const origin = 'tnt_test/swm_test';

export function problem(status: number, code: string, more: object = {}): Reply {
  const body = {
    type: `https://docs/${code}`,
    title: `It is ${code}`,
    status,
    detail: '',
    code,
    requestId: 'req_1',
    ...more,
  };
  return { status, body, headers: { 'content-type': 'application/problem+json' } };
}

export function aTask(over: Partial<TaskView> = {}): TaskView {
  return task.parse({
    ...{
      id: anId('tsk'),
      state: 'queued',
      operation: 'text.summarize',
      input: {},
      result: null,
      error: null,
      key: null,
      after: [],
    },
    ...{
      cost: { heldMicro: 0, settledMicro: 0 },
      maxCreditsMicro: null,
      require: {},
      route: null,
      attempts: [],
      mission: null,
    },
    ...{ origin: 'api', trace: null, deadline: now(), createdAt: now(), updatedAt: now(), ...over },
  });
}

export async function startTestApi(): Promise<TestApi> {
  const pair = generateKeyPairSync('ed25519');
  const signing = {
    privateKey: pair.privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64url'),
    publicKey: pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(12).toString('base64url'),
  };
  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      // What the command sent, or what the test would answer, does not pass its schema: the command sees a 500.
      response.writeHead(500).end(String(error));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const answers = new Map<string, { digest: string; reply: Reply }>();
  const streams = new Set<ServerResponse>();
  const api: TestApi = {
    url: `http://127.0.0.1:${port}`,
    key: `sk_${randomBytes(12).toString('base64url')}.mac`,
    seen: [],
    tasks: new Map(),
    missions: new Map(),
    events: [],
    intercept: () => undefined,
    cutStreamAfter: 0,
    append(type) {
      const seq = api.events.length + 1;
      const body = canonical(seq === 1 ? { publicKey: signing.publicKey } : { n: seq });
      const context = { at: 1_800_000_000_000 + seq, actor: 'system/test', command: `cmd_${seq}`, trace: null };
      const event = chain(
        origin,
        api.events.at(-1)?.hash ?? GENESIS,
        seq,
        { type, subject: `thing/${seq}`, body },
        context,
      );
      api.events.push(event);
      for (const stream of streams) stream.write(textOf(event));
    },
    async stop() {
      for (const stream of streams) stream.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  function textOf(event: StoredEvent): string {
    return `id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(cloudEvent.parse(toCloudEvent(origin, event)))}\n\n`;
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString('utf8');
    const address = new URL(request.url ?? '/', api.url);
    const seen: Seen = {
      method: request.method ?? '',
      path: address.pathname,
      query: Object.fromEntries(address.searchParams),
      headers: request.headers,
      body: text === '' ? undefined : JSON.parse(text),
    };
    api.seen.push(seen);
    const reply =
      api.intercept(seen) ?? (seen.path === '/v1/journal/stream' ? follow(seen, response) : answer(seen, text));
    if (reply === null) return;
    if (reply === 'hang up') return void response.destroy();
    response.writeHead(reply.status, { 'content-type': 'application/json', ...reply.headers });
    response.end(reply.body === undefined ? '' : JSON.stringify(reply.body));
  }

  function follow({ headers }: Seen, response: ServerResponse): Reply | null {
    if (headers.authorization !== `Bearer ${api.key}`) return problem(401, 'unauthenticated');
    const from = Number(headers['last-event-id'] ?? 0) + 1;
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(': follows\n\n');
    const events = api.events.slice(from - 1, api.cutStreamAfter > 0 ? from - 1 + api.cutStreamAfter : undefined);
    // Cut in odd places: a reader must not take a piece for a whole.
    const text = events.map(textOf).join('');
    for (let i = 0; i < text.length; i += 37) response.write(text.slice(i, i + 37));
    if (api.cutStreamAfter > 0) setTimeout(() => response.destroy(), 10);
    else streams.add(response);
    return null;
  }

  function answer(seen: Seen, text: string): Reply {
    if (seen.method !== 'POST') return route(seen);
    const key = seen.headers['idempotency-key'];
    if (typeof key !== 'string') return problem(400, 'invalid_request', { detail: 'no Idempotency-Key' });
    const digest = createHash('sha256').update(`${seen.path}\n${text}`).digest('hex');
    const known = answers.get(key);
    if (known && known.digest !== digest) return problem(422, 'idempotency_key_reused');
    const reply = known?.reply ?? route(seen);
    answers.set(key, { digest, reply });
    return reply;
  }

  function signed() {
    const size = api.events.length;
    const root = Buffer.from(rootOf(treeOf(api.events), size)).toString('hex');
    const head = api.events.at(-1)?.hash ?? GENESIS;
    return signCheckpoint({ origin, size, head, root, at: 1_800_000_000_000 }, signing.privateKey, signing.publicKey);
  }

  function parsed<T extends z.ZodType>(schema: T, seen: Seen): z.output<T> {
    return schema.parse(seen.body);
  }

  function route(seen: Seen): Reply {
    const where = `${seen.method} ${seen.path}`;
    if (where === 'POST /v1/signup') {
      const [tenant, swarm, user] = [
        { id: anId('tnt'), name: 'T' },
        { id: anId('swm'), name: 'main' },
        { id: anId('usr') },
      ];
      return { status: 201, body: { tenant, swarm, user, apiKey: { id: anId('key'), secret: api.key } } };
    }
    if (where === 'POST /v1/login') {
      const body = {
        user: { id: anId('usr') },
        tenant: { id: anId('tnt') },
        swarm: { id: anId('swm') },
        role: 'owner',
      };
      return { status: 200, body, headers: { 'set-cookie': 'session=abc; HttpOnly; Path=/' } };
    }
    if (where === 'POST /v1/devices/enroll') {
      parsed(enrollDevice, seen);
      const ids = { device: anId('dev'), tenant: anId('tnt'), swarm: anId('swm') };
      return {
        status: 201,
        body: { ...ids, credential: 'dvc_x.y', connectUrl: `ws://127.0.0.1:${port}/v1/devices/connect` },
      };
    }
    const isSession = seen.headers.cookie === 'session=abc' && seen.headers.origin === api.url;
    if (seen.headers.authorization !== `Bearer ${api.key}` && !isSession) return problem(401, 'unauthenticated');
    switch (where) {
      case 'POST /v1/logout':
        return { status: 204 };
      case 'POST /v1/keys':
        parsed(createKey, seen);
        return { status: 201, body: { id: anId('key'), name: 'k', secret: api.key } };
      case 'POST /v1/devices/enrollments':
        parsed(createEnrollment, seen);
        return { status: 201, body: { id: anId('enr'), token: 'ent_made.mac', expiresAt: now() } };
      case 'POST /v1/tasks': {
        const { operation, input, maxCreditsMicro, require } = parsed(createTask, seen);
        const made = aTask({ operation, input, maxCreditsMicro: maxCreditsMicro ?? null, require: require ?? {} });
        const known = api.tasks.get('next');
        const shown = known ? { ...known, operation, input } : made;
        api.tasks.set(shown.id, shown);
        return { status: 202, body: task.parse(shown) };
      }
      case 'GET /v1/tasks':
        return { status: 200, body: { data: [...api.tasks.values()].map((one) => task.parse(one)), nextCursor: null } };
      case 'POST /v1/missions': {
        const { name } = parsed(createMission, seen);
        const made = api.missions.get('next');
        if (made === undefined) return problem(422, 'plan_cyclic', { detail: 'The plan has a cycle' });
        const shown = mission.parse({ ...made, name: name ?? made.name });
        api.missions.set(shown.id, shown);
        return { status: 201, body: shown };
      }
      case 'GET /v1/operations':
        return { status: 200, body: { data: [anOperation], nextCursor: null } };
      case 'GET /v1/ledger/accounts':
        return { status: 200, body: { data: [anAccount], nextCursor: null } };
      case 'GET /v1/ledger/transfers':
        return { status: 200, body: { data: [aTransfer], nextCursor: null } };
      case 'GET /v1/journal': {
        const limit = Number(seen.query.limit ?? 20);
        if (limit > journalPageMax) return problem(400, 'invalid_request');
        const from = Number(seen.query.cursor ?? 0) + 1;
        const page = api.events.slice(from - 1, from - 1 + limit);
        const last = page.at(-1)?.seq ?? 0;
        const data = page.map((event) => cloudEvent.parse(toCloudEvent(origin, event)));
        return { status: 200, body: { data, nextCursor: last > 0 && last < api.events.length ? String(last) : null } };
      }
      case 'GET /v1/journal/checkpoint':
        return { status: 200, body: signed() };
      case 'GET /v1/journal/consistency': {
        const from = Number(seen.query.from);
        if (from > api.events.length) return problem(422, 'size_ahead');
        const path = consistencyPath(treeOf(api.events), from, api.events.length);
        return {
          status: 200,
          body: {
            from,
            to: api.events.length,
            path: path.map((node) => Buffer.from(node).toString('hex')),
            checkpoint: signed(),
          },
        };
      }
    }
    const [, kind = '', id = '', action] =
      /^\/v1\/(tasks|missions|keys)\/([^/]+)(?:\/(cancel|revoke))?$/.exec(seen.path) ?? [];
    if (kind === 'keys' && action === 'revoke') return { status: 200, body: { id } };
    const found = kind === 'tasks' ? api.tasks.get(id) : api.missions.get(id);
    if (found === undefined) return problem(404, kind === 'missions' ? 'mission_not_found' : 'task_not_found');
    return { status: 200, body: kind === 'tasks' ? task.parse(found) : mission.parse(found) };
  }
  return api;
}

const anOperation = operation.parse({
  ...{ name: 'text.summarize', summary: 'Sums up.', input: {}, output: {}, available: true },
  routes: [
    {
      ...{
        route: 'r',
        executor: anId('dev'),
        version: '1.0.0',
        priceMicro: 2_500,
        privacy: 'device-only',
        connected: true,
        score: 1,
      },
      measured: { successes: 1, failures: 0, latencyMs: 3, success: 1 },
    },
  ],
});
const anAccount = account.parse({
  id: 'tenant',
  postedMicro: 999_997_500,
  heldMicro: 500,
  availableMicro: 999_997_000,
});
const aTransfer = transfer.parse({
  ...{
    id: anId('trf'),
    state: 'settled',
    debit: 'tenant',
    credit: 'executor/dev_x',
    amountMicro: 2_500,
    settledMicro: 2_500,
  },
  ...{ reference: 'task/tsk_x', expiresAt: null, createdAt: now(), resolvedAt: now() },
});
