// Finds the programs that a project brings along in its node_modules. Programs of the machine are never looked for, and
// every file on the way must lie in a folder with the run permission, links resolved.

import { open, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { Permissions } from '../../permissions.ts';
import { OperationFailure } from '../operation.ts';
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
  if (path === null || (await stat(path)).size > manifestBytesMax) return null;
  try {
    const result = manifestSchema.safeParse(JSON.parse(await readFile(path, 'utf8')));
    return result.success ? result.data : null;
  } catch {
    return null; // Not JSON: the folder has no usable package.json.
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
    if (file !== null) return { version: manifest.version ?? '', program: await programAt(file) };
  }
  return null;
}

/** The program that a script of the folder means by a name, or null when the project brings none. */
export async function binProgram(folder: string, name: string, permissions: Permissions): Promise<Program | null> {
  if (!/^[\w.@-]+$/.test(name)) return null; // A name, not a path.
  for (const above of foldersUp(folder, permissions)) {
    const file = allowed(join(above, 'node_modules', '.bin', name), permissions);
    if (file !== null) return programAt(file);
  }
  return null;
}

/** The folder and those above it, as far as the run permission reaches. */
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
async function programAt(file: string): Promise<Program> {
  await using handle = await open(file);
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(128), 0, 128, 0);
  const start = buffer.toString('latin1', 0, bytesRead);
  const forNode = /^#!.*\bnode\b/.test(start) || /\.[cm]?js$/.test(file);
  return forNode ? { file: process.execPath, arguments: [file] } : { file, arguments: [] };
}
