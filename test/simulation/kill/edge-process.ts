// A real edge node: the `starling` command, enrolled through the API, in a process of its own that is started again when it ends.

import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { ok } from '../../../core/result.ts';
import { enrolDevice } from '../../../edge-node/src/enrolment.ts';
import { HOME_FILES } from '../../../edge-node/src/home.ts';
import { deviceSettings, writeSettings } from '../../../edge-node/src/settings.ts';
import type { Client } from './client.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const program = join(root, 'edge-node', 'bin', 'starling.mjs');
const restartMs = 100;
const stopMsMax = 10_000;

/** Enrols a new device in `home`, for a tenant, as a person would. Answers with its id. */
export async function enrolEdgeNode(home: string, client: Client): Promise<string> {
  const opened = await client.acknowledged({
    method: 'POST',
    path: '/v1/devices/enrollments',
    body: {},
    key: 'enrolment',
  });
  const { token } = JSON.parse(opened.answer) as { token: string };
  const enrolled = await enrolDevice({ home, token, name: 'edge node under test' }, async (body, key) => {
    const answer = await client.acknowledged({ method: 'POST', path: '/v1/devices/enroll', body, key });
    return ok(JSON.parse(answer.answer));
  });
  if (!enrolled.ok) throw new Error(`the edge node was not enrolled: ${enrolled.error.code}`);
  // No folders: the tasks of this test bring their text along.
  writeSettings(home, deviceSettings.parse({ parallel: 2 }));
  return enrolled.value.device;
}

export interface EdgeProcess {
  /** False when it is not running at this moment. */
  kill(): boolean;
  stop(): Promise<void>;
  ownEnds(): number;
  output(): readonly string[];
}

/** Runs the device that lives in `home`. */
export function runEdgeNode(home: string): EdgeProcess {
  const lines: string[] = [];
  let child: ChildProcess | null = null;
  let isStopping = false;
  let wasKilled = false;
  let ownEnds = 0;
  const start = (): void => {
    if (isStopping) return;
    wasKilled = false;
    const started = spawn(process.execPath, [program, 'device', 'run', '--home', home], {
      detached: true,
      // Compiled code is kept with the project's, not in the home of whoever runs this.
      env: { ...process.env, NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'starling', 'compiled') },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child = started;
    for (const stream of [started.stdout, started.stderr])
      stream.on('data', (chunk: Buffer) => {
        lines.push(...chunk.toString('utf8').split('\n').filter(Boolean));
        lines.splice(0, lines.length - 100);
      });
    started.once('exit', () => {
      child = null;
      if (isStopping) return;
      if (!wasKilled) ownEnds++;
      setTimeout(start, restartMs);
    });
  };
  const kill = (): boolean => {
    if (child?.pid === undefined) return false;
    wasKilled = true;
    return child.kill('SIGKILL');
  };
  process.on('exit', () => {
    isStopping = true;
    kill();
  });
  start();
  return {
    kill,
    async stop() {
      isStopping = true;
      const running = child;
      if (running === null) return;
      const ended = new Promise((resolve) => running.once('exit', resolve));
      running.kill('SIGTERM');
      await Promise.race([ended, pause(stopMsMax, null, { ref: false })]);
      if (running.exitCode === null) running.kill('SIGKILL');
    },
    ownEnds: () => ownEnds,
    output: () => lines,
  };
}

/** What the device itself says of its facts: the epoch, how many it has told, and how many the swarm has confirmed. */
export function factsOfDevice(home: string): { epoch: number; used: number; committed: number } {
  const database = new DatabaseSync(join(home, HOME_FILES.database), { readOnly: true });
  try {
    const row = database.prepare('SELECT epoch, used, committed FROM outbox_state').get();
    return { epoch: Number(row?.epoch), used: Number(row?.used), committed: Number(row?.committed) };
  } finally {
    database.close();
  }
}
