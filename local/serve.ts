// `npm start`: the platform for a person at a terminal. Reads the environment, prints where it answers, stops on signals.
//
//   PORT                              8787
//   STARLING_HOME                     .starling in the repository
//   STARLING_HOST                     127.0.0.1; another address opens the platform to that network, without TLS
//   STARLING_HOSTS                    further names that it answers to, separated by commas: the way to serve a network
//   STARLING_BASE_URL                 where it is reached, when a proxy with TLS stands in front: https://swarm.example.com
//   STARLING_ALLOW_PRIVATE_ADDRESSES  1 lets webhooks and models reach this machine and its network
//   STARLING_LOG                      off, error, warn (the default), info or debug
//   STARLING_OTLP_ENDPOINT            where traces go, as OTLP over HTTP: http://localhost:4318; without it they are off
//   STARLING_OTLP_HEADERS             name=value, separated by commas, for a collector that asks who we are

import { enableCompileCache } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { printable } from '../edge-node/src/cli/output.ts';
import { unnamed } from './names.ts';
import type { LogLevelName, Platform, PlatformOptions } from './platform.ts';
import { sinkBindings } from './sink-bindings.ts';
import { StartError } from './start-error.ts';
import { watchBindings } from './watch-bindings.ts';

const root = dirname(import.meta.dirname);
/** Stopping takes some 50 ms; after this something hangs and the process ends all the same. */
const stopMsMax = 5_000;
const LEVELS: readonly (LogLevelName | 'off')[] = ['off', 'error', 'warn', 'info', 'debug'];

let platform: Platform | null = null;
let device: { stop(): Promise<void> } | null = null;
let isStopping = false;

function stop(): void {
  if (isStopping) return;
  isStopping = true;
  setTimeout(() => process.exit(1), stopMsMax).unref();
  // While it still starts there is nothing to close: ending the process ends workerd and the lock with it.
  // The device first: its last facts still find the platform.
  Promise.resolve(device?.stop())
    .then(() => platform?.dispose())
    .then(() => process.exit(0), fail);
}

function fail(error: unknown): never {
  const isExpected = error instanceof StartError;
  const text = error instanceof Error ? (isExpected ? error.message : (error.stack ?? error.message)) : String(error);
  process.stderr.write(`starling: ${text}\n`);
  process.exit(1);
}

function readOptions(env: NodeJS.ProcessEnv): PlatformOptions {
  const port = Number(env.PORT || 8787);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new StartError(`PORT is no port: ${env.PORT}`);
  const level = LEVELS.indexOf((env.STARLING_LOG || 'warn') as LogLevelName | 'off');
  if (level === -1) throw new StartError(`STARLING_LOG is one of ${LEVELS.join(', ')}`);
  return {
    port,
    home: resolve(root, env.STARLING_HOME || '.starling'),
    ...(env.STARLING_HOST ? { host: env.STARLING_HOST } : {}),
    allowPrivateAddresses: env.STARLING_ALLOW_PRIVATE_ADDRESSES === '1',
    bindings: { ...sinkBindings(env), ...watchBindings(env), ...namesGiven(env) },
    log: (at, message) => {
      if (LEVELS.indexOf(at) <= level && !isStopping) process.stderr.write(`${at}: ${asOne(message)}\n`);
    },
  };
}

/** Further lines of one message are set in: none of them passes for another message. */
function asOne(message: string): string {
  return message.split('\n').map(printable).join('\n  ');
}

function namesGiven({ STARLING_BASE_URL, STARLING_HOSTS }: NodeJS.ProcessEnv): Record<string, string> {
  return { ...(STARLING_BASE_URL ? { STARLING_BASE_URL } : {}), ...(STARLING_HOSTS ? { STARLING_HOSTS } : {}) };
}

/** A runtime that was ended while it started is started once more; a second time, something is wrong. */
async function startTwice(start: () => Promise<Platform>): Promise<Platform> {
  try {
    return await start();
  } catch (error) {
    if (isStopping || error instanceof StartError) throw error;
    process.stderr.write('starling: the runtime ended while it started; starting it once more\n');
    return start();
  }
}

async function main(): Promise<void> {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  // The launcher was killed: nobody else would tell us to end.
  process.on('disconnect', stop);
  const options = readOptions(process.env);
  // Miniflare is 6 MB of JavaScript: compiled once, it loads in half the time.
  enableCompileCache(join(root, 'node_modules', '.cache', 'starling', 'compiled'));
  const { startPlatform } = await import('./platform.ts');
  platform = await startTwice(() => startPlatform(options));
  platform.failed.then(fail);
  process.stdout.write(`ready ${platform.url}\n`);
  const advice = unnamed(process.env, options.host ?? '');
  if (advice !== null) process.stdout.write(`${advice}\n`);
  const { firstStart } = await import('./first-start.ts');
  const say = (text: string) => void process.stdout.write(`${text}\n`);
  device = await firstStart({ url: platform.url, home: options.home, root, say });
}

main().catch(fail);
