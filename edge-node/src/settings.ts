// What the owner of a device allows: folders, operations, how many at once. Kept in settings.json, written by people and by
// `starling device enrol`; nothing that comes from the swarm widens it.

import { availableParallelism } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { z } from 'zod';
import { Fault } from '../../core/assert.ts';
import { operationName, PRIVACY_CLASSES } from '../../core/wire/terms.ts';
import { HOME_FILES, readPrivateFile, writePrivateFile } from './home.ts';

export const grantsMax = 100;

export const folderGrant = z.strictObject({
  path: z.string().min(1).max(4_096).refine(isAbsolute, 'expected an absolute path'),
  read: z.boolean(),
  /** In a sandbox, which there is not yet: settings of before hold it, and it runs nothing. */
  run: z.boolean().default(false),
  /** Programs that a project there brings along may be run, and can then do whatever this user may. */
  runUnconfined: z.boolean().default(false),
});

export const deviceSettings = z.strictObject({
  /** Folders that operations may touch. None: those that need a folder decline. */
  grants: z.array(folderGrant).max(grantsMax).default([]),
  parallel: z
    .number()
    .int()
    .min(1)
    .max(64)
    .default(() => Math.min(4, availableParallelism())),
  /** This machine is its owner's own: what must not leave it may be done on it. */
  privacy: z.enum(PRIVACY_CLASSES).default('device-only'),
  capabilities: z.array(z.string().min(1).max(100)).max(100).default([]),
  /** Whether it tells how long its work takes, as measurements beside the facts. */
  telemetry: z.boolean().default(true),
  /** Operations that this device neither offers nor does. */
  withheld: z.array(operationName).max(200).default([]),
});
export type DeviceSettings = z.infer<typeof deviceSettings>;

/** The settings in this home; those of a new device when there are none. */
export function readSettings(home: string): DeviceSettings {
  const path = join(home, HOME_FILES.settings);
  const text = readPrivateFile(path);
  let value: unknown = {};
  try {
    if (text !== null) value = JSON.parse(text);
  } catch {
    throw new Fault(`${path} is not JSON`, { retryable: false });
  }
  const parsed = deviceSettings.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new Fault(`${path}: /${issue?.path.join('/') ?? ''}: ${issue?.message ?? 'not settings'}`, {
    retryable: false,
  });
}

export function writeSettings(home: string, settings: DeviceSettings): void {
  writePrivateFile(join(home, HOME_FILES.settings), `${JSON.stringify(settings, null, 2)}\n`);
}

/** Adds folders to what is granted. A folder that was granted before has the new permissions from now on. */
export function withFolders(
  settings: DeviceSettings,
  read: readonly string[],
  runUnconfined: readonly string[],
  cwd: string,
): DeviceSettings {
  const grants = new Map(settings.grants.map((grant) => [grant.path, grant]));
  const add = (path: string, more: { readonly runUnconfined?: true }) =>
    grants.set(path, { run: false, runUnconfined: false, ...grants.get(path), path, read: true, ...more });
  for (const folder of read) add(resolve(cwd, folder), {});
  for (const folder of runUnconfined) add(resolve(cwd, folder), { runUnconfined: true });
  return { ...settings, grants: [...grants.values()] };
}
