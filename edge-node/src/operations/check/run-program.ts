// Runs one program to its end, within limits of time and output, in a process group that is killed as a whole. No shell
// is involved at any point, and nothing of this process's environment is passed on. It is no sandbox: the program can read,
// write, call and leave behind what the user may, which is why the grant for it says so.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { checkFloodBytesMax, checkOutputBytesMax } from '../limits.ts';
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
 * Runs a program in a folder. Rejects with `signal.reason` when aborted, with `check_timed_out` when the time is over, with
 * `check_flooded` when it prints without end and with `program_not_started` when the system refuses; in each case nothing of
 * its process group is left.
 */
export async function runProgram(program: Program, limits: RunLimits): Promise<ProgramResult> {
  limits.signal.throwIfAborted();
  const home = mkdtempSync(join(tmpdir(), 'starling-check-'));
  try {
    return await run(program, limits, home);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

function run(program: Program, limits: RunLimits, home: string): Promise<ProgramResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program.file, program.arguments, {
      cwd: limits.folder,
      env: ownEnvironment(home),
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: false,
      // A group of its own on POSIX, so that what the program started ends with it.
      detached: process.platform !== 'win32',
      windowsHide: true,
    });
    const flooded = () => stop(new OperationFailure('check_flooded', 'the check printed without end and was stopped'));
    const stdout = collected(child.stdout, flooded);
    const stderr = collected(child.stderr, flooded);
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

/** Where the system keeps its own programs, on POSIX: what the person at the keyboard has added is not passed on. */
const systemPath = ['/usr/local/bin', '/usr/bin', '/bin'];

/** Nothing of this process's environment, and an empty home: keys, tokens and the owner's settings are not for a project's programs. */
function ownEnvironment(home: string): NodeJS.ProcessEnv {
  const { SystemRoot } = process.env;
  const system = process.platform === 'win32' ? [join(SystemRoot ?? 'C:\\Windows', 'System32')] : systemPath;
  // The runtime of this process comes first: `#!/usr/bin/env node` should not find an older one, or none.
  const path = [dirname(process.execPath), ...system].join(delimiter);
  const windows = process.platform === 'win32' ? { SystemRoot, USERPROFILE: home, TEMP: home } : { TMPDIR: home };
  return { PATH: path, HOME: home, NO_COLOR: '1', ...windows };
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

/** Keeps the start of a stream up to the limit and reads the rest away, so that the program does not wait; not for ever. */
function collected(stream: NodeJS.ReadableStream, flooded: () => void) {
  const chunks: Buffer[] = [];
  let kept = 0;
  let bytes = 0;
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > checkFloodBytesMax) return flooded();
    const part = chunk.subarray(0, Math.max(0, checkOutputBytesMax - kept));
    if (part.length > 0) chunks.push(part);
    kept += part.length;
  });
  return { text: () => Buffer.concat(chunks).toString('utf8'), cut: () => bytes > kept };
}
