// kill -9 at every statement of the device's database: what was durable is there, nothing is deleted before the swarm has
// it, and the next start ends as if nothing had happened.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, expect, test } from 'vitest';
import { fact } from '../../core/wire/device.ts';
import { attempts, readSwarm, work } from './crash-work.ts';

const child = join(import.meta.dirname, 'crash-child.ts');
const cache = mkdtempSync(join(tmpdir(), 'starling-crash-cache-'));
afterAll(() => rmSync(cache, { recursive: true }));

function run(folder: string, killAt: number): Promise<{ killed: boolean; output: string }> {
  return new Promise((resolve, reject) => {
    const process_ = spawn(process.execPath, [child, folder, String(killAt)], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_COMPILE_CACHE: cache },
    });
    let output = '';
    process_.stdout.on('data', (data) => {
      output += String(data);
    });
    process_.on('error', reject);
    process_.on('close', (_code, signal) => resolve({ killed: signal === 'SIGKILL', output }));
  });
}

function aFolder(): string {
  return mkdtempSync(join(tmpdir(), 'starling-crash-'));
}

/** The outbox as a stranger finds it after the crash; null when not even its tables are there. */
function look(folder: string) {
  const database = new DatabaseSync(join(folder, 'device.db'));
  try {
    if (database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'outbox_state'").get() === undefined) return null;
    const state = database.prepare('SELECT epoch, used, committed FROM outbox_state').get() ?? {};
    const seqs = database
      .prepare('SELECT seq FROM outbox ORDER BY seq')
      .all()
      .map((row) => Number(row.seq));
    return { epoch: Number(state.epoch), used: Number(state.used), committed: Number(state.committed), seqs };
  } finally {
    database.close();
  }
}

function afterKill(folder: string, output: string): void {
  const heard = Math.max(0, ...[...output.matchAll(/heard (\d+)/g)].map((match) => Number(match[1])));
  const found = look(folder);
  expect(found?.used ?? 0).toBeGreaterThanOrEqual(heard);
  if (found === null) return;
  const swarm = readSwarm(folder);
  if (found.epoch > 0) expect(found.committed).toBeLessThanOrEqual(swarm.seq);
  expect(found.seqs).toEqual(Array.from({ length: found.used - found.committed }, (_, i) => found.committed + 1 + i));
}

async function afterRestart(folder: string): Promise<void> {
  await work(folder, () => {});
  const { facts, epoch } = readSwarm(folder);
  for (const one of facts) fact.parse(one);
  expect(epoch).toBeLessThanOrEqual(2); // 2 only when the crash came before the first welcome was stored
  for (const { offer } of attempts) {
    const said = facts
      .filter(({ body }) => 'attempt' in body && body.attempt === offer.attempt)
      .map(({ body }) => body.type);
    expect(said.filter((type) => type === 'attempt.started')).toHaveLength(1);
    expect(said.filter((type) => type === 'attempt.succeeded')).toHaveLength(1);
    expect(said.at(0)).toBe('attempt.started');
    expect(said.at(-1)).toBe('attempt.succeeded');
  }
  const found = look(folder);
  expect(found?.seqs).toEqual([]);
}

test('[P11] a device killed at any statement of its database loses no durable fact and sends none twice', {
  timeout: 60_000,
}, async () => {
  const whole = aFolder();
  const { output, killed } = await run(whole, 0);
  expect(killed).toBe(false);
  await afterRestart(whole); // begun again after its end, it changes nothing
  rmSync(whole, { recursive: true });
  const statements = Number(/statements (\d+)/.exec(output)?.[1]);
  expect(statements).toBeGreaterThan(40);
  let next = 1;
  const lane = async () => {
    for (let killAt = next++; killAt <= statements; killAt = next++) {
      const folder = aFolder();
      const result = await run(folder, killAt);
      expect(result.killed, `killed at statement ${killAt}`).toBe(true);
      afterKill(folder, result.output);
      await afterRestart(folder);
      rmSync(folder, { recursive: true });
    }
  };
  await Promise.all([lane(), lane()]);
});
