// The Worker's entry: what Cloudflare and the local runtime call, and the classes of its objects. The only file of the
// functions that reads the environment; wiring, no rule.

import { WorkerEntrypoint, waitUntil } from 'cloudflare:workers';
import { randomBytes } from 'node:crypto';
import type { ObjectStore } from '../core/archive/port.ts';
import { assert } from '../core/assert.ts';
import { squadName } from '../core/devices/port.ts';
import type { ForkPort } from '../core/forks/port.ts';
import type { PastPort } from '../core/history/port.ts';
import { supplyMicroDefault } from '../core/limits.ts';
import { type Log, loggerOf } from '../core/log-line.ts';
import type { SwarmService, WebhookSenderPort } from '../core/swarm/service.ts';
import type { TelemetrySink } from '../core/telemetry/port.ts';
import type { TraceExporterPort } from '../core/traces/port.ts';
import { isolateTurns } from '../durable-objects/turns.ts';
import { type Api, createApp } from './api/app.ts';
import type { PlatformDeps } from './api/deps.ts';
import { keyScopes } from './api/key-scopes.ts';
import { NAMELESS, type NameEnv, type Names, readNames, workerName } from './api/names.ts';
import { type CloudEnv, readSink } from './cloud/settings.ts';
import { type Directory, type NewSwarm, openDirectory } from './directory/directory.ts';
import { stretchBy } from './directory/password-service.ts';
import { sweepDirectory } from './directory/sweep.ts';
import { deriveKey } from './secrets.ts';
import { guardedStore } from './storage/guarded-store.ts';
import { r2Store } from './storage/r2-store.ts';
import { storeOnDemand } from './storage/store-on-demand.ts';
import { handleQueue } from './telemetry/handle-queue.ts';
import { sweepDeadLetters } from './telemetry/sweep-dead-letters.ts';
import { createExporter } from './traces/exporter.ts';
import type { TraceEnv } from './traces/settings.ts';
import { createSender } from './webhooks/sender.ts';

export { PastObject } from '../durable-objects/past/past.ts';
export { SquadObject } from '../durable-objects/squad/squad.ts';
export { SwarmObject } from '../durable-objects/swarm/swarm.ts';

interface Env extends CloudEnv, TraceEnv, NameEnv {
  readonly STARLING_SECRET: string;
  /** `1` on one's own machine: webhooks may go to private addresses. */
  readonly STARLING_ALLOW_PRIVATE_ADDRESSES?: string;
  /** Sign-ups from one network address in an hour; as many as come without it. */
  readonly STARLING_SIGN_UPS_PER_HOUR?: string;
  /** `off`, `error`, `warn` or `info`. */
  readonly STARLING_LOG?: string;
  readonly SWARM: DurableObjectNamespace;
  readonly SQUAD: DurableObjectNamespace;
  readonly PAST: DurableObjectNamespace;
  readonly DIRECTORY: D1Database;
  readonly ARCHIVE: R2Bucket;
  /** Stretches passwords outside this thread; the local platform has it. */
  readonly PASSWORDS?: Fetcher;
}

/** One for the isolate, whatever name it is called by: what it counts, it counts for all. */
let app: Api | null = null;

