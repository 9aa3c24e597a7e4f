// The Worker's entry: what Cloudflare and the local runtime call, and the classes of its objects. The only file of the
// functions that reads the environment; wiring, no rule.

import { WorkerEntrypoint } from 'cloudflare:workers';
import { randomBytes } from 'node:crypto';
import { squadName } from '../core/devices/port.ts';
import { supplyMicroDefault } from '../core/limits.ts';
import type { SwarmService, WebhookSenderPort } from '../core/swarm/service.ts';
import { createApp } from './api/app.ts';
import type { ApiDeps } from './api/deps.ts';
import { type Directory, type NewSwarm, openDirectory } from './directory/directory.ts';
import { sweepDirectory } from './directory/sweep.ts';
import { deriveKey } from './secrets.ts';
import { handleQueue } from './telemetry/handle-queue.ts';
import { createSender } from './webhooks/sender.ts';

export { SquadObject } from '../durable-objects/squad/squad.ts';
export { SwarmObject } from '../durable-objects/swarm/swarm.ts';

interface Env {
  readonly STARLING_SECRET: string;
  /** Where the platform is reached; without it, where the first request was sent. */
  readonly STARLING_BASE_URL?: string;
  /** `1` on one's own machine: webhooks may go to private addresses. */
  readonly STARLING_ALLOW_PRIVATE_ADDRESSES?: string;
  /** Sign-ups from one network address in an hour; as many as come without it. */
  readonly STARLING_SIGN_UPS_PER_HOUR?: string;
  readonly SWARM: DurableObjectNamespace;
  readonly SQUAD: DurableObjectNamespace;
  readonly DIRECTORY: D1Database;
  readonly ARCHIVE: R2Bucket;
}

type App = ReturnType<typeof createApp>;

/** One app per isolate and address. */
const apps = new Map<string, App>();
const appsMax = 8;

export default {
  fetch(request, env) {
    return appFor(request, env).fetch(request);
  },

  async queue(batch, env) {
    await handleQueue(batch, {
      bucket: env.ARCHIVE,
      now: () => Date.now(),
      report: (about, counts, cause) => report(about, { ...counts, cause: nameOf(cause) }),
    });
  },

  /** Once a day: what the directory need not keep any longer goes. */
  async scheduled(_event, env) {
    await sweepDirectory(directoryOf(env, env.STARLING_BASE_URL ?? 'http://localhost'));
  },
} satisfies ExportedHandler<Env>;

/** Sends webhooks for swarms: the tier that can open their secrets. */
export class WebhookSender extends WorkerEntrypoint<Env> implements WebhookSenderPort {
  send(request: Parameters<WebhookSenderPort['send']>[0]): ReturnType<WebhookSenderPort['send']> {
    const sender = createSender({
      sealKey: deriveKey(this.env.STARLING_SECRET, 'seal'),
      fetch: (input, init) => fetch(input, init),
      now: () => Date.now(),
      allowPrivate: this.env.STARLING_ALLOW_PRIVATE_ADDRESSES === '1',
    });
    return sender.send(request);
  }
}

function appFor(request: Request, env: Env): App {
  const baseUrl = env.STARLING_BASE_URL ?? new URL(request.url).origin;
  let app = apps.get(baseUrl);
  if (app === undefined) {
    if (apps.size >= appsMax) apps.clear();
    app = createApp(depsOf(env, baseUrl));
    apps.set(baseUrl, app);
  }
  return app;
}

function depsOf(env: Env, baseUrl: string): ApiDeps {
  const master = env.STARLING_SECRET;
  return {
    swarm: (id) => swarmOf(env, id),
    squadFetch: (id, squad, request) => env.SQUAD.get(env.SQUAD.idFromName(squadName(id, squad))).fetch(request),
    directory: directoryOf(env, baseUrl),
    archive: env.ARCHIVE,
    tokenKey: deriveKey(master, 'tokens'),
    sealKey: deriveKey(master, 'seal'),
    baseUrl,
    trustedOrigins: [],
    allowPrivate: env.STARLING_ALLOW_PRIVATE_ADDRESSES === '1',
    now: () => Date.now(),
    entropy: (count) => randomBytes(count),
    pause: (ms) => scheduler.wait(ms),
    report: (fault, requestId) => report('request_failed', { requestId, cause: nameOf(fault), stack: stackOf(fault) }),
  };
}

function directoryOf(env: Env, baseUrl: string): Directory {
  const signUps = Number(env.STARLING_SIGN_UPS_PER_HOUR);
  return openDirectory({
    d1: env.DIRECTORY,
    secret: deriveKey(env.STARLING_SECRET, 'directory'),
    baseUrl,
    createSwarm: (made) => createSwarm(swarmOf(env, made.swarm.id), made),
    ...(signUps > 0 ? { signUpRule: { max: signUps, windowMs: 3_600_000 } } : {}),
    now: () => Date.now(),
    entropy: () => randomBytes(10),
    report: (message) => report('directory_failed', { message }),
  });
}

/** A stub is the object's methods over RPC: the class implements this interface. */
function swarmOf(env: Env, id: string): SwarmService {
  return env.SWARM.get(env.SWARM.idFromName(id)) as unknown as SwarmService;
}

/** One line of JSON for whoever reads the logs: names, counts and places in our own code, nothing of a tenant. */
function report(event: string, fields: Readonly<Record<string, unknown>>): void {
  console.error(JSON.stringify({ event, ...fields }));
}

function nameOf(cause: unknown): string {
  return cause instanceof Error ? `${cause.name}: ${cause.message}`.slice(0, 300) : typeof cause;
}

function stackOf(cause: unknown): string | null {
  return cause instanceof Error ? (cause.stack ?? null) : null;
}

async function createSwarm(swarm: SwarmService, made: NewSwarm): Promise<void> {
  const { result } = await swarm.create({
    tenant: made.tenant.id,
    swarm: made.swarm.id,
    name: made.swarm.name,
    key: made.keyId,
    supplyMicro: supplyMicroDefault,
    user: made.owner,
  });
  if (!result.ok) throw new Error(`the swarm was not created: ${result.error.code}`);
}
