// Finds the programs that a project brings along in its node_modules. Programs of the machine are never looked for, and
// every file on the way must lie in a folder where programs may be run, links resolved.

import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { Permissions } from '../../permissions.ts';
import { OperationFailure } from '../operation.ts';
import { openGranted, readRange } from '../source/source-files.ts';
import type { Program } from './run-program.ts';

const manifestSchema = z.object({
  name: z.string().optional(),
  version: z.string().optional(),
  bin: z.union([z.string(), z.record(z.string(), z.string())]).optional(),
  scripts: z.record(z.string(), z.string()).optional(),
  dependencies: z.record(z.string(), z.string()).optional(),
  devDependencies: z.record(z.string(), z.string()).optional(),
});

/** The parts of a package.json that are used here. */
export type Manifest = z.infer<typeof manifestSchema>;

/** A package.json larger than this is not one. */
const manifestBytesMax = 1024 * 1024;

/** The package.json of a folder, or null when there is none that can be used. */
export async function manifestOf(folder: string, permissions: Permissions): Promise<Manifest | null> {
  const path = allowed(join(folder, 'package.json'), permissions);
  if (path === null) return null;
  try {
    await using file = await openGranted(path, { permissions }, 'run');
    const bytes = await readRange(file, 0, manifestBytesMax + 1);
    if (bytes.length > manifestBytesMax) return null;
    const result = manifestSchema.safeParse(JSON.parse(new TextDecoder().decode(bytes)));
    return result.success ? result.data : null;
  } catch {
    return null; // No file, or not JSON: the folder has no usable package.json.
  }
}

/** The version and program of a package installed for a folder: in its node_modules or those of a folder above. */
export async function packageProgram(
  folder: string,
  packageName: string,
  binName: string,
  permissions: Permissions,
): Promise<{ version: string; program: Program } | null> {
  for (const above of foldersUp(folder, permissions)) {
    const installed = join(above, 'node_modules', ...packageName.split('/'));
    const manifest = await manifestOf(installed, permissions);
    if (manifest === null) continue;
    const bin = typeof manifest.bin === 'string' ? manifest.bin : manifest.bin?.[binName];
    const file = bin === undefined ? null : allowed(join(installed, bin), permissions);
    if (file !== null) return { version: manifest.version ?? '', program: await programAt(file, permissions) };
  }
  return null;
}

/** The program that a script of the folder means by a name, or null when the project brings none. */
export async function binProgram(folder: string, name: string, permissions: Permissions): Promise<Program | null> {
  if (!/^[\w.@-]+$/.test(name)) return null; // A name, not a path.
  for (const above of foldersUp(folder, permissions)) {
    const file = allowed(join(above, 'node_modules', '.bin', name), permissions);
    if (file !== null) return programAt(file, permissions);
  }
  return null;
}

/** The folder and those above it, as far as the permission to run reaches. */
function* foldersUp(folder: string, permissions: Permissions): Generator<string> {
  let current = folder;
  while (allowed(current, permissions) === current) {
    yield current;
    const above = dirname(current);
    if (above === current) return;
    current = above;
  }
}

function allowed(path: string, permissions: Permissions): string | null {
  try {
    return permissions.runnable(path);
  } catch (error) {
    if (error instanceof OperationFailure) return null; // Not there or not granted: it is looked for elsewhere.
    throw error;
  }
}

/** Scripts for Node run under this process's Node; anything else is run as it is. */
async function programAt(file: string, permissions: Permissions): Promise<Program> {
  await using handle = await openGranted(file, { permissions }, 'run');
  const start = Buffer.from(await readRange(handle, 0, 128)).toString('latin1');
  const forNode = /^#!.*\bnode\b/.test(start) || /\.[cm]?js$/.test(file);
  return forNode ? { file: process.execPath, arguments: [file] } : { file, arguments: [] };
}