export default {
  fetch(request, env) {
    app ??= createApp(depsOf(env));
    return app.fetch(request);
  },

  async queue(batch, env) {
    const store = archiveOf(env);
    await handleQueue(batch, {
      store,
      list: store.list,
      now: () => Date.now(),
      report: (about, said) => logOf(env)('error', about, said),
    });
  },

  /** Once a day: what the directory need not keep any longer goes, and dead letters whose time is over. */
  async scheduled(_event, env) {
    await sweepDirectory(directoryOf(env, env.STARLING_BASE_URL ?? 'http://localhost'));
    await sweepDeadLetters({
      store: archiveOf(env),
      now: () => Date.now(),
      chance: () => Math.random(),
      entropy: (count) => randomBytes(count),
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

/** Object storage for swarms, by RPC: the one that the settings choose, for keys that Starling has. */
export class ArchiveStore extends WorkerEntrypoint<Env> implements ObjectStore {
  put(...args: Parameters<ObjectStore['put']>): ReturnType<ObjectStore['put']> {
    return archiveOf(this.env).put(...args);
  }
  get(key: string): ReturnType<ObjectStore['get']> {
    return archiveOf(this.env).get(key);
  }
  list(...args: Parameters<ObjectStore['list']>): ReturnType<ObjectStore['list']> {
    return archiveOf(this.env).list(...args);
  }
  delete(keys: readonly string[]): Promise<void> {
    return archiveOf(this.env).delete(keys);
  }
}

/** Takes telemetry to SQS for squads. Without it being chosen nobody calls it. */
export class TelemetrySender extends WorkerEntrypoint<Env> implements TelemetrySink {
  async send(messages: Parameters<TelemetrySink['send']>[0]): Promise<void> {
    const aws = readSink(this.env);
    assert(aws !== null, 'telemetry goes by SQS where the settings say so');
    const { sqsSink } = await import('./telemetry/sqs-sink.ts');
    await sqsSink(aws.sqs).send(messages);
  }
}

/** Takes spans to the collector for swarms: the tier that knows its address and key. */
export class TraceExporter extends WorkerEntrypoint<Env> implements TraceExporterPort {
  send(body: string): ReturnType<TraceExporterPort['send']> {
    return createExporter(this.env, {
      fetch: (input, init) => fetch(input, init),
      now: () => Date.now(),
      report: (event, fields) => logOf(this.env)('error', event, fields),
    }).send(body);
  }
}

/** R2, or S3 where the settings say so; its client is loaded when it is first asked for something. */
function archiveOf(env: Env): ObjectStore {
  return guardedStore(
    storeOnDemand(async () => {
      const aws = readSink(env);
      return aws === null ? r2Store(env.ARCHIVE) : (await import('./storage/s3-store.ts')).s3Store(aws.s3);
    }),
  );
}

/** A setting that cannot be read leaves no name: health answers, and the log says why nothing else does. */
function namesOf(env: Env): Names {
  const read = readNames(env);
  if (!read.ok) {
    logOf(env)('error', 'setting_unreadable', { setting: read.error.setting });
    return NAMELESS;
  }
  if (!env.STARLING_BASE_URL && !env.STARLING_HOSTS) {
    const serves = `https://${workerName}.<account>.workers.dev`;
    logOf(env)('warn', 'base_url_unset', { serves, set: 'STARLING_BASE_URL or STARLING_HOSTS' });
  }
  return read.value;
}

function depsOf(env: Env): PlatformDeps {
  const master = env.STARLING_SECRET;
  const log = logOf(env);
  return {
    swarm: (id) => swarmOf(env, id),
    past: (id) => pastOf(env, id),
    fork: (id) => env.SWARM.get(env.SWARM.idFromName(id)) as unknown as ForkPort,
    squadFetch: (id, squad, request) => env.SQUAD.get(env.SQUAD.idFromName(squadName(id, squad))).fetch(request),
    names: namesOf(env),
    directoryAt: (baseUrl) => directoryOf(env, baseUrl),
    archive: archiveOf(env),
    tokenKey: deriveKey(master, 'tokens'),
    sealKey: deriveKey(master, 'seal'),
    allowPrivate: env.STARLING_ALLOW_PRIVATE_ADDRESSES === '1',
    turns: isolateTurns,
    now: () => Date.now(),
    entropy: (count) => randomBytes(count),
    pause: (ms) => scheduler.wait(ms),
    log,
    report: (fault, requestId) =>
      log('error', 'request_failed', { requestId, cause: nameOf(fault), stack: stackOf(fault) }),
  };
}

function directoryOf(env: Env, baseUrl: string): Directory {
  const signUps = Number(env.STARLING_SIGN_UPS_PER_HOUR);
  return openDirectory({
    d1: env.DIRECTORY,
    secret: deriveKey(env.STARLING_SECRET, 'directory'),
    baseUrl,
    createSwarm: (made) => createSwarm(swarmOf(env, made.swarm.id), made),
    keyScopes: ({ swarm, key }) => keyScopes(swarmOf(env, swarm), key),
    ...(env.PASSWORDS ? { stretch: stretchBy(env.PASSWORDS) } : {}),
    ...(signUps > 0 ? { signUpRule: { max: signUps, windowMs: 3_600_000 } } : {}),
    now: () => Date.now(),
    entropy: () => randomBytes(10),
    later: (work) => waitUntil(afterAnswer(work, env)),
    report: (message) => logOf(env)('error', 'directory_failed', { message }),
  });
}

/** Lets the answer leave first. Nobody waits for the work, so a fault of it is only told. */
async function afterAnswer(work: () => Promise<void>, env: Env): Promise<void> {
  try {
    await scheduler.wait(1);
    await work();
  } catch (fault) {
    logOf(env)('error', 'directory_failed', { message: nameOf(fault) });
  }
}

/** A stub is the object's methods over RPC: the class implements this interface. */
function swarmOf(env: Env, id: string): SwarmService {
  return env.SWARM.get(env.SWARM.idFromName(id)) as unknown as SwarmService;
}

/** As above. */
function pastOf(env: Env, id: string): PastPort {
  return env.PAST.get(env.PAST.idFromName(id)) as unknown as PastPort;
}

/** One line of JSON for whoever reads the logs: names, counts and places in our own code, nothing of a tenant. */
function logOf(env: Env): Log {
  return loggerOf(env.STARLING_LOG, (level, line) => console[level](line));
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
