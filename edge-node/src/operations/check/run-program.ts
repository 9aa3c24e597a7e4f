// Runs one program to its end, within limits of time and output, in a process group that is killed as a whole. No shell
// is involved at any point, and the program sees nothing of this process's environment but where programs and home are.

import { type ChildProcess, spawn } from 'node:child_process';
import { delimiter, dirname } from 'node:path';
import { checkOutputBytesMax } from '../limits.ts';
import { OperationFailure } from '../operation.ts';

/** A program and its arguments, as they are given to the system. */
export interface Program {
  readonly file: string;
  readonly arguments: readonly string[];
}

/** What came of a run. */
export interface ProgramResult {
  /** Null when the program was ended by a signal of its own. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Whether it printed more than is kept. */
  readonly outputCut: boolean;
}

/** Where and how long a program may run. */
export interface RunLimits {
  readonly folder: string;
  readonly timeMs: number;
  readonly signal: AbortSignal;
}

/** How long a program may take to end by itself once asked to. */
const graceMs = 2_000;

/**
 * Runs a program in a folder. Rejects with `signal.reason` when aborted, with `check_timed_out` when the time is over and
 * with `program_not_started` when the system refuses; in each case nothing of its process group is left.
 */
export function runProgram(program: Program, limits: RunLimits): Promise<ProgramResult> {
  limits.signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const child = spawn(program.file, program.arguments, {
      cwd: limits.folder,
      env: reducedEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: false,
      // A group of its own on POSIX, so that what the program started ends with it.
      detached: process.platform !== 'win32',
      windowsHide: true,
    });
    const stdout = collected(child.stdout);
    const stderr = collected(child.stderr);
    let stopped: unknown = null;
    let force: NodeJS.Timeout | undefined;
    const stop = (reason: unknown) => {
      stopped ??= reason;
      killGroup(child, 'SIGTERM');
      force ??= setTimeout(() => killGroup(child, 'SIGKILL'), graceMs);
    };
    const onAbort = () => stop(limits.signal.reason);
    const timer = setTimeout(() => stop(timedOut(limits.timeMs)), limits.timeMs);
    limits.signal.addEventListener('abort', onAbort, { once: true });
    const settle = (finish: () => void) => {
      clearTimeout(timer);
      clearTimeout(force);
      limits.signal.removeEventListener('abort', onAbort);
      finish();
    };
    // The program itself has ended: what it left behind in its group goes too, else its pipes would stay open.
    child.once('exit', () => killGroup(child, 'SIGKILL'));
    child.once('error', (cause) => {
      settle(() => reject(new OperationFailure('program_not_started', 'the program could not be started', { cause })));
    });
    child.once('close', (exitCode) => {
      settle(() => {
        if (stopped !== null) reject(stopped);
        else {
          const outputCut = stdout.cut() || stderr.cut();
          resolve({ exitCode, stdout: stdout.text(), stderr: stderr.text(), outputCut });
        }
      });
    });
  });
}

function timedOut(timeMs: number): OperationFailure {
  return new OperationFailure('check_timed_out', `the check did not end within ${timeMs} ms`, { retryable: true });
}

/** Keys and tokens in this process's environment are not for the project's programs. */
function reducedEnvironment(): NodeJS.ProcessEnv {
  const { PATH, HOME, SystemRoot, USERPROFILE } = process.env;
  // The runtime of this process comes first: `#!/usr/bin/env node` should not find an older one, or none.
  const path = [dirname(process.execPath), PATH].filter((part) => part !== undefined).join(delimiter);
  const windows = process.platform === 'win32' ? { SystemRoot, USERPROFILE } : {};
  return { PATH: path, HOME, NO_COLOR: '1', ...windows };
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    if (process.platform === 'win32') child.kill(signal);
    else process.kill(-child.pid, signal);
  } catch (error) {
    // No such group: it has ended. Anything else is a defect.
    if (!(error instanceof Error && 'code' in error && (error.code === 'ESRCH' || error.code === 'EPERM'))) throw error;
  }
}

/** Keeps the start of a stream up to the limit and reads the rest away, so that the program does not wait. */
function collected(stream: NodeJS.ReadableStream) {
  const chunks: Buffer[] = [];
  let bytes = 0;
  let cut = false;
  stream.on('data', (chunk: Buffer) => {
    const room = checkOutputBytesMax - bytes;
    if (chunk.length > room) cut = true;
    if (room > 0) chunks.push(chunk.subarray(0, room));
    bytes += Math.min(chunk.length, Math.max(room, 0));
  });
  return { text: () => Buffer.concat(chunks).toString('utf8'), cut: () => cut };
}
