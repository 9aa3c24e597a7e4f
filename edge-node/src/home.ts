// The device's own folder: who may read it, how files in it are written, and that only one runtime lives there.

import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Fault } from '../../core/assert.ts';
import { homeMarkerFile, markHome, readHomeMarker } from './home-marker.ts';

/** Where things stand in a device's home. */
export const HOME_FILES = {
  marker: homeMarkerFile,
  key: 'device.key',
  credential: 'device.json',
  settings: 'settings.json',
  database: 'device.db',
  lock: 'runtime.lock',
  status: 'status.json',
} as const;

/** The home that a flag, the environment or custom names, in this order. */
export function deviceHome(env: Readonly<Record<string, string | undefined>>, flag?: string): string {
  return resolve(flag ?? env.STARLING_DEVICE_HOME ?? join(homedir(), '.starling-device'));
}

/** Makes the folder if it is not there, for its owner alone, and marks it as a home: no device reads in it for a task. */
export function openHome(home: string): void {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  if ((statSync(home).mode & 0o077) !== 0) chmodSync(home, 0o700);
  try {
    if (readHomeMarker(home) === null) markHome(home, 'device');
  } catch {
    // A full disk. The runtime in it knows its own home without a marker; the next start tries again.
  }
}

/**
 * Writes a file whole or not at all, for its owner alone. The folder may be one that others write in: the draft has a name that
 * nobody can take before, and it is made, never opened.
 */
export function writePrivateFile(path: string, text: string): void {
  const draft = `${path}.${randomBytes(9).toString('base64url')}.new`;
  const file = openSync(draft, 'wx', 0o600);
  try {
    try {
      // All of it, or it throws: a disk that is nearly full takes a part of what it is given.
      writeFileSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

/** The text of a file, or null when it is not there. Readable by others, it is closed to them first. */
export function readPrivateFile(path: string): string | null {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return null;
  if ((stat.mode & 0o077) !== 0 && process.platform !== 'win32') chmodSync(path, 0o600);
  return readFileSync(path, 'utf8');
}

export interface HomeLock {
  release(): void;
}

/** Another runtime lives in this home. */
export class HomeInUse extends Fault {
  constructor(home: string) {
    super(`another runtime uses ${home}: stop it first, or give this one a home of its own (--home)`, {
      retryable: false,
    });
  }
}

/**
 * Takes the home for this process. The lock is the operating system's, held through SQLite: it ends with the process,
 * however that ends.
 * @throws HomeInUse
 */
export function lockHome(home: string): HomeLock {
  const database = new DatabaseSync(join(home, HOME_FILES.lock));
  try {
    // A runtime holds it for ever; whoever only looks, for an instant.
    database.exec('PRAGMA busy_timeout = 300; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (isBusy(error)) throw new HomeInUse(home);
    throw new Fault(`the lock in ${home} cannot be taken`, { retryable: true, cause: error });
  }
  return {
    release: () => {
      if (database.isOpen) database.close();
    },
  };
}

/** True when a runtime lives in this home now. */
export function isHomeInUse(home: string): boolean {
  const path = join(home, HOME_FILES.lock);
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return false;
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    database.exec('PRAGMA busy_timeout = 0; PRAGMA schema_version');
    return false;
  } catch (error) {
    if (isBusy(error)) return true;
    throw error;
  } finally {
    database.close();
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === 5;
}
