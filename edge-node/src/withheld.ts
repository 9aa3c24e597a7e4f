// What is never read or run, whatever the owner grants: homes of Starling, files that usually hold secrets, and what the
// system shows as files though it is none.

import { lstatSync, realpathSync, statfsSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { homeMarkerFile } from './home-marker.ts';
import { isSecretLike } from './secret-names.ts';

/** By which rule: it lies in a folder with our marker; it is one that this process knows; its name says so; it is no file on a disk. */
export type WithheldBy = 'home-marker' | 'known-home' | 'name' | 'system';

/** The rule that withholds a canonical path, or null. */
export type Withholding = (real: string) => WithheldBy | null;

/**
 * What is withheld for a process that knows these homes: folders or files of ours, by path.
 *
 * A home is known by its marker, which lies in it under any name and behind any mount, and those that this process knows also
 * by device and inode: moved, renamed or seen through another mount they are still the same. A hard link to a file in a home
 * cannot be told from a file of its own.
 */
export function createWithholding(homes: readonly string[]): Withholding {
  const known: Known = {
    identities: new Set(homes.map((home) => identityOf(home)?.text ?? '')),
    // One that is made again at the same place is another folder under the old name.
    paths: new Set(homes.flatMap((home) => [resolve(home), realPathOf(home) ?? resolve(home)])),
  };
  return (real) => {
    if (isSecretLike(real)) return 'name';
    return homeOver(real, known) ?? (isSystem(real) ? 'system' : null);
  };
}

interface Known {
  readonly identities: ReadonlySet<string>;
  readonly paths: ReadonlySet<string>;
}

/** The homes and files of ours that a process can know of: its own, those that its environment names, and the usual places. */
export function knownHomes(env: Readonly<Record<string, string | undefined>>, own: string | null = null): string[] {
  const named = [env.STARLING_HOME, env.STARLING_DEVICE_HOME, env.STARLING_CONFIG];
  const usual = [join(homedir(), '.starling'), join(homedir(), '.starling-device')];
  return [own, ...named, ...usual].filter((path): path is string => Boolean(path));
}

/** Looks at the entry itself and at each folder above it. */
function homeOver(real: string, known: Known): WithheldBy | null {
  for (let current = real; ; current = dirname(current)) {
    const entry = identityOf(current);
    if (known.paths.has(current) || (entry !== null && known.identities.has(entry.text))) return 'known-home';
    if (entry?.isFolder && (isThere(join(current, homeMarkerFile)) || isUnmarkedHome(current))) return 'home-marker';
    if (current === dirname(current)) return null;
  }
}

/** A platform's home of before there were markers, which has not been started since: by what only such a folder holds together. */
function isUnmarkedHome(folder: string): boolean {
  const holds = (name: string): boolean => isThere(join(folder, name));
  return (holds('secret') && holds('lock') && holds('state')) || holds('cloudflare-secret');
}

function identityOf(path: string): { readonly text: string; readonly isFolder: boolean } | null {
  try {
    const entry = statSync(path, { bigint: true, throwIfNoEntry: false });
    return entry === undefined ? null : { text: `${entry.dev}:${entry.ino}`, isFolder: entry.isDirectory() };
  } catch {
    return null; // Not ours to look at: then nothing in it can be read either.
  }
}

function realPathOf(path: string): string | null {
  try {
    return realpathSync.native(path);
  } catch {
    return null; // Not there yet.
  }
}

/** Whatever kind of entry it is, and whatever it holds: who puts one somewhere only withholds more. */
function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}

/** File systems of Linux whose files are views of the running system: they show environments and memory, and may never end. */
const systemTypes: ReadonlySet<number> = new Set([
  0x9fa0, // proc
  0x62656572, // sysfs
  0x64626720, // debugfs
  0x74726163, // tracefs
  0x73636673, // securityfs
  0x27e0eb, // cgroup
  0x63677270, // cgroup2
  0xcafe4a11, // bpf
  0x6165676c, // pstore
  0x62656570, // configfs
  0xde5e81e4, // efivarfs
  0x19800202, // mqueue
]);

function isSystem(real: string): boolean {
  if (process.platform !== 'linux') return false;
  try {
    return systemTypes.has(statfsSync(real).type);
  } catch {
    return true; // What cannot be told is not read.
  }
}
