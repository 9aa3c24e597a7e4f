// Which folder may be a platform's home. A home is emptied in part at each start, so a folder is ours only when it says so: by
// the marker that homes have, or, for a home from before there were markers, by all that such a home holds.

import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { homeMarkerDraft, isKnownVersion, markHome, readHomeMarker } from '../edge-node/src/home-marker.ts';
import { inPlainWords, StartError } from './start-error.ts';

/** What a master secret has at least: 32 random bytes. */
export const secretBytes = 32;
/** Files that open something: for their owner alone, whatever was done to them since the last start. */
const PRIVATE_FILES = ['secret', 'cloudflare-secret', 'local.json', 'local.draft.json', 'device.draft.json'];

/**
 * Makes a folder a home (mode 0700), or finds that it is one.
 * @returns its path, links resolved
 * @throws StartError when it is someone else's, holds other things, or cannot be used
 */
export function claimFolder(folder: string): string {
  const named = resolve(folder);
  return inPlainWords(named, () => {
    mkdirUnlessThere(named);
    const path = realpathSync(named);
    refuseAnotherUsers(path);
    if (!isMarked(path)) {
      if (!isEmpty(path) && !isUnmarkedHome(path))
        throw new StartError(`${path} holds other files; STARLING_HOME must be a folder of its own`);
      markHome(path, 'platform');
    }
    chmodSync(path, 0o700);
    for (const name of PRIVATE_FILES) {
      const file = join(path, name);
      if (lstatSync(file, { throwIfNoEntry: false })?.isFile()) chmodSync(file, 0o600);
    }
    return path;
  });
}

function mkdirUnlessThere(path: string): void {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) mkdirSync(path, { recursive: true, mode: 0o700 });
  else if (!stat.isDirectory()) throw new StartError(`${path} is a file; STARLING_HOME must be a folder`);
}

/** Whoever owns a folder can read and replace what is in it. Windows has no such numbers. */
function refuseAnotherUsers(path: string): void {
  const uid = process.getuid?.();
  const owner = statSync(path).uid;
  if (uid !== undefined && owner !== uid)
    throw new StartError(`${path} belongs to another user (${owner}); run as that user, or set STARLING_HOME`);
}

function isMarked(path: string): boolean {
  const marker = readHomeMarker(path);
  if (marker === null) return false;
  if (marker.kind !== 'platform')
    throw new StartError(`${path} is the home of a ${marker.kind}; STARLING_HOME must be a folder of its own`);
  if (!isKnownVersion(marker))
    throw new StartError(`${path} was made by another version of Starling (form ${marker.version})`);
  return true;
}

/** Nothing in it, or no more than a start leaves that was killed at once. */
function isEmpty(path: string): boolean {
  return readdirSync(path).every(
    (name) =>
      name === homeMarkerDraft ||
      (name === 'lock' && isFileOf(join(path, name), 0)) ||
      (name === 'lock-journal' && isFileOf(join(path, name), 512)) ||
      (name === 'scratch' && isEmptyFolder(join(path, name))),
  );
}

/** A home from before there were markers: its secret, its lock and its data; or the copy of a deployment's secret alone. */
function isUnmarkedHome(path: string): boolean {
  const isHome = holdsSecret(join(path, 'secret')) && isFile(join(path, 'lock')) && isFolder(join(path, 'state'));
  return isHome || holdsSecret(join(path, 'cloudflare-secret'));
}

function holdsSecret(path: string): boolean {
  if (!isFile(path) || statSync(path).size > 4_096) return false;
  const text = readFileSync(path, 'utf8').trim();
  return /^[\w-]+$/.test(text) && Buffer.from(text, 'base64url').length >= secretBytes;
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

function isFileOf(path: string, bytes: number): boolean {
  return isFile(path) && statSync(path).size === bytes;
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function isEmptyFolder(path: string): boolean {
  return isFolder(path) && existsSync(path) && readdirSync(path).length === 0;
}
