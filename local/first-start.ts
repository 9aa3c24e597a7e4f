// What `npm start` does once the platform answers: a tenant and this machine as its device; on the first start, a first mission
// on the repository it stands in, with its report, who did what, what it cost, and the proof of it.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import type { SignedCheckpoint } from '../core/journal/checkpoint.ts';
import type { CloudEvent } from '../core/journal/cloud-event.ts';
import { verifyJournal } from '../core/journal/verify.ts';
import { type MissionView, mission as missionSchema } from '../core/wire/missions.ts';
import { operation as operationSchema } from '../core/wire/resources.ts';
import { task as taskSchema } from '../core/wire/tasks.ts';
import { firstMission } from './first-mission.ts';
import { call, type LocalTenant, openLocalDevice, openLocalTenant } from './local-tenant.ts';

export interface FirstStart {
  readonly url: string;
  /** STARLING_HOME. */
  readonly home: string;
  /** The repository: what the first mission is about. The local device may read what it is made of. */
  readonly root: string;
  say(text: string): void;
}

/** The device's process, kept running until it is stopped. */
export interface LocalDevice {
  stop(): Promise<void>;
}

const deviceMsMax = 30_000;
const missionMsMax = 180_000;
const restartMs = 1_000;

/** Attaches this machine, and runs the first mission when there was none. */
export async function firstStart({ url, home, root, say }: FirstStart): Promise<LocalDevice> {
  const { tenant, isNew } = await openLocalTenant(url, home);
  const deviceHome = await openLocalDevice(url, home, root, tenant.apiKey);
  const device = keepRunning(root, home, deviceHome, say);
  try {
    // A first start that was cut off before its mission has none yet.
    if (isNew || !(await hasMissions(url, tenant.apiKey))) say(await runFirstMission(url, root, tenant));
  } catch (error) {
    say(`\nThe first mission did not end well: ${error instanceof Error ? error.message : String(error)}`);
  }
  say(signIn(url, home, tenant));
  return device;
}

/** Runs `starling device run` and starts it again when it ends; its own state is in its home. */
function keepRunning(root: string, home: string, deviceHome: string, say: (text: string) => void): LocalDevice {
  let child: ChildProcess | null = null;
  let isStopping = false;
  const start = (): void => {
    if (isStopping) return;
    const program = join(root, 'edge-node', 'bin', 'starling.mjs');
    // What it says is kept beside its data; each start begins anew.
    const log = openSync(join(deviceHome, 'device.log'), 'w', 0o600);
    child = spawn(process.execPath, [program, 'device', 'run', '--tethered', '--home', deviceHome], {
      // It ends with this process, however that ends: the other end of its standard input is here.
      stdio: ['pipe', 'ignore', log],
      // Whatever its name: the device never reads in it.
      env: { ...process.env, STARLING_HOME: home },
    });
    closeSync(log);
    child.once('exit', (code) => {
      child = null;
      if (isStopping) return;
      say(`the local device ended (${code ?? 'killed'}) and is started again`);
      setTimeout(start, restartMs).unref();
    });
  };
  start();
  return {
    async stop() {
      isStopping = true;
      const running = child;
      if (running === null || running.exitCode !== null) return;
      const ended = new Promise((resolve) => running.once('exit', resolve));
      running.kill('SIGTERM');
      await Promise.race([ended, pause(4_000, null, { ref: false })]);
      if (running.exitCode === null) running.kill('SIGKILL');
    },
  };
}

async function hasMissions(url: string, apiKey: string): Promise<boolean> {
  const page = z.object({ data: z.array(z.unknown()) });
  return page.parse(await call(url, '/v1/missions?limit=1', { apiKey })).data.length > 0;
}

async function runFirstMission(url: string, root: string, { apiKey }: LocalTenant): Promise<string> {
  await untilDeviceOffers(url, apiKey, 'report.assemble');
  const started = missionSchema.parse(
    await call(url, '/v1/missions', { body: firstMission(root), apiKey, idempotencyKey: 'first-mission' }),
  );
  const ended = await untilEnded(url, apiKey, started);
  const reportTask = ended.tasks.find(({ key }) => key === 'report');
  if (ended.state !== 'succeeded' || !reportTask)
    throw new Error(`it ${ended.state}${ended.failedKey === null ? '' : ` at ${ended.failedKey}`}`);
  const { result } = taskSchema.parse(await call(url, `/v1/tasks/${reportTask.taskId}`, { apiKey }));
  const { markdown } = z.object({ markdown: z.string() }).parse(result);
  return [
    '',
    markdown.trim(),
    '',
    '## Who did what, and what it cost',
    '',
    ...ended.tasks.map(
      ({ key, operation, executor, settledMicro }) =>
        `- ${key}: ${operation} by ${executor ?? 'nobody'}, ${credits(settledMicro)}`,
    ),
    `- together: ${ended.tasks.length} tasks, ${credits(ended.cost.settledMicro)}`,
    '',
    '## The proof',
    '',
    await proof(url, apiKey),
  ].join('\n');
}

async function untilDeviceOffers(url: string, apiKey: string, name: string): Promise<void> {
  const until = Date.now() + deviceMsMax;
  for (;;) {
    const { data } = z.object({ data: z.array(operationSchema) }).parse(await call(url, '/v1/operations', { apiKey }));
    if (data.some((operation) => operation.name === name && operation.available)) return;
    if (Date.now() > until) throw new Error('this machine did not connect as a device in time');
    await pause(100);
  }
}

async function untilEnded(url: string, apiKey: string, started: MissionView): Promise<MissionView> {
  const until = Date.now() + missionMsMax;
  let view = started;
  while (view.state === 'running') {
    if (Date.now() > until) throw new Error('it did not end in time');
    await pause(200);
    view = missionSchema.parse(await call(url, `/v1/missions/${started.id}`, { apiKey }));
  }
  return view;
}

/** The journal from its first event to the signed head, checked here, as `starling verify` does. */
async function proof(url: string, apiKey: string): Promise<string> {
  // What the API answers is checked below, bit by bit: that is the point of it.
  const checkpoint = (await call(url, '/v1/journal/checkpoint', { apiKey })) as SignedCheckpoint;
  const verifier = verifyJournal(checkpoint);
  let cursor: string | null = null;
  do {
    const path: string = `/v1/journal?limit=100${cursor === null ? '' : `&cursor=${cursor}`}`;
    const page = (await call(url, path, { apiKey })) as { data: CloudEvent[]; nextCursor: string | null };
    if (verifier.take(page.data)) break;
    cursor = page.nextCursor;
  } while (cursor !== null);
  const verdict = verifier.finish();
  if (!verdict.ok) throw new Error(`the journal does not hold: ${verdict.reason}`);
  return [
    `- ${verdict.size} events, every hash and link checked from the first to the signed head`,
    `- head ${verdict.head}`,
    `- signed by ${verdict.publicKey} for ${verdict.origin}`,
  ].join('\n');
}

function signIn(url: string, home: string, { email }: LocalTenant): string {
  const file = join(home, 'local.json');
  return [
    '',
    `Sign in at ${url} as ${email}; the password and an API key are in ${file}.`,
    'To use the command and the API from a shell:',
    '',
    `  export STARLING_URL=${url} STARLING_API_KEY=$(node -p "require('${file}').apiKey")`,
    `  npx starling task run swarm.echo --input '{"hello":"world"}' --wait`,
    '',
    `API docs: ${url}/docs`,
  ].join('\n');
}

function credits(micro: number): string {
  return `${(micro / 1_000_000).toFixed(6)} credits`;
}
