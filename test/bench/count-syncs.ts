// Counts the times that a process asks the disk to make data durable, with strace where there is one.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const attachMsMax = 5_000;

/** fsyncs and fdatasyncs of a process while `work` runs; null where they cannot be counted. */
export async function countSyncs(pid: number, work: () => Promise<unknown>): Promise<number | null> {
  if (process.platform !== 'linux' || spawnSync('strace', ['-V'], { stdio: 'ignore' }).status !== 0) return null;
  const trace = join(tmpdir(), `starling-bench-syncs-${process.pid}`);
  const strace = spawn('strace', ['-f', '-e', 'trace=fsync,fdatasync', '-o', trace, '-p', `${pid}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = new Promise((resolve) => strace.once('exit', resolve));
  try {
    if (!(await attached(strace))) return null;
    await work();
    strace.kill('SIGINT');
    await ended;
    return readFileSync(trace, 'utf8').match(/ f(data)?sync\(/g)?.length ?? 0;
  } finally {
    if (strace.exitCode === null) strace.kill('SIGINT');
    rmSync(trace, { force: true });
  }
}

/** False when it may not trace that process. */
async function attached(strace: ChildProcess): Promise<boolean> {
  const said = new Promise<boolean>((resolve) => {
    strace.stderr?.on('data', (chunk: Buffer) => resolve(chunk.toString('utf8').includes(' attached')));
    strace.once('exit', () => resolve(false));
  });
  return await Promise.race([said, pause(attachMsMax, false, { ref: false })]);
}
