// The platform on one machine: the Worker bundle in workerd, started through Miniflare, with its data in one folder.
// Used by `npm start`, tests, benchmarks and the kill test. It starts and stops things and decides nothing else.

import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from 'miniflare';
import { readTraceSettings } from '../functions/traces/settings.ts';
import { type Bundle, ensureBundle } from './bundle.ts';
import { DOOR, doorModule, MIGRATE_MODULE } from './door.ts';
import { hiddenEntry, isEntryHidden } from './entry.ts';
import { type Home, openHome } from './home.ts';
import { nameBindings } from './names.ts';
import { outboundHandler } from './outbound.ts';
import { passwordService } from './password-service.ts';
import { diskFull, StartError } from './start-error.ts';
import { endLeftBehind, type Guard, startGuard, watchWorkerd } from './workerd.ts';

export type LogLevelName = 'error' | 'warn' | 'info' | 'debug';

export interface PlatformOptions {
  /** Folder of all data; made when missing. One platform at a time. */
  readonly home: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** Loopback unless said otherwise: a local platform has no TLS. */
  readonly host?: string;
  /** Lets outgoing requests reach private addresses: for receivers on this machine. */
  readonly allowPrivateAddresses?: boolean;
  /** Opens V8's inspector on this port of 127.0.0.1, for measuring: whoever reaches it can do everything. */
  readonly inspectorPort?: number;
  /** Further text bindings of the Worker. */
  readonly bindings?: Readonly<Record<string, string>>;
  /** What workerd, Miniflare and the Worker's console say. Nothing is printed without it. */
  readonly log?: (level: LogLevelName, message: string) => void;
}

export interface Platform {
  /** Where it answers, without a slash at the end. */
  readonly url: string;
  readonly home: string;
  /** Holds while it answers; after workerd was lost, a promise of the moment it answers again. */
  readonly ready: Promise<void>;
  /** workerd's process, for tests that kill it; null while it is being replaced. */
  readonly workerdPid: number | null;
  /** Resolves when the platform has given up: workerd was lost too often, or did not come back. */
  readonly failed: Promise<Error>;
  /** Stops workerd and lets go of the folder. May be called more than once. */
  dispose(): Promise<void>;
}

const root = dirname(import.meta.dirname);
const LOOPBACK = '127.0.0.1';
/** workerd answers within half a second; a busy CI machine may need longer. */
const readyMsMax = 20_000;
/** workerd lost more often than this in the window: something is wrong that a restart does not mend [P18]. */
const crashesMax = 5;
const crashWindowMs = 60_000;

/**
 * Starts the platform and waits until it answers. When workerd dies it is started again, on the same port and data.
 * @throws StartError when the folder or the port is taken, or the Worker does not build
 */
export async function startPlatform(options: PlatformOptions): Promise<Platform> {
  const host = options.host ?? LOOPBACK;
  const home = await openHome(options.home);
  const guard = startGuard();
  try {
    await endLeftBehind(home.leftBehind);
    const port = await findPort(host, options.port);
    const bundle = await ensureBundle(root);
    return await run({ ...options, host, port }, home, guard, bundle);
  } catch (error) {
    // What went wrong is told, not what the folder says to being let go.
    guard.release();
    home.close();
    throw diskFull(home.path, error) ?? error;
  }
}

type RunOptions = PlatformOptions & { readonly host: string };

