// The folder that holds everything a local platform keeps: its lock, its secret, and the data of objects, directory and
// archive. One process at a time owns it. This file knows what a home holds, not what runs in it; whether a folder may become
// one is home-folder.ts.

import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { claimFolder, secretBytes } from './home-folder.ts';
import { inPlainWords, StartError } from './start-error.ts';

/** Who runs in a home: written while a platform runs, read by the next start when that one was killed. */
export interface Running {
  readonly pid: number;
  readonly url: string;
  /** workerd's process id, and its command line as the system shows it, to know it again. */
  readonly workerd: { readonly pid: number; readonly command: string } | null;
}

/** An opened home. The lock is the kernel's: it ends with the process, whatever kills it. */
export interface Home {
  readonly path: string;
  /** Where the runtime keeps objects, directory, archive. */
  readonly statePath: string;
  /** Scratch files of one run, and its sockets; emptied at the next start. */
  readonly scratchPath: string;
  /** The platform's master secret: 32 random bytes as base64url, made on the first start. */
  readonly secret: string;
  /** What the last run left, when it ended without a farewell. */
  readonly leftBehind: Running | null;
  note(running: Running): void;
  /** Lets go of the folder. May be called more than once. */
  close(): void;
}

/** A killed server needs a moment to die; a living one will not let go in this time either. */
const lockMsMax = 2_000;
const lockPollMs = 50;

/**
 * Opens a home, making it (mode 0700) when there is none.
 * @param waitMs how long to wait for whoever holds it
 * @throws StartError when another process holds it, when the folder is someone else's, or when it cannot be used
 */
export async function openHome(folder: string, waitMs = lockMsMax): Promise<Home> {
  const path = claimFolder(folder);
  const runningPath = join(path, 'running.json');
  const lock = await takeLock(path, runningPath, waitMs);
  try {
    return inPlainWords(path, () => openLocked(path, runningPath, lock));
  } catch (error) {
    lock.close();
    throw error;
  }
}

function openLocked(path: string, runningPath: string, lock: DatabaseSync): Home {
  const scratchPath = join(path, 'scratch');
  rmSync(scratchPath, { recursive: true, force: true });
  mkdirSync(scratchPath, { mode: 0o700 });
  return {
    path,
    statePath: join(path, 'state'),
    scratchPath,
    secret: readOrMakeSecret(join(path, 'secret')),
    leftBehind: readRunning(runningPath),
    note: (running) => writeAtomically(runningPath, `${JSON.stringify(running)}\n`),
    close: () => {
      if (!lock.isOpen) return;
      rmSync(runningPath, { force: true });
      lock.close();
    },
  };
}

/** An exclusive SQLite lock: the kernel drops it when the process dies, so no stale lock can stand in the way. */
async function takeLock(path: string, runningPath: string, waitMs: number): Promise<DatabaseSync> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    const lock = tryLock(join(path, 'lock'));
    if (lock !== null) return lock;
    if (performance.now() > deadline) {
      const running = readRunning(runningPath);
      const who = running ? `process ${running.pid} at ${running.url}` : 'another process';
      throw new StartError(`${path} is in use by ${who}; stop it, or set STARLING_HOME and PORT`);
    }
    await pause(lockPollMs);
  }
}

/** The lock, or null while another process has it. */
function tryLock(path: string): DatabaseSync | null {
  let lock: DatabaseSync | undefined;
  try {
    lock = new DatabaseSync(path, { timeout: 0 });
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock?.close();
    if (isBusy(error)) return null;
    throw new StartError(`${path} cannot be locked: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function isBusy(error: unknown): boolean {
  // SQLITE_BUSY, also with its extended codes, whose low byte is the primary one.
  return error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === 5;
}

function readOrMakeSecret(path: string): string {
  if (!existsSync(path)) {
    writeAtomically(path, `${randomBytes(secretBytes).toString('base64url')}\n`);
  }
  const secret = readFileSync(path, 'utf8').trim();
  if (Buffer.from(secret, 'base64url').length < secretBytes) {
    // Its text is not shown: part of a secret is a secret.
    throw new StartError(`${path} does not hold ${secretBytes} bytes as base64url; restore it, keys depend on it`);
  }
  chmodSync(path, 0o600);
  return secret;
}

function readRunning(path: string): Running | null {
  if (!existsSync(path)) return null;
  try {
    // Written by `note` of this file in one piece; a shape from another version shows as missing fields.
    const value = JSON.parse(readFileSync(path, 'utf8')) as Partial<Running>;
    if (typeof value.pid !== 'number' || typeof value.url !== 'string') return null;
    return { pid: value.pid, url: value.url, workerd: value.workerd ?? null };
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Either the old file or the whole new one, also when the power goes; for the owner's eyes only. */
function writeAtomically(path: string, text: string): void {
  const draft = `${path}.new`;
  writeFileSync(draft, text, { mode: 0o600, flush: true });
  renameSync(draft, path);
}
