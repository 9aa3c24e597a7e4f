// The Worker's entry: what Cloudflare and the local runtime call, and the classes of its objects. The only file of the
// functions that reads the environment; wiring, no rule.

import { WorkerEntrypoint } from 'cloudflare:workers';
import { randomBytes } from 'node:crypto';
import { squadName } from '../core/devices/port.ts';
import { supplyMicroDefault } from '../core/limits.ts';
import type { SwarmService, WebhookSenderPort } from '../core/swarm/service.ts';
import { createApp } from './api/app.ts';
import type { ApiDeps } from './api/deps.ts';
import { type NewSwarm, openDirectory } from './directory/directory.ts';
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
      report: (about, counts, cause) => console.error(about, counts, cause),
    });
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
  const signUps = Number(env.STARLING_SIGN_UPS_PER_HOUR);
  // A stub is the object's methods over RPC: the class implements this interface.
  const swarm = (id: string): SwarmService => env.SWARM.get(env.SWARM.idFromName(id)) as unknown as SwarmService;
  return {
    swarm,
    squadFetch: (id, squad, request) => env.SQUAD.get(env.SQUAD.idFromName(squadName(id, squad))).fetch(request),
    directory: openDirectory({
      d1: env.DIRECTORY,
      secret: deriveKey(master, 'directory'),
      baseUrl,
      createSwarm: (made) => createSwarm(swarm(made.swarm.id), made),
      ...(signUps > 0 ? { signUpRule: { max: signUps, windowMs: 3_600_000 } } : {}),
      now: () => Date.now(),
      entropy: () => randomBytes(10),
      report: (message) => console.error(message),
    }),
    archive: env.ARCHIVE,
    tokenKey: deriveKey(master, 'tokens'),
    sealKey: deriveKey(master, 'seal'),
    baseUrl,
    trustedOrigins: [],
    allowPrivate: env.STARLING_ALLOW_PRIVATE_ADDRESSES === '1',
    now: () => Date.now(),
    entropy: (count) => randomBytes(count),
    pause: (ms) => scheduler.wait(ms),
    report: (fault, requestId) => console.error(requestId, fault),
  };
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