async function run(options: RunOptions, home: Home, guard: Guard, bundle: Bundle): Promise<Platform> {
  const url = `http://${urlHost(options.host)}:${options.port}`;
  const log = options.log ?? (() => {});
  const crashes: number[] = [];
  let workerdPid: number | null = null;
  let disposing: Promise<void> | null = null;
  let ready = Promise.resolve();
  const { promise: failed, resolve: giveUp } = Promise.withResolvers<Error>();

  const miniflare = watchWorkerd(
    {
      started: (pid, command) => {
        workerdPid = pid;
        guard.watch(pid);
        home.note({ pid: process.pid, url, workerd: { pid, command } });
      },
      exited: (signal) => {
        workerdPid = null;
        guard.watch(null);
        if (disposing !== null) return;
        log('warn', `workerd ended unexpectedly (${signal ?? 'no signal'}); starting it again`);
        crashes.push(performance.now());
        ready = crashes.length > crashesMax ? Promise.reject(tooManyCrashes()) : untilAnswers(miniflare, url);
        ready.catch((error: Error) => disposing ?? giveUp(error));
        while ((crashes[0] ?? Infinity) < performance.now() - crashWindowMs) crashes.shift();
      },
    },
    () => withoutTraces(home.scratchPath, () => new Miniflare(miniflareOptions(options, home, bundle, log))),
  );
  const dispose = () => {
    disposing ??= (async () => {
      await miniflare.dispose();
      guard.release();
      home.close();
    })();
    return disposing;
  };
  try {
    if (!isEntryHidden)
      log(
        'warn',
        'on this system every program of the machine can reach the archive: see docs/decisions/0027-the-entry-is-hidden.md',
      );
    await untilAnswers(miniflare, url);
  } catch (error) {
    // Why it did not start is told, not how its end went: that is forced when this process ends.
    await dispose().catch(() => {});
    throw error;
  }
  return {
    url,
    home: home.path,
    failed,
    dispose,
    get ready() {
      return ready;
    },
    get workerdPid() {
      return workerdPid;
    },
  };
}

function miniflareOptions(options: RunOptions, home: Home, bundle: Bundle, log: NonNullable<PlatformOptions['log']>) {
  const [main] = bundle.modules;
  if (main === undefined) throw new StartError('the Worker bundle is empty');
  const modules = bundle.modules.map(({ file, type }) => ({ type, path: join(bundle.folder, file) }));
  const ours = (file: string, contents: string) => ({
    type: 'ESModule' as const,
    path: join(bundle.folder, file),
    contents,
  });
  const door = ours('door.js', doorModule(main.file, bundle.migrations));
  const migrate = ours(MIGRATE_MODULE, readFileSync(join(import.meta.dirname, MIGRATE_MODULE), 'utf8'));
  return convertV4MiniflareOptions({
    // Miniflare's own entry, which nobody uses (entry.ts); clients use the direct socket below.
    unsafeRuntimeEnv: hiddenEntry(home.scratchPath),
    host: LOOPBACK,
    port: 0,
    ...(options.inspectorPort === undefined ? {} : { inspectorPort: options.inspectorPort }),
    cf: false,
    logRequests: false,
    log: new ForwardingLog(log),
    handleStructuredLogs: ({ level, message }) => log(levelOf(level), message),
    resourcePersistencePath: home.statePath,
    workers: [
      {
        ...bundle.workerOptions,
        name: bundle.name,
        modules: [door, migrate, ...modules],
        modulesRoot: bundle.folder,
        bindings: {
          // The values of [vars], as bundle.ts put them there.
          ...(bundle.workerOptions.bindings as Record<string, string> | undefined),
          ...(options.allowPrivateAddresses ? { STARLING_ALLOW_PRIVATE_ADDRESSES: '1' } : {}),
          ...options.bindings,
          ...nameBindings(options.bindings ?? {}, options.host, options.port),
          STARLING_SECRET: home.secret,
        },
        serviceBindings: {
          ...(bundle.workerOptions.serviceBindings as object | undefined),
          // Not in wrangler.toml: a deployed Worker hashes passwords itself.
          PASSWORDS: passwordService(),
        },
        // The file's name comes from this id: pinned, so that a database_id in wrangler.toml does not start a new one.
        d1Databases: { DIRECTORY: 'DIRECTORY' },
        outboundService: outboundHandler({
          allowPrivate: options.allowPrivateAddresses ?? false,
          ...collectorOf(options.bindings ?? {}),
        }),
        unsafeDirectSockets: [{ host: options.host, port: options.port, entrypoint: DOOR }],
      },
    ],
  });
}

/** The collector of traces, which often runs on the same machine. A setting that is wrong is the Worker's to refuse. */
function collectorOf(bindings: Readonly<Record<string, string>>): { allowed?: string } {
  const settings = readTraceSettings(bindings);
  return settings.ok && settings.value !== null ? { allowed: settings.value.url } : {};
}

/**
 * Makes a Miniflare that leaves nothing outside its folder: it puts scratch files under TMPDIR, and its signal handlers
 * would end the process with 143 before anything else can be closed.
 */
function withoutTraces(scratchPath: string, make: () => Miniflare): Miniflare {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const before = new Map(signals.map((signal) => [signal, new Set(process.listeners(signal))]));
  const { TMPDIR } = process.env;
  process.env.TMPDIR = scratchPath;
  try {
    return make();
  } finally {
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
    for (const [signal, known] of before) {
      for (const listener of process.listeners(signal)) if (!known.has(listener)) process.off(signal, listener);
    }
  }
}

/** Miniflare's own messages, without colours and prefixes. */
class ForwardingLog extends Log {
  readonly #forward: NonNullable<PlatformOptions['log']>;
  constructor(forward: NonNullable<PlatformOptions['log']>) {
    super(LogLevel.DEBUG);
    this.#forward = forward;
  }
  override logWithLevel(level: LogLevel, message: string): void {
    const name = level === LogLevel.ERROR ? 'error' : level === LogLevel.WARN ? 'warn' : 'debug';
    this.#forward(name, message);
  }
  override error(message: Error): void {
    this.#forward('error', message.stack ?? message.message);
  }
}

function levelOf(level: string): LogLevelName {
  if (level === 'error' || level === 'warn' || level === 'debug') return level;
  return 'info';
}

/** Waits until the port answers with health. */
async function untilAnswers(miniflare: Miniflare, url: string): Promise<void> {
  const deadline = performance.now() + readyMsMax;
  for (let waitMs = 5; ; waitMs = Math.min(waitMs * 2, 200)) {
    // Throws when Miniflare could not start workerd again.
    await miniflare.ready;
    const answer = await ask(`${url}/healthz`);
    if (answer?.status === 200) return;
    // The door says so when the directory could not be brought up to date.
    if (answer?.status === 500) throw new StartError(`the directory cannot be brought up to date: ${answer.text}`);
    if (performance.now() > deadline)
      throw new StartError(`the platform does not answer: ${answer?.status ?? 'no connection'}`);
    await pause(waitMs);
  }
}

/** The answer to a GET; null when there is none. */
function ask(url: string): Promise<{ status: number; text: string } | null> {
  return new Promise((done) => {
    const request = get(url, { agent: false, timeout: 2_000 }, (response) => {
      text(response).then(
        (body) => done({ status: response.statusCode ?? 0, text: body }),
        () => done(null),
      );
    });
    request.once('timeout', () => request.destroy());
    request.once('error', () => done(null));
  });
}

/** Makes sure that the port is free, with a clear word when it is not, and finds one for 0. */
function findPort(host: string, port: number): Promise<number> {
  return new Promise((done, failed) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => {
      const taken = `port ${port} on ${host} is taken by another program; set PORT to a free one`;
      failed(
        new StartError(error.code === 'EADDRINUSE' ? taken : `cannot listen on ${host}:${port}: ${error.message}`),
      );
    });
    probe.listen({ host, port, exclusive: true }, () => {
      const address = probe.address();
      probe.close(() => done(typeof address === 'object' && address !== null ? address.port : port));
    });
  });
}

/** How to name a host to a client on this machine. */
function urlHost(host: string): string {
  if (host === LOOPBACK || host === 'localhost' || host === '0.0.0.0' || host === '::') return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}

function tooManyCrashes(): Error {
  return new StartError(`workerd ended ${crashesMax + 1} times within ${crashWindowMs / 1000} s`);
}
